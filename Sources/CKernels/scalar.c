#include "table.h"

#include <math.h>

// Plain loops in the order of the formulas: what every machine can run, and what a reader can check.

static void dot_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out) {
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (size_t d = 0; d < dimension; d++) sum += query[d] * rows[i][d];
        out[i] = sum;
    }
}

static void squared_l2_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out) {
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (size_t d = 0; d < dimension; d++) {
            float difference = query[d] - rows[i][d];
            sum += difference * difference;
        }
        out[i] = sum;
    }
}

static void dot_s8u8(const int8_t *query, const uint8_t *const *rows, size_t n, size_t dimension, int32_t *out) {
    for (size_t i = 0; i < n; i++) {
        int32_t sum = 0;
        for (size_t d = 0; d < dimension; d++) sum += query[d] * (rows[i][d] - 128);
        out[i] = sum;
    }
}

static int32_t sketch_square(const int8_t *query, const int8_t *row) {
    int32_t sum = 0;
    for (size_t d = 0; d < EK_SKETCH; d++) {
        int32_t difference = query[d] - row[d];
        sum += difference * difference;
    }
    return sum;
}

#include "sketch_rows.h"

static void softmax_f32(float *x, size_t rows, size_t columns, size_t stride, float scale) {
    for (size_t r = 0; r < rows; r++, x += stride) {
        float largest = -INFINITY;
        for (size_t c = 0; c < columns; c++) largest = x[c] * scale > largest ? x[c] * scale : largest;
        float sum = 0;
        for (size_t c = 0; c < columns; c++) {
            x[c] = expf(x[c] * scale - largest);
            sum += x[c];
        }
        float inverse = 1 / sum;
        for (size_t c = 0; c < columns; c++) x[c] *= inverse;
    }
}

static void layer_norm_f32(float *out, const float *x, const float *residual, const float *gain, const float *bias,
                           size_t rows, size_t columns, float epsilon) {
    for (size_t r = 0; r < rows; r++) {
        double sum = 0, squares = 0;
        for (size_t c = 0; c < columns; c++) {
            out[c] = residual ? x[c] + residual[c] : x[c];
            sum += out[c];
        }
        double mean = sum / (double)columns;
        for (size_t c = 0; c < columns; c++) squares += (out[c] - mean) * (out[c] - mean);
        double inverse = 1 / sqrt(squares / (double)columns + epsilon);
        for (size_t c = 0; c < columns; c++) out[c] = (float)((out[c] - mean) * inverse) * gain[c] + bias[c];
        out += columns;
        x += columns;
        if (residual) residual += columns;
    }
}

static void bias_f32(float *x, const float *bias, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++, x += columns)
        for (size_t c = 0; c < columns; c++) x[c] += bias[c];
}

static void bias_relu_f32(float *x, const float *bias, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++, x += columns)
        for (size_t c = 0; c < columns; c++) {
            float v = x[c] + bias[c];
            x[c] = v < 0 ? 0 : v;
        }
}

static void bias_gelu_f32(float *x, const float *bias, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++, x += columns)
        for (size_t c = 0; c < columns; c++) {
            float v = x[c] + bias[c];
            // -inf * 0 is no number, but its limit is 0.
            x[c] = v < -30 ? 0 : v * 0.5f * (1 + erff(v * 0.70710678f));
        }
}

const ek_table *ek_scalar(void) {
    static const ek_table table = {
        dot_f32, squared_l2_f32, dot_s8u8, squared_l2_s8, squared_l2_s8_within, softmax_f32, layer_norm_f32, bias_f32, bias_relu_f32, bias_gelu_f32,
    };
    return &table;
}

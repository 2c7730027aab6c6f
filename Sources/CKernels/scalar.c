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

float ek_activated(float v, ek_activation kind) {
    switch (kind) {
        case EK_RELU: return v < 0 ? 0 : v;
        // -inf * 0 is no number, but its limit is 0.
        case EK_GELU: return v < -30 ? 0 : v * 0.5f * (1 + erff(v * 0.70710678f));
        default: return v;
    }
}

static void linear_f32(const float *x, size_t rows, size_t in, const float *packed, const float *bias, size_t out,
                       ek_activation kind, const float *residual, float *y) {
    for (size_t r = 0; r < rows; r++, x += in)
        for (size_t start = 0; start < out; start += EK_PANEL) {
            const float *panel = packed + start * in;
            float sums[EK_PANEL] = {0};
            for (size_t k = 0; k < in; k++)
                for (size_t c = 0; c < EK_PANEL; c++) sums[c] += x[k] * panel[k * EK_PANEL + c];
            for (size_t c = start; c < out && c < start + EK_PANEL; c++) {
                const float value = ek_activated(sums[c - start] + bias[c], kind);
                y[r * out + c] = residual ? value + residual[r * out + c] : value;
            }
        }
}

// One query against all keys but those from `gap` to `behind`.
static void attend(const float *query, const float *key, const float *value, size_t stride, size_t length, size_t gap,
                   size_t behind, size_t head_size, float *context, float *scores) {
    const float scale = 1 / sqrtf((float)head_size);
    float largest = -INFINITY, weights = 0;
    for (size_t j = 0; j < length; j++) {
        float score = 0;
        for (size_t d = 0; d < head_size; d++) score += query[d] * key[j * stride + d];
        scores[j] = score * scale;
        if (j < gap || j >= behind) largest = scores[j] > largest ? scores[j] : largest;
    }
    for (size_t d = 0; d < head_size; d++) context[d] = 0;
    for (size_t j = 0; j < length; j++) {
        if (j >= gap && j < behind) continue;
        const float weight = expf(scores[j] - largest);
        weights += weight;
        for (size_t d = 0; d < head_size; d++) context[d] += weight * value[j * stride + d];
    }
    for (size_t d = 0; d < head_size; d++) context[d] /= weights;
}

static void attention_f32(const float *query, const float *key, const float *value, size_t stride, size_t length,
                          size_t head_size, size_t first, size_t end, float *context, size_t context_stride,
                          float *scratch) {
    for (size_t t = first; t < end; t++)
        attend(query + t * stride, key, value, stride, length, 0, 0, head_size, context + t * context_stride, scratch);
}

static void attention_gaps_f32(const float *query, const float *key, const float *value, size_t stride, size_t rows,
                               size_t head_size, const ek_gaps *gaps, size_t first, size_t end, float *context,
                               size_t context_stride, float *scratch) {
    for (size_t i = 0; i < gaps->count; i++) {
        const size_t gap = gaps->starts[i], behind = gap + gaps->width;
        for (size_t t = first; t < end; t++)
            if (t < gap || t >= behind)
                attend(query + t * stride, key, value, stride, rows, gap, behind, head_size,
                       context + i * gaps->context_size + (t < gap ? t : t - gaps->width) * context_stride, scratch);
    }
}

const ek_table *ek_scalar(void) {
    static const ek_table table = {
        dot_f32, squared_l2_f32, dot_s8u8, squared_l2_s8, squared_l2_s8_within, layer_norm_f32, linear_f32,
        attention_f32, attention_gaps_f32,
    };
    return &table;
}

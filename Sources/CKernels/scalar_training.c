#include "table.h"

#include <math.h>

// Plain loops in the order of the formulas, as in scalar.c.

static void softmax_rows(float *x, size_t rows, size_t columns, size_t stride, float scale, float *logs) {
    for (size_t row = 0; row < rows; row++, x += stride) {
        float top = -INFINITY;
        double sum = 0;
        for (size_t c = 0; c < columns; c++) top = x[c] > top || x[c] != x[c] ? x[c] : top;
        for (size_t c = 0; c < columns; c++) {
            x[c] = expf((x[c] - top) * scale);
            sum += x[c];
        }
        for (size_t c = 0; c < columns; c++) x[c] = (float)(x[c] / sum);
        if (logs) logs[row] = top * scale + (float)log(sum);
    }
}

static void softmax_backward_rows(const float *p, float *dp, size_t rows, size_t columns, size_t stride, float scale) {
    for (size_t row = 0; row < rows; row++, p += stride, dp += stride) {
        double sum = 0;
        for (size_t c = 0; c < columns; c++) sum += (double)p[c] * dp[c];
        for (size_t c = 0; c < columns; c++) dp[c] = (float)(p[c] * (dp[c] - sum) * scale);
    }
}

static void layer_norm_backward(const float *x, const float *dy, const float *gain, size_t rows, size_t columns,
                                float epsilon, float *dx, float *dgain, float *dbias) {
    for (size_t row = 0; row < rows; row++, x += columns, dy += columns, dx += columns) {
        double mean = 0, square = 0, first = 0, second = 0;
        for (size_t c = 0; c < columns; c++) mean += x[c];
        mean /= (double)columns;
        for (size_t c = 0; c < columns; c++) square += (x[c] - mean) * (x[c] - mean);
        const double inverse = 1 / sqrt(square / (double)columns + epsilon);
        for (size_t c = 0; c < columns; c++) {
            const double n = (x[c] - mean) * inverse;
            first += dy[c] * gain[c];
            second += dy[c] * gain[c] * n;
            dgain[c] += (float)(dy[c] * n);
            dbias[c] += dy[c];
        }
        first /= (double)columns;
        second /= (double)columns;
        for (size_t c = 0; c < columns; c++)
            dx[c] = (float)(inverse * (dy[c] * gain[c] - first - (x[c] - mean) * inverse * second));
    }
}

static void activation(const float *x, size_t n, ek_activation kind, float *y) {
    for (size_t i = 0; i < n; i++) y[i] = ek_activated(x[i], kind);
}

static float slope(float x, ek_activation kind) {
    switch (kind) {
        case EK_RELU: return x <= 0 ? 0 : 1;
        case EK_GELU: return 0.5f * erfcf(-x * 0.70710678f) + x * 0.39894228f * expf(-x * x / 2);
        default: return 1;
    }
}

static void activation_backward(const float *x, const float *dy, size_t n, ek_activation kind, float *dx) {
    for (size_t i = 0; i < n; i++) dx[i] = dy[i] * slope(x[i], kind);
}

static void adamw(float *p, const float *g, float *m, float *v, size_t n, const ek_adamw_step *step) {
    for (size_t i = 0; i < n; i++) {
        m[i] = step->beta1 * m[i] + (1 - step->beta1) * g[i];
        v[i] = step->beta2 * v[i] + (1 - step->beta2) * g[i] * g[i];
        p[i] -= step->rate * step->decay * p[i];
        p[i] -= step->rate / step->correction1 * m[i] / (sqrtf(v[i] / step->correction2) + step->epsilon);
    }
}

// lowbias32, a finaliser whose output bits depend evenly on all input bits (C. Wellons, Prospecting for hash functions).
static inline uint32_t mixed(uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

static void dropout(const float *x, size_t n, uint32_t limit, float scale, uint64_t stream, float *y) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t number = mixed(mixed((uint32_t)i + (uint32_t)stream) ^ (uint32_t)(stream >> 32));
        y[i] = number < limit ? 0 : x[i] * scale;
    }
}

const ek_training_table *ek_scalar_training(void) {
    static const ek_training_table table = {
        softmax_rows, softmax_backward_rows, layer_norm_backward, activation, activation_backward, adamw, dropout,
    };
    return &table;
}

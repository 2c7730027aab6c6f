#include "table.h"

// The functions for training, those of the level in use.

static const ek_training_table *table(void) {
    switch (ek_current_level()) {
        case EK_AVX2: return ek_avx2_training();
        case EK_AVX512: return ek_avx512_training();
        case EK_NEON: return ek_neon_training();
        default: return ek_scalar_training();
    }
}

void ek_softmax_rows(float *x, size_t rows, size_t columns, size_t stride, float scale, float *logs) {
    table()->softmax_rows(x, rows, columns, stride, scale, logs);
}

void ek_softmax_backward_rows(const float *p, float *dp, size_t rows, size_t columns, size_t stride, float scale) {
    table()->softmax_backward_rows(p, dp, rows, columns, stride, scale);
}

void ek_layer_norm_backward(const float *x, const float *dy, const float *gain, size_t rows, size_t columns,
                            float epsilon, float *dx, float *dgain, float *dbias) {
    table()->layer_norm_backward(x, dy, gain, rows, columns, epsilon, dx, dgain, dbias);
}

void ek_activation_f32(const float *x, size_t n, ek_activation kind, float *y) { table()->activation(x, n, kind, y); }

void ek_activation_backward(const float *x, const float *dy, size_t n, ek_activation kind, float *dx) {
    table()->activation_backward(x, dy, n, kind, dx);
}

void ek_adamw(float *p, const float *g, float *m, float *v, size_t n, const ek_adamw_step *step) {
    table()->adamw(p, g, m, v, n, step);
}

void ek_dropout(const float *x, size_t n, float rate, uint64_t stream, float *y) {
    const uint32_t limit = (uint32_t)(rate * 4294967296.0 < 4294967295.0 ? rate * 4294967296.0 : 4294967295.0);
    table()->dropout(x, n, limit, 1 / (1 - rate), stream, y);
}

#include "table.h"

// The bf16 functions: those of the level in use, or the plain loops where it has none.

static const ek_bf16_table *own_table(void) {
    switch (ek_current_level()) {
        case EK_SCALAR: return ek_scalar_bf16();
        case EK_AVX512: return ek_avx512_bf16();
        default: return NULL;
    }
}

static const ek_bf16_table *table(void) {
    const ek_bf16_table *own = own_table();
    return own ? own : ek_scalar_bf16();
}

int ek_has_bf16(void) { return own_table() != NULL; }

void ek_round_bf16(const float *x, size_t n, ek_bf16 *y) { table()->round_bf16(x, n, y); }

void ek_linear_bf16(const ek_bf16 *x, size_t rows, size_t in, const ek_bf16 *packed, const float *bias, size_t out,
                    ek_activation kind, const float *residual, float *y, ek_bf16 *rounded) {
    table()->linear_bf16(x, rows, in, packed, bias, out, kind, residual, y, rounded);
}

void ek_attention_bf16(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride, size_t length,
                       size_t head_size, size_t first, size_t end, ek_bf16 *context, size_t context_stride,
                       float *scratch) {
    table()->attention_bf16(
        query, key, value, stride, length, head_size, first, end, context, context_stride, scratch);
}

void ek_attention_gaps_bf16(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride, size_t rows,
                            size_t head_size, const ek_gaps *gaps, size_t first, size_t end, ek_bf16 *context,
                            size_t context_stride, float *scratch) {
    table()->attention_gaps_bf16(
        query, key, value, stride, rows, head_size, gaps, first, end, context, context_stride, scratch);
}

// A row is rounded while it is in the first-level cache.
void ek_layer_norm_bf16(float *out, const float *x, const float *residual, const float *gain, const float *bias,
                        size_t rows, size_t columns, float epsilon, ek_bf16 *rounded) {
    const ek_bf16_table *kernels = table();
    for (size_t r = 0; r < rows; r++) {
        const size_t row = r * columns;
        ek_layer_norm_f32(out + row, x + row, residual ? residual + row : NULL, gain, bias, 1, columns, epsilon);
        kernels->round_bf16(out + row, columns, rounded + row);
    }
}

void ek_pack_bf16(const float *weights, size_t out, size_t in, ek_bf16 *packed) {
    for (size_t start = 0; start < out; start += EK_PANEL_BF16)
        for (size_t k = 0; k < in; k += 2)
            for (size_t c = start; c < start + EK_PANEL_BF16; c++)
                for (size_t i = k; i < k + 2; i++) *packed++ = c < out && i < in ? ek_to_bf16(weights[c * in + i]) : 0;
}

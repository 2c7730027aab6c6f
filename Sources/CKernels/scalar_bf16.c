#include "table.h"

#include <float.h>
#include <math.h>

// bf16 in plain loops. A product of two bf16 numbers is exact in f32.

static void round_bf16(const float *x, size_t n, ek_bf16 *y) {
    for (size_t i = 0; i < n; i++) y[i] = ek_to_bf16(x[i]);
}

// Pairs as the instruction takes them, the odd one first, so that the sums have its bits.
static void linear_bf16(const ek_bf16 *x, size_t rows, size_t in, const ek_bf16 *packed, const float *bias, size_t out,
                        ek_activation kind, const float *residual, float *y, ek_bf16 *rounded) {
    for (size_t r = 0; r < rows; r++, x += in) {
        const ek_bf16 *pairs = packed;
        for (size_t start = 0; start < out; start += EK_PANEL_BF16) {
            float sums[EK_PANEL_BF16] = {0};
            for (size_t k = 0; k < in; k += 2, pairs += 2 * EK_PANEL_BF16) {
                const float even = ek_from_bf16(x[k]), odd = k + 1 < in ? ek_from_bf16(x[k + 1]) : 0;
                for (size_t c = 0; c < EK_PANEL_BF16; c++) {
                    sums[c] += odd * ek_from_bf16(pairs[2 * c + 1]);
                    sums[c] += even * ek_from_bf16(pairs[2 * c]);
                }
            }
            for (size_t c = start; c < out && c < start + EK_PANEL_BF16; c++) {
                float value = ek_activated(sums[c - start] + bias[c], kind);
                if (residual) value += residual[r * out + c];
                if (y) y[r * out + c] = value;
                if (rounded) rounded[r * out + c] = ek_to_bf16(value);
            }
        }
    }
}

// One query against all keys but those from `gap` to `behind`.
static void attend(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride, size_t length,
                   size_t gap, size_t behind, size_t head_size, ek_bf16 *context, float *scratch) {
    float *scores = scratch, *sums = scratch + length;
    float largest = -FLT_MAX, total = 0;
    for (size_t j = 0; j < length; j++) {
        scores[j] = 0;
        for (size_t d = 0; d < head_size; d++)
            scores[j] += ek_from_bf16(query[d]) * ek_from_bf16(key[j * stride + d]);
        if (j < gap || j >= behind) largest = scores[j] > largest ? scores[j] : largest;
    }
    for (size_t d = 0; d < head_size; d++) sums[d] = 0;
    for (size_t j = 0; j < length; j++) {
        if (j >= gap && j < behind) continue;
        const float weight = ek_from_bf16(ek_to_bf16(exp2f((scores[j] - largest) / 128)));
        total += weight;
        for (size_t d = 0; d < head_size; d++) sums[d] += weight * ek_from_bf16(value[j * stride + d]);
    }
    for (size_t d = 0; d < head_size; d++) context[d] = ek_to_bf16(sums[d] / total);
}

static void attention_bf16(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride,
                           size_t length, size_t head_size, size_t first, size_t end, ek_bf16 *context,
                           size_t context_stride, float *scratch) {
    for (size_t t = first; t < end; t++)
        attend(query + t * stride, key, value, stride, length, 0, 0, head_size, context + t * context_stride, scratch);
}

static void attention_gaps_bf16(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride,
                                size_t rows, size_t head_size, const ek_gaps *gaps, size_t first, size_t end,
                                ek_bf16 *context, size_t context_stride, float *scratch) {
    for (size_t i = 0; i < gaps->count; i++) {
        const size_t gap = gaps->starts[i], behind = gap + gaps->width;
        for (size_t t = first; t < end; t++)
            if (t < gap || t >= behind)
                attend(query + t * stride, key, value, stride, rows, gap, behind, head_size,
                       context + i * gaps->context_size + (t < gap ? t : t - gaps->width) * context_stride, scratch);
    }
}

const ek_bf16_table *ek_scalar_bf16(void) {
    static const ek_bf16_table table = {round_bf16, linear_bf16, attention_bf16, attention_gaps_bf16};
    return &table;
}

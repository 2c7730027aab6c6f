// The float kernels of every SIMD level, written once over a vector type. The file that includes this one defines
//   LANES, vf (LANES floats), vi (LANES int32), both by clang's ext_vector_type,
//   v_load(p), v_load_tail(p, n): n < LANES floats, the other lanes 0,
//   v_store(p, v), v_store_tail(p, v, n),
//   v_sum(v): over the lanes, in a fixed order.

#include "vector_math.h"

// `count` rows side by side, two sums each; a row's result is the same for every `count`.
EK_INLINE void distance_block(const float *query, const float *const *rows, const int count, size_t dimension,
                              float *out, const int is_l2) {
    vf even[EK_BLOCK], odd[EK_BLOCK];
    for (int r = 0; r < count; r++) even[r] = odd[r] = (vf)0.0f;
    size_t d = 0;
    for (; d + 2 * LANES <= dimension; d += 2 * LANES) {
        vf q0 = v_load(query + d), q1 = v_load(query + d + LANES);
        for (int r = 0; r < count; r++) {
            vf x0 = v_load(rows[r] + d), x1 = v_load(rows[r] + d + LANES);
            vf a0 = is_l2 ? q0 - x0 : q0, a1 = is_l2 ? q1 - x1 : q1;
            even[r] = v_fma(a0, is_l2 ? a0 : x0, even[r]);
            odd[r] = v_fma(a1, is_l2 ? a1 : x1, odd[r]);
        }
    }
    for (; d < dimension; d += LANES) {
        size_t left = dimension - d;
        vf q = left >= LANES ? v_load(query + d) : v_load_tail(query + d, left);
        for (int r = 0; r < count; r++) {
            vf x = left >= LANES ? v_load(rows[r] + d) : v_load_tail(rows[r] + d, left);
            vf a = is_l2 ? q - x : q;
            even[r] = v_fma(a, is_l2 ? a : x, even[r]);
        }
    }
    for (int r = 0; r < count; r++) out[r] = v_sum(even[r] + odd[r]);
}

EK_INLINE void distances(const float *query, const float *const *rows, size_t n, size_t dimension, float *out,
                         const int is_l2) {
    size_t bytes = dimension * sizeof(float), i = 0;
    for (; i < n && i < EK_AHEAD; i++) ek_prefetch(rows[i], bytes);
    for (i = 0; i + EK_BLOCK <= n; i += EK_BLOCK) {
        for (size_t j = i + EK_AHEAD; j < n && j < i + EK_AHEAD + EK_BLOCK; j++) ek_prefetch(rows[j], bytes);
        distance_block(query, rows + i, EK_BLOCK, dimension, out + i, is_l2);
    }
    for (; i < n; i++) distance_block(query, rows + i, 1, dimension, out + i, is_l2);
}

static void dot_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out) {
    distances(query, rows, n, dimension, out, 0);
}

static void squared_l2_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out) {
    distances(query, rows, n, dimension, out, 1);
}

// Two passes. The mean of the first is off by a rounding error of its own size, which the second measures
// (the mean of the differences) and takes out: rows far from 0 lose nothing.
static void layer_norm_f32(float *out, const float *x, const float *residual, const float *gain, const float *bias,
                           size_t rows, size_t columns, float epsilon) {
    const size_t whole = columns / LANES * LANES, left = columns - whole;
    const float share = 1 / (float)columns;
    for (size_t r = 0; r < rows; r++, out += columns, x += columns) {
        vf sums = (vf)0.0f;
        for (size_t c = 0; c < whole; c += LANES) {
            vf v = v_load(x + c);
            if (residual) v += v_load(residual + c);
            v_store(out + c, v);
            sums += v;
        }
        if (left) {
            vf v = v_load_tail(x + whole, left);
            if (residual) v += v_load_tail(residual + whole, left);
            v_store_tail(out + whole, v, left);
            sums += v;
        }
        const float mean = v_sum(sums) * share;
        vf differences = (vf)0.0f, squares = (vf)0.0f;
        for (size_t c = 0; c < whole; c += LANES) {
            vf d = v_load(out + c) - mean;
            differences += d;
            squares = v_fma(d, d, squares);
        }
        if (left) {
            vf d = v_tail(v_load_tail(out + whole, left) - mean, left, 0.0f);
            differences += d;
            squares = v_fma(d, d, squares);
        }
        const float rest = v_sum(differences) * share;
        const float variance = v_sum(squares) * share - rest * rest;
        const float inverse = 1 / __builtin_sqrtf((variance < 0 ? 0 : variance) + epsilon);
        for (size_t c = 0; c < whole; c += LANES) {
            vf d = (v_load(out + c) - mean - rest) * inverse;
            v_store(out + c, v_fma(d, v_load(gain + c), v_load(bias + c)));
        }
        if (left) {
            vf d = (v_load_tail(out + whole, left) - mean - rest) * inverse;
            v_store_tail(out + whole, v_fma(d, v_load_tail(gain + whole, left), v_load_tail(bias + whole, left)), left);
        }
        if (residual) residual += columns;
    }
}

// One s8 query against u8 rows; the includer's sum_block(query, rows, count, dimension, out) gives the sums of
// query[d] * rows[r][d] modulo 2^32. The offset of 128 comes out once: sum q (u - 128) = sum q u - 128 sum q.
#define DEFINE_DOT_S8U8(name, sum_block)                                                                               \
    static void name(const int8_t *query, const uint8_t *const *rows, size_t n, size_t dimension, int32_t *out) {      \
        size_t i = 0;                                                                                                  \
        int32_t total = 0;                                                                                             \
        for (size_t d = 0; d < dimension; d++) total += query[d];                                                      \
        const uint32_t offset = 128 * (uint32_t)total;                                                                 \
        for (; i + EK_BLOCK <= n; i += EK_BLOCK) sum_block(query, rows + i, EK_BLOCK, dimension, out + i);             \
        for (; i < n; i++) sum_block(query, rows + i, 1, dimension, out + i);                                          \
        for (i = 0; i < n; i++) out[i] = (int32_t)((uint32_t)out[i] - offset);                                         \
    }

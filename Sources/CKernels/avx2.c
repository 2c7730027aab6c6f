#include "table.h"

#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define LANES 8
typedef float vf __attribute__((ext_vector_type(8)));
typedef int32_t vi __attribute__((ext_vector_type(8)));

EK_INLINE vi v_iota(void) { return (vi){0, 1, 2, 3, 4, 5, 6, 7}; }
EK_INLINE __m256i tail_mask(size_t n) { return (__m256i)(v_iota() < (vi)(int32_t)n); }
EK_INLINE vf v_load(const float *p) { return (vf)_mm256_loadu_ps(p); }
EK_INLINE void v_store(float *p, vf v) { _mm256_storeu_ps(p, (__m256)v); }
EK_INLINE vf v_load_tail(const float *p, size_t n) { return (vf)_mm256_maskload_ps(p, tail_mask(n)); }
EK_INLINE void v_store_tail(float *p, vf v, size_t n) { _mm256_maskstore_ps(p, tail_mask(n), (__m256)v); }
EK_INLINE float v_sum(vf v) {
    float a[4];
    for (int i = 0; i < 4; i++) a[i] = v[i] + v[i + 4];
    return (a[0] + a[2]) + (a[1] + a[3]);
}

#include "vector_kernels.h"

#define LINEAR_ROWS 6
#define LINEAR_VECTORS 2
#define ATTENTION_VECTORS 2
#define ATTENTION_STEP 4
#include "linear_kernels.h"
#include "attention_kernels.h"
#include "attention_gaps_kernels.h"
#include "training_kernels.h"
#include "sum_of_four.h"

// vpmaddubsw takes one factor without a sign: |x| q sgn(x), whose sums of two are below 2 * 128 * 127 and do not
// saturate.
EK_INLINE __m256i multiplied(__m256i query, __m256i row) {
    __m256i x = _mm256_xor_si256(row, _mm256_set1_epi8((char)0x80));
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(query, x));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

EK_INLINE void sum_block(const int8_t *query, const uint8_t *const *rows, const int count, size_t dimension,
                         __m256i *sums) {
    for (int r = 0; r < count; r++) sums[r] = _mm256_setzero_si256();
    size_t d = 0;
    for (; d + 32 <= dimension; d += 32) {
        __m256i q = _mm256_loadu_si256((const __m256i *)(query + d));
        for (int r = 0; r < count; r++) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(rows[r] + d));
            sums[r] = _mm256_add_epi32(sums[r], multiplied(q, x));
        }
    }
    if (d < dimension) {
        __m256i q = _mm256_setzero_si256();
        memcpy(&q, query + d, dimension - d);
        for (int r = 0; r < count; r++) {
            __m256i x = _mm256_setzero_si256();
            memcpy(&x, rows[r] + d, dimension - d);
            sums[r] = _mm256_add_epi32(sums[r], multiplied(q, x));
        }
    }
}

static void dot_s8u8(const int8_t *query, const uint8_t *const *rows, size_t n, size_t dimension, int32_t *out) {
    __m256i sums[4];
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        sum_block(query, rows + i, 4, dimension, sums);
        _mm_storeu_si128((__m128i *)(out + i), sum_of_four(sums[0], sums[1], sums[2], sums[3]));
    }
    if (i + 2 <= n) {
        sum_block(query, rows + i, 2, dimension, sums);
        _mm_storel_epi64((__m128i *)(out + i), sum_of_four(sums[0], sums[1], sums[0], sums[1]));
        i += 2;
    }
    if (i < n) {
        sum_block(query, rows + i, 1, dimension, sums);
        out[i] = _mm_cvtsi128_si32(sum_of_four(sums[0], sums[0], sums[0], sums[0]));
    }
}

EK_INLINE __m256i widened(const int8_t *x) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)x)); }

EK_INLINE __m256i widened_half(const int8_t *x) { return _mm256_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)x)); }

typedef struct { __m256i part[4]; } sketch_query;

EK_INLINE sketch_query widened_query(const int8_t *query) {
    return (sketch_query){{widened(query), widened(query + 16), widened(query + 32), widened_half(query + 48)}};
}

EK_INLINE __m256i sketch_sum(const sketch_query *query, const int8_t *row) {
    __m256i difference = _mm256_sub_epi16(query->part[3], widened_half(row + 48));
    __m256i sum = _mm256_madd_epi16(difference, difference);
    for (int part = 0; part < 3; part++) {
        difference = _mm256_sub_epi16(query->part[part], widened(row + 16 * part));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(difference, difference));
    }
    return sum;
}

#include "sketch_kernels.h"

#pragma clang attribute pop

const ek_training_table *ek_avx2_training(void) { return &training_table; }

const ek_table *ek_avx2(void) {
    static const ek_table table = {
        dot_f32, squared_l2_f32, dot_s8u8, squared_l2_s8, squared_l2_s8_within, layer_norm_f32, linear_f32,
        attention_f32, attention_gaps_f32,
    };
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &table : NULL;
}
#else
const ek_training_table *ek_avx2_training(void) { return NULL; }
const ek_table *ek_avx2(void) { return NULL; }
#endif

#include "table.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), apply_to = function)

#define LANES 16
typedef float vf __attribute__((ext_vector_type(16)));
typedef int32_t vi __attribute__((ext_vector_type(16)));

EK_INLINE vi v_iota(void) { return (vi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
EK_INLINE __mmask16 tail_mask(size_t n) { return (__mmask16)((1u << n) - 1); }
EK_INLINE vf v_load(const float *p) { return (vf)_mm512_loadu_ps(p); }
EK_INLINE void v_store(float *p, vf v) { _mm512_storeu_ps(p, (__m512)v); }
EK_INLINE vf v_load_tail(const float *p, size_t n) { return (vf)_mm512_maskz_loadu_ps(tail_mask(n), p); }
EK_INLINE void v_store_tail(float *p, vf v, size_t n) { _mm512_mask_storeu_ps(p, tail_mask(n), (__m512)v); }
EK_INLINE float v_sum(vf v) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return four[0] + four[1];
}

#include "vector_kernels.h"

#define LINEAR_ROWS 8
#define LINEAR_VECTORS 2
#define ATTENTION_VECTORS 2
#define ATTENTION_STEP 8
#include "linear_kernels.h"
#include "attention_kernels.h"
#include "attention_gaps_kernels.h"
#include "training_kernels.h"
#include "sum_of_four.h"

// Without VNNI: 16-bit products.
EK_INLINE void sum_block(const int8_t *query, const uint8_t *const *rows, const int count, size_t dimension,
                         int32_t *out) {
    __m512i sums[EK_BLOCK];
    for (int r = 0; r < count; r++) sums[r] = _mm512_setzero_si512();
    for (size_t d = 0; d < dimension; d += 32) {
        __mmask32 mask = dimension - d >= 32 ? ~0u : (1u << (dimension - d)) - 1;
        __m512i q = _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(mask, query + d));
        for (int r = 0; r < count; r++) {
            __m512i x = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, rows[r] + d));
            sums[r] = _mm512_add_epi32(sums[r], _mm512_madd_epi16(q, x));
        }
    }
    for (int r = 0; r < count; r++) out[r] = _mm512_reduce_add_epi32(sums[r]);
}

DEFINE_DOT_S8U8(dot_s8u8, sum_block)

EK_INLINE __m512i widened(const int8_t *x) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)x)); }

EK_INLINE __m512i widened_tail(const int8_t *x) {
    return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8((1u << (EK_SKETCH - 32)) - 1, x));
}

typedef struct { __m512i first, second; } sketch_query;

EK_INLINE sketch_query widened_query(const int8_t *query) {
    return (sketch_query){widened(query), widened_tail(query + 32)};
}

EK_INLINE __m256i sketch_sum(const sketch_query *query, const int8_t *row) {
    __m512i a = _mm512_sub_epi16(query->first, widened(row)), b = _mm512_sub_epi16(query->second, widened_tail(row + 32));
    __m512i sum = _mm512_add_epi32(_mm512_madd_epi16(a, a), _mm512_madd_epi16(b, b));
    return _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
}

#include "sketch_kernels.h"

#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))), \
                             apply_to = function)

EK_INLINE void sum_block_vnni(const int8_t *query, const uint8_t *const *rows, const int count, size_t dimension,
                              int32_t *out) {
    __m512i sums[EK_BLOCK];
    for (int r = 0; r < count; r++) sums[r] = _mm512_setzero_si512();
    size_t d = 0;
    for (; d + 64 <= dimension; d += 64) {
        __m512i q = _mm512_loadu_si512(query + d);
        for (int r = 0; r < count; r++) sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_loadu_si512(rows[r] + d), q);
    }
    if (d < dimension) {
        __mmask64 mask = (1ull << (dimension - d)) - 1;
        __m512i q = _mm512_maskz_loadu_epi8(mask, query + d);
        for (int r = 0; r < count; r++)
            sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_maskz_loadu_epi8(mask, rows[r] + d), q);
    }
    for (int r = 0; r < count; r++) out[r] = _mm512_reduce_add_epi32(sums[r]);
}

DEFINE_DOT_S8U8(dot_s8u8_vnni, sum_block_vnni)

#pragma clang attribute pop

const ek_training_table *ek_avx512_training(void) { return &training_table; }

const ek_table *ek_avx512(void) {
    static const ek_table plain = {
        dot_f32, squared_l2_f32, dot_s8u8, squared_l2_s8, squared_l2_s8_within, layer_norm_f32, linear_f32,
        attention_f32, attention_gaps_f32,
    };
    static const ek_table vnni = {
        dot_f32, squared_l2_f32, dot_s8u8_vnni, squared_l2_s8, squared_l2_s8_within, layer_norm_f32, linear_f32,
        attention_f32, attention_gaps_f32,
    };
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw")) return NULL;
    if (!__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) return NULL;
    return __builtin_cpu_supports("avx512vnni") ? &vnni : &plain;
}
#else
const ek_training_table *ek_avx512_training(void) { return NULL; }
const ek_table *ek_avx512(void) { return NULL; }
#endif

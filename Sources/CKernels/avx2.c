#include "table.h"

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
EK_INLINE float v_max(vf v) {
    float largest = v[0];
    for (int i = 1; i < LANES; i++) largest = largest > v[i] ? largest : v[i];
    return largest;
}

#include "vector_kernels.h"

EK_INLINE __m256i multiply_16(__m256i sum, __m256i query, __m128i row) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(query, _mm256_cvtepu8_epi16(row)));
}

// In 16-bit products: vpmaddubsw would saturate.
EK_INLINE void sum_block(const int8_t *query, const uint8_t *const *rows, const int count, size_t dimension,
                         int32_t *out) {
    __m256i sums[EK_BLOCK];
    for (int r = 0; r < count; r++) sums[r] = _mm256_setzero_si256();
    size_t d = 0;
    for (; d + 16 <= dimension; d += 16) {
        __m256i q = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(query + d)));
        for (int r = 0; r < count; r++)
            sums[r] = multiply_16(sums[r], q, _mm_loadu_si128((const __m128i *)(rows[r] + d)));
    }
    if (d < dimension) {
        __m128i part = _mm_setzero_si128();
        memcpy(&part, query + d, dimension - d);
        __m256i q = _mm256_cvtepi8_epi16(part);
        for (int r = 0; r < count; r++) {
            part = _mm_setzero_si128();
            memcpy(&part, rows[r] + d, dimension - d);
            sums[r] = multiply_16(sums[r], q, part);
        }
    }
    for (int r = 0; r < count; r++) {
        __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums[r]), _mm256_extracti128_si256(sums[r], 1));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
        half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
        out[r] = _mm_cvtsi128_si32(half);
    }
}

DEFINE_DOT_S8U8(dot_s8u8, sum_block)

#pragma clang attribute pop

const ek_table *ek_avx2(void) {
    static const ek_table table = {
        dot_f32, squared_l2_f32, dot_s8u8, softmax_f32, layer_norm_f32, bias_f32, bias_relu_f32, bias_gelu_f32,
    };
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &table : NULL;
}
#else
const ek_table *ek_avx2(void) { return NULL; }
#endif

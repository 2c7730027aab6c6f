#include "table.h"

#if defined(__x86_64__)
#include <float.h>
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16,fma"))), \
                             apply_to = function)

#define LANES 16
typedef float vf __attribute__((ext_vector_type(16)));
typedef int32_t vi __attribute__((ext_vector_type(16)));

EK_INLINE vi v_iota(void) { return (vi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
EK_INLINE __mmask16 mask_16(size_t n) { return n < 16 ? (__mmask16)((1u << n) - 1) : (__mmask16)-1; }
EK_INLINE __mmask32 mask_32(size_t n) { return n < 32 ? (1u << n) - 1 : ~0u; }

EK_INLINE vf v_load(const float *p) { return (vf)_mm512_loadu_ps(p); }
EK_INLINE void v_store(float *p, vf v) { _mm512_storeu_ps(p, (__m512)v); }
EK_INLINE vf v_load_tail(const float *p, size_t n) { return (vf)_mm512_maskz_loadu_ps(mask_16(n), p); }
EK_INLINE void v_store_tail(float *p, vf v, size_t n) { _mm512_mask_storeu_ps(p, mask_16(n), (__m512)v); }

EK_INLINE vi v_words(const void *p) { return (vi)_mm512_loadu_si512(p); }
EK_INLINE void v_store_words(void *p, vi v) { _mm512_storeu_si512(p, (__m512i)v); }
// Not vbroadcastss, which compilers would take: on Zen 4 it keeps what makes weights from going on beside products.
EK_INLINE vi v_pair(const void *p) {
    __m512i pair;
    __asm__("vpbroadcastd %1, %0" : "=v"(pair) : "m"(*(const int32_t(*)[1])p));
    return (vi)pair;
}
EK_INLINE vi v_single(const ek_bf16 *p) { return (vi)(int32_t)*p; }
EK_INLINE vi v_load_pairs(const ek_bf16 *p, size_t n) { return (vi)_mm512_maskz_loadu_epi16(mask_32(n), p); }
EK_INLINE void v_store_pairs(ek_bf16 *p, vi v, size_t n) { _mm512_mask_storeu_epi16(p, mask_32(n), (__m512i)v); }
EK_INLINE vi v_load_wide(const ek_bf16 *p, size_t n) {
    return (vi)_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask_16(n), p));
}

EK_INLINE vf v_dot_pairs(vf sum, vi a, vi b) { return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b); }
EK_INLINE __m256i rounded(vf v) { return (__m256i)_mm512_cvtneps_pbh((__m512)v); }
EK_INLINE void v_store_rounded(ek_bf16 *p, vf v) { _mm256_storeu_si256((__m256i *)p, rounded(v)); }
EK_INLINE void v_store_rounded_tail(ek_bf16 *p, vf v, size_t n) {
    _mm256_mask_storeu_epi16(p, mask_16(n), rounded(v));
}
// The instruction puts one vector behind the other.
EK_INLINE vi v_round_pairs(vf a, vf b) {
    const vi lanes = v_iota() | (v_iota() + 16) << 16;
    return (vi)_mm512_permutexvar_epi16((__m512i)lanes, (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a));
}

// round(128 (2^(i / 128) - 1)) ^ i: what makes the lower 7 bits of a fixed-point exponent the fraction of a bf16
// number.
static const uint8_t fractions[128] __attribute__((aligned(64))) = {
    0, 0, 3, 1, 7, 1, 2, 2, 14, 15, 13, 3, 5, 4, 4, 4, 28, 29, 31, 29, 27, 26, 6, 6,
    10, 10, 9, 15, 9, 11, 9, 8, 56, 56, 56, 56, 56, 57, 59, 57, 55, 9, 11, 9, 14, 14, 10, 10,
    22, 22, 26, 26, 30, 30, 29, 27, 21, 23, 21, 11, 13, 15, 13, 11, 117, 119, 117, 123, 125, 127, 125, 123,
    117, 119, 117, 11, 13, 15, 13, 11, 21, 23, 26, 26, 30, 30, 26, 26, 22, 22, 10, 9, 15, 9, 11, 9,
    55, 57, 56, 56, 56, 56, 56, 7, 9, 11, 9, 15, 10, 10, 6, 6, 27, 29, 31, 28, 4, 4, 5, 3,
    13, 15, 2, 2, 7, 1, 3, 0,
};
// Fixed point with 7 binary places has its whole part where bf16 has the exponent.
EK_INLINE vi v_powers(vf even, vf odd) {
    const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15));
    const __m512i fixed =
        _mm512_shuffle_epi8(_mm512_packus_epi32(_mm512_cvtps_epi32((__m512)even), _mm512_cvtps_epi32((__m512)odd)), order);
    const __m512i fraction = _mm512_maskz_permutex2var_epi8(
        0x5555555555555555, _mm512_load_si512(fractions), fixed, _mm512_load_si512(fractions + 64));
    return (vi)_mm512_xor_si512(fixed, fraction);
}
EK_INLINE int v_any_above(vf a, vf b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0; }
EK_INLINE vi v_permute(vi a, vi lanes, vi b) {
    return (vi)_mm512_permutex2var_epi32((__m512i)a, (__m512i)lanes, (__m512i)b);
}

#include "vector_math.h"
#include "linear_bf16_kernels.h"
#include "attention_bf16_kernels.h"
#include "attention_gaps_bf16_kernels.h"

static void round_bf16(const float *x, size_t n, ek_bf16 *y) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store_rounded(y + i, v_load(x + i));
    if (i < n) v_store_rounded_tail(y + i, v_load_tail(x + i, n - i), n - i);
}

#pragma clang attribute pop

const ek_bf16_table *ek_avx512_bf16(void) {
    static const ek_bf16_table table = {round_bf16, linear_bf16, attention_bf16, attention_gaps_bf16};
    if (!ek_avx512() || !__builtin_cpu_supports("avx512vbmi") || !__builtin_cpu_supports("avx512bf16")) return NULL;
    return &table;
}
#else
const ek_bf16_table *ek_avx512_bf16(void) { return NULL; }
#endif

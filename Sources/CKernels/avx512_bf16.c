#include "table.h"

#if defined(__x86_64__)
#include <float.h>
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma"))), \
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
EK_INLINE vi v_pair(const void *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
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

EK_INLINE vf v_fraction(vf x) {
    return (vf)_mm512_reduce_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
EK_INLINE vf v_scale(vf p, vf x) { return (vf)_mm512_scalef_ps((__m512)p, (__m512)x); }
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
    if (!ek_avx512() || !__builtin_cpu_supports("avx512bf16")) return NULL;
    return &table;
}
#else
const ek_bf16_table *ek_avx512_bf16(void) { return NULL; }
#endif

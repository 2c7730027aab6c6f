// Included under the target attribute of AVX2 or of what has it.

// The sums over the eight lanes of each of four vectors.
EK_INLINE __m128i sum_of_four(__m256i a, __m256i b, __m256i c, __m256i d) {
    __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
}

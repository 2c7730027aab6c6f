// The kernels of sketches, four rows side by side: included under the target attribute of AVX2 or of what has it. The file
// that includes this one defines sketch_query, widened_query(query) and sketch_sum(&query, row): eight partial sums.

static void squared_l2_s8(const int8_t *query, const int8_t *table, size_t n, int32_t *out) {
    const sketch_query q = widened_query(query);
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m256i sums[4];
        for (int r = 0; r < 4; r++) sums[r] = sketch_sum(&q, table + EK_SKETCH_STRIDE * (i + r));
        _mm_storeu_si128((__m128i *)(out + i), sum_of_four(sums[0], sums[1], sums[2], sums[3]));
    }
    for (; i < n; i++) {
        __m256i sum = sketch_sum(&q, table + EK_SKETCH_STRIDE * i);
        out[i] = _mm_cvtsi128_si32(sum_of_four(sum, sum, sum, sum));
    }
}

static size_t squared_l2_s8_within(const int8_t *query, const int8_t *table, const uint32_t *ids, size_t n,
                                   int32_t limit, uint32_t *found, int32_t *squares) {
    const sketch_query q = widened_query(query);
    const __m128i bound = _mm_set1_epi32(limit);
    size_t count = 0;
    for (size_t i = 0; i < n; i += 4) {
        __m256i sums[4];
        int32_t four[4];
        // The last few once more, rather than what is behind them.
        for (size_t r = 0; r < 4; r++)
            sums[r] = sketch_sum(&q, table + EK_SKETCH_STRIDE * (size_t)ids[i + r < n ? i + r : n - 1]);
        __m128i sum = sum_of_four(sums[0], sums[1], sums[2], sums[3]);
        unsigned within = 15u & ~(unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpgt_epi32(sum, bound)));
        if (i + 4 > n) within &= (1u << (n - i)) - 1;
        _mm_storeu_si128((__m128i *)four, sum);
        for (; within; within &= within - 1) {
            int r = __builtin_ctz(within);
            found[count] = ids[i + r];
            squares[count++] = four[r];
        }
    }
    return count;
}

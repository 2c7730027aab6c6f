// softmax(Q Kᵀ / √d) V of one head, for every SIMD level, written once over a vector type. The file that includes this
// one defines what vector_kernels.h asks for and, by its number of registers,
//   ATTENTION_VECTORS: vectors of queries that are worked on together, one query a lane,
//   ATTENTION_STEP: keys (then dimensions) whose sums are in registers together; a divisor of EK_KEY_TILE.
//
// The online softmax of Milakov and Gimelshein (2018) over tiles of keys, as in FlashAttention (Dao et al. 2022), with the
// queries in the lanes: sums, maxima and factors are plain vectors, nothing goes across lanes, and the T x T scores are
// never in memory. Each query is on its own and meets the keys in the same order, whatever queries are beside it.

#define QUERIES (ATTENTION_VECTORS * LANES)

EK_INLINE size_t attention_padded(size_t n) { return (n + ATTENTION_STEP - 1) / ATTENTION_STEP * ATTENTION_STEP; }

// Scores of ATTENTION_STEP keys, and the largest so far.
EK_INLINE void attention_scores(const float *queries, const float *keys, size_t d, float *scores, vf *largest) {
    vf sums[ATTENTION_STEP][ATTENTION_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < ATTENTION_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < ATTENTION_VECTORS; v++) sums[j][v] = (vf)0.0f;
    for (size_t i = 0; i < d; i++) {
        vf q[ATTENTION_VECTORS];
#pragma clang loop unroll(full)
        for (int v = 0; v < ATTENTION_VECTORS; v++) q[v] = v_load(queries + i * QUERIES + v * LANES);
#pragma clang loop unroll(full)
        for (int j = 0; j < ATTENTION_STEP; j++) {
            const vf key = (vf)keys[i * ATTENTION_STEP + (size_t)j];
#pragma clang loop unroll(full)
            for (int v = 0; v < ATTENTION_VECTORS; v++) sums[j][v] = v_fma(key, q[v], sums[j][v]);
        }
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < ATTENTION_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < ATTENTION_VECTORS; v++) {
            v_store(scores + j * QUERIES + v * LANES, sums[j][v]);
            largest[v] = v_larger(largest[v], sums[j][v]);
        }
}

// Adds `count` keys' values, weighted, to ATTENTION_STEP dimensions of the context, after scaling it down by `factor`.
EK_INLINE void attention_values(const float *weights, const float *values, size_t count, float *context,
                                const vf *factor) {
    vf sums[ATTENTION_STEP][ATTENTION_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < ATTENTION_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < ATTENTION_VECTORS; v++)
            sums[j][v] = v_load(context + j * QUERIES + v * LANES) * factor[v];
    for (size_t key = 0; key < count; key++) {
        vf w[ATTENTION_VECTORS];
#pragma clang loop unroll(full)
        for (int v = 0; v < ATTENTION_VECTORS; v++) w[v] = v_load(weights + key * QUERIES + v * LANES);
#pragma clang loop unroll(full)
        for (int j = 0; j < ATTENTION_STEP; j++) {
            const vf value = (vf)values[key * ATTENTION_STEP + (size_t)j];
#pragma clang loop unroll(full)
            for (int v = 0; v < ATTENTION_VECTORS; v++) sums[j][v] = v_fma(value, w[v], sums[j][v]);
        }
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < ATTENTION_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < ATTENTION_VECTORS; v++) v_store(context + j * QUERIES + v * LANES, sums[j][v]);
}

// One tile of queries against all keys. `queries`, `context`: [d][QUERIES]; `scores`: [EK_KEY_TILE][QUERIES].
EK_INLINE void attention_tile(const float *queries, const float *keys, const float *values, size_t length, size_t d,
                              float *scores, float *context) {
    const size_t padded = attention_padded(length);
    vf largest[ATTENTION_VECTORS], sums[ATTENTION_VECTORS];
    for (int v = 0; v < ATTENTION_VECTORS; v++) {
        // Not infinite: the difference of two of them would be no number.
        largest[v] = (vf)-3e38f;
        sums[v] = (vf)0.0f;
    }
    for (size_t i = 0; i < d * QUERIES; i += LANES) v_store(context + i, (vf)0.0f);
    for (size_t start = 0; start < length; start += EK_KEY_TILE) {
        const size_t count = length - start < EK_KEY_TILE ? length - start : EK_KEY_TILE;
        vf factor[ATTENTION_VECTORS];
        for (int v = 0; v < ATTENTION_VECTORS; v++) factor[v] = largest[v];
        size_t key = 0;
        for (; key + ATTENTION_STEP <= count; key += ATTENTION_STEP)
            attention_scores(queries, keys + (start + key) * d, d, scores + key * QUERIES, largest);
        // Rows behind the last key are zeros, whose scores would be as large as 0: they are left out of the maximum.
        if (key < count) {
            vf ignored[ATTENTION_VECTORS];
            for (int v = 0; v < ATTENTION_VECTORS; v++) ignored[v] = (vf)0.0f;
            attention_scores(queries, keys + (start + key) * d, d, scores + key * QUERIES, ignored);
            for (; key < count; key++)
                for (int v = 0; v < ATTENTION_VECTORS; v++)
                    largest[v] = v_larger(largest[v], v_load(scores + key * QUERIES + v * LANES));
        }
        for (int v = 0; v < ATTENTION_VECTORS; v++) {
            factor[v] = v_exp2(factor[v] - largest[v]);
            sums[v] *= factor[v];
        }
        for (key = 0; key < count; key++)
            for (int v = 0; v < ATTENTION_VECTORS; v++) {
                float *score = scores + key * QUERIES + v * LANES;
                const vf weight = v_exp2(v_load(score) - largest[v]);
                v_store(score, weight);
                sums[v] += weight;
            }
        for (size_t i = 0; i < d; i += ATTENTION_STEP)
            attention_values(scores, values + i * padded + start * ATTENTION_STEP, count, context + i * QUERIES, factor);
    }
    for (int v = 0; v < ATTENTION_VECTORS; v++) {
        const vf inverse = 1.0f / sums[v];
        for (size_t i = 0; i < d; i++) {
            float *x = context + i * QUERIES + v * LANES;
            v_store(x, v_load(x) * inverse);
        }
    }
}

static void attention_f32(const float *query, const float *key, const float *value, size_t stride, size_t length,
                          size_t head_size, size_t first, size_t end, float *context, size_t context_stride,
                          float *scratch) {
    const size_t d = attention_padded(head_size), padded = attention_padded(length);
    float *keys = scratch, *values = keys + padded * d, *queries = values + padded * d, *sums = queries + d * QUERIES,
          *scores = sums + d * QUERIES;
    // As they are read: keys in steps of [d][ATTENTION_STEP], values in steps of [keys][ATTENTION_STEP]; zeros behind the
    // last key and dimension.
    float *place = keys;
    for (size_t row = 0; row < padded; row += ATTENTION_STEP)
        for (size_t i = 0; i < d; i++)
            for (size_t j = row; j < row + ATTENTION_STEP; j++)
                *place++ = j < length && i < head_size ? key[j * stride + i] : 0;
    place = values;
    for (size_t i = 0; i < d; i += ATTENTION_STEP)
        for (size_t row = 0; row < padded; row++)
            for (size_t j = i; j < i + ATTENTION_STEP; j++)
                *place++ = row < length && j < head_size ? value[row * stride + j] : 0;
    // e^x = 2^(x / ln 2)
    const float scale = 1.44269504f / __builtin_sqrtf((float)head_size);
    for (size_t start = first; start < end; start += QUERIES) {
        const size_t count = end - start < QUERIES ? end - start : QUERIES;
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < QUERIES; j++)
                queries[i * QUERIES + j] = i < head_size && j < count ? query[(start + j) * stride + i] * scale : 0;
        attention_tile(queries, keys, values, length, d, scores, sums);
        for (size_t j = 0; j < count; j++)
            for (size_t i = 0; i < head_size; i++)
                context[(start + j) * context_stride + i] = sums[i * QUERIES + j];
    }
}

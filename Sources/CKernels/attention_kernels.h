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

// Scores of `count` keys at `keys`, and the largest so far.
EK_INLINE void attention_score(const float *queries, const float *keys, size_t count, size_t d, float *scores,
                               vf *largest) {
    size_t key = 0;
    for (; key + ATTENTION_STEP <= count; key += ATTENTION_STEP)
        attention_scores(queries, keys + key * d, d, scores + key * QUERIES, largest);
    // Rows behind the last key are zeros, whose scores would be as large as 0: they are left out of the maximum.
    if (key < count) {
        vf ignored[ATTENTION_VECTORS];
        for (int v = 0; v < ATTENTION_VECTORS; v++) ignored[v] = (vf)0.0f;
        attention_scores(queries, keys + key * d, d, scores + key * QUERIES, ignored);
        for (; key < count; key++)
            for (int v = 0; v < ATTENTION_VECTORS; v++)
                largest[v] = v_larger(largest[v], v_load(scores + key * QUERIES + v * LANES));
    }
}

// Weights of the scores `first` to `end`, which may be in place of these, and their sums.
EK_INLINE void attention_weigh(const float *scores, size_t first, size_t end, const vf *largest, float *weights,
                               vf *sums) {
    for (size_t key = first; key < end; key++)
        for (int v = 0; v < ATTENTION_VECTORS; v++) {
            const size_t place = key * QUERIES + (size_t)v * LANES;
            const vf weight = v_exp2(v_load(scores + place) - largest[v]);
            v_store(weights + place, weight);
            sums[v] += weight;
        }
}

// to = from * factor + `count` keys' values, weighted, of ATTENTION_STEP dimensions of the context.
EK_INLINE void attention_values(const float *weights, const float *values, size_t count, const vf *factor,
                                const float *from, float *to) {
    vf sums[ATTENTION_STEP][ATTENTION_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < ATTENTION_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < ATTENTION_VECTORS; v++) sums[j][v] = v_load(from + j * QUERIES + v * LANES) * factor[v];
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
        for (int v = 0; v < ATTENTION_VECTORS; v++) v_store(to + j * QUERIES + v * LANES, sums[j][v]);
}

// Keys and values of one head, as they are read: keys in steps of [d][ATTENTION_STEP], values in steps of
// [padded][ATTENTION_STEP]; zeros behind the last key and dimension.
typedef struct {
    float *keys, *values;
    size_t length, padded;
} attention_keys;

// A tile of queries on its way through the keys. `queries`, `context`: [d][QUERIES]; `scores`: [EK_KEY_TILE][QUERIES].
typedef struct {
    float *queries, *context, *scores;
    size_t d;
    vf largest[ATTENTION_VECTORS], sums[ATTENTION_VECTORS];
} attention_tile;

EK_INLINE void attention_begin(attention_tile *tile) {
    for (int v = 0; v < ATTENTION_VECTORS; v++) {
        // Not infinite: the difference of two of them would be no number.
        tile->largest[v] = (vf)-3e38f;
        tile->sums[v] = (vf)0.0f;
    }
    for (size_t i = 0; i < tile->d * QUERIES; i += LANES) v_store(tile->context + i, (vf)0.0f);
}

// The tile's largest scores become `largest`; the factors that this takes.
EK_INLINE void attention_raise(attention_tile *tile, const vf *largest, vf *factor) {
    for (int v = 0; v < ATTENTION_VECTORS; v++) {
        factor[v] = v_exp2(tile->largest[v] - largest[v]);
        tile->largest[v] = largest[v];
        tile->sums[v] *= factor[v];
    }
}

EK_INLINE void attention_add(attention_tile *tile, const attention_keys *keys) {
    for (size_t start = 0; start < keys->length; start += EK_KEY_TILE) {
        const size_t left = keys->length - start, count = left < EK_KEY_TILE ? left : EK_KEY_TILE;
        vf largest[ATTENTION_VECTORS], factor[ATTENTION_VECTORS];
        for (int v = 0; v < ATTENTION_VECTORS; v++) largest[v] = tile->largest[v];
        attention_score(tile->queries, keys->keys + start * tile->d, count, tile->d, tile->scores, largest);
        attention_raise(tile, largest, factor);
        attention_weigh(tile->scores, 0, count, tile->largest, tile->scores, tile->sums);
        for (size_t i = 0; i < tile->d; i += ATTENTION_STEP) {
            float *context = tile->context + i * QUERIES;
            attention_values(tile->scores, keys->values + i * keys->padded + start * ATTENTION_STEP, count, factor,
                             context, context);
        }
    }
}

EK_INLINE void attention_end(attention_tile *tile) {
    for (int v = 0; v < ATTENTION_VECTORS; v++) {
        const vf inverse = 1.0f / tile->sums[v];
        for (size_t i = 0; i < tile->d; i++) {
            float *x = tile->context + i * QUERIES + v * LANES;
            v_store(x, v_load(x) * inverse);
        }
    }
}

typedef float attention_four __attribute__((ext_vector_type(4), aligned(4)));

// to[c][r] = from[r][c] * scale.
EK_INLINE void attention_transpose(const float *from, size_t from_stride, size_t rows, size_t columns, float scale,
                                   float *to, size_t to_stride) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *row = from + r * from_stride;
        size_t c = 0;
        for (; c + 4 <= columns; c += 4) {
            attention_four x[4];
#pragma clang loop unroll(full)
            for (size_t k = 0; k < 4; k++) x[k] = *(const attention_four *)(row + k * from_stride + c) * scale;
            const attention_four a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5),
                                 b = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7),
                                 e = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5),
                                 f = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
            float *column = to + c * to_stride + r;
            *(attention_four *)column = __builtin_shufflevector(a, e, 0, 1, 4, 5);
            *(attention_four *)(column + to_stride) = __builtin_shufflevector(a, e, 2, 3, 6, 7);
            *(attention_four *)(column + 2 * to_stride) = __builtin_shufflevector(b, f, 0, 1, 4, 5);
            *(attention_four *)(column + 3 * to_stride) = __builtin_shufflevector(b, f, 2, 3, 6, 7);
        }
        for (; c < columns; c++)
            for (size_t k = 0; k < 4; k++) to[c * to_stride + r + k] = row[k * from_stride + c] * scale;
    }
    for (; r < rows; r++)
        for (size_t c = 0; c < columns; c++) to[c * to_stride + r] = from[r * from_stride + c] * scale;
}

// At `memory`, behind which the next keys may be.
static attention_keys attention_pack(const float *key, const float *value, size_t stride, size_t length,
                                     size_t head_size, float **memory) {
    const size_t d = attention_padded(head_size), padded = attention_padded(length);
    float *keys = *memory, *values = keys + padded * d;
    const attention_keys packed = {keys, values, length, padded};
    *memory = values + padded * d;
    for (size_t row = 0; row < padded; row += ATTENTION_STEP, keys += d * ATTENTION_STEP) {
        const size_t count = length - row < ATTENTION_STEP ? length - row : ATTENTION_STEP;
        if (count < ATTENTION_STEP || d > head_size) memset(keys, 0, d * ATTENTION_STEP * sizeof *keys);
        attention_transpose(key + row * stride, stride, count, head_size, 1, keys, ATTENTION_STEP);
    }
    for (size_t i = 0; i < d; i += ATTENTION_STEP)
        for (size_t row = 0; row < padded; row++, values += ATTENTION_STEP) {
            const float *from = value + row * stride + i;
            if (row < length && head_size - i >= ATTENTION_STEP)
                memcpy(values, from, ATTENTION_STEP * sizeof *values);
            else
                for (size_t j = 0; j < ATTENTION_STEP; j++) values[j] = row < length && i + j < head_size ? from[j] : 0;
        }
    return packed;
}

// A tile's memory at `memory`, behind which there is more.
EK_INLINE attention_tile attention_room(size_t head_size, float **memory) {
    const size_t d = attention_padded(head_size);
    float *queries = *memory, *context = queries + d * QUERIES, *scores = context + d * QUERIES;
    *memory = scores + EK_KEY_TILE * QUERIES;
    return (attention_tile){.queries = queries, .context = context, .scores = scores, .d = d};
}

// Rows of queries become columns; zeros behind the last one.
static void attention_load_queries(const float *query, size_t stride, size_t count, size_t head_size, float *queries) {
    // e^x = 2^(x / ln 2)
    const float scale = 1.44269504f / __builtin_sqrtf((float)head_size);
    if (count < QUERIES || head_size % ATTENTION_STEP)
        memset(queries, 0, attention_padded(head_size) * QUERIES * sizeof *queries);
    attention_transpose(query, stride, count, head_size, scale, queries, QUERIES);
}

static void attention_f32(const float *query, const float *key, const float *value, size_t stride, size_t length,
                          size_t head_size, size_t first, size_t end, float *context, size_t context_stride,
                          float *scratch) {
    const attention_keys keys = attention_pack(key, value, stride, length, head_size, &scratch);
    attention_tile tile = attention_room(head_size, &scratch);
    for (size_t start = first; start < end; start += QUERIES) {
        const size_t count = end - start < QUERIES ? end - start : QUERIES;
        attention_load_queries(query + start * stride, stride, count, head_size, tile.queries);
        attention_begin(&tile);
        attention_add(&tile, &keys);
        attention_end(&tile);
        attention_transpose(
            tile.context, QUERIES, head_size, count, 1, context + start * context_stride, context_stride);
    }
}

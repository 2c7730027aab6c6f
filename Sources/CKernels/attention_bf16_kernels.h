// softmax(Q Kᵀ / √d) V of one head on bf16 numbers: attention_kernels.h with two numbers a lane. The file that includes
// this one defines what linear_bf16_kernels.h asks for, and
//   v_store_words(p, v),
//   v_load_pairs(p, n), v_store_pairs(p, v, n): the first n of 32 numbers as 16 pairs; those loaded behind them are 0,
//   v_load_wide(p, n): the first n of 16 numbers, each in the lower half of a lane, the others 0,
//   v_round_pairs(a, b): the pairs (a, b), rounded,
//   v_fraction(x): x - floor(x), 0 for -inf, v_scale(p, x): p 2^floor(x), of which 2^x is made,
//   v_permute(a, lanes, b): lanes of a, and from 16 on of b.
//
// The instruction sums over pairs: of dimensions for the scores, of keys for the context. Rows of Q and K have their
// pairs side by side as they are; V's rows are interleaved in twos once a head, the weights when they are rounded.

#define BF16_QUERIES 32
#define BF16_VECTORS (BF16_QUERIES / LANES)
// Keys (then dimensions) whose sums are in registers together; a divisor of EK_KEY_TILE, which is even, and of LANES.
#define BF16_STEP 8

// 2^x for x <= 0, relative error below 8.6e-5 (rounding to bf16 makes one of 2e-3), 0 far below, NaN for NaN. The
// polynomial of degree 3 has the least largest error on [0, 1] of those with 1 for the constant, so that 2^0 is 1.
EK_INLINE vf v_exp2_short(vf x) {
    const vf r = v_fraction(x);
    vf p = (vf)7.706704393e-2f;
    p = v_fma(p, r, (vf)2.276449891e-1f);
    p = v_fma(p, r, (vf)6.951167869e-1f);
    p = v_fma(p, r, (vf)1.0f);
    return v_scale(p, x);
}

// 16 x 16 words change rows for columns: at every step, blocks of `s` do so in blocks of 2 s.
EK_INLINE void v_transpose(vi rows[LANES]) {
#pragma clang loop unroll(full)
    for (int s = LANES / 2; s; s /= 2) {
        const vi low = v_iota() + (((v_iota() & s) != 0) & (LANES - s));
#pragma clang loop unroll(full)
        for (int i = 0; i < LANES; i++)
            if (!(i & s)) {
                const vi a = rows[i], b = rows[i + s];
                rows[i] = v_permute(a, low, b);
                rows[i + s] = v_permute(a, low + s, b);
            }
    }
}

// Scores of BF16_STEP keys, and the largest so far. `pairs` of dimensions.
EK_INLINE void bf16_scores(const uint32_t *queries, const uint32_t *keys, size_t width, size_t pairs, float *scores,
                           vf *largest) {
    vf sums[BF16_STEP][BF16_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < BF16_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) sums[j][v] = (vf)0.0f;
    for (size_t i = 0; i < pairs; i++) {
        vi q[BF16_VECTORS];
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) q[v] = v_words(queries + i * BF16_QUERIES + v * LANES);
#pragma clang loop unroll(full)
        for (int j = 0; j < BF16_STEP; j++) {
            const vi key = v_pair(keys + (size_t)j * width + i);
#pragma clang loop unroll(full)
            for (int v = 0; v < BF16_VECTORS; v++) sums[j][v] = v_dot_pairs(sums[j][v], key, q[v]);
        }
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < BF16_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) {
            v_store(scores + j * BF16_QUERIES + v * LANES, sums[j][v]);
            largest[v] = v_larger(largest[v], sums[j][v]);
        }
}

// Scores of `count` keys at `keys`, and the largest so far.
EK_INLINE void bf16_score(const uint32_t *queries, const uint32_t *keys, size_t count, size_t width, size_t pairs,
                          float *scores, vf *largest) {
    size_t key = 0;
    for (; key + BF16_STEP <= count; key += BF16_STEP)
        bf16_scores(queries, keys + key * width, width, pairs, scores + key * BF16_QUERIES, largest);
    // Rows behind the last key are zeros, whose scores would be as large as 0: they are left out of the maximum.
    if (key < count) {
        vf ignored[BF16_VECTORS];
        for (int v = 0; v < BF16_VECTORS; v++) ignored[v] = (vf)0.0f;
        bf16_scores(queries, keys + key * width, width, pairs, scores + key * BF16_QUERIES, ignored);
        for (; key < count; key++)
            for (int v = 0; v < BF16_VECTORS; v++)
                largest[v] = v_larger(largest[v], v_load(scores + key * BF16_QUERIES + v * LANES));
    }
}

// The weights of `count` keys, in pairs, and their sums; they may be in place of the scores. Scores are scaled in f32, less
// `shift`, the scaled largest one: the query is not rounded a second time, and the rounding of a large shift is the same for
// all weights.
EK_INLINE void bf16_weigh(const float *scores, size_t count, float scale, const vf *shift, float *weights, vf *sums) {
    size_t key = 0;
    for (; key + 2 <= count; key += 2)
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) {
            const float *score = scores + key * BF16_QUERIES + v * LANES;
            const vf even = v_exp2_short(v_fma(v_load(score), (vf)scale, -shift[v]));
            const vf odd = v_exp2_short(v_fma(v_load(score + BF16_QUERIES), (vf)scale, -shift[v]));
            sums[v] += even + odd;
            v_store_words(weights + key / 2 * BF16_QUERIES + v * LANES, v_round_pairs(even, odd));
        }
    if (key < count)
        for (int v = 0; v < BF16_VECTORS; v++) {
            const vf score = v_load(scores + key * BF16_QUERIES + v * LANES);
            const vf even = v_exp2_short(v_fma(score, (vf)scale, -shift[v]));
            sums[v] += even;
            v_store_words(weights + key / 2 * BF16_QUERIES + v * LANES, v_round_pairs(even, (vf)0.0f));
        }
}

// to = from * factor + the values of `pairs` pairs of keys, weighted, of BF16_STEP dimensions of the context.
EK_INLINE void bf16_values(const float *weights, const uint32_t *values, size_t pairs, const vf *factor,
                           const float *from, float *to) {
    vf sums[BF16_STEP][BF16_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < BF16_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++)
            sums[j][v] = v_load(from + j * BF16_QUERIES + v * LANES) * factor[v];
    for (size_t pair = 0; pair < pairs; pair++) {
        vi w[BF16_VECTORS];
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) w[v] = v_words(weights + pair * BF16_QUERIES + v * LANES);
#pragma clang loop unroll(full)
        for (int j = 0; j < BF16_STEP; j++) {
            const vi value = v_pair(values + pair * LANES + (size_t)j);
#pragma clang loop unroll(full)
            for (int v = 0; v < BF16_VECTORS; v++) sums[j][v] = v_dot_pairs(sums[j][v], value, w[v]);
        }
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < BF16_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) v_store(to + j * BF16_QUERIES + v * LANES, sums[j][v]);
}

// Keys and values of one head: pairs, [padded keys][width] and [dimensions / LANES][pairs of keys][LANES]; zeros behind the
// last key and dimension.
typedef struct {
    uint32_t *keys, *values;
    size_t length;
} bf16_keys;

// A tile of queries on its way through the keys.
typedef struct {
    // Pairs, [width][BF16_QUERIES].
    uint32_t *queries;
    // [2 * width][BF16_QUERIES], [EK_KEY_TILE][BF16_QUERIES]
    float *context, *scores;
    // `width`: pairs of dimensions in a row, whole vectors of them.
    size_t width, head_size;
    // Of the scores: 2^(scale x) = e^(x / sqrt d)
    float scale;
    // The largest scores, the same scaled, and the sums of the weights.
    vf largest[BF16_VECTORS], shift[BF16_VECTORS], sums[BF16_VECTORS];
} bf16_tile;

EK_INLINE size_t bf16_width(size_t head_size) { return (head_size + 2 * LANES - 1) / (2 * LANES) * LANES; }

EK_INLINE void bf16_begin(bf16_tile *tile) {
    for (int v = 0; v < BF16_VECTORS; v++) {
        // Not infinite: the difference of two of them would be no number.
        tile->largest[v] = tile->shift[v] = (vf)-FLT_MAX;
        tile->sums[v] = (vf)0.0f;
    }
    for (size_t i = 0; i < 2 * tile->width * BF16_QUERIES; i += LANES) v_store(tile->context + i, (vf)0.0f);
}

// The tile's largest scores become `largest`; the factors that this takes. Once for many keys, so in full precision: an error
// here would come back each time.
EK_INLINE void bf16_raise(bf16_tile *tile, const vf *largest, vf *factor) {
    for (int v = 0; v < BF16_VECTORS; v++) {
        const vf shift = largest[v] * tile->scale;
        factor[v] = v_exp2(tile->shift[v] - shift);
        tile->largest[v] = largest[v];
        tile->shift[v] = shift;
        tile->sums[v] *= factor[v];
    }
}

EK_INLINE void bf16_add_values(const bf16_tile *tile, const bf16_keys *keys, size_t start, size_t count,
                               const float *weights, const vf *factor, const float *from) {
    for (size_t i = 0; i < tile->head_size; i += BF16_STEP) {
        const uint32_t *values = keys->values + i / LANES * LANES * ((keys->length + 1) / 2) + i % LANES;
        bf16_values(weights, values + start / 2 * LANES, (count + 1) / 2, factor, from + i * BF16_QUERIES,
                    tile->context + i * BF16_QUERIES);
    }
}

EK_INLINE void bf16_score_keys(const bf16_tile *tile, const bf16_keys *keys, size_t start, size_t count, vf *largest) {
    bf16_score(tile->queries, keys->keys + start * tile->width, count, tile->width, (tile->head_size + 1) / 2,
               tile->scores, largest);
}

EK_INLINE void bf16_add(bf16_tile *tile, const bf16_keys *keys) {
    for (size_t start = 0; start < keys->length; start += EK_KEY_TILE) {
        const size_t left = keys->length - start, count = left < EK_KEY_TILE ? left : EK_KEY_TILE;
        vf largest[BF16_VECTORS], factor[BF16_VECTORS];
        for (int v = 0; v < BF16_VECTORS; v++) largest[v] = tile->largest[v];
        bf16_score_keys(tile, keys, start, count, largest);
        bf16_raise(tile, largest, factor);
        bf16_weigh(tile->scores, count, tile->scale, tile->shift, tile->scores, tile->sums);
        bf16_add_values(tile, keys, start, count, tile->scores, factor, tile->context);
    }
}

EK_INLINE void bf16_end(bf16_tile *tile) {
    for (int v = 0; v < BF16_VECTORS; v++) {
        const vf inverse = 1.0f / tile->sums[v];
        for (size_t i = 0; i < 2 * tile->width; i++) {
            float *x = tile->context + i * BF16_QUERIES + v * LANES;
            v_store(x, v_load(x) * inverse);
        }
    }
}

// Rows of keys as they are, of values in pairs; at `memory`, behind which the next ones may be.
static bf16_keys bf16_pack(const ek_bf16 *key, const ek_bf16 *value, size_t stride, size_t length, size_t head_size,
                           uint32_t **memory) {
    const size_t d = head_size, width = bf16_width(d), padded = (length + BF16_STEP - 1) / BF16_STEP * BF16_STEP;
    uint32_t *place = *memory, *values = place + padded * width;
    const bf16_keys packed = {place, values, length};
    *memory = values + (length + 1) / 2 * 2 * width;
    for (size_t row = 0; row < padded; row++)
        for (size_t i = 0; i < 2 * width; i += 2 * LANES, place += LANES)
            v_store_words(place, row < length ? v_load_pairs(key + row * stride + i, d - i) : (vi)0);
    for (size_t i = 0; i < d; i += LANES)
        for (size_t row = 0; row < length; row += 2, values += LANES) {
            const ek_bf16 *even = value + row * stride + i;
            const vi odd = row + 1 < length ? v_load_wide(even + stride, d - i) : (vi)0;
            v_store_words(values, v_load_wide(even, d - i) | odd << 16);
        }
    return packed;
}

// A tile's memory at `memory`, behind which there is more.
EK_INLINE bf16_tile bf16_room(size_t head_size, uint32_t **memory) {
    const size_t width = bf16_width(head_size);
    uint32_t *queries = *memory;
    float *context = (float *)queries + width * BF16_QUERIES, *scores = context + 2 * width * BF16_QUERIES;
    *memory = (uint32_t *)scores + EK_KEY_TILE * BF16_QUERIES;
    return (bf16_tile){
        .queries = queries, .context = context, .scores = scores, .width = width, .head_size = head_size,
        .scale = 1.44269504f / __builtin_sqrtf((float)head_size),
    };
}

// Rows of queries become columns; lanes behind the last one compute it again.
static void bf16_load_queries(const bf16_tile *tile, const ek_bf16 *query, size_t stride, size_t count) {
    for (size_t i = 0; i < tile->width; i += LANES)
        for (size_t first = 0; first < BF16_QUERIES; first += LANES) {
            vi words[LANES];
#pragma clang loop unroll(full)
            for (size_t j = 0; j < LANES; j++) {
                const size_t row = first + j < count ? first + j : count - 1;
                words[j] = v_load_pairs(query + row * stride + 2 * i, tile->head_size - 2 * i);
            }
            v_transpose(words);
#pragma clang loop unroll(full)
            for (size_t j = 0; j < LANES; j++) v_store_words(tile->queries + (i + j) * BF16_QUERIES + first, words[j]);
        }
}

// And columns of the context rows: those from `begin` to `end`, the first one's at `context`.
static void bf16_store_context(const bf16_tile *tile, size_t begin, size_t end, ek_bf16 *context, size_t stride) {
    for (size_t i = 0; i < tile->width; i += LANES)
        for (size_t first = begin / LANES * LANES; first < end; first += LANES) {
            vi words[LANES];
#pragma clang loop unroll(full)
            for (size_t j = 0; j < LANES; j++) {
                const float *column = tile->context + 2 * (i + j) * BF16_QUERIES + first;
                words[j] = v_round_pairs(v_load(column), v_load(column + BF16_QUERIES));
            }
            v_transpose(words);
#pragma clang loop unroll(full)
            for (size_t j = 0; j < LANES; j++)
                if (first + j >= begin && first + j < end)
                    v_store_pairs(
                        context + (first + j - begin) * stride + 2 * i, words[j], tile->head_size - 2 * i);
        }
}

static void attention_bf16(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride,
                           size_t length, size_t head_size, size_t first, size_t end, ek_bf16 *context,
                           size_t context_stride, float *scratch) {
    uint32_t *memory = (uint32_t *)scratch;
    const bf16_keys keys = bf16_pack(key, value, stride, length, head_size, &memory);
    bf16_tile tile = bf16_room(head_size, &memory);
    for (size_t start = first; start < end; start += BF16_QUERIES) {
        const size_t count = end - start < BF16_QUERIES ? end - start : BF16_QUERIES;
        bf16_load_queries(&tile, query + start * stride, stride, count);
        bf16_begin(&tile);
        bf16_add(&tile, &keys);
        bf16_end(&tile);
        bf16_store_context(&tile, 0, count, context + start * context_stride, context_stride);
    }
}

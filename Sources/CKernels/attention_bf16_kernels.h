// softmax(Q Kᵀ / √d) V of one head on bf16 numbers, by tiles as in attention_kernels.h, two numbers a lane. The file that includes
// this one defines what linear_bf16_kernels.h asks for, and
//   v_store_words(p, v),
//   v_load_pairs(p, n), v_store_pairs(p, v, n): the first n of 32 numbers as 16 pairs; those loaded behind them are 0,
//   v_load_wide(p, n): the first n of 16 numbers, each in the lower half of a lane, the others 0,
//   v_round_pairs(a, b): the pairs (a, b), rounded,
//   v_powers(a, b): the pairs (a, b) of bf16 numbers 2^(x / 128 - 127), x rounded to an integer; next to nothing for x < 128, 0
//   for x < 0 and NaN,
//   v_any_above(a, b): whether a > b in any lane,
//   v_permute(a, lanes, b): lanes of a, and from 16 on of b.
//
// The instruction sums over pairs: of dimensions for the scores, of keys for the context. Rows of Q and K have their
// pairs side by side as they are; V's rows are interleaved in twos once a head, the weights when they are made.
//
// A weight is 2^((score - shift) / 128), as ek_query_scale_bf16 has it. The shift is not the largest score, but one that no
// score is far above. So it is known before all scores are, hardly ever changes, and a step's weights are made while the next
// step's scores are summed. A NaN score weighs nothing. Scores are exact enough up to 2^38.

#define BF16_QUERIES 32
#define BF16_VECTORS (BF16_QUERIES / LANES)
// Keys (then dimensions) whose sums are in registers together; a divisor of EK_KEY_TILE_BF16 and LANES, and even.
#define BF16_STEP 8
_Static_assert(BF16_VECTORS == 2, "bf16_score has so many weights to make as a step has keys");
_Static_assert(EK_KEY_TILE_BF16 % BF16_STEP == 0 && EK_KEY_TILE_BF16 >= EK_KEY_TILE, "tiles of weights end too early");

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

EK_INLINE void bf16_step(const uint32_t *queries, const uint32_t *keys, size_t width,
                         vf sums[BF16_STEP][BF16_VECTORS]) {
    vi q[BF16_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < BF16_VECTORS; v++) q[v] = v_words(queries + v * LANES);
#pragma clang loop unroll(full)
    for (int j = 0; j < BF16_STEP; j++) {
        const vi key = v_pair(keys + (size_t)j * width);
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) sums[j][v] = v_dot_pairs(sums[j][v], key, q[v]);
    }
}

// to = from + the values of `pairs` pairs of keys, weighted, of BF16_STEP dimensions of the context.
EK_INLINE void bf16_values(const uint32_t *weights, const uint32_t *values, size_t pairs, const float *from,
                           float *to) {
    vf sums[BF16_STEP][BF16_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < BF16_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) sums[j][v] = v_load(from + j * BF16_QUERIES + v * LANES);
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

// A tile of queries.
typedef struct {
    // Pairs, [width][BF16_QUERIES].
    uint32_t *queries;
    // [2 * width][BF16_QUERIES]
    float *context;
    // Of BF16_STEP keys.
    float *scores;
    // Pairs, [EK_KEY_TILE_BF16 / 2][BF16_QUERIES].
    uint32_t *weights;
    // `width`: pairs of dimensions in a row, whole vectors of them.
    size_t width, head_size;
} bf16_tile;

// What the queries have met of the keys. A weight is 2^((score + base) / 128 - 127); scores above `limit` need another base.
typedef struct {
    vf base[BF16_VECTORS], limit[BF16_VECTORS], sums[BF16_VECTORS];
} bf16_softmax;

EK_INLINE size_t bf16_width(size_t head_size) { return (head_size + 2 * LANES - 1) / (2 * LANES) * LANES; }

EK_INLINE bf16_softmax bf16_begin(const bf16_tile *tile) {
    bf16_softmax softmax;
    for (int v = 0; v < BF16_VECTORS; v++) {
        // Not infinite: the difference of two of them would be no number.
        softmax.base[v] = (vf)FLT_MAX;
        softmax.limit[v] = (vf)-FLT_MAX;
        softmax.sums[v] = (vf)0.0f;
    }
    for (size_t i = 0; i < 2 * tile->width * BF16_QUERIES; i += LANES) v_store(tile->context + i, (vf)0.0f);
    return softmax;
}

EK_INLINE int bf16_above(const bf16_softmax *softmax, const vf *largest) {
    int above = 0;
    for (int v = 0; v < BF16_VECTORS; v++) above |= v_any_above(largest[v], softmax->limit[v]);
    return above;
}

// Queries with a score above their limit get a base by which that one weighs 1, and a limit where one weighs 2^32; the
// context `from` becomes the tile's. The factor is in full precision: an error here would come back each time.
EK_INLINE void bf16_raise(const bf16_tile *tile, const float *from, const vf *largest, bf16_softmax *softmax) {
    for (int v = 0; v < BF16_VECTORS; v++) {
        const vi above = largest[v] > softmax->limit[v];
        const vf base = v_select(above, 127 * 128.0f - largest[v], softmax->base[v]);
        const vf factor = v_exp2((base - softmax->base[v]) * (1 / 128.0f));
        softmax->limit[v] = v_select(above, largest[v] + 32 * 128.0f, softmax->limit[v]);
        softmax->base[v] = base;
        softmax->sums[v] *= factor;
        for (size_t place = (size_t)v * LANES; place < 2 * tile->width * BF16_QUERIES; place += BF16_QUERIES)
            v_store(tile->context + place, v_load(from + place) * factor);
    }
}

// The weights of a pair of keys by their scores in a vector of queries, and their sum: of the rounded ones, as these are what
// the values are multiplied by. Nothing here takes the units that multiply, so that it goes on beside products.
EK_INLINE void bf16_weigh(const float *scores, vf base, uint32_t *weights, vf *sum) {
    const vi pair = v_powers(v_load(scores) + base, v_load(scores + BF16_QUERIES) + base);
    *sum += (vf)(pair << 16) + (vf)(pair & (vi)0xffff0000);
    v_store_words(weights, pair);
}

// The scores of the keys from `key` on, to tile->scores, and the largest of them. If `behind`, those of the step before,
// which are still there, are weighed meanwhile.
EK_INLINE void bf16_score(const bf16_tile *tile, const bf16_keys *keys, size_t key, const int behind,
                          bf16_softmax *softmax, vf *largest) {
    const size_t width = tile->width, pairs = (tile->head_size + 1) / 2, steps = pairs / BF16_STEP;
    const uint32_t *queries = tile->queries, *row = keys->keys + key * width;
    vf sums[BF16_STEP][BF16_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < BF16_STEP; j++)
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++) sums[j][v] = (vf)0.0f;
    if (behind) {
        uint32_t *weights = tile->weights + (key - BF16_STEP) % EK_KEY_TILE_BF16 / 2 * BF16_QUERIES;
#pragma clang loop unroll(full)
        for (int v = 0; v < BF16_VECTORS; v++)
#pragma clang loop unroll(disable)
            for (int j = 0; j < BF16_STEP; j += 2) {
                bf16_weigh(tile->scores + j * BF16_QUERIES + v * LANES, softmax->base[v],
                           weights + j / 2 * BF16_QUERIES + v * LANES, softmax->sums + v);
                for (size_t i = 0; i < steps; i++, queries += BF16_QUERIES, row++) bf16_step(queries, row, width, sums);
            }
    }
    for (size_t i = behind ? steps * BF16_STEP : 0; i < pairs; i++, queries += BF16_QUERIES, row++)
        bf16_step(queries, row, width, sums);
#pragma clang loop unroll(full)
    for (int v = 0; v < BF16_VECTORS; v++) {
        largest[v] = (vf)-FLT_MAX;
#pragma clang loop unroll(full)
        for (int j = 0; j < BF16_STEP; j++) {
            v_store(tile->scores + j * BF16_QUERIES + v * LANES, sums[j][v]);
            largest[v] = v_larger(sums[j][v], largest[v]);
        }
    }
}

EK_INLINE void bf16_weigh_keys(const bf16_tile *tile, size_t key, bf16_softmax *softmax) {
    uint32_t *weights = tile->weights + key % EK_KEY_TILE_BF16 / 2 * BF16_QUERIES;
    for (int v = 0; v < BF16_VECTORS; v++)
        for (int j = 0; j < BF16_STEP; j += 2)
            bf16_weigh(tile->scores + j * BF16_QUERIES + v * LANES, softmax->base[v],
                       weights + j / 2 * BF16_QUERIES + v * LANES, softmax->sums + v);
}

// Rows behind the last key are zeros, whose scores would be as large as 0. Not inline: that is once for a
// tile of queries, and its registers are others'.
static __attribute__((noinline)) void bf16_forget(float *scores, size_t count, vf *largest) {
    for (int v = 0; v < BF16_VECTORS; v++) {
        largest[v] = (vf)-FLT_MAX;
        for (size_t j = 0; j < BF16_STEP; j++) {
            float *score = scores + j * BF16_QUERIES + v * LANES;
            if (j >= count) v_store(score, (vf)-FLT_MAX);
            largest[v] = v_larger(v_load(score), largest[v]);
        }
    }
}

// The weights of the keys from `start` to `end` go into the context, which begins as `from`. Not inline, as it takes all
// registers.
static __attribute__((noinline)) void bf16_add_values(const bf16_tile *tile, const bf16_keys *keys, size_t start,
                                                      size_t end, const float *from) {
    const uint32_t *weights = tile->weights + start % EK_KEY_TILE_BF16 / 2 * BF16_QUERIES;
    for (size_t i = 0; i < tile->head_size; i += BF16_STEP) {
        const uint32_t *values = keys->values + i / LANES * LANES * ((keys->length + 1) / 2) + i % LANES;
        bf16_values(weights, values + start / 2 * LANES, (end - start + 1) / 2, from + i * BF16_QUERIES,
                    tile->context + i * BF16_QUERIES);
    }
}

EK_INLINE bf16_softmax bf16_add(const bf16_tile *tile, const bf16_keys *keys, bf16_softmax softmax) {
    for (size_t start = 0; start < keys->length; start += EK_KEY_TILE_BF16) {
        const size_t left = keys->length - start;
        const size_t end = left < EK_KEY_TILE_BF16 ? keys->length : start + EK_KEY_TILE_BF16;
        // From `from` on weights are not in the context yet.
        size_t from = start, key = start;
        for (; key < end; key += BF16_STEP) {
            vf largest[BF16_VECTORS];
            if (key == start)
                bf16_score(tile, keys, key, 0, &softmax, largest);
            else
                bf16_score(tile, keys, key, 1, &softmax, largest);
            if (__builtin_expect(end - key < BF16_STEP, 0)) {
                // Not `largest`, which would have to be in memory for every step.
                vf few[BF16_VECTORS];
                bf16_forget(tile->scores, end - key, few);
                for (int v = 0; v < BF16_VECTORS; v++) largest[v] = few[v];
            }
            if (__builtin_expect(bf16_above(&softmax, largest), 0)) {
                if (from < key) bf16_add_values(tile, keys, from, key, tile->context);
                from = key;
                bf16_raise(tile, tile->context, largest, &softmax);
            }
        }
        bf16_weigh_keys(tile, key - BF16_STEP, &softmax);
        bf16_add_values(tile, keys, from, end, tile->context);
    }
    return softmax;
}

EK_INLINE void bf16_end(const bf16_tile *tile, const bf16_softmax *softmax) {
    for (int v = 0; v < BF16_VECTORS; v++) {
        const vf inverse = 1.0f / softmax->sums[v];
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
    uint32_t *queries = *memory, *context = queries + width * BF16_QUERIES;
    uint32_t *scores = context + 2 * width * BF16_QUERIES, *weights = scores + BF16_STEP * BF16_QUERIES;
    *memory = weights + EK_KEY_TILE_BF16 / 2 * BF16_QUERIES;
    return (bf16_tile){
        .queries = queries, .context = (float *)context, .scores = (float *)scores, .weights = weights, .width = width,
        .head_size = head_size,
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
    const bf16_tile tile = bf16_room(head_size, &memory);
    for (size_t start = first; start < end; start += BF16_QUERIES) {
        const size_t count = end - start < BF16_QUERIES ? end - start : BF16_QUERIES;
        bf16_load_queries(&tile, query + start * stride, stride, count);
        const bf16_softmax softmax = bf16_add(&tile, &keys, bf16_begin(&tile));
        bf16_end(&tile, &softmax);
        bf16_store_context(&tile, 0, count, context + start * context_stride, context_stride);
    }
}

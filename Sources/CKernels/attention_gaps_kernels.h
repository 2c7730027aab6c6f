// ek_attention_gaps_f32 for every SIMD level, of the parts of attention_kernels.h: a tile of queries meets the keys outside
// of all gaps once; for each gap it then goes on from there with those of the others that the gap leaves.

// The context of the tile's queries from row `start` on, for the gap from row `gap` on: to rows without those of the gap.
static void attention_store_gap(const attention_tile *tile, size_t start, size_t count, size_t gap, size_t width,
                                size_t head_size, float *context, size_t stride) {
    const size_t before = gap <= start ? 0 : gap - start < count ? gap - start : count;
    const size_t behind = gap + width <= start ? 0 : gap + width - start < count ? gap + width - start : count;
    if (before) attention_transpose(tile->context, QUERIES, head_size, before, 1, context + start * stride, stride);
    // The first one behind the gap is in the row where that begins, or the tile's first, as much further up.
    if (behind < count)
        attention_transpose(
            tile->context + behind, QUERIES, head_size, count - behind, 1, context + (start + behind - width) * stride,
            stride);
}

// `all`, after the keys outside of the gaps, goes on in `tile`. `scores`: of the other keys, whose rows begin at `first`;
// `weights`: room for as many.
EK_INLINE void attention_fill(const attention_tile *all, attention_tile *tile, const attention_keys *keys,
                              size_t first, size_t gap, size_t width, const float *scores, float *weights) {
    const size_t begin = gap - first, end = begin + width;
    vf largest[ATTENTION_VECTORS], factor[ATTENTION_VECTORS];
    for (int v = 0; v < ATTENTION_VECTORS; v++) {
        largest[v] = tile->largest[v] = all->largest[v];
        tile->sums[v] = all->sums[v];
        for (size_t key = 0; key < keys->length; key++)
            if (key < begin || key >= end)
                largest[v] = v_larger(largest[v], v_load(scores + key * QUERIES + v * LANES));
    }
    attention_raise(tile, largest, factor);
    attention_weigh(scores, 0, begin, largest, weights, tile->sums);
    attention_weigh(scores, end, keys->length, largest, weights, tile->sums);
    vf one[ATTENTION_VECTORS];
    for (int v = 0; v < ATTENTION_VECTORS; v++) one[v] = (vf)1.0f;
    for (size_t i = 0; i < tile->d; i += ATTENTION_STEP) {
        const float *values = keys->values + i * keys->padded;
        float *context = tile->context + i * QUERIES;
        attention_values(weights, values, begin, factor, all->context + i * QUERIES, context);
        attention_values(weights + end * QUERIES, values + end * ATTENTION_STEP, keys->length - end, one, context,
                         context);
    }
    attention_end(tile);
}

static void attention_gaps_f32(const float *query, const float *key, const float *value, size_t stride, size_t rows,
                               size_t head_size, const ek_gaps *gaps, size_t first, size_t end, float *context,
                               size_t context_stride, float *scratch) {
    const size_t near = gaps->first, far = near + 2 * gaps->width;
    const attention_keys before = attention_pack(key, value, stride, near, head_size, &scratch),
                         others = attention_pack(
                             key + near * stride, value + near * stride, stride, far - near, head_size, &scratch),
                         behind = attention_pack(
                             key + far * stride, value + far * stride, stride, rows - far, head_size, &scratch);
    attention_tile all = attention_room(head_size, &scratch), tile = attention_room(head_size, &scratch);
    for (size_t start = first; start < end; start += QUERIES) {
        const size_t count = end - start < QUERIES ? end - start : QUERIES;
        attention_load_queries(query + start * stride, stride, count, head_size, all.queries);
        attention_begin(&all);
        attention_add(&all, &before);
        attention_add(&all, &behind);
        vf ignored[ATTENTION_VECTORS];
        for (int v = 0; v < ATTENTION_VECTORS; v++) ignored[v] = (vf)0.0f;
        attention_score(all.queries, others.keys, others.length, all.d, all.scores, ignored);
        for (size_t i = 0; i < gaps->count; i++) {
            attention_fill(&all, &tile, &others, near, gaps->starts[i], gaps->width, all.scores, tile.scores);
            attention_store_gap(&tile, start, count, gaps->starts[i], gaps->width, head_size,
                                context + i * gaps->context_size, context_stride);
        }
    }
}

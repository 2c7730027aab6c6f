// ek_attention_gaps_bf16, of the parts of attention_bf16_kernels.h, as attention_gaps_kernels.h is made of those in f32.

static void bf16_store_gap(const bf16_tile *tile, size_t start, size_t count, size_t gap, size_t width,
                           ek_bf16 *context, size_t stride) {
    const size_t before = gap <= start ? 0 : gap - start < count ? gap - start : count;
    const size_t behind = gap + width <= start ? 0 : gap + width - start < count ? gap + width - start : count;
    if (before) bf16_store_context(tile, 0, before, context + start * stride, stride);
    // The first one behind the gap is in the row where that begins, or the tile's first, as much further up.
    if (behind < count)
        bf16_store_context(tile, behind, count, context + (start + behind - width) * stride, stride);
}

// `softmax` and the context `from`, after the keys outside of the gaps, go on in `tile`. `scores`: of the other keys, whose
// rows begin at `first`. As keys go in pairs, those of the gap are weighed, too, with nothing.
EK_INLINE void bf16_fill(const bf16_tile *tile, bf16_softmax softmax, const bf16_keys *keys, const float *scores,
                         const float *from, size_t first, size_t gap, size_t width) {
    const size_t begin = gap - first, end = begin + width;
    vf largest[BF16_VECTORS];
    for (int v = 0; v < BF16_VECTORS; v++) {
        largest[v] = (vf)-FLT_MAX;
        for (size_t key = 0; key < keys->length; key++)
            if (key < begin || key >= end)
                largest[v] = v_larger(v_load(scores + key * BF16_QUERIES + v * LANES), largest[v]);
    }
    if (bf16_above(&softmax, largest)) {
        bf16_raise(tile, from, largest, &softmax);
        from = tile->context;
    }
    for (size_t key = 0; key < keys->length; key += BF16_STEP) {
        for (size_t j = 0; j < BF16_STEP; j++)
            for (int v = 0; v < BF16_VECTORS; v++) {
                const size_t at = key + j, place = at * BF16_QUERIES + v * LANES;
                const int none = (at >= begin && at < end) || at >= keys->length;
                v_store(tile->scores + j * BF16_QUERIES + v * LANES, none ? (vf)-FLT_MAX : v_load(scores + place));
            }
        bf16_weigh_keys(tile, key, &softmax);
    }
    bf16_add_values(tile, keys, 0, keys->length, from);
    bf16_end(tile, &softmax);
}

static void attention_gaps_bf16(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride,
                                size_t rows, size_t head_size, const ek_gaps *gaps, size_t first, size_t end,
                                ek_bf16 *context, size_t context_stride, float *scratch) {
    const size_t near = gaps->first, far = near + 2 * gaps->width;
    uint32_t *memory = (uint32_t *)scratch;
    const bf16_keys before = bf16_pack(key, value, stride, near, head_size, &memory),
                    others = bf16_pack(key + near * stride, value + near * stride, stride, far - near, head_size, &memory),
                    behind = bf16_pack(key + far * stride, value + far * stride, stride, rows - far, head_size, &memory);
    const bf16_tile all = bf16_room(head_size, &memory), tile = bf16_room(head_size, &memory);
    float *scores = (float *)memory;
    for (size_t start = first; start < end; start += BF16_QUERIES) {
        const size_t count = end - start < BF16_QUERIES ? end - start : BF16_QUERIES;
        bf16_load_queries(&all, query + start * stride, stride, count);
        bf16_softmax softmax = bf16_begin(&all);
        softmax = bf16_add(&all, &before, softmax);
        softmax = bf16_add(&all, &behind, softmax);
        for (size_t row = 0; row < others.length; row += BF16_STEP) {
            vf largest[BF16_VECTORS];
            bf16_score(&all, &others, row, 0, &softmax, largest);
            memcpy(scores + row * BF16_QUERIES, all.scores, BF16_STEP * BF16_QUERIES * sizeof *scores);
        }
        for (size_t i = 0; i < gaps->count; i++) {
            bf16_fill(&tile, softmax, &others, scores, all.context, near, gaps->starts[i], gaps->width);
            bf16_store_gap(&tile, start, count, gaps->starts[i], gaps->width, context + i * gaps->context_size,
                           context_stride);
        }
    }
}

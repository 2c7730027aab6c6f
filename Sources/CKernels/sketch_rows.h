// The kernels of sketches, row by row; the file that includes this one defines sketch_square(query, row).

static void squared_l2_s8(const int8_t *query, const int8_t *table, size_t n, int32_t *out) {
    for (size_t i = 0; i < n; i++) out[i] = sketch_square(query, table + EK_SKETCH_STRIDE * i);
}

static size_t squared_l2_s8_within(const int8_t *query, const int8_t *table, const uint32_t *ids, size_t n,
                                   int32_t limit, uint32_t *found, int32_t *squares) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t square = sketch_square(query, table + EK_SKETCH_STRIDE * (size_t)ids[i]);
        if (square > limit) continue;
        found[count] = ids[i];
        squares[count++] = square;
    }
    return count;
}

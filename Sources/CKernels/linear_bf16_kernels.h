// Linear layers on bf16 numbers, y = f(x Wᵀ + b) + r. The file that includes this one defines what vector_math.h asks
// for, with 16 lanes, and
//   v_pair(p): the two numbers at p in every lane, v_single(p): the one at p, and 0,
//   v_words(p): a pair in each lane, from memory,
//   v_dot_pairs(sum, a, b): sum + a[1] b[1] + a[0] b[0] in each lane,
//   v_store_rounded(p, v), v_store_rounded_tail(p, v, n): v as bf16 numbers.
//
// W is packed once by ek_pack_bf16: a panel's vectors are read one after the other, and x as it is. 8 rows by 2 vectors
// of columns keep 16 sums in registers, as many as hide the instruction's latency. Every sum runs over `in` from 0 up
// in one register: a row's result depends neither on the other rows nor on where it stands among them.

#include "linear_output.h"

#define LINEAR_BF16_ROWS 8
#define LINEAR_BF16_VECTORS (EK_PANEL_BF16 / LANES)
// Rows that go through all panels before the next ones: few enough to stay in the second-level cache.
#define LINEAR_BF16_BLOCK 192

typedef struct {
    // its y may be NULL
    linear_output f32;
    // [rows, out], or NULL
    ek_bf16 *rounded;
} linear_bf16_output;

// `x` is at the pair of the first of `rows` rows, `words` at that of the panel. `single`: the row ends with x[0].
EK_INLINE void linear_bf16_step(const ek_bf16 *x, size_t in, const int rows, const int single, const ek_bf16 *words,
                                vf sums[LINEAR_BF16_ROWS][LINEAR_BF16_VECTORS]) {
    vi w[LINEAR_BF16_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < LINEAR_BF16_VECTORS; v++) w[v] = v_words(words + v * 2 * LANES);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
        const vi pair = single ? v_single(x + (size_t)r * in) : v_pair(x + (size_t)r * in);
#pragma clang loop unroll(full)
        for (int v = 0; v < LINEAR_BF16_VECTORS; v++) sums[r][v] = v_dot_pairs(sums[r][v], pair, w[v]);
    }
}

// The sums of `rows` rows by a panel's columns.
EK_INLINE void linear_bf16_sums(const ek_bf16 *x, size_t in, const int rows, const ek_bf16 *panel, float *tile) {
    vf sums[LINEAR_BF16_ROWS][LINEAR_BF16_VECTORS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < LINEAR_BF16_VECTORS; v++) sums[r][v] = (vf)0.0f;
    for (size_t k = 0; k + 2 <= in; k += 2) linear_bf16_step(x + k, in, rows, 0, panel + k * EK_PANEL_BF16, sums);
    if (in % 2) linear_bf16_step(x + in - 1, in, rows, 1, panel + (in - 1) * EK_PANEL_BF16, sums);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < LINEAR_BF16_VECTORS; v++) v_store(tile + r * EK_PANEL_BF16 + v * LANES, sums[r][v]);
}

// What follows the sums; they come through memory, so that this code is there once.
static void linear_bf16_finish(const float *tile, size_t row, size_t rows, size_t column,
                               const linear_bf16_output *output) {
    const size_t out = output->f32.out;
    for (size_t end = row + rows; row < end; row++, tile += EK_PANEL_BF16)
        for (size_t v = 0; v < LINEAR_BF16_VECTORS && column + v * LANES < out; v++) {
            const size_t c = column + v * LANES, place = row * out + c, left = out - c;
            const vf end = linear_end(v_load(tile + v * LANES), c, place, left, &output->f32);
            if (left >= LANES) {
                if (output->f32.y) v_store(output->f32.y + place, end);
                if (output->rounded) v_store_rounded(output->rounded + place, end);
            } else {
                if (output->f32.y) v_store_tail(output->f32.y + place, end, left);
                if (output->rounded) v_store_rounded_tail(output->rounded + place, end, left);
            }
        }
}

// What comes next is on its way to the second-level cache while a tile is multiplied: `bytes` of `rows` rows, which are `stride`
// bytes apart. Of long rows the beginning, as the CPU notices by itself how they go on.
EK_INLINE void linear_bf16_prefetch(const void *p, size_t stride, size_t rows, size_t bytes) {
    for (size_t r = 0; r < rows; r++)
        for (size_t b = 0; b < bytes && b < 1024; b += 64) __builtin_prefetch((const char *)p + r * stride + b, 0, 2);
}

static void linear_bf16(const ek_bf16 *x, size_t rows, size_t in, const ek_bf16 *packed, const float *bias, size_t out,
                        ek_activation kind, const float *residual, float *y, ek_bf16 *rounded) {
    const linear_bf16_output output = {{bias, residual, y, out, kind}, rounded};
    _Alignas(64) float tile[LINEAR_BF16_ROWS * EK_PANEL_BF16];
    for (size_t start = 0; start < rows; start += LINEAR_BF16_BLOCK) {
        const size_t end = rows - start < LINEAR_BF16_BLOCK ? rows : start + LINEAR_BF16_BLOCK;
        const ek_bf16 *panel = packed;
        for (size_t column = 0; column < out; column += EK_PANEL_BF16, panel += (in + 1) / 2 * 2 * EK_PANEL_BF16)
            for (size_t row = start; row < end; row += LINEAR_BF16_ROWS) {
                const size_t count = end - row < LINEAR_BF16_ROWS ? end - row : LINEAR_BF16_ROWS;
                const ek_bf16 *first = x + row * in;
                const size_t next = row + count, left = end - next,
                             ahead = left < LINEAR_BF16_ROWS ? left : LINEAR_BF16_ROWS;
                if (column == 0 && ahead) linear_bf16_prefetch(x + next * in, in * sizeof *x, ahead, in * sizeof *x);
                if (residual && ahead)
                    linear_bf16_prefetch(residual + next * out + column, out * sizeof *residual, ahead,
                                         EK_PANEL_BF16 * sizeof *residual);
                switch (count) {
                    case 1: linear_bf16_sums(first, in, 1, panel, tile); break;
                    case 2: linear_bf16_sums(first, in, 2, panel, tile); break;
                    case 3: linear_bf16_sums(first, in, 3, panel, tile); break;
                    case 4: linear_bf16_sums(first, in, 4, panel, tile); break;
                    case 5: linear_bf16_sums(first, in, 5, panel, tile); break;
                    case 6: linear_bf16_sums(first, in, 6, panel, tile); break;
                    case 7: linear_bf16_sums(first, in, 7, panel, tile); break;
                    default: linear_bf16_sums(first, in, 8, panel, tile); break;
                }
                linear_bf16_finish(tile, row, count, column, &output);
            }
    }
}

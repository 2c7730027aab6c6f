// Linear layers of every SIMD level, y = f(x Wᵀ + b) + r, written once over a vector type. The file that includes this
// one defines what vector_kernels.h asks for and, by its number of registers,
//   LINEAR_ROWS, LINEAR_VECTORS: rows and vectors of columns whose sums are in registers together.
//
// W is packed once by ek_pack_f32: panels of EK_PANEL columns, each [in][EK_PANEL], so that a step over `in` reads whole
// cache lines. Every sum runs over `in` from 0 up in one register: a row's result depends neither on the other rows nor on
// where it stands among them.

#include "linear_output.h"

// Rows that go through all panels before the next ones: few enough to stay in the second-level cache.
#define LINEAR_BLOCK 192

// `rows` rows by LINEAR_VECTORS vectors. `panel` is that of `column`; the next vector may be in the next panel.
EK_INLINE void linear_tile(const float *x, size_t in, const int rows, const float *panel, size_t row, size_t column,
                           const linear_output *output) {
    const int per_panel = EK_PANEL / LANES;
    vf sums[LINEAR_ROWS][LINEAR_VECTORS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < LINEAR_VECTORS; v++) sums[r][v] = (vf)0.0f;
    for (size_t k = 0; k < in; k++) {
        vf w[LINEAR_VECTORS];
#pragma clang loop unroll(full)
        for (int v = 0; v < LINEAR_VECTORS; v++)
            w[v] = v_load(panel + (size_t)(v / per_panel) * in * EK_PANEL + k * EK_PANEL + v % per_panel * LANES);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            const vf value = (vf)x[(size_t)r * in + k];
#pragma clang loop unroll(full)
            for (int v = 0; v < LINEAR_VECTORS; v++) sums[r][v] = v_fma(value, w[v], sums[r][v]);
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < LINEAR_VECTORS; v++) {
            const size_t c = column + (size_t)v * LANES;
            if (c >= output->out) break;
            const size_t place = (row + (size_t)r) * output->out + c, left = output->out - c;
            const vf end = linear_end(sums[r][v], c, place, left, output);
            if (left >= LANES)
                v_store(output->y + place, end);
            else
                v_store_tail(output->y + place, end, left);
        }
}

static void linear_f32(const float *x, size_t rows, size_t in, const float *packed, const float *bias, size_t out,
                       ek_activation kind, const float *residual, float *y) {
    const linear_output output = {bias, residual, y, out, kind};
    for (size_t start = 0; start < rows; start += LINEAR_BLOCK) {
        const size_t end = rows - start < LINEAR_BLOCK ? rows : start + LINEAR_BLOCK;
        for (size_t column = 0; column < out; column += LINEAR_VECTORS * LANES) {
            const float *panel = packed + column / EK_PANEL * in * EK_PANEL + column % EK_PANEL;
            size_t row = start;
            for (; row + LINEAR_ROWS <= end; row += LINEAR_ROWS)
                linear_tile(x + row * in, in, LINEAR_ROWS, panel, row, column, &output);
            const float *rest = x + row * in;
            switch (end - row) {
                case 1: linear_tile(rest, in, 1, panel, row, column, &output); break;
                case 2: linear_tile(rest, in, 2, panel, row, column, &output); break;
                case 3: linear_tile(rest, in, 3, panel, row, column, &output); break;
                case 4: linear_tile(rest, in, 4, panel, row, column, &output); break;
                case 5: linear_tile(rest, in, 5, panel, row, column, &output); break;
#if LINEAR_ROWS > 6
                case 6: linear_tile(rest, in, 6, panel, row, column, &output); break;
                case 7: linear_tile(rest, in, 7, panel, row, column, &output); break;
#endif
                default: break;
            }
        }
    }
}

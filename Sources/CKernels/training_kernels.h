// What training needs beside linear layers and attention, for every SIMD level, written once over a vector type. The file
// that includes this one has included vector_kernels.h.

EK_INLINE vf v_sqrt(vf v) { return __builtin_elementwise_sqrt(v); }

EK_INLINE vf v_part(const float *p, size_t left) { return left >= LANES ? v_load(p) : v_load_tail(p, left); }

EK_INLINE void v_put(float *p, vf v, size_t left) {
    if (left >= LANES)
        v_store(p, v);
    else
        v_store_tail(p, v, left);
}

EK_INLINE float v_top(vf v) {
    float top = v[0];
    for (int lane = 1; lane < LANES; lane++) top = v[lane] > top || v[lane] != v[lane] ? v[lane] : top;
    return top;
}

static void softmax_rows(float *x, size_t rows, size_t columns, size_t stride, float scale, float *logs) {
    for (size_t row = 0; row < rows; row++, x += stride) {
        vf largest = (vf)-3e38f;
        for (size_t c = 0; c < columns; c += LANES) {
            const size_t left = columns - c;
            largest = v_larger(largest, left >= LANES ? v_load(x + c) : v_tail(v_load_tail(x + c, left), left, -3e38f));
        }
        const float top = v_top(largest);
        vf sums = (vf)0.0f;
        for (size_t c = 0; c < columns; c += LANES) {
            const size_t left = columns - c;
            vf e = v_exp2((v_part(x + c, left) - top) * (scale * 1.44269504f));
            if (left < LANES) e = v_tail(e, left, 0);
            v_put(x + c, e, left);
            sums += e;
        }
        const float sum = v_sum(sums), inverse = 1 / sum;
        for (size_t c = 0; c < columns; c += LANES) v_put(x + c, v_part(x + c, columns - c) * inverse, columns - c);
        if (logs) logs[row] = top * scale + logf(sum);
    }
}

static void softmax_backward_rows(const float *p, float *dp, size_t rows, size_t columns, size_t stride, float scale) {
    for (size_t row = 0; row < rows; row++, p += stride, dp += stride) {
        vf sums = (vf)0.0f;
        for (size_t c = 0; c < columns; c += LANES)
            sums = v_fma(v_part(p + c, columns - c), v_part(dp + c, columns - c), sums);
        const float sum = v_sum(sums);
        for (size_t c = 0; c < columns; c += LANES)
            v_put(dp + c, v_part(p + c, columns - c) * (v_part(dp + c, columns - c) - sum) * scale, columns - c);
    }
}

static void layer_norm_backward(const float *x, const float *dy, const float *gain, size_t rows, size_t columns,
                                float epsilon, float *dx, float *dgain, float *dbias) {
    const float share = 1 / (float)columns;
    for (size_t row = 0; row < rows; row++, x += columns, dy += columns, dx += columns) {
        vf sums = (vf)0.0f, squares = (vf)0.0f;
        for (size_t c = 0; c < columns; c += LANES) sums += v_part(x + c, columns - c);
        const float mean = v_sum(sums) * share;
        for (size_t c = 0; c < columns; c += LANES) {
            const size_t left = columns - c;
            vf d = v_part(x + c, left) - mean;
            if (left < LANES) d = v_tail(d, left, 0);
            squares = v_fma(d, d, squares);
        }
        const float inverse = 1 / sqrtf(v_sum(squares) * share + epsilon);
        // Of g = dy gain: its sum, and that of g times the normalised x.
        vf first = (vf)0.0f, second = (vf)0.0f;
        for (size_t c = 0; c < columns; c += LANES) {
            const size_t left = columns - c;
            const vf d = v_part(dy + c, left), n = (v_part(x + c, left) - mean) * inverse, g = d * v_part(gain + c, left);
            first += g;
            second = v_fma(g, n, second);
            v_put(dgain + c, v_fma(d, n, v_part(dgain + c, left)), left);
            v_put(dbias + c, v_part(dbias + c, left) + d, left);
        }
        const float a = v_sum(first) * share, b = v_sum(second) * share;
        for (size_t c = 0; c < columns; c += LANES) {
            const size_t left = columns - c;
            const vf n = (v_part(x + c, left) - mean) * inverse, g = v_part(dy + c, left) * v_part(gain + c, left);
            v_put(dx + c, inverse * (g - a - n * b), left);
        }
    }
}

static void activation(const float *x, size_t n, ek_activation kind, float *y) {
    for (size_t i = 0; i < n; i += LANES) v_put(y + i, activate(v_part(x + i, n - i), kind), n - i);
}

// The derivative of GELU: Phi(v) + v phi(v).
EK_INLINE vf gelu_slope(vf v) {
    vf e;
    const vf tail = v_half_erfc(v_magnitude(v), &e);
    return v_fma(v, e * 0.39894228f, v_select(v < 0.0f, tail, 1.0f - tail));
}

static void activation_backward(const float *x, const float *dy, size_t n, ek_activation kind, float *dx) {
    for (size_t i = 0; i < n; i += LANES) {
        const size_t left = n - i;
        const vf v = v_part(x + i, left), d = v_part(dy + i, left);
        // Not 0 < v: a NaN goes on.
        v_put(dx + i, kind == EK_RELU ? v_select(v <= 0.0f, (vf)0.0f, d) : kind == EK_GELU ? d * gelu_slope(v) : d, left);
    }
}

static void adamw(float *p, const float *g, float *m, float *v, size_t n, const ek_adamw_step *step) {
    for (size_t i = 0; i < n; i += LANES) {
        const size_t left = n - i;
        const vf d = v_part(g + i, left);
        const vf mean = v_fma((vf)step->beta1, v_part(m + i, left), d * (1 - step->beta1));
        const vf square = v_fma((vf)step->beta2, v_part(v + i, left), d * d * (1 - step->beta2));
        const vf kept = v_part(p + i, left) * (1 - step->rate * step->decay);
        const vf divisor = v_sqrt(square) * (1 / sqrtf(step->correction2)) + step->epsilon;
        v_put(m + i, mean, left);
        v_put(v + i, square, left);
        v_put(p + i, kept - step->rate / step->correction1 * mean / divisor, left);
    }
}

// As vf, of whole numbers.
typedef uint32_t vu __attribute__((ext_vector_type(LANES)));

// See scalar_training.c.
EK_INLINE vu v_mixed(vu x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

static void dropout(const float *x, size_t n, uint32_t limit, float scale, uint64_t stream, float *y) {
    const uint32_t high = (uint32_t)(stream >> 32);
    vu index;
    for (uint32_t lane = 0; lane < LANES; lane++) index[lane] = (uint32_t)stream + lane;
    for (size_t i = 0; i < n; i += LANES, index += LANES) {
        const vu kept = (vu)(v_mixed(v_mixed(index) ^ high) >= limit);
        v_put(y + i, (vf)((vu)(v_part(x + i, n - i) * scale) & kept), n - i);
    }
}

static const ek_training_table training_table = {
    softmax_rows, softmax_backward_rows, layer_norm_backward, activation, activation_backward, adamw, dropout,
};

// What follows the sums of a linear layer, for every SIMD level and type of numbers.

typedef struct {
    const float *bias;
    // [rows, out] like y, or NULL
    const float *residual;
    float *y;
    size_t out;
    ek_activation kind;
} linear_output;

EK_INLINE vf linear_end(vf sum, size_t column, size_t place, size_t left, const linear_output *output) {
    const int whole = left >= LANES;
    sum += whole ? v_load(output->bias + column) : v_load_tail(output->bias + column, left);
    sum = activate(sum, output->kind);
    if (output->residual)
        sum += whole ? v_load(output->residual + place) : v_load_tail(output->residual + place, left);
    return sum;
}

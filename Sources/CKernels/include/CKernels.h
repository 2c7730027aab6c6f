#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// SIMD kernels. One dispatch table is filled once at run time with the best level that the CPU has;
// EMBDB_SIMD=scalar|avx2|avx512|neon in the environment lowers it. Within a level results are bit-equal from run
// to run and do not depend on how many rows are passed at once; between levels they differ in the last bits of their
// precision.

typedef enum { EK_SCALAR = 0, EK_AVX2 = 1, EK_AVX512 = 2, EK_NEON = 3, EK_LAST = EK_NEON } ek_level;

/// The level in use on this thread.
ek_level ek_current_level(void);
/// The best level that this CPU and build can run.
ek_level ek_best_level(void);
/// Whether this CPU and build can run `level`.
int ek_level_available(ek_level level);
/// Uses `level` on the calling thread from now on, for tests; 0 if it is not available. Other threads stay as they are.
int ek_use_level(ek_level level);
/// "scalar", "avx2", "avx512" or "neon".
const char *ek_level_name(ek_level level);

/// Asks for the cache line at `address`, which will be read soon.
static inline void ek_prefetch_line(const void *address) { __builtin_prefetch(address, 0, 3); }

// One query against `n` rows, each given by its address. `rows` may point anywhere; no alignment is demanded.
/// out[i] = sum over d of query[d] * rows[i][d]
void ek_dot_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out);
/// out[i] = sum over d of (query[d] - rows[i][d])^2
void ek_squared_l2_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out);
/// out[i] = sum over d of query[d] * (rows[i][d] - 128): s8 query against u8 codes with an offset of 128.
/// Exact in 32 bits for dimension <= 65536; no query value may be -128.
void ek_dot_s8u8(const int8_t *query, const uint8_t *const *rows, size_t n, size_t dimension, int32_t *out);

/// Values of a sketch; a row of sketches is 64 bytes.
#define EK_SKETCH 56
/// out[i] = s(i), the sum over d < EK_SKETCH of (query[d] - table[64 * i + d])^2; no value may be -128.
void ek_squared_l2_s8(const int8_t *query, const int8_t *table, size_t n, int32_t *out);
/// Of the rows ids[0..<n] those with s(row) <= limit: their ids and squares, in their order; returns how many. `found`
/// and `squares` have room for n.
size_t ek_squared_l2_s8_within(const int8_t *query, const int8_t *table, const uint32_t *ids, size_t n, int32_t limit,
                               uint32_t *found, int32_t *squares);

/// code[d] = round(127 x[d] / max|x|); returns max|x|, and the sum of the codes' squares in `squares`. A zero vector
/// gives zeros.
float ek_quantise_s8(const float *x, size_t n, int8_t *code, int64_t *squares);
/// Divides x by its Euclidean norm and returns the norm; a zero vector stays as it is.
float ek_normalise_f32(float *x, size_t n);
/// out[r] = (x[r] + residual[r] - mean) / sqrt(var + epsilon) * gain + bias, per row of [rows, columns]; biased
/// variance. `residual` may be NULL; out may be x.
void ek_layer_norm_f32(float *out, const float *x, const float *residual, const float *gain, const float *bias,
                       size_t rows, size_t columns, float epsilon);
/// What follows a linear layer.
typedef enum { EK_NO_ACTIVATION = 0, EK_RELU = 1, EK_GELU = 2 } ek_activation;

/// Columns of a panel of packed weights.
#define EK_PANEL 16
/// Floats that `weights` [out, in] take when packed: whole pairs of panels.
static inline size_t ek_packed_size(size_t out, size_t in) { return (out + 2 * EK_PANEL - 1) / (2 * EK_PANEL) * 2 * EK_PANEL * in; }
/// weights [out, in] -> panels of EK_PANEL columns, each [in][EK_PANEL], zeros behind the last column. The same on every
/// level.
void ek_pack_f32(const float *weights, size_t out, size_t in, float *packed);
/// y [rows, out] = f(x [rows, in] W^T + bias) + residual; `residual` [rows, out] may be NULL, and may be y.
void ek_linear_f32(const float *x, size_t rows, size_t in, const float *packed, const float *bias, size_t out,
                   ek_activation kind, const float *residual, float *y);

/// Keys whose scores are in memory together; a multiple of what any level takes at once.
#define EK_KEY_TILE 240
/// Floats of scratch memory that ek_attention_f32 needs.
static inline size_t ek_attention_scratch(size_t length, size_t head_size) {
    return (2 * (length + 8) + 2 * 32) * (head_size + 8) + EK_KEY_TILE * 32;
}
static inline size_t ek_attention_gaps_scratch(size_t rows, size_t head_size) {
    return (2 * (rows + 24) + 4 * 32) * (head_size + 8) + 2 * EK_KEY_TILE * 32;
}
/// Of one head: context[t] = softmax(query[t] . key / sqrt(head_size)) value for the queries first..<end against all
/// `length` keys. Rows of query, key and value are `stride` floats apart, those of context `context_stride`. A query's
/// result does not depend on which others are asked for.
void ek_attention_f32(const float *query, const float *key, const float *value, size_t stride, size_t length,
                      size_t head_size, size_t first, size_t end, float *context, size_t context_stride, float *scratch);

/// Gaps of `width` rows in a sequence: gap i from row starts[i] on, all of them among the rows first..<first + 2 width, at most
/// EK_KEY_TILE. The context of gap i is `i * context_size` numbers behind the first one's.
typedef struct {
    size_t first, width;
    const size_t *starts;
    size_t count, context_size;
} ek_gaps;
/// ek_attention_f32 of `rows` rows for each gap, as if the rows in it were not there, neither as keys nor as queries; the context
/// of a row behind the gap is `width` rows further up. Of all rows, first..<end are queries; a row is outside of each gap.
/// What the gaps have in common is computed once. The result for a gap depends on `gaps->first`, not on the other gaps.
void ek_attention_gaps_f32(const float *query, const float *key, const float *value, size_t stride, size_t rows,
                           size_t head_size, const ek_gaps *gaps, size_t first, size_t end, float *context,
                           size_t context_stride, float *scratch);

// bfloat16: products of numbers rounded to 8 bits of precision, summed in f32. Activations and norms are in f32, and the softmax
// but for its numerators.

/// The upper half of a float.
typedef uint16_t ek_bf16;
/// The nearest number, of two the one whose last bit is 0; a NaN stays one. A number below 2^-126 is 0, as for the CPU's
/// instruction.
static inline ek_bf16 ek_to_bf16(float x) {
    union { float x; uint32_t bits; } u = {x};
    if (x != x) return (ek_bf16)(u.bits >> 16 | 0x40);
    if ((u.bits & 0x7f800000) == 0) return (ek_bf16)(u.bits >> 16 & 0x8000);
    return (ek_bf16)((u.bits + 0x7fff + (u.bits >> 16 & 1)) >> 16);
}
static inline float ek_from_bf16(ek_bf16 x) {
    union { uint32_t bits; float x; } u = {(uint32_t)x << 16};
    return u.x;
}
/// Whether the level in use on this thread has bf16 kernels of its own: avx512 on a CPU with AVX512-BF16 and -VBMI, and
/// scalar, whose plain loops all other levels and CPUs run.
int ek_has_bf16(void);
/// y[i] = x[i], rounded.
void ek_round_bf16(const float *x, size_t n, ek_bf16 *y);
/// ek_layer_norm_f32, and `rounded` [rows, columns] with what it wrote to `out`, rounded.
void ek_layer_norm_bf16(float *out, const float *x, const float *residual, const float *gain, const float *bias,
                        size_t rows, size_t columns, float epsilon, ek_bf16 *rounded);

/// Columns of a panel of packed bf16 weights.
#define EK_PANEL_BF16 32
/// Numbers that `weights` [out, in] take when packed: whole panels, and pairs along `in`.
static inline size_t ek_packed_size_bf16(size_t out, size_t in) {
    return (out + EK_PANEL_BF16 - 1) / EK_PANEL_BF16 * EK_PANEL_BF16 * ((in + 1) / 2 * 2);
}
/// weights [out, in], rounded -> panels of EK_PANEL_BF16 columns, each [in / 2][EK_PANEL_BF16][2]; zeros behind the
/// last column and behind an odd `in`. The same on every level. Fastest where `packed` is aligned to 64 bytes.
void ek_pack_bf16(const float *weights, size_t out, size_t in, ek_bf16 *packed);
/// f(x [rows, in] W^T + bias) + residual to y [rows, out], and rounded to `rounded` [rows, out]; either may be NULL.
/// `residual` [rows, out] may be NULL, and may be y.
void ek_linear_bf16(const ek_bf16 *x, size_t rows, size_t in, const ek_bf16 *packed, const float *bias, size_t out,
                    ek_activation kind, const float *residual, float *y, ek_bf16 *rounded);

/// What ek_attention_bf16 takes a query multiplied by, so that a difference of 128 between two scores makes one weight twice the
/// other: 128 / ln 2 / sqrt(head_size). Best done to the weights that make queries, before these are rounded.
static inline float ek_query_scale_bf16(size_t head_size) {
    return 128 * 1.44269504f / __builtin_sqrtf((float)head_size);
}
/// Keys whose weights are in memory together.
#define EK_KEY_TILE_BF16 400
/// Floats of scratch memory that ek_attention_bf16 needs.
static inline size_t ek_attention_scratch_bf16(size_t length, size_t head_size) {
    return (length + 56) * ((head_size + 31) / 32 * 32) + (EK_KEY_TILE_BF16 / 2 + 8) * 32;
}
static inline size_t ek_attention_gaps_scratch_bf16(size_t rows, size_t head_size) {
    return (rows + 120) * ((head_size + 31) / 32 * 32) + (EK_KEY_TILE + EK_KEY_TILE_BF16 + 16) * 32;
}
/// ek_attention_f32 on rounded numbers: those given, queries multiplied by ek_query_scale_bf16, the numerators of the softmax
/// (in plain loops; else their exponents to base 2 are rounded to 1/128 as well), and the context. A NaN in a query or a value
/// comes out; a key whose score is NaN may count for nothing. Strides are in numbers. Fastest where `scratch` is aligned to 64 bytes.
void ek_attention_bf16(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride, size_t length,
                       size_t head_size, size_t first, size_t end, ek_bf16 *context, size_t context_stride,
                       float *scratch);
/// ek_attention_gaps_f32 on rounded numbers, as ek_attention_bf16. Values in a gap count with weight 0, so they must be finite.
void ek_attention_gaps_bf16(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride, size_t rows,
                            size_t head_size, const ek_gaps *gaps, size_t first, size_t end, ek_bf16 *context,
                            size_t context_stride, float *scratch);

// What training needs. Sums over rows are made in the order of the rows.

/// Each row of x [rows, columns], `stride` floats apart, becomes softmax(scale x), scale > 0; logs[row] = log sum e^(scale x)
/// before that; it may be NULL.
void ek_softmax_rows(float *x, size_t rows, size_t columns, size_t stride, float scale, float *logs);
/// dp [rows, columns] becomes the gradient of x of ek_softmax_rows, given p = softmax(scale x) and dp, that of p.
void ek_softmax_backward_rows(const float *p, float *dp, size_t rows, size_t columns, size_t stride, float scale);
/// dx = the gradient of x of ek_layer_norm_f32 without residual, given that of its result; those of gain and bias are added
/// to dgain and dbias. dx may be dy.
void ek_layer_norm_backward(const float *x, const float *dy, const float *gain, size_t rows, size_t columns,
                            float epsilon, float *dx, float *dgain, float *dbias);
/// y = f(x); y may be x.
void ek_activation_f32(const float *x, size_t n, ek_activation kind, float *y);
/// dx = f'(x) dy; dx may be dy.
void ek_activation_backward(const float *x, const float *dy, size_t n, ek_activation kind, float *dx);

/// One step of AdamW (Loshchilov and Hutter 2019): correction1 = 1 - beta1^t, correction2 = 1 - beta2^t at step t.
typedef struct { float rate, beta1, beta2, epsilon, decay, correction1, correction2; } ek_adamw_step;
/// Parameters p and moments m, v after a step by the gradient g.
void ek_adamw(float *p, const float *g, float *m, float *v, size_t n, const ek_adamw_step *step);

/// y = x / (1 - rate), zero for a share `rate` of the values, which index and `stream` decide: the same on every level; y may
/// be x.
void ek_dropout(const float *x, size_t n, float rate, uint64_t stream, float *y);

#endif

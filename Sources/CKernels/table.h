#ifndef EK_TABLE_H
#define EK_TABLE_H

#include "CKernels.h"

// One instruction set's kernels; the members are what CKernels.h documents.
typedef struct {
    void (*dot_f32)(const float *query, const float *const *rows, size_t n, size_t dimension, float *out);
    void (*squared_l2_f32)(const float *query, const float *const *rows, size_t n, size_t dimension, float *out);
    void (*dot_s8u8)(const int8_t *query, const uint8_t *const *rows, size_t n, size_t dimension, int32_t *out);
    void (*squared_l2_s8)(const int8_t *query, const int8_t *table, size_t n, int32_t *out);
    size_t (*squared_l2_s8_within)(const int8_t *query, const int8_t *table, const uint32_t *ids, size_t n,
                                   int32_t limit, uint32_t *found, int32_t *squares);
    void (*layer_norm_f32)(float *out, const float *x, const float *residual, const float *gain, const float *bias,
                           size_t rows, size_t columns, float epsilon);
    void (*linear_f32)(const float *x, size_t rows, size_t in, const float *packed, const float *bias, size_t out,
                       ek_activation kind, const float *residual, float *y);
    void (*attention_f32)(const float *query, const float *key, const float *value, size_t stride, size_t length,
                          size_t head_size, size_t first, size_t end, float *context, size_t context_stride,
                          float *scratch);
    void (*attention_gaps_f32)(const float *query, const float *key, const float *value, size_t stride, size_t rows,
                               size_t head_size, const ek_gaps *gaps, size_t first, size_t end, float *context,
                               size_t context_stride, float *scratch);
} ek_table;

// Each returns its table, or NULL where this build or CPU has not got the instructions.
const ek_table *ek_scalar(void);
const ek_table *ek_avx2(void);
const ek_table *ek_avx512(void);
const ek_table *ek_neon(void);

// The same for bf16.
typedef struct {
    void (*round_bf16)(const float *x, size_t n, ek_bf16 *y);
    void (*linear_bf16)(const ek_bf16 *x, size_t rows, size_t in, const ek_bf16 *packed, const float *bias, size_t out,
                        ek_activation kind, const float *residual, float *y, ek_bf16 *rounded);
    void (*attention_bf16)(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride,
                           size_t length, size_t head_size, size_t first, size_t end, ek_bf16 *context,
                           size_t context_stride, float *scratch);
    void (*attention_gaps_bf16)(const ek_bf16 *query, const ek_bf16 *key, const ek_bf16 *value, size_t stride,
                                size_t rows, size_t head_size, const ek_gaps *gaps, size_t first, size_t end,
                                ek_bf16 *context, size_t context_stride, float *scratch);
} ek_bf16_table;

const ek_bf16_table *ek_scalar_bf16(void);
// NULL where this build or CPU has not got the instructions.
const ek_bf16_table *ek_avx512_bf16(void);

// An activation in plain C.
float ek_activated(float v, ek_activation kind);

typedef struct {
    void (*softmax_rows)(float *x, size_t rows, size_t columns, size_t stride, float scale, float *logs);
    void (*softmax_backward_rows)(const float *p, float *dp, size_t rows, size_t columns, size_t stride, float scale);
    void (*layer_norm_backward)(const float *x, const float *dy, const float *gain, size_t rows, size_t columns,
                                float epsilon, float *dx, float *dgain, float *dbias);
    void (*activation)(const float *x, size_t n, ek_activation kind, float *y);
    void (*activation_backward)(const float *x, const float *dy, size_t n, ek_activation kind, float *dx);
    void (*adamw)(float *p, const float *g, float *m, float *v, size_t n, const ek_adamw_step *step);
    // Zero for the indices whose number of the stream lies below `limit`.
    void (*dropout)(const float *x, size_t n, uint32_t limit, float scale, uint64_t stream, float *y);
} ek_training_table;

// Only for a level that runs here.
const ek_training_table *ek_scalar_training(void);
const ek_training_table *ek_avx2_training(void);
const ek_training_table *ek_avx512_training(void);
const ek_training_table *ek_neon_training(void);

// Rows of a graph walk are scattered over memory: ask for them before they are needed. `bytes` a row, at most 1 KiB of
// it; the hardware sees the stream after that.
static inline void ek_prefetch(const void *row, size_t bytes) {
    const char *p = row;
    for (size_t i = 0; i < bytes && i < 1024; i += 64) __builtin_prefetch(p + i, 0, 3);
}

// Bytes of a row of sketches.
#define EK_SKETCH_STRIDE 64
#define EK_INLINE static inline __attribute__((always_inline))
// Rows whose distances are computed side by side.
#define EK_BLOCK 4
// How many rows ahead are asked for.
#define EK_AHEAD 8

#endif

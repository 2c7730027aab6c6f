#include "table.h"

#include <math.h>
#include <string.h>

#if defined(__aarch64__)
#include <arm_neon.h>

#define LANES 4
typedef float vf __attribute__((ext_vector_type(4)));
typedef int32_t vi __attribute__((ext_vector_type(4)));

EK_INLINE vi v_iota(void) { return (vi){0, 1, 2, 3}; }
EK_INLINE vf v_load(const float *p) { return (vf)vld1q_f32(p); }
EK_INLINE void v_store(float *p, vf v) { vst1q_f32(p, (float32x4_t)v); }
EK_INLINE vf v_load_tail(const float *p, size_t n) {
    vf v = (vf)0.0f;
    for (size_t i = 0; i < n; i++) v[i] = p[i];
    return v;
}
EK_INLINE void v_store_tail(float *p, vf v, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = v[i];
}
EK_INLINE float v_sum(vf v) { return (v[0] + v[2]) + (v[1] + v[3]); }

#include "vector_kernels.h"

#define LINEAR_ROWS 6
#define LINEAR_VECTORS 4
#define ATTENTION_VECTORS 2
#define ATTENTION_STEP 8
#include "linear_kernels.h"
#include "attention_kernels.h"
#include "attention_gaps_kernels.h"
#include "training_kernels.h"

EK_INLINE int32x4_t multiply_8(int32x4_t sum, int8x8_t query, uint8x8_t row) {
    int16x8_t wide = vreinterpretq_s16_u16(vmovl_u8(row)), q = vmovl_s8(query);
    sum = vmlal_s16(sum, vget_low_s16(q), vget_low_s16(wide));
    return vmlal_high_s16(sum, q, wide);
}

EK_INLINE void sum_block(const int8_t *query, const uint8_t *const *rows, const int count, size_t dimension,
                         int32_t *out) {
    int32x4_t sums[EK_BLOCK];
    for (int r = 0; r < count; r++) sums[r] = vdupq_n_s32(0);
    size_t d = 0;
    for (; d + 8 <= dimension; d += 8) {
        int8x8_t q = vld1_s8(query + d);
        for (int r = 0; r < count; r++) sums[r] = multiply_8(sums[r], q, vld1_u8(rows[r] + d));
    }
    for (int r = 0; r < count; r++) {
        int32_t sum = vaddvq_s32(sums[r]);
        for (size_t i = d; i < dimension; i++) sum += query[i] * rows[r][i];
        out[r] = sum;
    }
}

DEFINE_DOT_S8U8(dot_s8u8, sum_block)

EK_INLINE int32_t sketch_square(const int8_t *query, const int8_t *row) {
    int32x4_t sum = vdupq_n_s32(0);
    for (int d = 0; d < EK_SKETCH; d += 8) {
        int16x8_t difference = vsubl_s8(vld1_s8(query + d), vld1_s8(row + d));
        sum = vmlal_s16(sum, vget_low_s16(difference), vget_low_s16(difference));
        sum = vmlal_high_s16(sum, difference, difference);
    }
    return vaddvq_s32(sum);
}

#include "sketch_rows.h"

const ek_training_table *ek_neon_training(void) { return &training_table; }

const ek_table *ek_neon(void) {
    static const ek_table table = {
        dot_f32, squared_l2_f32, dot_s8u8, squared_l2_s8, squared_l2_s8_within, layer_norm_f32, linear_f32,
        attention_f32, attention_gaps_f32,
    };
    return &table;
}
#else
const ek_training_table *ek_neon_training(void) { return NULL; }
const ek_table *ek_neon(void) { return NULL; }
#endif

#include "table.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
static _Atomic(int) current_level;
static _Atomic(const ek_table *) current;

static const ek_table *table_of(ek_level level) {
    switch (level) {
        case EK_SCALAR: return ek_scalar();
        case EK_AVX2: return ek_avx2();
        case EK_AVX512: return ek_avx512();
        case EK_NEON: return ek_neon();
    }
    return NULL;
}

int ek_level_available(ek_level level) { return table_of(level) != NULL; }

int ek_use_level(ek_level level) {
    const ek_table *table = table_of(level);
    if (!table) return 0;
    atomic_store(&current_level, (int)level);
    atomic_store(&current, table);
    return 1;
}

// Runs before main: no kernel is called earlier, so nobody ever sees an empty table.
__attribute__((constructor)) static void choose_level(void) {
    const char *wanted = getenv("EMBDB_SIMD");
    if (wanted)
        for (int level = EK_SCALAR; level <= EK_NEON; level++)
            if (strcmp(wanted, names[level]) == 0 && ek_use_level((ek_level)level)) return;
    for (int level = EK_NEON; level >= EK_SCALAR; level--)
        if (ek_use_level((ek_level)level)) return;
}

ek_level ek_current_level(void) { return (ek_level)atomic_load(&current_level); }

const char *ek_level_name(ek_level level) {
    return (unsigned)level < sizeof names / sizeof *names ? names[level] : "unknown";
}

static inline const ek_table *table(void) { return atomic_load_explicit(&current, memory_order_relaxed); }

void ek_dot_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out) {
    table()->dot_f32(query, rows, n, dimension, out);
}

void ek_squared_l2_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out) {
    table()->squared_l2_f32(query, rows, n, dimension, out);
}

void ek_dot_s8u8(const int8_t *query, const uint8_t *const *rows, size_t n, size_t dimension, int32_t *out) {
    table()->dot_s8u8(query, rows, n, dimension, out);
}

void ek_softmax_f32(float *x, size_t rows, size_t columns, size_t stride, float scale) {
    table()->softmax_f32(x, rows, columns, stride, scale);
}

void ek_layer_norm_f32(float *out, const float *x, const float *residual, const float *gain, const float *bias,
                       size_t rows, size_t columns, float epsilon) {
    table()->layer_norm_f32(out, x, residual, gain, bias, rows, columns, epsilon);
}

void ek_bias_f32(float *x, const float *bias, size_t rows, size_t columns) {
    table()->bias_f32(x, bias, rows, columns);
}

void ek_bias_relu_f32(float *x, const float *bias, size_t rows, size_t columns) {
    table()->bias_relu_f32(x, bias, rows, columns);
}

void ek_bias_gelu_f32(float *x, const float *bias, size_t rows, size_t columns) {
    table()->bias_gelu_f32(x, bias, rows, columns);
}

// The same on every level: in double, so that squares of tiny and of huge values neither vanish nor overflow.
float ek_normalise_f32(float *x, size_t n) {
    double sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int lane = 0; lane < 8; lane++) sums[lane] += (double)x[i + lane] * x[i + lane];
    for (int lane = 0; i < n; i++, lane++) sums[lane] += (double)x[i] * x[i];
    double norm = sqrt(((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7])));
    if (norm == 0) return 0;
    double inverse = 1 / norm;
    for (i = 0; i < n; i++) x[i] = (float)(x[i] * inverse);
    return (float)norm;
}

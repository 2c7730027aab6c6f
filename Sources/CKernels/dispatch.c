#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};

// What the process uses: set before main, and read by all threads after that.
static ek_level process_level;
static const ek_table *process_table;
// What a test uses instead, on its own thread, so that others that run beside it compute as before.
static _Thread_local ek_level thread_level;
static _Thread_local const ek_table *thread_table;

static const ek_table *table_of(ek_level level) {
    switch (level) {
        case EK_SCALAR: return ek_scalar();
        case EK_AVX2: return ek_avx2();
        case EK_AVX512: return ek_avx512();
        case EK_NEON: return ek_neon();
    }
    return NULL;
}

ek_level ek_best_level(void) {
    ek_level level = EK_LAST;
    while (level > EK_SCALAR && !table_of(level)) level--;
    return level;
}

int ek_level_available(ek_level level) { return table_of(level) != NULL; }

int ek_use_level(ek_level level) {
    const ek_table *table = table_of(level);
    if (!table) return 0;
    thread_level = level;
    thread_table = table;
    return 1;
}

static int use_in_process(ek_level level) {
    process_level = level;
    process_table = table_of(level);
    return process_table != NULL;
}

// Runs before main: no kernel is called earlier, so nobody ever sees an empty table.
__attribute__((constructor)) static void choose_level(void) {
    const char *wanted = getenv("EMBDB_SIMD");
    if (wanted)
        for (int level = EK_SCALAR; level <= EK_LAST; level++)
            if (strcmp(wanted, names[level]) == 0 && use_in_process((ek_level)level)) return;
    use_in_process(ek_best_level());
}

ek_level ek_current_level(void) { return thread_table ? thread_level : process_level; }

const char *ek_level_name(ek_level level) {
    return (unsigned)level < sizeof names / sizeof *names ? names[level] : "unknown";
}

static inline const ek_table *table(void) { return thread_table ? thread_table : process_table; }

void ek_dot_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out) {
    table()->dot_f32(query, rows, n, dimension, out);
}

void ek_squared_l2_f32(const float *query, const float *const *rows, size_t n, size_t dimension, float *out) {
    table()->squared_l2_f32(query, rows, n, dimension, out);
}

void ek_dot_s8u8(const int8_t *query, const uint8_t *const *rows, size_t n, size_t dimension, int32_t *out) {
    table()->dot_s8u8(query, rows, n, dimension, out);
}

void ek_squared_l2_s8(const int8_t *query, const int8_t *rows, size_t n, int32_t *out) {
    table()->squared_l2_s8(query, rows, n, out);
}

size_t ek_squared_l2_s8_within(const int8_t *query, const int8_t *rows, const uint32_t *ids, size_t n, int32_t limit,
                               uint32_t *found, int32_t *squares) {
    return table()->squared_l2_s8_within(query, rows, ids, n, limit, found, squares);
}

void ek_layer_norm_f32(float *out, const float *x, const float *residual, const float *gain, const float *bias,
                       size_t rows, size_t columns, float epsilon) {
    table()->layer_norm_f32(out, x, residual, gain, bias, rows, columns, epsilon);
}

void ek_linear_f32(const float *x, size_t rows, size_t in, const float *packed, const float *bias, size_t out,
                   ek_activation kind, const float *residual, float *y) {
    table()->linear_f32(x, rows, in, packed, bias, out, kind, residual, y);
}

void ek_attention_f32(const float *query, const float *key, const float *value, size_t stride, size_t length,
                      size_t head_size, size_t first, size_t end, float *context, size_t context_stride,
                      float *scratch) {
    table()->attention_f32(query, key, value, stride, length, head_size, first, end, context, context_stride, scratch);
}

void ek_attention_gaps_f32(const float *query, const float *key, const float *value, size_t stride, size_t rows,
                           size_t head_size, const ek_gaps *gaps, size_t first, size_t end, float *context,
                           size_t context_stride, float *scratch) {
    table()->attention_gaps_f32(
        query, key, value, stride, rows, head_size, gaps, first, end, context, context_stride, scratch);
}

void ek_pack_f32(const float *weights, size_t out, size_t in, float *packed) {
    const size_t panels = ek_packed_size(out, in) / (in * EK_PANEL);
    for (size_t panel = 0; panel < panels; panel++)
        for (size_t k = 0; k < in; k++)
            for (size_t c = panel * EK_PANEL; c < (panel + 1) * EK_PANEL; c++)
                *packed++ = c < out ? weights[c * in + k] : 0;
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

typedef float v8f __attribute__((ext_vector_type(8)));
typedef int32_t v8i __attribute__((ext_vector_type(8)));
typedef int8_t v8b __attribute__((ext_vector_type(8)));

static inline int8_t quantised(float value, int64_t *squares) {
    int32_t code = (int32_t)lrintf(value);
    *squares += code * code;
    return (int8_t)code;
}

// The same on every level.
float ek_quantise_s8(const float *x, size_t n, int8_t *code, int64_t *squares) {
    v8f lanes = 0, part;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&part, x + i, sizeof part);
        part = __builtin_elementwise_abs(part);
        lanes = __builtin_elementwise_max(lanes, part);
    }
    float largest = 0;
    for (int lane = 0; lane < 8; lane++) largest = lanes[lane] > largest ? lanes[lane] : largest;
    for (; i < n; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    *squares = 0;
    if (largest == 0) {
        memset(code, 0, n);
        return 0;
    }
    // In steps, since 127 / largest may be infinite where largest is tiny.
    const float inverse = largest < 1e-30f ? 1e30f : 1, factor = 127 / (largest * inverse);
    const v8f magic = (v8f)12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    v8i sum = 0;
    for (i = 0; i + 8 <= n; i += 8) {
        memcpy(&part, x + i, sizeof part);
        part = part * inverse * factor + magic;
        v8i integers;
        memcpy(&integers, &part, sizeof integers);
        integers -= 0x4b400000;
        sum += integers * integers;
        v8b bytes = __builtin_convertvector(integers, v8b);
        memcpy(code + i, &bytes, sizeof bytes);
    }
    // 65,536 values of at most 127^2 each fit into the lanes.
    for (int lane = 0; lane < 8; lane++) *squares += sum[lane];
    for (; i < n; i++) code[i] = quantised(x[i] * inverse * factor, squares);
    return largest;
}

/* kernel_plain.c - the f32 family in C that every processor has.
 *
 * Sixteen partial sums side by side, which a compiler turns into whatever
 * vectors there are. There is no integer family: formats are unpacked to f32.
 */
#include "core/cpu/kernel.h"
#include "core/num/half.h"

enum { LANES = 16, TOKENS = 4 };

static void load(float *to, gn_rows_of w, int r, int k) {
    const uint8_t *row = (const uint8_t *)w.data + (size_t)r * w.step;
    for (int l = 0; l < LANES; l++)
        if (w.format == GN_F32)
            to[l] = ((const float *)(const void *)row)[k + l];
        else if (w.format == GN_F16)
            to[l] = gn_f16_to_f32(((const uint16_t *)(const void *)row)[k + l]);
        else
            to[l] = gn_bf16_to_f32(((const uint16_t *)(const void *)row)[k + l]);
}

static float join(float *s) {
    for (int half = LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            s[l] += s[l + half];
    return s[0];
}

static void tile(float *y, size_t stride, gn_rows_of w, int r, gn_mat x, int t, int count) {
    float s[TOKENS][LANES] = {{0}}, v[LANES];
    for (int k = 0; k < x.cols; k += LANES) {
        load(v, w, r, k);
        for (int i = 0; i < count; i++) {
            const float *row = gn_row(x, t + i) + k;
            for (int l = 0; l < LANES; l++)
                s[i][l] += v[l] * row[l];
        }
    }
    for (int i = 0; i < count; i++)
        y[(size_t)(t + i) * stride + (size_t)r] = join(s[i]);
}

static void rows(float *y, size_t stride, gn_rows_of w, int count, gn_mat x) {
    for (int r = 0; r < count; r++)
        for (int t = 0; t < x.rows; t += TOKENS)
            tile(y, stride, w, r, x, t, x.rows - t < TOKENS ? x.rows - t : TOKENS);
}

const gn_kernels gn_kernels_plain = {.rows = rows};

/* test_linear_bits.c - the fast arithmetic, defined a second time in plain C. */
/* floor: gn_cpu */
#include "tests/unit/weights.h"

/* One row's block of up to 256 columns, as integers: codes without what is subtracted, groups of
 * 16 columns with a scale (1 where the format has none for them) and a minimum, and for each 32
 * columns what multiplies the sum of products and the sum of activations. */
typedef struct parts {
    int code[256], scale[16], minimum[16];
    float d[8], m[8];
    bool lined, minimums;
} parts;

static float half_at(const uint8_t *at) {
    uint16_t h;
    memcpy(&h, at, 2);
    return gn_f16_to_f32(h);
}

static int bit(const uint8_t *at, int i) { return at[i / 8] >> (i % 8) & 1; }

static void small(parts *o, int format, const uint8_t *p) {
    static const int8_t value[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};
    const int qs[GN_FORMATS] = {
        [GN_Q4_0] = 2, [GN_Q4_1] = 4, [GN_Q5_0] = 6, [GN_Q5_1] = 8, [GN_IQ4_NL] = 2};
    o->d[0] = half_at(p);
    o->lined = format == GN_Q4_1 || format == GN_Q5_1;
    o->m[0] = o->lined ? half_at(p + 2) : 0.0f;
    for (int i = 0; i < 32; i++) {
        int q = format == GN_Q8_0 ? (int8_t)p[2 + i] : p[qs[format] + i % 16] >> (i / 16 * 4) & 15;
        if (format == GN_Q5_0 || format == GN_Q5_1)
            q += 16 * bit(p + qs[format] - 4, i);
        o->code[i] = format == GN_Q4_0     ? q - 8
                     : format == GN_Q5_0   ? q - 16
                     : format == GN_IQ4_NL ? value[q]
                                           : q;
    }
}

static void lined_k(parts *o, int format, const uint8_t *p) {
    const uint8_t *s = p + 4, *q = p + (format == GN_Q4_K ? 16 : 48);
    o->lined = true;
    for (int g = 0; g < 8; g++) {
        const int scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) + 16 * (s[g - 4] >> 6);
        const int min = g < 4 ? s[g + 4] & 63 : (s[g + 4] >> 4) + 16 * (s[g] >> 6);
        o->d[g] = half_at(p) * (float)scale;
        o->m[g] = -(half_at(p + 2) * (float)min);
        for (int i = 0; i < 32; i++)
            o->code[32 * g + i] = (q[32 * (g / 2) + i] >> (g % 2 * 4) & 15) +
                                  (format == GN_Q5_K ? 16 * (p[16 + i] >> g & 1) : 0);
    }
}

static void grouped_k(parts *o, int format, const uint8_t *p) {
    for (int g = 0; g < 8; g++)
        o->d[g] = half_at(p + (format == GN_Q6_K ? 208 : format == GN_Q3_K ? 108 : 80));
    for (int g = 0; g < 8 && format == GN_Q2_K; g++)
        o->m[g] = -half_at(p + 82);
    o->minimums = format == GN_Q2_K;
    for (int i = 0; i < 256; i++) {
        const int h = i / 128, j = i / 32 % 4, l = i % 32;
        if (format == GN_Q6_K)
            o->code[i] = (p[64 * h + 32 * (j % 2) + l] >> (j / 2 * 4) & 15) +
                         16 * (p[128 + 32 * h + l] >> (2 * j) & 3) - 32;
        else if (format == GN_Q3_K)
            o->code[i] = (p[32 + 32 * h + l] >> (2 * j) & 3) - (p[l] >> (i / 32) & 1 ? 0 : 4);
        else
            o->code[i] = p[16 + 32 * h + l] >> (2 * j) & 3;
    }
    for (int s = 0; s < 16; s++)
        if (format == GN_Q6_K) {
            o->scale[s] = (int8_t)p[192 + s];
        } else if (format == GN_Q2_K) {
            o->scale[s] = p[s] & 15;
            o->minimum[s] = p[s] >> 4;
        } else {
            const int low = s < 8 ? p[96 + s] & 15 : p[96 + s - 8] >> 4;
            o->scale[s] = low + 16 * (p[104 + s % 4] >> (s / 4 * 2) & 3) - 32;
        }
}

static parts take_apart(int format, const uint8_t *p) {
    parts o = {.lined = false};
    for (int s = 0; s < 16; s++)
        o.scale[s] = 1;
    if (format == GN_Q4_K || format == GN_Q5_K)
        lined_k(&o, format, p);
    else if (format == GN_Q2_K || format == GN_Q3_K || format == GN_Q6_K)
        grouped_k(&o, format, p);
    else if (format == GN_IQ4_XS)
        for (int g = 0; g < 8; g++) {
            parts group = {.lined = false};
            uint8_t block[18];
            memcpy(block, p, 2);
            memcpy(block + 2, p + 8 + 16 * g, 16);
            small(&group, GN_IQ4_NL, block);
            memcpy(o.code + 32 * g, group.code, 32 * sizeof(int));
            o.d[g] = group.d[0] * (float)((p[4 + g / 2] >> (g % 2 * 4) & 15) +
                                          16 * (p[2 + g / 4] >> (g % 4 * 2) & 3) - 32);
        }
    else
        small(&o, format, p);
    return o;
}

static float most_of(const float *x, int n) {
    float most = 0.0f;
    for (int i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    return most;
}

/* 32 activations as integers up to the largest, which stands for most. */
static void whole(const float *x, int *code, float most, float largest) {
    for (int i = 0; i < 32; i++)
        code[i] = most > 0.0f ? (int)lrintf(x[i] * (largest / most)) : 0;
}

/* y += what 32 columns, group g of a block, give with codes of 8 bits. */
static float add_group(float y, const parts *p, int g, const float *x) {
    const float most = most_of(x, 32), scale = most / 127.0f;
    int code[32], dot = 0, sum = 0, minimums = 0;
    whole(x, code, most, 127.0f);
    for (int i = 0; i < 32; i++) {
        dot += p->scale[2 * g + i / 16] * p->code[32 * g + i] * code[i];
        minimums += p->minimum[2 * g + i / 16] * code[i];
        sum += code[i];
    }
    y = fmaf(p->d[g] * scale, (float)dot, y);
    if (p->lined)
        y = fmaf(p->m[g], scale * (float)sum, y);
    if (p->minimums)
        y = fmaf(p->m[g] * scale, (float)minimums, y);
    return y;
}

/* A row of Q8_0 with codes of 16 bits: those of a block whose values are not above a half, a
 * quarter, an eighth or a sixteenth of the row's largest have one to four bits more. */
static float wide_row(const uint8_t *row, const float *x, int cols) {
    const float most = most_of(x, cols);
    float y = 0.0f;
    for (int b = 0; b < cols / 32; b++) {
        const parts p = take_apart(GN_Q8_0, row + 34 * b);
        const float own = most_of(x + 32 * b, 32);
        int code[32], dot = 0, finer = 1;
        while (finer < 16 && own <= most / (float)(2 * finer))
            finer *= 2;
        whole(x + 32 * b, code, most, 32767.0f * (float)finer);
        for (int i = 0; i < 32; i++)
            dot += p.code[i] * code[i];
        y = fmaf((float)(dot * (16 / finer)), p.d[0], y);
    }
    return y * (most / (16 * 32767.0f));
}

TEST(linear_fast_is_the_defined_arithmetic_bit_for_bit) {
    enum { ROWS = 37, T = 21 };
    static float y[T * ROWS], want[T * ROWS];
    for (int format = GN_Q8_0; format < GN_FORMATS; format++) {
        const gn_format_info *f = gn_format_of(format);
        const int cols = f->block == 32 ? 32 * 11 : 256 * 3, blocks = cols / f->block;
        gn_weight w = random_weight(format, 1, ROWS, cols);
        float *x = random_rows(T, cols);
        memset(x + 3 * cols, 0, 64 * sizeof *x); /* a block of nothing */
        for (int i = 0; i < 32; i++)
            x[5 * cols + i] = i % 2 ? -1e20f : 1e20f; /* extreme codes only */
        for (int i = 0; i < T * ROWS; i++)
            want[i] = 0.0f;
        for (int r = 0; r < ROWS; r++)
            for (int b = 0; b < blocks; b++) {
                const parts p = take_apart(format, (const uint8_t *)w.data +
                                                       (size_t)((r * blocks + b) * f->bytes));
                for (int t = 0; t < T && format != GN_Q8_0; t++)
                    for (int g = 0; g < f->block / 32; g++)
                        want[t * ROWS + r] = add_group(want[t * ROWS + r], &p, g,
                                                       x + t * cols + b * f->block + 32 * g);
            }
        for (int i = 0; i < T * ROWS && format == GN_Q8_0; i++)
            want[i] = wide_row((const uint8_t *)w.data + (size_t)(i % ROWS * blocks * f->bytes),
                               x + i / ROWS * cols, cols);
        for (int s = 1; s < ISAS; s++) {
            gn_device *d = device(isas[s], false, false, 2);
            if (!d)
                continue;
            const gn_weight p = placed(d, w);
            const gn_lanes none = {0};
            gn_step_begin(d, GN_READ, &none);
            gn_linear(d, (gn_mat){x, T, cols, cols}, &(gn_product){{y, T, ROWS, ROWS}, &p, NULL},
                      1);
            gn_step_end(d);
            if (!CHECK(!memcmp(y, want, sizeof y)))
                printf("  %s %s\n", f->name, isas[s]);
            gn_device_close(d);
        }
        free(x);
        free((void *)w.data);
    }
}

TEST(linear_fast_lets_no_bad_number_disappear) {
    enum { ROWS = 20, COLS = 256, T = 3 };
    static float y[T * ROWS];
    for (int format = 0; format < GN_FORMATS; format++) {
        gn_weight w = random_weight(format, 1, ROWS, COLS);
        float *x = random_rows(T, COLS);
        x[COLS + 77] = NAN;
        x[2 * COLS + 200] = INFINITY;
        for (int s = 0; s < ISAS; s++) {
            gn_device *d = device(isas[s], false, false, 2);
            if (!d)
                continue;
            const gn_weight p = placed(d, w);
            const gn_lanes none = {0};
            gn_step_begin(d, GN_READ, &none);
            gn_linear(d, (gn_mat){x, T, COLS, COLS}, &(gn_product){{y, T, ROWS, ROWS}, &p, NULL},
                      1);
            gn_step_end(d);
            for (int r = 0; r < ROWS; r++)
                CHECK(isfinite(y[r]) && !isfinite(y[ROWS + r]) && !isfinite(y[2 * ROWS + r]));
            gn_device_close(d);
        }
        free(x);
        free((void *)w.data);
    }
}

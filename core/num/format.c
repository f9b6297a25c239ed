/* format.c - the table of number formats, and the names of those we do not read. */
#include "core/num/block.h"

#include <assert.h>

#define ROW(lower, type, elements, size)                                                           \
    { #lower, type, elements, size, gn_##lower##_unpack, gn_##lower##_pack }

static const gn_format_info format[GN_FORMATS] = {
    [GN_F32] = ROW(f32, 0, 1, 4),
    [GN_F16] = ROW(f16, 1, 1, 2),
    [GN_BF16] = ROW(bf16, 30, 1, 2),
    [GN_Q8_0] = ROW(q8_0, 8, 32, 34),
    [GN_Q4_0] = ROW(q4_0, 2, 32, 18),
    [GN_Q4_1] = ROW(q4_1, 3, 32, 20),
    [GN_Q5_0] = ROW(q5_0, 6, 32, 22),
    [GN_Q5_1] = ROW(q5_1, 7, 32, 24),
    [GN_Q2_K] = ROW(q2_k, 10, 256, 84),
    [GN_Q3_K] = ROW(q3_k, 11, 256, 110),
    [GN_Q4_K] = ROW(q4_k, 12, 256, 144),
    [GN_Q5_K] = ROW(q5_k, 13, 256, 176),
    [GN_Q6_K] = ROW(q6_k, 14, 256, 210),
    [GN_IQ4_NL] = ROW(iq4_nl, 20, 32, 18),
    [GN_IQ4_XS] = ROW(iq4_xs, 23, 256, 136),
};

/* By ggml type number; the gaps are numbers ggml gave up. */
static const char *const ggml_name[] = {
    [0] = "F32",     [1] = "F16",      [2] = "Q4_0",   [3] = "Q4_1",    [6] = "Q5_0",
    [7] = "Q5_1",    [8] = "Q8_0",     [9] = "Q8_1",   [10] = "Q2_K",   [11] = "Q3_K",
    [12] = "Q4_K",   [13] = "Q5_K",    [14] = "Q6_K",  [15] = "Q8_K",   [16] = "IQ2_XXS",
    [17] = "IQ2_XS", [18] = "IQ3_XXS", [19] = "IQ1_S", [20] = "IQ4_NL", [21] = "IQ3_S",
    [22] = "IQ2_S",  [23] = "IQ4_XS",  [24] = "I8",    [25] = "I16",    [26] = "I32",
    [27] = "I64",    [28] = "F64",     [29] = "IQ1_M", [30] = "BF16",   [34] = "TQ1_0",
    [35] = "TQ2_0",  [39] = "MXFP4",   [40] = "NVFP4", [41] = "Q1_0",
};

const gn_format_info *gn_format_of(int f) {
    assert(f >= 0 && f < GN_FORMATS);
    return &format[f];
}

int gn_format_of_ggml(uint32_t type) {
    for (int f = 0; f < GN_FORMATS; f++)
        if ((uint32_t)format[f].ggml == type)
            return f;
    return -1;
}

const char *gn_ggml_name(uint32_t type) {
    return type < sizeof ggml_name / sizeof *ggml_name ? ggml_name[type] : NULL;
}

const char *gn_format_list(void) {
    return "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, "
           "IQ4_XS";
}

int gn_format_by_name(const char *name) {
    for (int f = 0; f < GN_FORMATS; f++)
        if (strcmp(format[f].name, name) == 0)
            return f;
    return -1;
}

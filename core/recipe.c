/* recipe.c - see recipe.h. The rules are spec/model.md 8.8, checked by file sizes. */
#include "core/recipe.h"

#include <stdio.h>

typedef enum kind { Q2_K, Q3_K_S, Q3_K_M, Q3_K_L, Q4_K_S, Q4_K_M, Q5_K_M, IQ4, OTHER } kind;

static const struct {
    gn_recipe recipe;
    kind kind;
} recipes[] = {
    {{"f32", GN_F32, 0}, OTHER},       {{"f16", GN_F16, 1}, OTHER},
    {{"bf16", GN_BF16, 32}, OTHER},    {{"q8_0", GN_Q8_0, 7}, OTHER},
    {{"q4_0", GN_Q4_0, 2}, OTHER},     {{"q4_1", GN_Q4_1, 3}, OTHER},
    {{"q5_0", GN_Q5_0, 8}, OTHER},     {{"q5_1", GN_Q5_1, 9}, OTHER},
    {{"q2_k", GN_Q2_K, 10}, Q2_K},     {{"q3_k_s", GN_Q3_K, 11}, Q3_K_S},
    {{"q3_k_m", GN_Q3_K, 12}, Q3_K_M}, {{"q3_k_l", GN_Q3_K, 13}, Q3_K_L},
    {{"q4_k_s", GN_Q4_K, 14}, Q4_K_S}, {{"q4_k_m", GN_Q4_K, 15}, Q4_K_M},
    {{"q5_k_s", GN_Q5_K, 16}, OTHER},  {{"q5_k_m", GN_Q5_K, 17}, Q5_K_M},
    {{"q6_k", GN_Q6_K, 18}, OTHER},    {{"iq4_nl", GN_IQ4_NL, 25}, IQ4},
    {{"iq4_xs", GN_IQ4_XS, 30}, IQ4},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool same(const char *a, const char *b) {
    while (*a && lower(*a) == *b)
        a++, b++;
    return !*a && !*b;
}

const gn_recipe *gn_recipe_find(const char *name, gn_error *e) {
    for (int i = 0; i < RECIPES; i++)
        if (same(name, recipes[i].recipe.name))
            return &recipes[i].recipe;
    gn_str list = {0};
    for (int i = 0; i < RECIPES; i++)
        gn_str_fmt(&list, i ? ", %s" : "%s", recipes[i].recipe.name);
    gn_fail(e, GN_INVALID, "there is no type '%.40s'; there are %s", name, gn_str_text(&list));
    gn_str_release(&list);
    return NULL;
}

gn_recipe_model gn_recipe_model_of(const gn_config *c, bool tied) {
    gn_recipe_model m = {.layers = c->layers,
                         .q_heads = c->q_heads,
                         .kv_heads = c->kv_heads,
                         .experts = c->experts,
                         .tied = tied};
    for (int l = 0; l < c->layers; l++) {
        m.values_before[l] = m.values;
        m.values += c->mixer[l] == GN_ATTENTION;
    }
    return m;
}

static bool ends(gn_slice name, const char *with) { return gn_slice_ends(name, gn_slice_of(with)); }

/* What stays in f32 in every file: all that is no matrix product, and the router. */
static bool kept(gn_slice name, int dims) {
    return dims < 2 || !ends(name, "weight") || ends(name, "_norm.weight") ||
           ends(name, "ffn_gate_inp.weight") || ends(name, "ssm_conv1d.weight");
}

/* The first and the last eighth of n, and every third between. */
static bool more(int i, int n) { return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2; }

static int layer_of(gn_slice name) {
    int layer = 0;
    for (size_t i = 4; i < name.len && name.data[i] >= '0' && name.data[i] <= '9'; i++)
        layer = layer < GN_MAX_LAYERS ? layer * 10 + name.data[i] - '0' : layer;
    return layer < GN_MAX_LAYERS ? layer : GN_MAX_LAYERS - 1;
}

static int of_values(kind k, int base, const gn_recipe_model *m, int layer) {
    const bool grouped = m->kv_heads > 0 && m->q_heads / m->kv_heads >= 4;
    const int j = m->values_before[layer];
    if (m->experts == 8)
        return GN_Q8_0; /* small beside eight experts */
    switch (k) {
    case Q2_K:
        return grouped ? GN_Q4_K : GN_Q3_K;
    case Q3_K_M:
        return j < 2 ? GN_Q5_K : GN_Q4_K;
    case Q3_K_L:
        return GN_Q5_K;
    case Q4_K_S:
        return j < 4 ? GN_Q5_K : base;
    case Q4_K_M:
    case Q5_K_M:
        return more(j, m->values) ? GN_Q6_K : base;
    case IQ4:
        return grouped ? GN_Q5_K : base;
    default:
        return base;
    }
}

static int of_down(kind k, int base, const gn_recipe_model *m, int i) {
    const int n = m->layers;
    switch (k) {
    case Q2_K:
        return GN_Q3_K;
    case Q3_K_M:
        return i < n / 16 ? GN_Q5_K : GN_Q4_K;
    case Q3_K_L:
        return GN_Q5_K;
    case Q4_K_S:
    case IQ4:
        return i < n / 8 ? GN_Q5_K : base;
    case Q4_K_M:
    case Q5_K_M:
        return more(i, n) ? GN_Q6_K : base;
    default:
        return base;
    }
}

static int of_output(kind k, int base, const gn_recipe_model *m) {
    const bool eight = m->experts == 8;
    switch (k) {
    case Q2_K:
        return eight ? GN_Q5_K : GN_Q3_K;
    case Q3_K_M:
        return eight ? GN_Q5_K : GN_Q4_K;
    case Q3_K_L:
        return eight ? base : GN_Q5_K;
    case Q3_K_S:
    case Q4_K_S:
    case Q4_K_M:
    case IQ4:
        return eight ? GN_Q5_K : base;
    default:
        return base;
    }
}

/* Where a row is no whole number of blocks. */
static int fitting(int format, int64_t cols) {
    if (cols % gn_format_of(format)->block == 0)
        return format;
    switch (format) {
    case GN_Q2_K:
    case GN_Q3_K:
        format = GN_Q4_0;
        break;
    case GN_Q4_K:
        format = GN_Q5_0;
        break;
    case GN_Q5_K:
        format = GN_Q5_1;
        break;
    case GN_Q6_K:
        format = GN_Q8_0;
        break;
    case GN_IQ4_XS:
        format = GN_IQ4_NL;
        break;
    default:
        break;
    }
    return cols % gn_format_of(format)->block == 0 ? format : GN_F16;
}

int gn_recipe_format(const gn_recipe *r, const gn_recipe_model *m, gn_slice name, int dims,
                     const int64_t *dim) {
    kind k = OTHER;
    for (int i = 0; i < RECIPES; i++)
        if (&recipes[i].recipe == r)
            k = recipes[i].kind;
    if (kept(name, dims))
        return GN_F32;
    const int64_t cols = dim[dims - 1];
    int format = r->base;
    if (gn_format_of(format)->block == 1)
        return format;

    const bool head =
        gn_slice_is(name, "output.weight") || (m->tied && gn_slice_is(name, "token_embd.weight"));
    if (head && format != GN_Q8_0)
        return cols % gn_format_of(GN_Q6_K)->block ? fitting(GN_Q8_0, cols) : GN_Q6_K;
    if (head || !gn_slice_starts(name, GN_S("blk.")))
        return fitting(format, cols);
    if (ends(name, ".attn_v.weight"))
        format = of_values(k, format, m, layer_of(name));
    else if (ends(name, ".attn_k.weight") && m->experts == 8)
        format = GN_Q8_0;
    else if (ends(name, ".ffn_down.weight") || ends(name, ".ffn_down_exps.weight") ||
             ends(name, ".ffn_down_shexp.weight"))
        format = of_down(k, format, m, layer_of(name));
    else if (ends(name, ".attn_output.weight"))
        format = of_output(k, format, m);
    return fitting(format, cols);
}

/* recipe.h - which number format each tensor of a quantised file gets.
 *
 * The recipes and their exceptions are those of llama-quantize, so that a file has the
 * size and the quality its name promises. A recipe has a base format for matrices; some
 * of them lift what matters most (the head, attn_v, ffn_down) to a wider one.
 */
#ifndef GN_RECIPE_H
#define GN_RECIPE_H

#include "core/base/str.h"
#include "core/model/config.h"
#include "core/num/format.h"

typedef struct gn_recipe {
    const char *name; /* "q4_k_m" */
    int base;         /* gn_format */
    int file_type;    /* general.file_type */
} gn_recipe;

/* By name, in any case. GN_INVALID lists those there are. */
const gn_recipe *gn_recipe_find(const char *name, gn_error *e);

/* What the rules ask of a model. */
typedef struct gn_recipe_model {
    int layers, q_heads, kv_heads, experts;
    bool tied;                        /* no output.weight: the embedding is the head */
    int values;                       /* layers with an attn_v */
    int values_before[GN_MAX_LAYERS]; /* how many of them lie below each layer */
} gn_recipe_model;
gn_recipe_model gn_recipe_model_of(const gn_config *c, bool tied);

/* The format of a tensor by its GGUF name; dim [dims] outermost first. Rows that are no
 * whole number of blocks get the next format they fit. */
int gn_recipe_format(const gn_recipe *r, const gn_recipe_model *m, gn_slice name, int dims,
                     const int64_t *dim);

#endif

/* chat.c - messages -> prompt text, by the checkpoint's own template. */
#include "core/engine.h"

#include <string.h>

/* The special tokens' texts, as every Hugging Face template may use them. */
static bool add_specials(const gn_tokenizer *t, gn_arena *a, gn_value *vars) {
    static const char *const name[] = {"bos", "eos", "pad", "unk"};
    static const char *const key[] = {"bos_token", "eos_token", "pad_token", "unk_token"};
    for (int i = 0; t && i < 4; i++) {
        const int32_t id = gn_tokenizer_named(t, name[i]);
        if (id >= 0 && !gn_value_get(vars, gn_slice_of(key[i])) &&
            !gn_value_set(a, vars, gn_slice_of(key[i]), gn_value_borrow(a, gn_token_piece(t, id))))
            return false;
    }
    return true;
}

static bool parsed(gn_engine *g, gn_error *e) {
    if (g->template)
        return true;
    if (g->template_source.len == 0)
        return gn_fail(
            e, GN_UNSUPPORTED,
            "the checkpoint has no chat template; use --raw, or name one with --template");
    g->template = gn_template_new(gn_str_slice(&g->template_source), GN_TEMPLATE_CHAT, e);
    return g->template || gn_context(e, "chat template (%s)", g->template_origin);
}

bool gn_chat_render(gn_engine *g, const gn_value *vars, bool add_generation_prompt, gn_str *out,
                    gn_error *e) {
    if (!parsed(g, e))
        return false;
    gn_arena a = {0};
    gn_value *all = gn_value_map(&a);
    bool ok = all != NULL;
    for (size_t i = 0; ok && gn_value_is(vars, GN_MAP) && i < vars->map.count; i++)
        ok = gn_value_set(&a, all, vars->map.entry[i].key, vars->map.entry[i].value);
    ok = ok &&
         gn_value_set(&a, all, GN_S("add_generation_prompt"),
                      gn_value_bool(&a, add_generation_prompt)) &&
         add_specials(g->tokenizer, &a, all);
    /* Templates test tools and documents for truth, not for being there. */
    static const char *const empty[] = {"tools", "documents"};
    for (int i = 0; ok && i < 2; i++)
        if (!gn_value_get(all, gn_slice_of(empty[i])))
            ok = gn_value_set(&a, all, gn_slice_of(empty[i]), gn_value_null(&a));
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "chat template: out of memory");
    ok = ok && (gn_template_render(g->template, all, out, e) || gn_context(e, "chat template"));
    gn_arena_release(&a);
    return ok;
}

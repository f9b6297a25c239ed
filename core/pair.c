/* pair.c - text to be scored -> ids, as lm-evaluation-harness cuts it. */
#include "core/engine.h"

#include <inttypes.h>

void gn_pair_release(gn_pair *p) {
    gn_ids_release(&p->context);
    gn_ids_release(&p->token);
}

/* Encoded as the tokenizer does by default, but never with a second BOS. */
static bool encode(gn_engine *g, gn_slice text, gn_ids *out, gn_error *e) {
    const int32_t bos = gn_tokenizer_named(g->tokenizer, "bos");
    const gn_slice piece = bos >= 0 ? gn_token_piece(g->tokenizer, bos) : GN_S("");
    const bool has = piece.len > 0 && gn_slice_starts(text, piece);
    return gn_encode(g->tokenizer, text, has ? 0 : GN_ADD_SPECIAL, out, e);
}

static bool tokenizer_there(const gn_engine *g, gn_error *e) {
    return g->tokenizer ||
           gn_fail(e, GN_UNSUPPORTED, "the checkpoint has no tokenizer; give ids instead of text");
}

/* No context: the prefix token stands in for it, unless the text begins with it. */
static bool without_context(gn_engine *g, gn_slice text, gn_pair *out, gn_error *e) {
    gn_ids all = {0};
    const int32_t prefix = gn_engine_prefix(g);
    bool ok = gn_encode(g->tokenizer, text, 0, &all, e);
    if (ok && prefix < 0)
        ok = gn_fail(e, GN_UNSUPPORTED,
                     "the checkpoint names no token to stand before a text; give a context");
    const bool has = ok && all.count > 0 && all.id[0] == prefix;
    if (ok && (!gn_ids_add(&out->context, prefix) ||
               !gn_ids_append(&out->token, all.id + has, all.count - has)))
        ok = gn_fail(e, GN_NO_MEMORY, "out of memory");
    gn_ids_release(&all);
    return ok;
}

bool gn_encode_pair(gn_engine *g, gn_slice context, gn_slice text, gn_pair *out, gn_error *e) {
    *out = (gn_pair){0};
    if (!tokenizer_there(g, e))
        return false;
    const gn_slice kept = gn_text_strip(context, false, true);
    gn_str joined = {0};
    gn_ids whole = {0};
    bool ok;
    if (kept.len == 0) {
        gn_str_add(&joined, context);
        gn_str_add(&joined, text);
        ok = gn_str_ok(&joined, e) && without_context(g, gn_str_slice(&joined), out, e);
    } else {
        gn_str_add(&joined, context);
        gn_str_add(&joined, text);
        ok = gn_str_ok(&joined, e) && encode(g, gn_str_slice(&joined), &whole, e) &&
             encode(g, kept, &out->context, e);
        const size_t n = out->context.count;
        if (ok && whole.count > n && !gn_ids_append(&out->token, whole.id + n, whole.count - n))
            ok = gn_fail(e, GN_NO_MEMORY, "out of memory");
        out->boundary =
            ok && (whole.count < n || memcmp(whole.id, out->context.id, n * sizeof *whole.id) != 0);
    }
    if (ok && out->token.count == 0)
        ok = gn_fail(e, GN_INVALID, "the text to be scored has no tokens");
    gn_ids_release(&whole);
    gn_str_release(&joined);
    if (!ok)
        gn_pair_release(out);
    return ok;
}

/* ---- rolling --------------------------------------------------------------- */

int64_t gn_rolling_count(int64_t n, int64_t window) {
    return n <= 0 ? 0 : (n + window - 1) / window;
}

gn_score_request gn_rolling_window(const int32_t *id, int64_t n, int64_t window, int64_t i) {
    /* id[0] is the prefix token, id + 1 the text. */
    const int32_t *text = id + 1;
    const int64_t begin = i * window, end = begin + window < n ? begin + window : n;
    int64_t first = i == 0 ? -1 : end - window - 1; /* place in text of the first token read */
    if (i == 0 || first < -1)
        first = -1;
    return (gn_score_request){.context = text + first,
                              .n_context = begin - first,
                              .token = text + begin,
                              .n_token = end - begin};
}

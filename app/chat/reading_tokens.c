/* reading_tokens.c - the tokens of a conversation that nobody asked the model to read. */
#include "app/chat/reading_internal.h"

bool gn_reading_tokens(gn_reading *r, gn_ask *a, gn_error *e) {
    gn_str text = {0};
    gn_ids all = {0};
    const gn_said *last = a->n_said ? &a->said[a->n_said - 1] : NULL;
    const bool reply = last && last->role == GN_ROLE_MODEL;
    bool ok = last != NULL;
    if (!ok || gn_role_leads(last->role)) /* only what stands in front: no tokens of its own yet */
        return ok || gn_fail(e, GN_INVALID, "an empty conversation");
    ok = gn_reading_render(r, a, a->n_said - reply, 0, true, &text, e);
    if (ok && reply)
        gn_str_add(&text, gn_str_slice(&last->text));
    ok = ok && gn_str_ok(&text, e) &&
         gn_encode(gn_engine_tokenizer(r->engine), gn_str_slice(&text), 0, &all, e) &&
         gn_reading_deal(r, a, gn_str_slice(&text), -1, &all, e);
    gn_str_release(&text);
    gn_ids_release(&all);
    return ok;
}

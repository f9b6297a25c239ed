/* tune_data.c - lines of training data to ids, and which of them are learned.
 *
 * {"text"}: all of it, and an end of text. {"prompt","completion"}: the completion and an end
 * of text. {"messages"}: through the chat template; what follows the template's opening of an
 * assistant's turn up to and with its end of text. {"ids","labels"?}: as they are.
 *
 * A text is cut where counting begins or ends before it is tokenised, as it will be when the
 * model is used: the prompt is read, then the answer is made.
 */
#include "core/tune_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IGNORED = -100 };

typedef struct reader {
    gn_tune *t;
    gn_examples *x;
    gn_arena arena; /* of one line */
    gn_error *e;
} reader;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "data: out of memory"); }

static bool add_id(reader *r, int32_t id, bool counted) {
    return (gn_ids_add(&r->x->id, id) && gn_ids_add(&r->x->label, counted ? id : IGNORED)) ||
           no_memory(r->e);
}

static bool add_text(reader *r, gn_slice text, unsigned flags, bool counted) {
    gn_ids ids = {0};
    bool ok = gn_encode(r->t->texts.tokenizer, text, flags, &ids, r->e);
    for (size_t i = 0; ok && i < ids.count; i++)
        ok = add_id(r, ids.id[i], counted);
    gn_ids_release(&ids);
    return ok;
}

static bool add_end(reader *r) {
    if (r->t->texts.n_eos == 0)
        return gn_fail(r->e, GN_UNSUPPORTED, "the checkpoint names no end-of-text token");
    return add_id(r, r->t->texts.eos[0], true);
}

/* ---- messages ------------------------------------------------------------- */

/* The first n messages as text. */
static bool render(reader *r, const gn_value *line, size_t n, bool open, gn_str *out) {
    const gn_value *all = gn_value_get(line, GN_S("messages"));
    gn_value *vars = gn_value_map(&r->arena), *list = gn_value_list(&r->arena);
    bool ok = vars && list;
    for (size_t i = 0; ok && i < line->map.count; i++)
        ok = gn_value_set(&r->arena, vars, line->map.entry[i].key, line->map.entry[i].value);
    for (size_t i = 0; ok && i < n; i++)
        ok = gn_value_add(&r->arena, list, gn_value_at(all, i));
    ok = ok && gn_value_set(&r->arena, vars, GN_S("messages"), list);
    gn_str_cut(out, 0);
    return ok ? gn_chat_render(&r->t->texts, vars, open, out, r->e) : no_memory(r->e);
}

/* What the template adds after an end of text is not the model's to say. */
static void forget_after_end(reader *r, size_t first) {
    size_t end = r->x->id.count;
    for (size_t i = first; i < r->x->id.count; i++)
        for (int k = 0; k < r->t->texts.n_eos; k++)
            if (r->x->id.id[i] == r->t->texts.eos[k])
                end = i + 1;
    for (size_t i = end; i < r->x->id.count; i++)
        r->x->label.id[i] = IGNORED;
}

static bool add_turn(reader *r, const gn_value *line, size_t i, gn_str *said, gn_str *open,
                     gn_str *closed) {
    if (!render(r, line, i, true, open) || !render(r, line, i + 1, false, closed))
        return false;
    if (!gn_slice_starts(gn_str_slice(open), gn_str_slice(said)) ||
        !gn_slice_starts(gn_str_slice(closed), gn_str_slice(open)))
        return gn_fail(r->e, GN_UNSUPPORTED,
                       "the chat template writes message %zu in a way that does not go on from "
                       "what stands before it",
                       i + 1);
    if (!add_text(r, gn_slice_from(gn_str_slice(open), said->len), 0, false))
        return false;
    const size_t first = r->x->id.count;
    if (!add_text(r, gn_slice_from(gn_str_slice(closed), open->len), 0, true))
        return false;
    forget_after_end(r, first);
    gn_str_cut(said, 0);
    gn_str_add(said, gn_str_slice(closed));
    return gn_str_ok(said, r->e);
}

static bool add_messages(reader *r, const gn_value *line) {
    const gn_value *all = gn_value_get(line, GN_S("messages"));
    gn_str said = {0}, open = {0}, closed = {0};
    bool ok = gn_value_is(all, GN_LIST) ||
              gn_fail(r->e, GN_FORMAT, "\"messages\" is a %s, not a list", gn_kind_name(all->kind));
    for (size_t i = 0; ok && i < all->list.count; i++)
        if (gn_slice_is(gn_value_text(gn_value_get(gn_value_at(all, i), GN_S("role"))),
                        "assistant"))
            ok = add_turn(r, line, i, &said, &open, &closed);
    gn_str_release(&said);
    gn_str_release(&open);
    gn_str_release(&closed);
    return ok;
}

/* ---- the others ------------------------------------------------------------ */

static bool add_ids(reader *r, const gn_value *line) {
    const gn_value *ids = gn_value_get(line, GN_S("ids")),
                   *labels = gn_value_get(line, GN_S("labels"));
    const size_t n = gn_value_count(ids);
    if (!gn_value_is(ids, GN_LIST) || (labels && gn_value_count(labels) != n))
        return gn_fail(r->e, GN_FORMAT, "\"ids\" and \"labels\" want to be lists of one length");
    for (size_t i = 0; i < n; i++) {
        int64_t id, label = 0;
        if (!gn_value_to_integer(gn_value_at(ids, i), &id) ||
            (labels && !gn_value_to_integer(gn_value_at(labels, i), &label)))
            return gn_fail(r->e, GN_FORMAT, "\"ids\" and \"labels\" want to be integers");
        if (!labels)
            label = id;
        if (id < 0 || id >= r->t->texts.config.vocab || label >= r->t->texts.config.vocab ||
            (label < 0 && label != IGNORED))
            return gn_fail(r->e, GN_INVALID, "id %lld, label %lld: the vocabulary is %d",
                           (long long)id, (long long)label, r->t->texts.config.vocab);
        if (!gn_ids_add(&r->x->id, (int32_t)id) || !gn_ids_add(&r->x->label, (int32_t)label))
            return no_memory(r->e);
    }
    return true;
}

static bool has_text(const gn_value *line, gn_slice key) {
    return gn_value_is(gn_value_get(line, key), GN_STRING);
}

static bool add_line(reader *r, const gn_value *line) {
    if (!gn_value_is(line, GN_MAP))
        return gn_fail(r->e, GN_FORMAT, "want an object, not a %s", gn_kind_name(line->kind));
    if (gn_value_get(line, GN_S("ids")))
        return add_ids(r, line);
    const bool text = has_text(line, GN_S("text"));
    const bool pair = has_text(line, GN_S("prompt")) && has_text(line, GN_S("completion"));
    const bool chat = gn_value_get(line, GN_S("messages")) != NULL;
    if (text + pair + chat != 1)
        return gn_fail(
            r->e, GN_FORMAT,
            "want \"text\", or \"prompt\" and \"completion\", or \"messages\", or \"ids\"");
    if (!r->t->texts.tokenizer)
        return gn_fail(r->e, GN_UNSUPPORTED,
                       "there is no tokenizer; give --tokenizer DIR, or lines of \"ids\"");
    if (chat)
        return add_messages(r, line);
    if (text)
        return add_text(r, gn_value_text(gn_value_get(line, GN_S("text"))), GN_ADD_SPECIAL, true) &&
               add_end(r);
    return add_text(r, gn_value_text(gn_value_get(line, GN_S("prompt"))), GN_ADD_SPECIAL, false) &&
           add_text(r, gn_value_text(gn_value_get(line, GN_S("completion"))), 0, true) &&
           add_end(r);
}

/* The ids from `first` on are one example more; something in it must be counted. */
static bool close_example(reader *r, size_t first) {
    gn_examples *x = r->x;
    const size_t n = x->id.count - first;
    bool counted = false;
    for (size_t i = first + 1; i < x->id.count; i++)
        counted = counted || x->label.id[i] >= 0;
    if (!counted)
        return gn_fail(r->e, GN_INVALID, "none of its %zu tokens is counted", n);
    if ((int64_t)n > r->t->texts.config.context || n > INT32_MAX / 4)
        return gn_fail(r->e, GN_INVALID, "it has %zu tokens, the model's context %lld", n,
                       (long long)r->t->texts.config.context);
    if (!gn_vec_reserve(&x->first, &x->capacity, (size_t)x->count + 2, sizeof *x->first))
        return no_memory(r->e);
    x->first[x->count++] = first;
    x->first[x->count] = x->id.count;
    if ((int)n > x->longest)
        x->longest = (int)n;
    return true;
}

static bool read_line(reader *r, gn_slice text) {
    const size_t first = r->x->id.count;
    const gn_value *line = gn_json_parse(&r->arena, text, r->e);
    const bool ok = line && add_line(r, line) && close_example(r, first);
    gn_arena_release(&r->arena);
    return ok;
}

bool gn_examples_read(gn_tune *t, gn_error *e) {
    gn_str text = {0};
    uint8_t digest[GN_SHA256_BYTES];
    reader r = {.t = t, .x = &t->examples, .e = e};
    if (!gn_file_read(&text, t->o.data, (size_t)8 << 30, e)) {
        gn_str_release(&text);
        return gn_context(e, "--data");
    }
    gn_sha256_of(gn_str_text(&text), text.len, digest);
    gn_hex(digest, GN_SHA256_BYTES, t->data_sha);
    gn_slice rest = gn_str_slice(&text);
    bool ok = true;
    for (int number = 1; ok && rest.len > 0; number++) {
        const char *end = memchr(rest.data, '\n', rest.len);
        const size_t n = end ? (size_t)(end - rest.data) : rest.len;
        const gn_slice line = {rest.data, n};
        if (n > 0 && strspn(line.data, " \t\r") < n && !read_line(&r, line)) {
            gn_context(e, "%s, line %d", t->o.data, number);
            gn_where(e, "%.150s:%d", t->o.data, number);
            ok = false;
        }
        rest = gn_slice_from(rest, n + (end != NULL));
    }
    gn_str_release(&text);
    if (ok && t->examples.count == 0)
        ok = gn_fail(e, GN_INVALID, "%s holds no example", t->o.data);
    return ok;
}

void gn_examples_release(gn_examples *x) {
    gn_ids_release(&x->id);
    gn_ids_release(&x->label);
    free(x->first);
    *x = (gn_examples){0};
}

/* compare_turn.c - compare --turn: a reply of a conversation, asked of two checkpoints again.
 *
 * What stood before the reply is read as the tokens it was, so neither template nor
 * tokenizer comes in between.
 */
#include "app/cli/interrupt.h"
#include "app/commands/comparing.h"

#include <stdlib.h>

typedef struct stored_turn {
    char id[27];
    gn_str options;
    gn_ids prompt; /* all that stood before the reply */
    gn_str said;   /* the text of the message before it */
} stored_turn;

static void turn_release(stored_turn *t) {
    gn_str_release(&t->options);
    gn_ids_release(&t->prompt);
    gn_str_release(&t->said);
}

/* ---- the database ------------------------------------------------------------------- */

static gn_store *open_chats(const gn_args *a, gn_error *e) {
    const char *given = gn_args_text(a, "db", NULL);
    gn_str path = {0};
    gn_store *s = NULL;
    if (given && given[0])
        gn_str_puts(&path, given);
    if ((path.len || gn_store_path(&path, GN_STORE_CHATS, e)) && gn_str_ok(&path, e))
        s = gn_store_open(gn_str_text(&path), true, e);
    gn_str_release(&path);
    return s;
}

#define TURNS "SELECT u.id, u.message, u.options_json FROM turn u "

/* The turn that `name` means: the beginning of its id, -1 for the newest, -2 ... */
static gn_statement *query_of(gn_store *s, const char *name, gn_error *e) {
    int64_t back = 0;
    const bool backward = strcmp(name, "last") == 0 ||
                          (name[0] == '-' && gn_parse_integer(gn_slice_of(name + 1), &back));
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        backward ? TURNS "ORDER BY u.id DESC LIMIT 1 OFFSET max(0, ?1 - 1)"
                 : TURNS "WHERE substr(u.id, 1, length(?1)) = upper(?1) ORDER BY u.id LIMIT 9",
        e);
    if (q && backward)
        gn_bind_int(q, 1, back);
    else if (q)
        gn_bind_text(q, 1, gn_slice_of(name));
    return q;
}

static bool find(gn_store *s, const char *name, stored_turn *t, uint8_t message[GN_SHA256_BYTES],
                 gn_error *e) {
    gn_statement *q = query_of(s, name, e);
    gn_str all = {0};
    bool row = false, ok = q != NULL;
    int n = 0;
    while (ok && (ok = gn_sql_step(q, &row, e)) && row) {
        gn_str_fmt(&all, "%s%s", n ? ", " : "", gn_column_text(q, 0).data);
        if (n++ > 0)
            continue;
        const gn_slice hash = gn_column_blob(q, 1);
        snprintf(t->id, sizeof t->id, "%s", gn_column_text(q, 0).data);
        gn_str_add(&t->options, gn_column_text(q, 2));
        if (hash.len != GN_SHA256_BYTES)
            ok = gn_fail(e, GN_FORMAT, "turn %s has no message", t->id);
        else
            memcpy(message, hash.data, hash.len);
    }
    if (q)
        gn_sql_reset(q);
    if (ok && n == 0)
        ok = gn_fail(e, GN_INVALID, "there is no turn '%.60s' in '%s'", name, gn_store_file(s));
    if (ok && n > 1)
        ok = gn_fail(e, GN_INVALID, "'%.60s' begins %d turns: %s", name, n, gn_str_text(&all));
    gn_str_release(&all);
    return ok || gn_where(e, "--turn");
}

/* Ids from the root to the message before the reply. */
static bool read_path(gn_store *s, const uint8_t message[GN_SHA256_BYTES], stored_turn *t,
                      gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "WITH RECURSIVE up(hash, depth) AS (SELECT parent, 1 FROM message WHERE hash = ?1 "
        "UNION ALL SELECT m.parent, depth + 1 FROM up JOIN message m ON m.hash = up.hash) "
        "SELECT m.tokens, m.content FROM up JOIN message m ON m.hash = up.hash "
        "ORDER BY up.depth DESC",
        e);
    if (!q)
        return false;
    gn_bind_blob(q, 1, message, GN_SHA256_BYTES);
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const gn_slice tokens = gn_column_blob(q, 0);
        const size_t n = tokens.len / sizeof(int32_t);
        gn_ids *to = &t->prompt;
        if (!gn_vec_reserve(&to->id, &to->capacity, to->count + n + 1, sizeof *to->id)) {
            ok = gn_fail(e, GN_NO_MEMORY, "--turn: out of memory");
            break;
        }
        memcpy(to->id + to->count, tokens.data, n * sizeof *to->id);
        to->count += n;
        gn_str_cut(&t->said, 0);
        gn_str_add(&t->said, gn_column_text(q, 1));
    }
    gn_sql_reset(q);
    if (ok && t->prompt.count == 0)
        ok = gn_fail(e, GN_FORMAT, "turn %s: nothing stands before the reply", t->id);
    return ok && gn_str_ok(&t->said, e);
}

static bool read_turn(const gn_args *a, const char *name, stored_turn *t, gn_error *e) {
    uint8_t message[GN_SHA256_BYTES];
    gn_store *s = open_chats(a, e);
    const bool ok = s && find(s, name, t, message, e) && read_path(s, message, t, e);
    gn_store_close(s);
    return ok;
}

/* ---- asking ------------------------------------------------------------------------------ */

static void number(const gn_value *map, const char *key, float *io) {
    double x;
    if (gn_value_to_number(gn_value_get(map, gn_slice_of(key)), &x))
        *io = (float)x;
}

/* What the reply was sampled with, where nothing else is asked for. */
static void sampled_as(const gn_args *a, const gn_value *options, gn_sampling *s) {
    int64_t v;
    if (!gn_args_given(a, "temp") && !gn_args_flag(a, "greedy"))
        number(options, "temp", &s->temp);
    if (!gn_args_given(a, "top-p"))
        number(options, "top_p", &s->top_p);
    if (!gn_args_given(a, "min-p"))
        number(options, "min_p", &s->min_p);
    if (!gn_args_given(a, "repeat-penalty"))
        number(options, "repeat_penalty", &s->repeat_penalty);
    if (!gn_args_given(a, "top-k") && gn_value_to_integer(gn_value_get(options, GN_S("top_k")), &v))
        s->top_k = (int)v;
    if (!gn_args_given(a, "seed") && gn_value_to_integer(gn_value_get(options, GN_S("seed")), &v))
        s->seed = (uint64_t)v;
}

/* Are these the tokens of this vocabulary? They must spell what was said. */
static bool fits(gn_engine *g, const stored_turn *t, gn_error *e) {
    gn_str text = {0};
    gn_error foreign = {0};
    const bool ok =
        gn_decode(gn_engine_tokenizer(g), t->prompt.id, t->prompt.count, false, &text, &foreign) &&
        gn_slice_find(gn_str_slice(&text), gn_str_slice(&t->said)) >= 0;
    gn_str_release(&text);
    return ok || gn_fail(e, GN_UNSUPPORTED, "turn %s was made of other tokens than '%s' has", t->id,
                         gn_engine_path(g));
}

static bool make_list(const gn_args *a, gn_engine *g, stored_turn *t, gn_job_list *list,
                      gn_error *e) {
    const int top = (int)gn_args_integer(a, "logprobs", 8);
    *list = (gn_job_list){.args = a, .engine = g};
    if (!gn_args_sampling(a, g, &list->sampling, e) ||
        !gn_stop_strings(a, &list->stop, &list->n_stop, e))
        return false;
    if (!gn_vec_reserve(&list->line, &list->capacity, 1, sizeof *list->line))
        return gn_fail(e, GN_NO_MEMORY, "--turn: out of memory");
    gn_line_job *l = &list->line[list->n++];
    *l = (gn_line_job){.prompt = t->prompt};
    t->prompt = (gn_ids){0};
    gn_json_write_string(&l->id, gn_slice_of(t->id));
    const char *end = memchr(gn_str_text(&t->said), '\n', t->said.len);
    gn_str_add(&l->said, (gn_slice){gn_str_text(&t->said),
                                    end ? (size_t)(end - gn_str_text(&t->said)) : t->said.len});
    gn_error unread = {0}; /* options that a later program wrote: the checkpoint's hold */
    sampled_as(a, gn_json_parse(&l->arena, gn_str_slice(&t->options), &unread), &list->sampling);
    l->job = (gn_job){.prompt = l->prompt.id,
                      .n_prompt = (int64_t)l->prompt.count,
                      .limit = gn_args_limit(a),
                      .sampling = list->sampling,
                      .stop = list->stop,
                      .n_stop = list->n_stop,
                      .top = top > gn_engine_vocab(g) ? gn_engine_vocab(g) : top,
                      .user = l};
    return true;
}

int gn_compare_turn(const gn_args *a, const char *name, gn_error *e) {
    stored_turn t = {0};
    gn_two two = {0};
    gn_job_list list = {0};
    gn_interrupt_catch();
    const bool ok = read_turn(a, name, &t, e) &&
                    gn_two_open(a, gn_args_at(a, 0), gn_args_at(a, 1), &two, e) &&
                    fits(two.a, &t, e) && make_list(a, two.a, &t, &list, e);
    const int code = ok ? gn_compare_jobs(a, &two, &list, e) : GN_FAILED;
    gn_job_list_release(&list);
    gn_two_close(&two);
    turn_release(&t);
    return code;
}

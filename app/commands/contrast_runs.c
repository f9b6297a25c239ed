/* contrast_runs.c - see contrast_runs.h. */
#include "app/commands/contrast_runs.h"

#include <inttypes.h>
#include <math.h>

enum { NOTED = 3 };

/* A choice and how likely it was. */
typedef struct choice {
    gn_str text;
    double logprob;
} choice;

typedef struct loading {
    gn_store *store;
    const gn_flip *flip;
    const char *run;
    gn_answer_side *side;
    gn_contrast *out;
    choice *choice; /* [n] */
    size_t n, room;
    int64_t response; /* of a generated answer */
} loading;

/* ---- a generated answer -------------------------------------------------------------- */

/* k x (u32 id, f32 logprob), which may lie anywhere. */
static void read_alternatives(gn_slice blob, gn_top *to, int k) {
    for (int i = 0; i < k; i++)
        memcpy(&to[i], blob.data + (size_t)i * sizeof *to, sizeof *to);
}

static bool read_tokens(loading *l, gn_error *e) {
    bool row = false, ok;
    gn_top top[GN_CONTRAST_TOP];
    gn_statement *q = gn_sql_prepare(gn_store_sql(l->store),
                                     "SELECT id, logprob, rank, entropy, alts FROM token WHERE "
                                     "response_id = ? ORDER BY pos",
                                     e);
    if (!q)
        return false;
    gn_bind_int(q, 1, l->response);
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const gn_slice alts = gn_column_blob(q, 4);
        const int all = (int)(alts.len / sizeof(gn_top)),
                  k = all < GN_CONTRAST_TOP ? all : GN_CONTRAST_TOP;
        read_alternatives(alts, top, k);
        const gn_token_row token = {.id = (int32_t)gn_column_int(q, 0),
                                    .score = {.logprob = (float)gn_column_double(q, 1),
                                              .rank = (int32_t)gn_column_int(q, 2),
                                              .entropy = (float)gn_column_double(q, 3)},
                                    .top = top,
                                    .n_top = k};
        if (!gn_tokens_add(&l->side->made, &token)) {
            ok = gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
            break;
        }
    }
    gn_sql_reset(q);
    return ok;
}

/* ---- choices ------------------------------------------------------------------------- */

static void choices_release(loading *l) {
    for (size_t i = 0; i < l->n; i++)
        gn_str_release(&l->choice[i].text);
    free(l->choice);
}

static bool add_choice(loading *l, gn_statement *q, gn_error *e) {
    if (!gn_vec_reserve(&l->choice, &l->room, l->n + 1, sizeof *l->choice))
        return gn_fail(e, GN_NO_MEMORY, "compare: out of memory");
    choice *c = &l->choice[l->n++];
    *c = (choice){.logprob = gn_column_double(q, 3)};
    const gn_slice said = gn_text_strip(gn_column_text(q, 2), true, true);
    gn_str_add(&c->text, said.len ? said : gn_text_strip(gn_column_text(q, 1), true, true));
    return gn_str_ok(&c->text, e);
}

/* A line a choice, the one that was taken marked; below, how likely the first few were. */
static void tell_choices(loading *l, gn_slice said) {
    int64_t taken = -1;
    gn_parse_integer(said, &taken);
    for (size_t i = 0; i < l->n; i++)
        gn_str_fmt(&l->side->text, "%s%s %s", i ? "\n" : "", (int64_t)i == taken ? ">" : " ",
                   gn_str_text(&l->choice[i].text));
    bool told[64] = {false};
    for (int k = 0; k < NOTED && (size_t)k < l->n; k++) {
        size_t best = l->n;
        for (size_t i = 0; i < l->n && i < 64; i++)
            if (!told[i] && (best == l->n || l->choice[i].logprob > l->choice[best].logprob))
                best = i;
        if (best == l->n)
            break;
        told[best] = true;
        gn_str_fmt(&l->side->note, "%s%s %.2f", k ? "  " : "", gn_str_text(&l->choice[best].text),
                   l->choice[best].logprob);
    }
}

static void tell_gold(loading *l) {
    const gn_slice gold = l->flip->gold;
    int64_t index = -1;
    gn_str *out = &l->out->title;
    gn_str_fmt(out, "%.*s #%" PRId64, (int)l->flip->task.len, l->flip->task.data, l->flip->doc);
    if (!gold.data)
        return;
    gn_str_puts(out, "  gold ");
    if (l->n && gn_parse_integer(gold, &index) && index >= 0 && (size_t)index < l->n)
        gn_str_add(out, gn_str_slice(&l->choice[index].text));
    else
        gn_str_add(out, gold);
}

/* ---- one side ------------------------------------------------------------------------- */

static bool read_answers(loading *l, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(l->store),
        "SELECT r.kind, t.body, r.continuation, r.logprob, r.output, r.stop, r.id FROM sample s "
        "JOIN task k ON k.id = s.task_id JOIN sample_response z ON z.sample_id = s.id "
        "JOIN response r ON r.id = z.response_id LEFT JOIN text t ON t.hash = r.prompt_hash "
        "WHERE s.run_id = ? AND k.name = ? AND s.doc_ix = ? AND s.rep = 0 ORDER BY z.ix",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(l->run));
    gn_bind_text(q, 2, l->flip->task);
    gn_bind_int(q, 3, l->flip->doc);
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        if (!gn_slice_is(gn_column_text(q, 0), "generate")) {
            if (!(ok = add_choice(l, q, e)))
                break;
        } else if (!l->response) { /* of several repeats the first */
            l->response = gn_column_int(q, 6);
            gn_str_add(&l->side->text, gn_column_text(q, 4));
            if (!l->out->asked.len)
                gn_str_add(&l->out->asked, gn_column_text(q, 1));
            if (!gn_slice_is(gn_column_text(q, 5), "string"))
                gn_str_fmt(&l->side->verdict, " %.*s", (int)gn_column_text(q, 5).len,
                           gn_column_text(q, 5).data);
        }
    }
    gn_sql_reset(q);
    return ok;
}

static bool read_side(loading *l, double right, gn_slice said, gn_error *e) {
    gn_str_puts(&l->side->verdict, right > 0.5 ? "ok" : "wrong");
    if (!read_answers(l, e) || (l->response && !read_tokens(l, e)))
        return false;
    if (!l->response)
        tell_choices(l, said);
    return gn_str_ok(&l->side->text, e);
}

static bool load(void *user, size_t i, gn_contrast *out, gn_error *e) {
    const gn_contrast_runs *x = user;
    const gn_flip *flip = &x->comparison->flip[i];
    loading a = {.store = x->store,
                 .flip = flip,
                 .run = x->comparison->a.run.id,
                 .side = &out->a,
                 .out = out},
            b = a;
    b.run = x->comparison->b.run.id;
    b.side = &out->b;
    const bool ok =
        read_side(&a, flip->a, flip->a_said, e) && read_side(&b, flip->b, flip->b_said, e);
    if (ok) {
        tell_gold(&a);
        gn_contrast_set(out);
    }
    choices_release(&a);
    choices_release(&b);
    return ok && gn_str_ok(&out->title, e);
}

gn_contrasts gn_contrasts_of_runs(gn_contrast_runs *x) {
    return (gn_contrasts){.n = x->comparison->n_flip, .load = load, .user = x};
}

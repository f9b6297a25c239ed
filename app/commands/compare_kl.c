/* compare_kl.c - compare --kl: two checkpoints read a text in lockstep; no file of logits. */
#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/cli/percent.h"
#include "app/commands/comparing.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW = 512, WORST = 5 };

/* ---- two engines ---------------------------------------------------------------- */

/* Does each id stand for the same bytes? (A GGUF's pipeline may be another name for the same.) */
static bool same_tokens(gn_engine *a, gn_engine *b, gn_error *e) {
    const gn_tokenizer *x = gn_engine_tokenizer(a), *y = gn_engine_tokenizer(b);
    if (!x || !y)
        return gn_fail(e, GN_UNSUPPORTED, "'%s' has no tokenizer", gn_engine_path(x ? b : a));
    const int n =
        gn_tokenizer_size(x) < gn_tokenizer_size(y) ? gn_tokenizer_size(x) : gn_tokenizer_size(y);
    for (int i = 0; i < n; i++)
        if (!gn_slice_equal(gn_token_bytes(x, i), gn_token_bytes(y, i)))
            return gn_fail(e, GN_UNSUPPORTED,
                           "'%s' and '%s' have other tokens (%d is not the same): token by token "
                           "they cannot be compared",
                           gn_engine_path(a), gn_engine_path(b), i);
    return true;
}

bool gn_two_open(const gn_args *args, const char *a, const char *b, gn_two *out, gn_error *e) {
    out->a = gn_args_engine(args, a, e);
    out->b = out->a ? gn_args_engine(args, b, e) : NULL;
    return out->b && same_tokens(out->a, out->b, e);
}

void gn_two_close(gn_two *two) {
    gn_engine_close(two->a);
    gn_engine_close(two->b);
    *two = (gn_two){0};
}

bool gn_two_json(gn_str *out, gn_engine *g, gn_error *e) {
    char sha[GN_SHA256_HEX];
    if (!gn_engine_sha(g, sha, NULL, NULL, e))
        return false;
    gn_str_puts(out, "{\"model\":");
    gn_json_write_string(out, gn_slice_of(gn_engine_name(g)));
    gn_str_puts(out, ",\"path\":");
    gn_json_write_string(out, gn_slice_of(gn_engine_path(g)));
    gn_str_fmt(out, ",\"sha\":\"%s\"}", sha);
    return true;
}

/* ---- what is said ------------------------------------------------------------------- */

typedef struct measured {
    gn_two two;
    const char *corpus;
    char corpus_sha[GN_SHA256_HEX];
    gn_divergence_token *token; /* [n] */
    int64_t n, id;              /* id: of the row; 0: not kept */
    bool spooled;               /* one after the other: kl are lower bounds */
    gn_divergence d;
} measured;

/* The numbers, from "tokens" on, without the braces. */
static void numbers(gn_str *out, const gn_divergence *d) {
    gn_str_fmt(out, "\"tokens\":%" PRId64 ",\"kl\":{\"mean\":", d->tokens);
    gn_json_write_f64(out, d->kl_mean);
    gn_out_number(out, "se", d->kl_error);
    gn_out_number(out, "median", d->kl_median);
    gn_out_number(out, "p90", d->kl_p90);
    gn_out_number(out, "p99", d->kl_p99);
    gn_out_number(out, "p999", d->kl_p999);
    gn_out_number(out, "max", d->kl_max);
    gn_str_putc(out, '}');
    gn_out_number(out, "same_top", d->same_top);
    gn_out_number(out, "same_top_se", d->same_top_error);
    gn_out_number(out, "rms_dp", d->rms_dp);
    gn_out_number(out, "ppl_a", d->ppl_a);
    gn_out_number(out, "ppl_b", d->ppl_b);
    gn_out_number(out, "ratio", d->ratio);
    gn_out_number(out, "ratio_se", d->ratio_error);
}

static bool json(gn_str *out, const measured *m, gn_error *e) {
    gn_str_puts(out, "{\"schema\":\"gneiss.kl/1\",");
    numbers(out, &m->d);
    gn_str_fmt(out, ",\"lower_bound\":%s,\"a\":", m->spooled ? "true" : "false");
    bool ok = gn_two_json(out, m->two.a, e);
    gn_str_puts(out, ",\"b\":");
    ok = ok && gn_two_json(out, m->two.b, e);
    gn_str_puts(out, ",\"corpus\":");
    gn_json_write_string(out, gn_slice_of(m->corpus));
    gn_str_fmt(out, ",\"corpus_sha\":\"%s\",\"id\":", m->corpus_sha);
    if (m->id)
        gn_str_fmt(out, "%" PRId64, m->id);
    else
        gn_str_puts(out, "null");
    gn_str_puts(out, "}\n");
    return ok;
}

static void with_error(gn_str *out, const char *what, double v, double error, double scale,
                       const char *unit) {
    gn_str_fmt(out, "%-12s %.4g", what, v * scale);
    if (!isnan(error))
        gn_str_fmt(out, " +- %.2g", error * scale);
    gn_str_fmt(out, "%s", unit);
}

/* A token as it can stand in a line: quoted, as JSON would. */
static void token_text(gn_str *out, gn_engine *g, int32_t id) {
    gn_json_write_string(out, gn_token_bytes(gn_engine_tokenizer(g), id));
}

static int larger_first(const void *va, const void *vb) {
    const gn_divergence_token *const *a = va, *const *b = vb;
    const double x = (*a)->kl, y = (*b)->kl;
    return x < y ? 1 : x > y ? -1 : (*a)->pos < (*b)->pos ? -1 : 1;
}

static bool worst(gn_str *out, const measured *m, gn_error *e) {
    const gn_divergence_token **order = malloc((size_t)m->n * sizeof(*order) + 1);
    if (!order)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < m->n; i++)
        order[i] = &m->token[i];
    qsort(order, (size_t)m->n, sizeof(*order), larger_first);
    for (int64_t i = 0; i < m->n && i < WORST && order[i]->kl > 0; i++) {
        const gn_divergence_token *t = order[i];
        gn_str_fmt(out, "%-12s token %" PRId64 " ", i ? "" : "worst", t->pos);
        token_text(out, m->two.a, t->id);
        gn_str_fmt(out, "  KL %.4g  A %.3g expects ", t->kl, t->lp_a);
        token_text(out, m->two.a, t->top_a);
        gn_str_fmt(out, "  B %.3g expects ", t->lp_b);
        token_text(out, m->two.a, t->top_b);
        gn_str_putc(out, '\n');
    }
    free(order);
    return true;
}

static bool text(gn_str *out, const measured *m, gn_error *e) {
    const gn_divergence *d = &m->d;
    gn_str_fmt(out, "A  %s  %s\nB  %s  %s\n%" PRId64 " tokens of %s\n", gn_engine_name(m->two.a),
               gn_engine_path(m->two.a), gn_engine_name(m->two.b), gn_engine_path(m->two.b),
               d->tokens, m->corpus);
    with_error(out, "KL(A||B)", d->kl_mean, d->kl_error, 1, " nats a token");
    if (m->spooled)
        gn_str_fmt(out, " at least: of A's tokens all but the %d likeliest count as one",
                   GN_SPOOL_TOP);
    gn_str_putc(out, '\n');
    gn_str_fmt(out, "%-12s median %.4g  90 %% %.4g  99 %% %.4g  99.9 %% %.4g  max %.4g\n", "",
               d->kl_median, d->kl_p90, d->kl_p99, d->kl_p999, d->kl_max);
    with_error(out, "same top", d->same_top, d->same_top_error, 100, " %\n");
    gn_str_fmt(out, "%-12s %.4g %%, root mean square of the change of what came\n", "RMS dp",
               d->rms_dp * 100);
    gn_str_fmt(out, "%-12s A %.5g  B %.5g, a token\n", "perplexity", d->ppl_a, d->ppl_b);
    with_error(out, "ratio B/A", d->ratio, d->ratio_error, 1, "\n");
    if (!worst(out, m, e))
        return false;
    if (m->id)
        gn_str_fmt(out, "every token is kept: gneiss db q worst %" PRId64 "\n", m->id);
    return true;
}

/* ---- rows ------------------------------------------------------------------------------ */

static bool keep_tokens(gn_store *s, const measured *m, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "INSERT INTO divergence_token(divergence_id, pos, id, kl, lp_a, lp_b, top_a, top_b) "
        "VALUES(?,?,?,?,?,?,?,?)",
        e);
    for (int64_t i = 0; q && i < m->n; i++) {
        const gn_divergence_token *t = &m->token[i];
        gn_bind_int(q, 1, m->id);
        gn_bind_int(q, 2, t->pos);
        gn_bind_int(q, 3, t->id);
        gn_bind_double(q, 4, t->kl);
        gn_bind_double(q, 5, t->lp_a);
        gn_bind_double(q, 6, t->lp_b);
        gn_bind_int(q, 7, t->top_a);
        gn_bind_int(q, 8, t->top_b);
        if (!gn_sql_run(q, e))
            return false;
    }
    return q != NULL;
}

static bool keep_rows(gn_store *s, measured *m, gn_error *e) {
    const int64_t a = gn_store_checkpoint(s, m->two.a, e),
                  b = a ? gn_store_checkpoint(s, m->two.b, e) : 0;
    gn_str all = {0};
    gn_str_putc(&all, '{');
    numbers(&all, &m->d);
    gn_str_puts(&all, m->spooled ? ",\"lower_bound\":true}" : "}");
    gn_statement *q =
        b && gn_str_ok(&all, e)
            ? gn_sql_prepare(gn_store_sql(s),
                             "INSERT INTO divergence(a, b, corpus, corpus_sha, n_tokens, kl_mean, "
                             "kl_stderr, kl_p99, kl_max, top1, ppl_a, ppl_b, json) "
                             "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                             e)
            : NULL;
    if (q) {
        const double x[] = {m->d.kl_mean,  m->d.kl_error, m->d.kl_p99, m->d.kl_max,
                            m->d.same_top, m->d.ppl_a,    m->d.ppl_b};
        gn_bind_int(q, 1, a);
        gn_bind_int(q, 2, b);
        gn_bind_text(q, 3, gn_slice_of(m->corpus));
        gn_bind_text(q, 4, gn_slice_of(m->corpus_sha));
        gn_bind_int(q, 5, m->n);
        for (int i = 0; i < 7; i++)
            gn_bind_double(q, 6 + i, x[i]); /* SQLite makes NULL of NaN */
        gn_bind_text(q, 13, gn_str_slice(&all));
    }
    const bool ok = q && gn_sql_run(q, e);
    m->id = ok ? gn_sql_last_id(gn_store_sql(s)) : 0;
    gn_str_release(&all);
    return ok && keep_tokens(s, m, e);
}

static bool keep(gn_store *s, measured *m, gn_error *e) {
    if (!gn_sql_begin(gn_store_sql(s), e))
        return false;
    if (keep_rows(s, m, e))
        return gn_sql_commit(gn_store_sql(s), e);
    gn_sql_rollback(gn_store_sql(s));
    m->id = 0;
    return false;
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* The ids of the text, and room for what is said of each. */
static bool prepare(gn_slice corpus, measured *m, gn_ids *ids, gn_error *e) {
    uint8_t digest[GN_SHA256_BYTES];
    gn_sha256_of(corpus.data, corpus.len, digest);
    gn_hex(digest, sizeof digest, m->corpus_sha);
    if (!gn_encode(gn_engine_tokenizer(m->two.a), corpus, 0, ids, e))
        return false;
    if (ids->count == 0) {
        gn_fail(e, GN_INVALID, "--kl: '%s' is empty", m->corpus);
        return gn_where(e, "--kl");
    }
    m->token = calloc(ids->count, sizeof *m->token);
    return m->token || gn_fail(e, GN_NO_MEMORY, "--kl: out of memory");
}

static bool lockstep(const gn_args *a, gn_slice corpus, measured *m, gn_error *e) {
    gn_ids ids = {0};
    gn_percent t = gn_args_percent(a, "compare");
    const bool ok = prepare(corpus, m, &ids, e);
    if (ok)
        m->n = gn_diverge(m->two.a, m->two.b, ids.id, (int64_t)ids.count,
                          gn_args_integer(a, "max-length", WINDOW), gn_percent_tokens, &t, m->token,
                          e);
    gn_ids_release(&ids);
    return ok && m->n >= 0;
}

/* The tokens and names of both, their weights left in their files. */
static bool open_names(const gn_args *a, gn_two *two, gn_error *e) {
    gn_engine_options o = gn_args_engine_options(a);
    const char *const name[] = {gn_args_at(a, 0), gn_args_at(a, 1)};
    gn_engine **const to[] = {&two->a, &two->b};
    o.mapped = true;
    for (int i = 0; i < 2; i++) {
        const char *path = gn_args_path(a, name[i], e);
        if (!path || !(*to[i] = gn_engine_open(path, &o, e)))
            return false;
    }
    return same_tokens(two->a, two->b, e);
}

/* One reads the text, then the other. */
static bool in_turn(const gn_args *a, gn_slice corpus, measured *m, gn_error *e) {
    const int64_t length = gn_args_integer(a, "max-length", WINDOW);
    gn_ids ids = {0};
    gn_percent t = gn_args_percent(a, "first model"), u = gn_args_percent(a, "second model");
    gn_engine *g = NULL;
    gn_spool *spool = NULL;
    m->spooled = true;
    bool ok = open_names(a, &m->two, e) && prepare(corpus, m, &ids, e) &&
              (g = gn_args_engine(a, gn_args_at(a, 0), e));
    if (ok)
        spool = gn_diverge_spool(g, ids.id, (int64_t)ids.count, length, gn_percent_tokens, &t,
                                 m->token, e);
    gn_engine_close(g);
    g = spool ? gn_args_engine(a, gn_args_at(a, 1), e) : NULL;
    m->n = g ? gn_diverge_spooled(spool, g, ids.id, (int64_t)ids.count, length, gn_percent_tokens,
                                  &u, m->token, e)
             : -1;
    gn_engine_close(g);
    gn_spool_free(spool);
    gn_ids_release(&ids);
    return ok && m->n >= 0;
}

/* In lockstep, or, where memory does not hold both, in turn. */
static bool measure(const gn_args *a, gn_slice corpus, measured *m, gn_error *e) {
    bool both = !gn_args_flag(a, "in-turn");
    if (both && !gn_two_open(a, gn_args_at(a, 0), gn_args_at(a, 1), &m->two, e)) {
        if (e->code != GN_NO_MEMORY || !m->two.a)
            return false;
        if (!gn_args_flag(a, "quiet"))
            fprintf(stderr, "%s; the models read one after the other\n", e->message);
        *e = (gn_error){0};
        gn_two_close(&m->two);
        both = false;
    }
    return (both ? lockstep(a, corpus, m, e) : in_turn(a, corpus, m, e)) &&
           gn_divergence_of(m->token, m->n, &m->d, e);
}

int gn_compare_kl(const gn_args *a, const char *corpus, gn_error *e) {
    measured m = {.corpus = corpus};
    gn_str read = {0}, out = {0};
    const bool as_json = gn_args_flag(a, "json");
    gn_interrupt_catch();
    /* The database first: a place that cannot be written is told before the work. */
    gn_store *s = gn_args_flag(a, "readonly") ? NULL : gn_args_store(a, false, e);
    bool ok =
        !e->code && gn_file_read(&read, corpus, 0, e) && measure(a, gn_str_slice(&read), &m, e);
    const bool kept = ok && (!s || keep(s, &m, e));
    gn_error unkept = *e;
    if (ok && !kept)
        *e = (gn_error){0}; /* the numbers all the same */
    ok = ok && (as_json ? json(&out, &m, e) : text(&out, &m, e)) && gn_str_ok(&out, e) &&
         gn_out_plain(gn_str_slice(&out), !as_json && isatty(STDOUT_FILENO), e);
    if (ok && !kept)
        *e = unkept;
    gn_two_close(&m.two);
    gn_store_close(s);
    free(m.token);
    gn_str_release(&read);
    gn_str_release(&out);
    return ok && kept ? GN_EXIT_YES : GN_FAILED;
}

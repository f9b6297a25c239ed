/* run.c - see run.h. */
#include "eval/run.h"

#include "eval/claim.h"
#include "eval/work.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BUNDLE_DOCS = 512, BUNDLE_TOKENS = 1 << 18 };
#define HEARTBEAT_S 5.0
#define FLUSH_S     0.25

/* What is known of the running task so far. */
typedef struct tally {
    int64_t done, n, cached, errors, truncated, empty, invalid;
    double count, sum, square, weight; /* of its first measure */
    double d_count, d_sum, d_square;   /* of its difference to the baseline */
    double *base;                      /* [documents] the baseline's; NaN: it has none */
} tally;

typedef struct runner {
    gn_store *store;
    gn_suite *suite;
    const gn_eval_hooks *h;
    const char *baseline;
    gn_eval_outcome *out;
    gn_claim row;
    bool anew;
    double began, beat, flushed;
    int64_t at_start; /* samples there when it began */
    const gn_suite_task *task;
    tally now;
    gn_bundle bundle;
    gn_work **all; /* [n_all] the bundle's works, freed with it */
    size_t n_all, all_room;
    gn_work **ready; /* [n_ready] answered, not written */
    size_t n_ready, ready_room;
    gn_error error; /* of a heartbeat, where none can be returned */
} runner;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

static gn_sql *sql(const runner *r) { return gn_store_sql(r->store); }

static int interrupts(const runner *r) {
    const int n = r->h->interrupts ? r->h->interrupts(r->h->user) : 0;
    return n ? n : r->row.stop_asked;
}

static bool is_paused(const runner *r) {
    return r->row.paused || (r->h->paused && r->h->paused(r->h->user));
}

static void note(const runner *r, const char *text) {
    if (r->h->note)
        r->h->note(r->h->user, text);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A sample ready to be written: its rows, made before the transaction. */
typedef struct scored {
    gn_score_row *row;
    int n_row;
    bool complete; /* else only its answers are kept */
} scored;

static bool score_work(runner *r, gn_work *w, gn_arena *a, scored *out, gn_error *e) {
    const bool generate = w->task->task->kind == GN_TASK_GENERATE;
    gn_error own = {0};
    *out = (scored){.complete = true};
    if (w->error.len)
        return true;
    gn_answer *answer = gn_arena_alloc(a, (size_t)w->n_want * sizeof *answer + 1);
    if (!answer)
        return no_memory(e);
    for (int i = 0; i < w->n_want; i++) {
        const gn_want *x = &w->want[i];
        answer[i] = (gn_answer){.logprob = x->logprob,
                                .greedy = x->greedy,
                                .tokens = x->n_out,
                                .text = generate ? gn_str_slice(&x->output) : GN_S("")};
    }
    if (gn_document_score(w->task->task, &w->doc, answer, w->n_want, r->suite->o->judge, a,
                          &out->row, &out->n_row, &own))
        return true;
    if (own.code != GN_INVALID && own.code != GN_UNSUPPORTED && own.code != GN_FORMAT) {
        *e = own;
        out->complete = false;
        return false;
    }
    out->n_row = 0;
    gn_str_puts(&w->error, own.message);
    return true;
}

static int64_t write_want(runner *r, gn_want *x, gn_error *e) {
    uint8_t prompt[GN_SHA256_BYTES];
    const gn_asked *q = x->request;
    const bool rolling = q->kind == GN_REQUEST_ROLLING, generate = q->kind == GN_REQUEST_GENERATE;
    if (x->cached)
        return x->response;
    if (!gn_store_text(r->store, rolling ? q->continuation : q->context, prompt, e))
        return 0;
    gn_stored_answer said = {.row = {.cache_key = x->key,
                                     .request_hash = x->hash,
                                     .checkpoint = r->row.checkpoint,
                                     .build = r->row.build,
                                     .kind = generate  ? "generate"
                                             : rolling ? "rolling"
                                                       : "loglikelihood",
                                     .prompt_hash = prompt,
                                     .continuation = rolling ? GN_S("") : q->continuation,
                                     .logprob = x->logprob,
                                     .greedy = x->greedy,
                                     .output = gn_str_slice(&x->output),
                                     .stop = x->stop,
                                     .n_prompt = (int64_t)x->context.count +
                                                 (generate ? 0 : (int64_t)x->token.count - 1),
                                     .n_out = x->n_out,
                                     .n_reused = x->n_reused,
                                     .prompt_ms = x->prompt_ms,
                                     .gen_ms = x->gen_ms,
                                     .truncated = x->truncated,
                                     .boundary = x->boundary},
                             .id = x->said.count ? x->said.id : NULL,
                             .score = x->score,
                             .top = x->top,
                             .n = (int)x->said.count,
                             .k = r->suite->o->logprobs > 0 ? r->suite->o->logprobs : 0};
    /* A twin's first has written the row, which is as fresh as this one. */
    return gn_results_said(r->store, &said, (r->row.fresh || r->anew) && !x->twin, e);
}

static bool write_work(runner *r, gn_work *w, const scored *s, gn_error *e) {
    int64_t *response = malloc((size_t)w->n_want * sizeof *response + 1);
    bool *cached = malloc((size_t)w->n_want + 1);
    int n = 0;
    bool ok = (response && cached) || no_memory(e);
    ok = ok && gn_results_doc(r->store, w->task->id, &w->doc, e);
    for (int i = 0; ok && i < w->n_want; i++) {
        if (!w->want[i].there)
            continue;
        cached[n] = w->want[i].cached;
        ok = (response[n++] = write_want(r, &w->want[i], e)) != 0;
    }
    if (ok && s->complete) {
        const gn_sample sample = {.run = r->out->run,
                                  .task = w->task->id,
                                  .doc = w->doc.ix,
                                  .rep = w->rep,
                                  .response = response,
                                  .cached = cached,
                                  .n = n,
                                  .row = s->row,
                                  .n_row = s->n_row,
                                  .error = w->error.len ? gn_str_text(&w->error) : NULL};
        ok = gn_results_sample(r->store, &sample, e);
    }
    free(response);
    free(cached);
    return ok;
}

/* ---- what is told ------------------------------------------------------------------------------ */

static void count_value(tally *t, int64_t doc, double value, double weight) {
    t->count++;
    t->sum += value;
    t->square += value * value;
    t->weight += weight;
    if (t->base && !isnan(t->base[doc])) {
        const double d = value - t->base[doc];
        t->d_count++;
        t->d_sum += d;
        t->d_square += d * d;
    }
}

static void count_work(runner *r, const gn_work *w, const scored *s) {
    tally *t = &r->now;
    bool cached = w->n_want > 0, truncated = false, empty = false, invalid = false;
    for (int i = 0; i < w->n_want; i++) {
        cached = cached && w->want[i].cached;
        truncated = truncated || w->want[i].truncated;
        empty = empty ||
                (w->want[i].request->kind == GN_REQUEST_GENERATE && w->want[i].output.len == 0);
    }
    for (int i = 0; i < s->n_row; i++) {
        invalid = invalid || s->row[i].invalid;
        if (s->row[i].measure == 0)
            count_value(t, w->doc.ix, s->row[i].value, s->row[i].weight);
    }
    t->done++;
    r->out->done++;
    t->cached += cached;
    t->errors += w->error.len > 0;
    t->truncated += truncated;
    t->empty += empty;
    t->invalid += invalid;
}

static double mean_error(double n, double sum, double square) {
    const double mean = sum / n, spread = square / n - mean * mean;
    return n > 1 ? sqrt((spread > 0 ? spread : 0) / (n - 1)) : NAN;
}

/* The first measure so far, where it is a mean or a perplexity. */
static void set_value(const runner *r, gn_eval_progress *p) {
    const tally *t = &r->now;
    const gn_measure *m = r->task->task->n_measure ? &r->task->task->measure[0] : NULL;
    p->value = p->error = p->delta = p->delta_error = NAN;
    if (!m || t->count < 1)
        return;
    p->metric = m->metric;
    switch (m->aggregation) {
    case GN_AGGREGATE_MEAN:
        p->value = t->sum / t->count;
        p->error = mean_error(t->count, t->sum, t->square);
        break;
    case GN_AGGREGATE_PERPLEXITY:
        p->value = exp(-t->sum / t->count);
        return;
    case GN_AGGREGATE_WEIGHTED_PERPLEXITY:
    case GN_AGGREGATE_TOKEN_PERPLEXITY:
        p->value = exp(-t->sum / t->weight);
        return;
    default:
        return;
    }
    if (t->d_count > 0) {
        p->delta = t->d_sum / t->d_count;
        p->delta_error = mean_error(t->d_count, t->d_sum, t->d_square);
    }
}

static void tell(runner *r) {
    if (!r->h->progress || !r->task)
        return;
    const gn_eval_work_stats *s = &r->out->stats;
    const double passed = gn_seconds() - r->began;
    const int64_t made = r->out->done - r->at_start, left = r->out->n - r->out->done;
    gn_eval_progress p = {.run = r->out->run,
                          .task = r->task->task->name,
                          .done = r->now.done,
                          .n = r->now.n,
                          .cached = r->now.cached,
                          .errors = r->now.errors,
                          .all_done = r->out->done,
                          .all = r->out->n,
                          .truncated = r->now.truncated,
                          .empty = r->now.empty,
                          .invalid = r->now.invalid,
                          .read_tps = s->read_s > 0 ? (double)s->read / s->read_s : 0,
                          .write_tps = s->write_s > 0 ? (double)s->written / s->write_s : 0,
                          .left_s = made > 0 ? passed * (double)left / (double)made : NAN,
                          .paused = is_paused(r)};
    set_value(r, &p);
    r->h->progress(r->h->user, &p);
}

/* ---- meanwhile ------------------------------------------------------------------------------------ */

/* The heartbeat; while the run is paused it goes on here. */
static bool look_up(runner *r) {
    bool told = false;
    while (!r->error.code) {
        const double now = gn_seconds();
        if (now - r->beat >= HEARTBEAT_S || (r->row.paused && now - r->beat >= 0.5)) {
            r->beat = now;
            if (!gn_claim_beat(&r->row, &r->error))
                break;
        }
        if (!is_paused(r) || interrupts(r) > 0)
            break;
        if (!told)
            tell(r);
        told = true;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return !r->error.code;
}

/* Everything answered goes into the database, in one transaction; then it is told. */
static bool flush(runner *r, gn_error *e) {
    gn_arena a = {0};
    if (r->n_ready == 0)
        return true;
    scored *s = calloc(r->n_ready, sizeof *s);
    bool ok = s || no_memory(e), all = true;
    gn_error broken = {0}; /* what stopped the scoring: the answers are written all the same */
    for (size_t i = 0; ok && all && i < r->n_ready; i++)
        if (gn_work_complete(r->ready[i]))
            all = score_work(r, r->ready[i], &a, &s[i], &broken) && look_up(r);
    if (ok && (ok = gn_sql_begin(sql(r), e))) {
        ok = gn_claim_beat(&r->row, e);
        for (size_t i = 0; ok && i < r->n_ready; i++)
            ok = write_work(r, r->ready[i], &s[i], e);
        ok = ok && gn_sql_commit(sql(r), e);
        if (!ok)
            gn_sql_rollback(sql(r));
    }
    for (size_t i = 0; ok && i < r->n_ready; i++)
        if (s[i].complete) {
            count_work(r, r->ready[i], &s[i]);
            if (r->h->sample)
                r->h->sample(r->h->user, r->ready[i]->task->id, r->ready[i]->doc.ix,
                             r->ready[i]->rep);
            if (r->ready[i]->doc.warning.len)
                note(r, r->ready[i]->doc.warning.data);
        }
    free(s);
    gn_arena_release(&a);
    r->n_ready = 0;
    r->beat = r->flushed = gn_seconds();
    if (ok)
        tell(r);
    if (ok && !all) {
        *e = broken.code ? broken : r->error;
        ok = false;
    }
    return ok;
}

/* ---- between steps ------------------------------------------------------------------------------- */

/* Scores: a step is what one interrupt waits for. */
static bool go_on(void *user) {
    runner *r = user;
    const bool generate = r->task->task->kind == GN_TASK_GENERATE;
    return look_up(r) && interrupts(r) < (generate ? 2 : 1);
}

static bool begin(void *user) {
    runner *r = user;
    return look_up(r) && interrupts(r) == 0;
}

static bool text(void *user, const gn_work *w, const gn_want *want, gn_slice more) {
    runner *r = user;
    const gn_eval_text t = {.task = w->task->id,
                            .doc = w->doc.ix,
                            .rep = w->rep,
                            .name = w->task->task->name,
                            .prompt = want->request->context,
                            .text = more};
    if (r->h->text)
        r->h->text(r->h->user, &t);
    return !r->h->skip || !r->h->skip(r->h->user, &t);
}

static bool complete(void *user, gn_work *w, gn_error *e) {
    runner *r = user;
    if (!gn_vec_reserve(&r->ready, &r->ready_room, r->n_ready + 1, sizeof(gn_work *)))
        return no_memory(e);
    r->ready[r->n_ready++] = w;
    return gn_seconds() - r->flushed < FLUSH_S || flush(r, e);
}

/* ---- bundles --------------------------------------------------------------------------------------- */

static void drop_bundle(runner *r) {
    for (size_t i = 0; i < r->n_all; i++) {
        gn_work_release(r->all[i]);
        free(r->all[i]);
    }
    r->n_all = r->bundle.n = 0;
    r->bundle.tokens = 0;
}

/* Answers of documents that are not complete are kept for the next time, unless dropped. */
static bool keep_partial(runner *r, gn_error *e) {
    for (size_t i = 0; i < r->bundle.n; i++) {
        gn_work *w = r->bundle.work[i];
        if (!w)
            continue;
        if (!gn_vec_reserve(&r->ready, &r->ready_room, r->n_ready + 1, sizeof(gn_work *)))
            return no_memory(e);
        r->ready[r->n_ready++] = w;
    }
    return true;
}

static bool run_bundle(runner *r, gn_error *e) {
    const gn_bundle_hooks hooks = {
        .go_on = go_on, .begin = begin, .complete = complete, .text = text, .user = r};
    bool ok = gn_bundle_run(&r->bundle, r->suite, &hooks, &r->out->stats, e);
    if (ok && r->error.code) {
        *e = r->error;
        ok = false;
    }
    if (ok && interrupts(r) == 1)
        ok = keep_partial(r, e);
    ok = ok && (interrupts(r) > 1 || flush(r, e));
    r->n_ready = 0;
    drop_bundle(r);
    return ok;
}

static bool add_work(runner *r, int64_t ix, int rep, gn_error *e) {
    gn_work *w = calloc(1, sizeof *w);
    if (!w || !gn_vec_reserve(&r->all, &r->all_room, r->n_all + 1, sizeof(gn_work *)) ||
        !gn_vec_reserve(&r->bundle.work, &r->bundle.capacity, r->bundle.n + 1, sizeof(gn_work *))) {
        free(w);
        return no_memory(e);
    }
    r->all[r->n_all++] = w;
    if (!gn_work_make(w, r->suite, r->task, ix, rep, r->store, r->row.fresh || r->anew, e))
        return false;
    r->bundle.work[r->bundle.n++] = w;
    for (int i = 0; i < w->n_want; i++)
        if (!w->want[i].there)
            r->bundle.tokens += (int64_t)(w->want[i].context.count + w->want[i].token.count);
    return true;
}

/* ---- a task ------------------------------------------------------------------------------------------ */

/* Mark the samples that are there, [documents * repeat]. */
static bool mark_done(runner *r, bool *done, gn_error *e) {
    bool row = false, ok;
    gn_statement *q = gn_sql_prepare(
        sql(r), "SELECT doc_ix, rep, status = 'error' FROM sample WHERE run_id = ? AND task_id = ?",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(r->out->run));
    gn_bind_int(q, 2, r->task->id);
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const int64_t ix = gn_column_int(q, 0), rep = gn_column_int(q, 1);
        if (ix < 0 || ix >= gn_asker_count(r->task->asker) || rep >= r->suite->o->repeat)
            continue;
        done[ix * r->suite->o->repeat + rep] = true;
        r->now.done++;
        r->now.errors += gn_column_int(q, 2);
    }
    gn_sql_reset(q);
    return ok;
}

/* The first measure's values of a run: those there from before, or the baseline's. */
static bool read_values(runner *r, const char *run, double *base, gn_error *e) {
    const gn_measure *m = &r->task->task->measure[0];
    bool row = false, ok;
    gn_statement *q = gn_sql_prepare(
        sql(r),
        "SELECT s.doc_ix, c.value, c.weight FROM sample s JOIN score c ON c.sample_id = s.id "
        "JOIN task t ON t.id = s.task_id WHERE s.run_id = ?1 AND t.name = ?2 AND c.metric = ?3 "
        "AND c.filter = ?4",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(run));
    gn_bind_text(q, 2, r->task->task->name);
    gn_bind_text(q, 3, m->metric);
    gn_bind_text(q, 4, m->filter);
    while ((ok = gn_sql_step(q, &row, e)) && row) {
        const int64_t ix = gn_column_int(q, 0);
        if (ix < 0 || ix >= gn_asker_count(r->task->asker))
            continue;
        if (base)
            base[ix] = gn_column_double(q, 1);
        else
            count_value(&r->now, ix, gn_column_double(q, 1), gn_column_double(q, 2));
    }
    gn_sql_reset(q);
    return ok;
}

static bool begin_task(runner *r, const gn_suite_task *t, bool *done, gn_error *e) {
    const size_t count = (size_t)gn_asker_count(t->asker);
    r->task = t;
    free(r->now.base);
    r->now = (tally){.n = t->n_doc * r->suite->o->repeat};
    if (r->baseline && t->task->n_measure) {
        r->now.base = malloc(count * sizeof(double) + 1);
        if (!r->now.base)
            return no_memory(e);
        for (size_t i = 0; i < count; i++)
            r->now.base[i] = NAN;
        char base[27];
        if (!gn_run_baseline(r->store, r->baseline, t->task->name, base, e) ||
            (base[0] && !read_values(r, base, r->now.base, e)))
            return false;
    }
    return mark_done(r, done, e) && (!t->task->n_measure || read_values(r, r->out->run, NULL, e));
}

static bool drop_sample(runner *r, int64_t doc, int rep, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        sql(r), "DELETE FROM sample WHERE run_id = ? AND task_id = ? AND doc_ix = ? AND rep = ?",
        e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(r->out->run));
    gn_bind_int(q, 2, r->task->id);
    gn_bind_int(q, 3, doc);
    gn_bind_int(q, 4, rep);
    if (!gn_sql_run(q, e))
        return false;
    r->out->done -= gn_sql_changes(sql(r));
    return true;
}

/* Samples that whoever watches wants asked again. */
static bool ask_anew(runner *r, bool *done, gn_error *e) {
    int64_t doc;
    int rep;
    bool ok = true;
    r->anew = true;
    while (ok && r->h->anew && interrupts(r) == 0 &&
           r->h->anew(r->h->user, r->task->id, &doc, &rep))
        if (doc >= 0 && doc < gn_asker_count(r->task->asker) && rep < r->suite->o->repeat)
            ok = drop_sample(r, doc, rep, e) && add_work(r, doc, rep, e) && run_bundle(r, e);
    r->anew = false;
    return ok && begin_task(r, r->task, done, e);
}

static bool run_task(runner *r, const gn_suite_task *t, gn_error *e) {
    const int repeat = r->suite->o->repeat;
    bool *done = calloc((size_t)(gn_asker_count(t->asker) * repeat) + 1, sizeof *done);
    bool ok = done ? begin_task(r, t, done, e) : no_memory(e);
    for (int64_t i = 0; ok && i < t->n_doc && interrupts(r) == 0; i++)
        for (int rep = 0; ok && rep < repeat; rep++) {
            if (done[t->doc[i] * repeat + rep])
                continue;
            ok = add_work(r, t->doc[i], rep, e);
            if (ok && (r->bundle.n >= BUNDLE_DOCS || r->bundle.tokens >= BUNDLE_TOKENS))
                ok = run_bundle(r, e);
        }
    if (ok && r->bundle.n > 0 && interrupts(r) == 0)
        ok = run_bundle(r, e);
    if (ok && r->h->anew && interrupts(r) == 0)
        ok = ask_anew(r, done, e);
    drop_bundle(r);
    free(done);
    return ok;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static bool count_there(runner *r, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(sql(r), "SELECT count(*) FROM sample WHERE run_id = ?", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(r->out->run));
    const bool ok = gn_sql_step(q, &row, e);
    r->out->done = r->at_start = ok && row ? gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    return ok;
}

static bool keep_metrics(runner *r, gn_error *e) {
    gn_run_row run;
    gn_results results = {0};
    if (!gn_run_find(r->store, r->out->run, &run, e))
        return false;
    gn_pool *pool = gn_pool_new(gn_processors(), e);
    const bool ok = pool && gn_results_measure(r->store, &run, pool, true, &results, e) &&
                    gn_results_keep(r->store, r->out->run, &results, e);
    gn_pool_free(pool);
    gn_results_release(&results);
    gn_run_row_release(&run);
    return ok;
}

/* Mark the run done, with its metrics, or stopped. */
static bool end_run(runner *r, bool finished, gn_error *e) {
    if (!gn_sql_begin(sql(r), e))
        return false;
    if ((!finished || keep_metrics(r, e)) &&
        gn_claim_status(&r->row, finished ? "done" : "stopped", e) && gn_sql_commit(sql(r), e))
        return true;
    gn_sql_rollback(sql(r));
    return false;
}

bool gn_eval_run(gn_store *store, gn_suite *suite, const char *baseline, const gn_eval_hooks *h,
                 gn_eval_outcome *out, gn_error *e) {
    runner r = {.store = store,
                .suite = suite,
                .row = {.store = store, .suite = suite},
                .h = h,
                .baseline = baseline,
                .out = out};
    gn_eval_start start = {.model = gn_engine_name(suite->g),
                           .sha = suite->checkpoint_sha,
                           .numerics = gn_engine_numerics(suite->g),
                           .device = gn_engine_device(suite->g),
                           .db = gn_store_file(store),
                           .baseline = baseline,
                           .suite = suite,
                           .n = suite->planned};
    *out = (gn_eval_outcome){.n = suite->planned};
    gn_boot_id(r.row.boot);
    r.began = r.beat = r.flushed = gn_seconds();
    if (!gn_claim_begin(&r.row, &start, e))
        return false;
    memcpy(out->run, r.row.run, sizeof out->run);
    out->end = r.row.end;
    out->pid = r.row.pid;
    if (!count_there(&r, e))
        return false;
    start.run = out->run;
    start.done = out->done;
    if (r.row.claimed && h->started)
        h->started(h->user, &start);
    bool ok = true;
    for (int i = 0; ok && r.row.claimed && i < suite->n && interrupts(&r) == 0; i++)
        ok = run_task(&r, &suite->task[i], e);
    if (r.row.claimed) {
        const bool finished = ok && out->done >= out->n;
        gn_error second = {0};
        if (!end_run(&r, finished, ok ? e : &second))
            ok = false;
        out->end = finished ? GN_EVAL_DONE : GN_EVAL_STOPPED;
    }
    out->seconds = gn_seconds() - r.began;
    free(r.now.base);
    free(r.all);
    free(r.ready);
    free(r.bundle.work);
    return ok;
}

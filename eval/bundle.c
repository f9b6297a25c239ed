/* bundle.c - a bundle of documents through the model: scores packed as a trie, answers with refill. */
#include "eval/work.h"

#include <stdlib.h>

/* A beginning of fewer tokens is not worth a session. */
enum { LEAST_SHARED = 16 };

/* What an engine request or job answers. */
typedef struct asked {
    gn_work *work;
    gn_want *want;
} asked;

typedef struct running {
    gn_bundle *bundle;
    gn_suite *suite;
    const gn_bundle_hooks *h;
    gn_eval_work_stats *stats;
    gn_map first; /* key -> the want that asks, as a number */
    gn_score_request *request;
    asked *asked; /* [n_request] */
    size_t n_request, request_room, asked_room;
    gn_job *job;
    asked *told; /* [n_job] */
    gn_job **jobs;
    gn_slice *stop;
    size_t n_job;
    double last;               /* seconds, when a step of generating ended */
    gn_session *shared, *same; /* what all prompts begin with; and what the next ones do */
    size_t n_same;             /* jobs, from the one begun, that begin with `same` */
    gn_error error;            /* of a hook */
} running;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* ---- what came back ----------------------------------------------------------------------- */

/* Documents whose last answer this was; also those that asked the same. */
static bool tell_complete(running *r, gn_error *e) {
    for (size_t i = 0; i < r->bundle->n; i++) {
        gn_work *w = r->bundle->work[i];
        if (!w || !gn_work_complete(w))
            continue;
        r->bundle->work[i] = NULL;
        if (!r->h->complete(r->h->user, w, e))
            return false;
    }
    return true;
}

static bool copy_twin(gn_want *to, const gn_want *from) {
    to->logprob = from->logprob;
    to->greedy = from->greedy;
    to->n_out = from->n_out;
    to->stop = from->stop;
    to->truncated = from->truncated;
    to->there = true;
    gn_str_add(&to->output, gn_str_slice(&from->output));
    return !to->output.failed;
}

/* Documents of a bundle wait for the twin in another one: both are told when it is there. */
static bool settle_twins(running *r, gn_error *e) {
    for (size_t i = 0; i < r->bundle->n; i++) {
        gn_work *w = r->bundle->work[i];
        for (int k = 0; w && k < w->n_want; k++) {
            gn_want *want = &w->want[k];
            if (want->there || !want->twin)
                continue;
            if (want->twin->failed && !w->error.len)
                gn_str_puts(&w->error, "the model failed on the same question of another document");
            if (want->twin->there && !copy_twin(want, want->twin))
                return no_memory(e);
        }
    }
    return true;
}

/* ---- scores ------------------------------------------------------------------------------- */

static bool keep_tokens(gn_want *w, const gn_score_request *q, const gn_score_answer *a, size_t k) {
    const size_t n = w->said.count, more = (size_t)q->n_token;
    if (!gn_vec_reserve(&w->score, &w->score_room, n + more, sizeof *w->score) ||
        (k && !gn_vec_reserve(&w->top, &w->top_room, (n + more) * k, sizeof *w->top)) ||
        !gn_ids_append(&w->said, q->token, more))
        return false;
    memcpy(w->score + n, a->token, more * sizeof *w->score);
    if (k)
        memcpy(w->top + n * k, a->top, more * k * sizeof *w->top);
    return true;
}

static bool answered(void *user, int i, const gn_score_answer *a) {
    running *r = user;
    gn_want *w = r->asked[i].want;
    const gn_score_request *q = &r->request[i];
    w->logprob += a->logprob;
    w->greedy = w->greedy && a->greedy;
    w->n_out += q->n_token;
    w->n_reused += a->reused;
    if (w->request->kind == GN_REQUEST_SCORE && r->suite->o->logprobs >= 0 &&
        !keep_tokens(w, q, a, (size_t)q->top))
        return no_memory(&r->error);
    if (--w->left > 0)
        return true;
    w->there = true;
    gn_work *of = r->asked[i].work;
    if (!gn_work_complete(of))
        return true;
    for (size_t k = 0; k < r->bundle->n; k++)
        if (r->bundle->work[k] == of)
            r->bundle->work[k] = NULL;
    return r->h->complete(r->h->user, of, &r->error);
}

static bool between(void *user, int64_t done, int64_t all) {
    running *r = user;
    (void)done;
    (void)all;
    return r->h->go_on(r->h->user);
}

static bool add_request(running *r, asked a, gn_score_request q, gn_error *e) {
    if (!gn_vec_reserve(&r->request, &r->request_room, r->n_request + 1, sizeof *r->request) ||
        !gn_vec_reserve(&r->asked, &r->asked_room, r->n_request + 1, sizeof *r->asked))
        return no_memory(e);
    q.top = a.want->request->kind == GN_REQUEST_SCORE && r->suite->o->logprobs > 0
                ? r->suite->o->logprobs
                : 0;
    r->request[r->n_request] = q;
    r->asked[r->n_request++] = a;
    a.want->left++;
    return true;
}

static bool add_scores(running *r, asked a, gn_error *e) {
    gn_want *w = a.want;
    w->greedy = true;
    if (w->request->kind == GN_REQUEST_SCORE)
        return add_request(r, a,
                           (gn_score_request){.context = w->context.id,
                                              .n_context = (int64_t)w->context.count,
                                              .token = w->token.id,
                                              .n_token = (int64_t)w->token.count},
                           e);
    const int64_t n = (int64_t)w->token.count - 1, window = r->suite->max_length;
    w->there = n == 0;
    for (int64_t i = 0; i < gn_rolling_count(n, window); i++)
        if (!add_request(r, a, gn_rolling_window(w->token.id, n, window, i), e))
            return false;
    return true;
}

static bool score(running *r, gn_error *e) {
    gn_score_stats stats = {0};
    const gn_score_hooks hooks = {.answer = answered, .go_on = between, .user = r};
    if (r->n_request == 0)
        return true;
    const bool ok =
        gn_score(r->suite->g, r->request, (int)r->n_request, r->suite->o->share, &hooks, &stats, e);
    r->stats->asked += stats.asked;
    r->stats->read += stats.read;
    r->stats->read_s += stats.seconds;
    if (r->error.code)
        *e = r->error;
    else if (!ok && e->code == GN_CANCELLED) { /* asked for by a hook */
        *e = (gn_error){0};
        return true;
    }
    return ok && !r->error.code;
}

/* ---- answers ------------------------------------------------------------------------------ */

/* Between steps that read prompts. */
static bool reading(void *user, int64_t done, int64_t all) {
    running *r = user;
    const double now = gn_seconds();
    r->stats->read_s += now - r->last;
    r->last = now;
    return !r->error.code && between(user, done, all);
}

/* Tokens that two prompts begin with alike; each keeps one of its own. */
static int64_t alike(const gn_want *a, const gn_want *b, int64_t most) {
    int64_t n = 0;
    most = most < (int64_t)a->context.count - 1 ? most : (int64_t)a->context.count - 1;
    most = most < (int64_t)b->context.count - 1 ? most : (int64_t)b->context.count - 1;
    while (n < most && a->context.id[n] == b->context.id[n])
        n++;
    return n;
}

/* A session that has read `to` tokens of a prompt, those after `from` now. */
static gn_session *read_on(running *r, const gn_session *from, const gn_want *w, int64_t to,
                           gn_error *e) {
    const int64_t have = from ? gn_session_count(from) : 0;
    gn_session *s = from ? gn_session_fork(from, e) : gn_session_new(r->suite->g, e);
    if (s && !gn_session_feed(s, w->context.id + have, to - have, GN_READ, between, r, e)) {
        gn_session_free(s);
        s = NULL;
    }
    if (s)
        r->stats->read += to - have;
    return s;
}

/* What a job begins with: what all of them share; for repeats of a prompt all but its end. */
static bool set_beginning(running *r, size_t i, gn_error *e) {
    const gn_want *w = r->told[i].want;
    const int64_t have = r->shared ? gn_session_count(r->shared) : 0;
    if (r->n_same > 0) {
        r->n_same--;
    } else {
        size_t n = 1;
        while (i + n < r->n_job && w->context.count == r->told[i + n].want->context.count &&
               alike(w, r->told[i + n].want, INT64_MAX) == (int64_t)w->context.count - 1)
            n++;
        gn_session_free(r->same);
        r->same = NULL;
        if (n > 1 && (int64_t)w->context.count - 1 > have) {
            if (!(r->same = read_on(r, r->shared, w, (int64_t)w->context.count - 1, e)))
                return false;
            r->n_same = n - 1;
        }
    }
    const gn_session *after = r->same ? r->same : r->shared;
    const int64_t skip = after ? gn_session_count(after) : 0;
    r->job[i].after = after;
    r->job[i].prompt = w->context.id + skip;
    r->job[i].n_prompt = (int64_t)w->context.count - skip;
    return true;
}

static bool begin(void *user, const gn_job *j) {
    running *r = user;
    if (r->error.code || !r->h->begin(r->h->user))
        return false;
    const double began = gn_seconds();
    const bool ok = !r->suite->o->share || set_beginning(r, (size_t)(j - r->job), &r->error);
    r->stats->read_s += gn_seconds() - began;
    r->last += gn_seconds() - began;
    if (!ok && r->error.code == GN_CANCELLED) /* asked for by a hook */
        r->error = (gn_error){0};
    return ok;
}

/* The prompts' common beginning, read once for all of them. */
static bool read_shared(running *r, gn_error *e) {
    int64_t n = INT64_MAX;
    if (!r->suite->o->share || r->n_job < 2)
        return true;
    for (size_t i = 1; i < r->n_job && n >= LEAST_SHARED; i++)
        n = alike(r->told[0].want, r->told[i].want, n);
    if (n < LEAST_SHARED)
        return true;
    const double began = gn_seconds();
    r->shared = read_on(r, NULL, r->told[0].want, n, e);
    r->stats->read_s += gn_seconds() - began;
    return r->shared != NULL;
}

static bool token(void *user, gn_job *j, const gn_token *t) {
    running *r = user;
    const asked *a = j->user;
    const double now = gn_seconds();
    *(t->index == 0 ? &r->stats->read_s : &r->stats->write_s) += now - r->last; /* a prompt's end */
    r->last = now;
    if (r->h->text && !r->h->text(r->h->user, a->work, a->want, t->text)) {
        a->want->failed = true;
        return false;
    }
    return !r->error.code && r->h->go_on(r->h->user);
}

/* The text lm-evaluation-harness would have: without special tokens, cut at the first of each
 * stop string, in order. */
static bool take_text(running *r, const gn_job *j, gn_want *w, gn_error *e) {
    gn_str text = {0};
    const bool ok =
        gn_decode(gn_engine_tokenizer(r->suite->g), j->ids.id, j->ids.count, true, &text, e);
    if (ok)
        gn_str_add(&w->output, gn_answer_cut(gn_str_slice(&text), GN_S(""), j->stop, j->n_stop));
    gn_str_release(&text);
    return ok && gn_str_ok(&w->output, e);
}

static bool take_answer(running *r, gn_job *j, gn_want *w, gn_error *e) {
    const size_t n = j->ids.count, k = (size_t)j->top;
    if (!take_text(r, j, w, e) || !gn_ids_append(&w->said, j->ids.id, n) ||
        !gn_vec_reserve(&w->score, &w->score_room, n + 1, sizeof *w->score) ||
        (k && !gn_vec_reserve(&w->top, &w->top_room, n * k + 1, sizeof *w->top)))
        return e->code || no_memory(e);
    memcpy(w->score, j->score, n * sizeof *w->score);
    if (k)
        memcpy(w->top, j->tops, n * k * sizeof *w->top);
    w->stop = gn_stop_name(j->stopped);
    w->truncated = w->truncated || j->stopped == GN_STOP_LENGTH || j->stopped == GN_STOP_CONTEXT;
    w->n_out = (int64_t)n;
    w->prompt_ms = j->prompt_s * 1e3;
    w->gen_ms = j->generate_s * 1e3;
    w->there = true;
    w->n_reused = j->reused;
    r->stats->asked += (int64_t)w->context.count;
    r->stats->read += j->read;
    r->stats->written += (int64_t)n;
    return true;
}

static void finished(void *user, gn_job *j) {
    running *r = user;
    const asked *a = j->user;
    if (r->error.code || (j->stopped == GN_STOP_INTERRUPTED && !a->want->failed))
        return;
    if (j->error.code == GN_NO_MEMORY || j->error.code == GN_DEVICE) {
        r->error = j->error;
        return;
    }
    if (j->error.code || a->want->failed) {
        a->want->failed = true;
        gn_str_puts(&a->work->error, j->error.code ? j->error.message : "skipped");
    } else if (!take_answer(r, j, a->want, &r->error))
        return;
    gn_job_release(j);
    if (settle_twins(r, &r->error))
        tell_complete(r, &r->error);
}

/* The text of end of text stops an answer, too. */
static gn_slice eos_text(gn_engine *g) {
    int n;
    gn_tokenizer *t = gn_engine_tokenizer(g);
    int32_t id = gn_tokenizer_named(t, "eos");
    const int32_t *eos = gn_engine_eos(g, &n);
    if (id < 0 && n > 0)
        id = eos[0];
    return id < 0 ? GN_S("") : gn_token_piece(t, id);
}

static bool set_job(running *r, size_t i, gn_error *e) {
    const asked *a = &r->told[i];
    const gn_generation *g = a->want->request->generation;
    gn_slice *stop = malloc(((size_t)g->n_until + 1) * sizeof *stop);
    if (!stop)
        return no_memory(e);
    memcpy(stop, g->until, (size_t)g->n_until * sizeof *stop);
    stop[g->n_until] = eos_text(r->suite->g);
    r->job[i] =
        (gn_job){.prompt = a->want->context.id,
                 .n_prompt = (int64_t)a->want->context.count,
                 .limit = g->max_tokens,
                 .sampling = {.temp = g->sample ? g->temperature : 0,
                              .top_k = g->sample ? g->top_k : 0,
                              .top_p = g->sample ? g->top_p : 0,
                              .repeat_penalty = gn_engine_sampling(r->suite->g).repeat_penalty,
                              .seed = a->want->seed},
                 .stop = stop,
                 .n_stop = g->n_until + 1,
                 .top = r->suite->o->logprobs > 0 ? r->suite->o->logprobs : 0,
                 .user = &r->told[i]};
    r->jobs[i] = &r->job[i];
    return true;
}

static bool generate(running *r, gn_error *e) {
    const gn_generate_hooks hooks = {
        .token = token, .done = finished, .begin = begin, .reading = reading, .user = r};
    if (r->n_job == 0)
        return true;
    bool ok = true;
    r->job = calloc(r->n_job, sizeof *r->job);
    r->jobs = calloc(r->n_job, sizeof(gn_job *));
    if (!r->job || !r->jobs)
        return no_memory(e);
    for (size_t i = 0; ok && i < r->n_job; i++)
        ok = set_job(r, i, e);
    gn_error why = {0};
    const bool begun = ok && read_shared(r, &why);
    r->last = gn_seconds();
    if (begun)
        ok = gn_generate(r->suite->g, r->jobs, (int)r->n_job, &hooks, e);
    else if (ok && why.code != GN_CANCELLED) { /* else a hook asked for it: nothing is lost */
        *e = why;
        ok = false;
    }
    for (size_t i = 0; i < r->n_job; i++) {
        free((void *)r->job[i].stop);
        gn_job_release(&r->job[i]);
    }
    if (r->error.code)
        *e = r->error;
    return ok && !r->error.code;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Ask for it, unless another of the bundle asks the same. */
static bool add_want(running *r, gn_work *w, gn_want *want, size_t *jobs_room, gn_error *e) {
    int64_t first;
    const gn_slice key = {(const char *)want->key, sizeof want->key};
    if (gn_map_get(&r->first, key, &first)) {
        want->twin = (gn_want *)(intptr_t)first;
        return true;
    }
    if (!gn_map_set(&r->first, key, (intptr_t)want))
        return no_memory(e);
    if (want->request->kind != GN_REQUEST_GENERATE)
        return add_scores(r, (asked){w, want}, e);
    if (!gn_vec_reserve(&r->told, jobs_room, r->n_job + 1, sizeof *r->told))
        return no_memory(e);
    r->told[r->n_job++] = (asked){w, want};
    return true;
}

bool gn_bundle_run(gn_bundle *b, gn_suite *s, const gn_bundle_hooks *h, gn_eval_work_stats *stats,
                   gn_error *e) {
    running r = {.bundle = b, .suite = s, .h = h, .stats = stats};
    size_t jobs_room = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < b->n; i++)
        for (int k = 0; ok && k < b->work[i]->n_want && !b->work[i]->error.len; k++)
            if (!b->work[i]->want[k].there)
                ok = add_want(&r, b->work[i], &b->work[i]->want[k], &jobs_room, e);
    ok = ok && tell_complete(&r, e) && score(&r, e) && generate(&r, e) && settle_twins(&r, e) &&
         tell_complete(&r, e);
    gn_session_free(r.shared);
    gn_session_free(r.same);
    gn_map_release(&r.first);
    free(r.request);
    free(r.asked);
    free(r.job);
    free(r.told);
    free(r.jobs);
    return ok;
}

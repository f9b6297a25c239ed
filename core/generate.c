/* generate.c - the loop: forward, sample, stop; many answers at once.
 *
 * A job first reads its prompt (READ steps, packed with other jobs' prompts),
 * then writes (WRITE steps: one token of every job that is writing). Jobs are
 * opened while there is memory for their states and closed as they finish, so
 * the steps stay full. Nothing a job gets depends on who shared its steps.
 */
#include "core/sampler.h"
#include "core/session.h"

#include <inttypes.h>
#include <math.h>

enum { MOST_LIKELY = 256 }; /* ids that are drawn from without the rest */

struct gn_job_work {
    gn_session *session;
    bool own; /* begins and ends with the job */
    int64_t prompt_done;
    bool writing; /* the prompt is read */
    int32_t next; /* sampled, not read yet; -1: none */
    gn_sampler sampler;
    gn_fate *after; /* [top] of the token that is told */
    gn_text_stream stream;
    size_t told;         /* bytes of job->text that were handed out */
    double began, wrote; /* seconds */
};

/* One call of gn_generate(). */
typedef struct loop {
    gn_engine *g;
    gn_job *const *job;
    int n, opened;
    const gn_generate_hooks *h;
    gn_job **active; /* [max_lanes] */
    int n_active;
    size_t budget, used; /* bytes of states of our own */
    gn_feed *feed;       /* [max_lanes] */
    int32_t *want;       /* [max_lanes] */
    gn_job **whose;      /* [max_lanes]: the job whose logits row i are */
    float *logits;       /* [max_logits, V] on the host */
    int32_t *id;         /* [max_logits] sampled from them */
    gn_logprob *score;   /* [max_logits] */
    bool interrupted;
} loop;

const char *gn_stop_name(gn_stop s) {
    static const char *const name[] = {"none", "eos", "length", "string", "interrupted", "context"};
    return name[s];
}

void gn_job_release(gn_job *j) {
    gn_ids_release(&j->ids);
    gn_str_release(&j->text);
    free(j->score);
    free(j->tops);
    j->score = NULL;
    j->tops = NULL;
}

/* ---- opening and closing ------------------------------------------------- */

static size_t bytes_of(const gn_engine *g, const gn_job *j) {
    const int64_t before = j->after ? gn_session_count(j->after) : j->reused;
    return j->session
               ? 0
               : gn_engine_state_bytes(g, before + j->n_prompt + (j->limit > 0 ? j->limit : 0));
}

static bool check_prompt(const gn_engine *g, gn_job *j) {
    for (int64_t i = 0; i < j->n_prompt; i++)
        if (j->prompt[i] < 0 || j->prompt[i] >= g->config.vocab)
            return gn_fail(&j->error, GN_INVALID,
                           "token id %d at place %" PRId64 " of the prompt is not in [0, %d)",
                           j->prompt[i], i, g->config.vocab);
    const gn_session *from = j->session ? j->session : j->after;
    if (j->n_prompt == 0 && !(from && gn_session_logits(from)))
        return gn_fail(&j->error, GN_INVALID, "an empty prompt: there is nothing to go on from");
    return true;
}

static void close_work(gn_job *j) {
    struct gn_job_work *w = j->work;
    if (!w)
        return;
    if (w->own)
        gn_session_free(w->session);
    gn_sampler_release(&w->sampler);
    free(w->after);
    free(w);
    j->work = NULL;
}

static bool open_work(loop *l, gn_job *j) {
    struct gn_job_work *w = calloc(1, sizeof *w);
    if (!w)
        return gn_fail(&j->error, GN_NO_MEMORY, "job: out of memory");
    j->work = w;
    w->next = -1;
    w->began = gn_seconds();
    w->own = !j->session;
    w->session = j->session ? j->session
                 : j->after ? gn_session_fork(j->after, &j->error)
                            : gn_session_new(l->g, &j->error);
    if (!w->session || !check_prompt(l->g, j) ||
        !gn_sampler_init(&w->sampler, &j->sampling, l->g->config.vocab, &j->error))
        return false;
    w->after = malloc((size_t)j->top * sizeof *w->after + 1);
    if (!w->after)
        return gn_fail(&j->error, GN_NO_MEMORY, "job: out of memory");
    j->reused = gn_session_count(w->session);
    j->after = NULL; /* forked: it may go */
    gn_sampler_see(&w->sampler, gn_session_ids(w->session), j->reused);
    gn_sampler_see(&w->sampler, j->prompt, j->n_prompt);
    return gn_session_room(w->session, j->n_prompt, &j->error);
}

/* ---- one token ------------------------------------------------------------ */

static bool is_eos(const gn_engine *g, int32_t id) {
    for (int i = 0; i < g->n_eos; i++)
        if (g->eos[i] == id)
            return true;
    return false;
}

/* The first place in text, at or after `from`, where one of the stop strings stands. */
static ptrdiff_t find_stop(const gn_job *j, size_t from) {
    ptrdiff_t first = -1;
    const gn_slice text = gn_slice_from(gn_str_slice(&j->text), from);
    for (int i = 0; i < j->n_stop; i++) {
        const ptrdiff_t at = j->stop[i].len ? gn_slice_find(text, j->stop[i]) : -1;
        if (at >= 0 && (first < 0 || at < first))
            first = at;
    }
    return first < 0 ? -1 : first + (ptrdiff_t)from;
}

/* Bytes at the end of text that may yet become a stop string. */
static size_t may_stop(const gn_job *j) {
    const gn_slice text = gn_str_slice(&j->text);
    size_t most = 0;
    for (int i = 0; i < j->n_stop; i++)
        for (size_t n = j->stop[i].len ? j->stop[i].len - 1 : 0; n > most; n--)
            if (n <= text.len && memcmp(text.data + text.len - n, j->stop[i].data, n) == 0)
                most = n;
    return most;
}

static size_t longest_stop(const gn_job *j) {
    size_t n = 0;
    for (int i = 0; i < j->n_stop; i++)
        n = j->stop[i].len > n ? j->stop[i].len : n;
    return n;
}

/* Add a token's text; cut it, and set stopped, where a stop string has come to stand. */
static void take_text(gn_engine *g, gn_job *j, int32_t id, bool last) {
    struct gn_job_work *w = j->work;
    const size_t before = j->text.len, reach = longest_stop(j);
    if (g->tokenizer && j->stopped != GN_STOP_EOS)
        gn_text_stream_add(&w->stream, gn_token_bytes(g->tokenizer, id), &j->text);
    if (last)
        gn_text_stream_end(&w->stream, &j->text);
    const ptrdiff_t at = find_stop(j, before > reach ? before - reach : 0);
    if (at >= 0) {
        gn_str_cut(&j->text, (size_t)at);
        j->stopped = GN_STOP_STRING;
    }
}

/* Keep what is said of the newest token; false when out of memory. */
static bool keep_scores(gn_job *j, const gn_logprob *score, const gn_top *top) {
    const size_t n = j->ids.count, k = (size_t)j->top;
    gn_logprob *s = realloc(j->score, n * sizeof *s);
    if (s)
        j->score = s;
    gn_top *t = k ? realloc(j->tops, n * k * sizeof *t) : NULL;
    if (t)
        j->tops = t;
    if (!s || (k && !t))
        return gn_fail(&j->error, GN_NO_MEMORY, "job: out of memory");
    j->score[n - 1] = *score;
    if (k)
        memcpy(j->tops + (n - 1) * k, top, k * sizeof *top);
    return true;
}

/* A token was sampled for j: record it, tell it, and decide whether j goes on. */
static void accept(loop *l, gn_job *j, int32_t id, const gn_logprob *score, const gn_top *top) {
    struct gn_job_work *w = j->work;
    const int index = (int)j->ids.count;
    if (index == 0)
        j->first_token_s = gn_seconds() - w->began;
    if (!gn_ids_add(&j->ids, id)) {
        gn_fail(&j->error, GN_NO_MEMORY, "job: out of memory");
        return;
    }
    if (!keep_scores(j, score, top))
        return;
    for (int i = 0; i < j->top; i++)
        w->after[i] = gn_sampler_tell(&w->sampler, top[i].id);
    gn_sampler_see(&w->sampler, &id, 1);
    w->next = id;

    if (!j->ignore_eos && is_eos(l->g, id))
        j->stopped = GN_STOP_EOS;
    else if (j->limit >= 0 && index + 1 >= j->limit)
        j->stopped = GN_STOP_LENGTH;
    else if (gn_session_count(w->session) + 1 > l->g->context)
        j->stopped = GN_STOP_CONTEXT;
    take_text(l->g, j, id, j->stopped != GN_STOP_NONE);
    if (j->stopped == GN_STOP_STRING)
        w->stream.n = 0;

    const size_t sure = j->stopped ? j->text.len : j->text.len - may_stop(j);
    gn_slice text = {gn_str_text(&j->text) + w->told, sure > w->told ? sure - w->told : 0};
    const gn_token told = {.index = index,
                           .id = id,
                           .text = text,
                           .score = *score,
                           .top = j->top ? j->tops + (size_t)index * (size_t)j->top : NULL,
                           .after = w->after,
                           .n_top = j->top};
    w->told += text.len;
    if (l->h && l->h->token && !l->h->token(l->h->user, j, &told) && !j->stopped)
        j->stopped = GN_STOP_INTERRUPTED;
}

/* ---- steps ----------------------------------------------------------------- */

/* Ids that a job's draw can be made of where the logits are far away; 0: it needs all of them, or
 * whoever hears of an answer's first token has them in the session. It is the job's own affair,
 * whoever shares the step. */
static int few_enough(const loop *l, gn_job *j) {
    const bool heard = !j->work->own && j->ids.count == 0;
    j->work->sampler.how = j->sampling; /* a hook may have changed it */
    return l->g->device->host || heard || j->limit == 0
               ? 0
               : gn_sampler_wants(&j->work->sampler, MOST_LIKELY);
}

/* Draw from rows of logits that are brought here. */
static bool draw_rows(loop *l, gn_mat m, int at, const int *few, gn_error *e) {
    gn_engine *g = l->g;
    const size_t V = (size_t)g->config.vocab;
    bool far = false;
    for (int i = 0; i < m.rows; i++)
        far = far || few[i] == 0;
    if (far && !gn_read(g->device, l->logits, m.data, (size_t)m.rows * V * sizeof(float), e))
        return false;
    for (int i = 0; i < m.rows; i++) {
        gn_job *j = l->whose[at + i];
        const float *row = l->logits + (size_t)i * V;
        if (few[i]) {
            l->id[i] = -1;
            continue;
        }
        l->id[i] = j->limit == 0 ? 0 : gn_sampler_draw(&j->work->sampler, row, j->ids.count);
        if (!gn_session_took(j->work->session, NULL, 0, row, e))
            return false;
        if (!isfinite(row[l->id[i]]))
            gn_fail(&j->error, GN_FORMAT,
                    "the model's logits are not finite; its weights are damaged");
    }
    return true;
}

/* A session that goes on after its answer has the logits it ended with. */
static bool keep_last(const loop *l, gn_job *j, gn_mat m, int i, gn_error *e) {
    gn_session *s = j->work->session;
    const size_t V = (size_t)m.cols;
    return j->work->own || !j->stopped || s->has_logits ||
           (gn_read(l->g->device, s->logits, m.data + (size_t)i * V, V * sizeof(float), e) &&
            gn_session_took(s, NULL, 0, s->logits, e));
}

/* Draw from the likeliest ids; what is said of the one that was drawn is said there, too. */
static void draw_few(loop *l, gn_job *j, int i, const gn_top *top, int few) {
    const int32_t id = gn_sampler_draw_top(&j->work->sampler, top, few, j->ids.count);
    l->id[i] = id;
    for (int32_t k = 0; k < few; k++)
        if (top[k].id == id) {
            l->score[i].logprob = top[k].logprob;
            l->score[i].rank = k;
        }
}

/* Logits rows of the last step, a block at a time: sample, then ask the device
 * what its distribution says of the samples; or ask it for the likeliest, and sample from those. */
static bool sample_rows(loop *l, int rows, gn_error *e) {
    gn_engine *g = l->g;
    const int block = g->plan->max_logits;
    for (int at = 0; at < rows; at += block) {
        const int n = rows - at < block ? rows - at : block;
        const gn_mat m = gn_logits(&g->model, g->plan, at, n);
        int top = 0, *few = calloc((size_t)n, sizeof *few);
        for (int i = 0; few && i < n; i++) {
            gn_job *j = l->whose[at + i];
            few[i] = few_enough(l, j);
            top = j->top > top ? j->top : top;
            top = few[i] > top ? few[i] : top;
        }
        gn_top *tops = malloc((size_t)n * (size_t)top * sizeof *tops + 1);
        bool ok = few && tops ? draw_rows(l, m, at, few, e)
                              : gn_fail(e, GN_NO_MEMORY, "generate: out of memory");
        ok = ok && gn_logprobs(g->device, l->score, tops, top, m, l->id, e);
        for (int i = 0; ok && i < n; i++) {
            gn_job *j = l->whose[at + i];
            const gn_top *mine = tops + (size_t)i * (size_t)top;
            if (few[i] && j->error.code == GN_OK)
                draw_few(l, j, i, mine, few[i]);
            if (j->error.code == GN_OK && j->limit != 0)
                accept(l, j, l->id[i], &l->score[i], mine);
            else if (j->limit == 0)
                j->stopped = GN_STOP_LENGTH;
            ok = keep_last(l, j, m, i, e);
        }
        free(tops);
        free(few);
        if (!ok)
            return false;
    }
    return true;
}

static bool run_step(loop *l, gn_step_kind kind, int feeds, int rows, gn_error *e) {
    gn_forward(&l->g->model, l->g->plan, kind, l->feed, feeds, l->want, rows);
    return rows == 0 || sample_rows(l, rows, e);
}

static int least(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

/* Prompts that are not read yet, as many tokens of them as a step holds. */
static bool read_step(loop *l, int most, bool *any, gn_error *e) {
    int feeds = 0, rows = 0, packed = 0;
    for (int i = 0; i < l->n_active && packed < most; i++) {
        gn_job *j = l->active[i];
        struct gn_job_work *w = j->work;
        const int count = least(j->n_prompt - w->prompt_done, most - packed);
        if (w->writing || count == 0)
            continue;
        const int32_t *token = j->prompt + w->prompt_done;
        l->feed[feeds++] = (gn_feed){w->session->state, w->session->state, token, count};
        packed += count;
        if (!gn_session_took(w->session, token, count, NULL, e))
            return false;
        w->prompt_done += count;
        j->read += count;
        if (w->prompt_done == j->n_prompt) {
            l->want[rows] = packed - 1;
            l->whose[rows++] = j;
            w->writing = true;
        }
    }
    *any = feeds > 0;
    if (!*any)
        return true;
    if (!run_step(l, GN_READ, feeds, rows, e))
        return false;
    for (int i = 0; i < rows; i++) {
        struct gn_job_work *w = l->whose[i]->work;
        w->wrote = gn_seconds();
        l->whose[i]->prompt_s = w->wrote - w->began;
    }
    return true;
}

/* A job with an empty prompt goes on from its session's own logits. */
static bool begin_without_prompt(loop *l, gn_job *j, gn_error *e) {
    struct gn_job_work *w = j->work;
    gn_logprob score;
    const size_t bytes = (size_t)l->g->config.vocab * sizeof(float);
    w->writing = true;
    w->wrote = gn_seconds();
    if (j->limit == 0) {
        j->stopped = GN_STOP_LENGTH;
        return true;
    }
    const int32_t id = gn_sampler_draw(&w->sampler, w->session->logits, 0);
    gn_top *tops = malloc((size_t)j->top * sizeof *tops + 1);
    if (!tops)
        return gn_fail(e, GN_NO_MEMORY, "generate: out of memory");
    gn_mat m = {l->g->plan->logits, 1, l->g->config.vocab, l->g->config.vocab};
    l->g->device->op->write(l->g->device, m.data, w->session->logits, bytes);
    const bool ok = gn_logprobs(l->g->device, &score, tops, j->top, m, &id, e);
    if (ok)
        accept(l, j, id, &score, tops);
    free(tops);
    return ok;
}

/* One more token of every job that writes. */
static bool write_step(loop *l, gn_error *e) {
    int feeds = 0;
    for (int i = 0; i < l->n_active; i++) {
        gn_job *j = l->active[i];
        struct gn_job_work *w = j->work;
        if (!w->writing || j->stopped || j->error.code || w->next < 0)
            continue;
        if (!gn_session_room(w->session, 1, &j->error))
            continue;
        l->feed[feeds] = (gn_feed){w->session->state, w->session->state, &w->next, 1};
        l->want[feeds] = feeds;
        l->whose[feeds++] = j;
        if (!gn_session_took(w->session, &w->next, 1, NULL, e))
            return false;
    }
    return feeds == 0 || run_step(l, GN_WRITE, feeds, feeds, e);
}

/* A session that outlives its job has read the last token too: all but an
 * end-of-text id, unless that was asked for. */
static bool read_last(loop *l, gn_job *j, gn_error *e) {
    struct gn_job_work *w = j->work;
    if (w->own || w->next < 0 || j->error.code || (j->stopped == GN_STOP_EOS && !j->keep_eos) ||
        gn_session_count(w->session) >= l->g->context)
        return true;
    if (j->ids.count && gn_session_count(w->session) == j->reused + j->read + (int64_t)j->ids.count)
        return true; /* interrupted before it was sampled anew: nothing is owed */
    return gn_session_feed(w->session, &w->next, 1, GN_WRITE, NULL, NULL, e);
}

/* Close what has finished; keep the rest in order. */
static bool reap(loop *l, gn_error *e) {
    int kept = 0;
    bool ok = true;
    for (int i = 0; i < l->n_active; i++) {
        gn_job *j = l->active[i];
        if (l->interrupted && !j->stopped)
            j->stopped = GN_STOP_INTERRUPTED;
        if (!j->stopped && !j->error.code) {
            l->active[kept++] = j;
            continue;
        }
        if (j->work) {
            ok = ok && read_last(l, j, e);
            if (j->stopped == GN_STOP_INTERRUPTED)
                gn_text_stream_end(&j->work->stream, &j->text);
            if (j->work->writing)
                j->generate_s = gn_seconds() - j->work->wrote;
        }
        if (!j->error.code)
            gn_str_ok(&j->text, &j->error);
        l->used -= bytes_of(l->g, j);
        close_work(j);
        if (l->h && l->h->done)
            l->h->done(l->h->user, j);
    }
    l->n_active = kept;
    return ok;
}

/* Open jobs while there are lanes and memory; at least one, whatever it takes. */
static bool refill(loop *l, gn_error *e) {
    while (l->opened < l->n && l->n_active < l->g->plan->max_lanes && !l->interrupted) {
        gn_job *j = l->job[l->opened];
        const size_t bytes = bytes_of(l->g, j);
        if (l->n_active > 0 && l->used + bytes > l->budget)
            break;
        if (l->h && l->h->begin && !l->h->begin(l->h->user, j)) {
            l->n = l->opened;
            break;
        }
        l->opened++;
        l->used += bytes;
        l->active[l->n_active++] = j;
        if (!open_work(l, j)) {
            if (!reap(l, e))
                return false;
            continue;
        }
        if (j->n_prompt == 0 && !begin_without_prompt(l, j, e))
            return false;
    }
    return true;
}

/* Tokens of prompts read and wanted, for whoever watches. */
static void reading(const loop *l, int64_t *done, int64_t *all) {
    *done = *all = 0;
    for (int i = 0; i < l->n; i++) {
        *all += l->job[i]->n_prompt;
        *done += l->job[i]->read;
    }
}

static bool run(loop *l, gn_error *e) {
    int most = l->g->plan->max_tokens;
    while (refill(l, e) && reap(l, e)) {
        bool read = false;
        if (l->n_active == 0 && (l->opened == l->n || l->interrupted))
            return true;
        const double began = gn_seconds();
        if (!read_step(l, most, &read, e) || !reap(l, e))
            return false;
        if (read && l->h && l->h->reading) {
            int64_t done, all;
            reading(l, &done, &all);
            if (!l->h->reading(l->h->user, done, all))
                l->interrupted = true;
            most = gn_shorter_step(most, gn_seconds() - began);
        }
        if (!reap(l, e) || !write_step(l, e) || !reap(l, e))
            return false;
    }
    return false;
}

bool gn_generate(gn_engine *g, gn_job *const *job, int n, const gn_generate_hooks *h, gn_error *e) {
    const size_t lanes = (size_t)g->plan->max_lanes;
    loop l = {.g = g, .job = job, .n = n, .h = h, .budget = g->state_mem};
    l.active = malloc(lanes * sizeof(gn_job *));
    l.feed = malloc(lanes * sizeof *l.feed);
    l.want = malloc(lanes * sizeof *l.want);
    l.whose = malloc(lanes * sizeof(gn_job *));
    l.id = malloc((size_t)g->plan->max_logits * sizeof *l.id);
    l.score = malloc((size_t)g->plan->max_logits * sizeof *l.score);
    l.logits = malloc((size_t)g->plan->max_logits * (size_t)g->config.vocab * sizeof *l.logits);
    bool ok = l.active && l.feed && l.want && l.whose && l.id && l.score && l.logits;
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "generate: out of memory");
    ok = ok && run(&l, e);
    for (int i = 0; i < l.n_active; i++)
        close_work(l.active[i]);
    for (int i = l.opened; i < n; i++)
        job[i]->stopped = GN_STOP_INTERRUPTED;
    free(l.active);
    free(l.feed);
    free(l.want);
    free(l.whose);
    free(l.id);
    free(l.score);
    free(l.logits);
    return ok;
}

/* work.c - a document to the answers it wants, each with its key. */
#include "eval/work.h"

#include <inttypes.h>
#include <stdlib.h>

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* What is wrong with a document is its own; memory and the like is everybody's. */
static bool of_document(const gn_error *e) {
    return e->code == GN_INVALID || e->code == GN_UNSUPPORTED || e->code == GN_FORMAT;
}

/* ---- text to ids ---------------------------------------------------------------------- */

/* Encoded as the tokenizer does by default, but never with a second BOS. */
static bool encode(gn_engine *g, gn_slice text, gn_ids *out, gn_error *e) {
    gn_tokenizer *t = gn_engine_tokenizer(g);
    const int32_t bos = gn_tokenizer_named(t, "bos");
    const gn_slice piece = bos >= 0 ? gn_token_piece(t, bos) : GN_S("");
    const bool has = piece.len > 0 && gn_slice_starts(text, piece);
    return gn_encode(t, text, has ? 0 : GN_ADD_SPECIAL, out, e);
}

static void cut_left(gn_ids *ids, size_t keep, bool *truncated) {
    if (ids->count <= keep)
        return;
    memmove(ids->id, ids->id + (ids->count - keep), keep * sizeof *ids->id);
    ids->count = keep;
    *truncated = true;
}

static bool read_score(gn_want *w, const gn_suite *s, gn_error *e) {
    gn_pair p;
    if (!gn_encode_pair(s->g, w->request->context, w->request->continuation, &p, e))
        return false;
    w->context = p.context;
    w->token = p.token;
    w->boundary = p.boundary;
    const size_t most = (size_t)s->max_length + 1;
    if (w->token.count >= most)
        return gn_fail(e, GN_UNSUPPORTED,
                       "a text of %zu tokens is to be scored, the context has room for %" PRId64,
                       w->token.count, s->max_length);
    cut_left(&w->context, most - w->token.count, &w->truncated);
    return true;
}

static bool read_rolling(gn_want *w, const gn_suite *s, gn_error *e) {
    const int32_t prefix = gn_engine_prefix(s->g);
    if (prefix < 0)
        return gn_fail(e, GN_UNSUPPORTED, "the checkpoint names no token to stand before a text");
    return (gn_ids_add(&w->token, prefix) || no_memory(e)) &&
           encode(s->g, w->request->continuation, &w->token, e);
}

static bool read_prompt(gn_want *w, const gn_suite *s, gn_error *e) {
    const int64_t room = s->max_length - w->request->generation->max_tokens;
    if (room < 1)
        return gn_fail(e, GN_UNSUPPORTED,
                       "an answer of %" PRId64 " tokens leaves no room for its prompt in %" PRId64
                       "; raise --max-length",
                       w->request->generation->max_tokens, s->max_length);
    if (!encode(s->g, w->request->context, &w->context, e))
        return false;
    if (w->context.count == 0)
        return gn_fail(e, GN_INVALID, "the prompt is empty");
    cut_left(&w->context, (size_t)room, &w->truncated);
    return true;
}

/* ---- keys --------------------------------------------------------------------------------- */

static const char *kind_name(gn_request_kind k) {
    static const char *const name[] = {"loglikelihood", "rolling", "generate"};
    return name[k];
}

/* Sampling, lengths and stop strings of an answer, in both keys alike. */
static void add_generation(gn_key *k, const gn_want *w, const gn_suite *s) {
    const gn_generation *g = w->request->generation;
    const float repeat = gn_engine_sampling(s->g).repeat_penalty;
    gn_str text = {0};
    gn_str_fmt(&text, "max %" PRId64, g->max_tokens);
    if (g->sample)
        gn_str_fmt(&text, ", temp %.9g, top_k %d, top_p %.9g, seed %" PRIu64,
                   (double)g->temperature, g->top_k, (double)g->top_p, w->seed);
    gn_str_fmt(&text, ", repeat %.9g", (double)(repeat > 0 ? repeat : 1));
    gn_key_text(k, gn_str_slice(&text));
    gn_key_int(k, g->n_until);
    for (int i = 0; i < g->n_until; i++)
        gn_key_text(k, g->until[i]);
    gn_str_release(&text);
}

static bool make_keys(gn_want *w, const gn_suite *s, gn_error *e) {
    const gn_asked *r = w->request;
    gn_key *key = gn_key_new(), *hash = gn_key_new();
    if (!key || !hash) {
        if (key)
            gn_key_end(key, w->key);
        if (hash)
            gn_key_end(hash, w->hash);
        return no_memory(e);
    }
    gn_key_text(key, gn_slice_of(kind_name(r->kind)));
    gn_key_text(key, gn_slice_of(s->checkpoint_sha));
    gn_key_part(key, s->tokenizer_sha, sizeof s->tokenizer_sha);
    gn_key_text(key, gn_slice_of(gn_engine_numerics(s->g)));
    gn_key_part(key, w->context.id, w->context.count * sizeof *w->context.id);
    gn_key_text(hash, gn_slice_of(kind_name(r->kind)));
    gn_key_text(hash, r->context);
    if (r->kind == GN_REQUEST_GENERATE) {
        int n;
        const int32_t *eos = gn_engine_eos(s->g, &n);
        gn_key_part(key, eos, (size_t)n * sizeof *eos);
        add_generation(key, w, s);
        add_generation(hash, w, s);
    } else {
        gn_key_part(key, w->token.id, w->token.count * sizeof *w->token.id);
        gn_key_text(hash, r->continuation);
    }
    if (r->kind == GN_REQUEST_ROLLING) {
        gn_key_int(key, s->max_length);
        gn_key_int(hash, s->max_length);
    }
    gn_key_end(key, w->key);
    gn_key_end(hash, w->hash);
    return true;
}

static bool look_up(gn_want *w, const gn_suite *s, gn_store *store, gn_error *e) {
    gn_known known;
    bool found;
    const bool generate = w->request->kind == GN_REQUEST_GENERATE;
    const bool tokens = generate || (s->o->logprobs >= 0 && w->request->kind == GN_REQUEST_SCORE);
    if (!gn_results_find(store, w->key, &known, &found, e))
        return false;
    if (found && known.n_out > 0 &&
        ((tokens && !known.tokens) || (tokens && s->o->logprobs > 0 && !known.alternatives)))
        found = false; /* what it lacks has to be asked for */
    if (!found) {
        gn_str_release(&known.output);
        return true;
    }
    w->there = w->cached = true;
    w->response = known.id;
    w->logprob = known.logprob;
    w->greedy = known.greedy;
    w->n_out = known.n_out;
    w->truncated = known.truncated;
    w->output = known.output;
    return true;
}

/* ---- a document ------------------------------------------------------------------------- */

static bool make_want(gn_want *w, const gn_work *of, const gn_asked *r, int repeat,
                      const gn_suite *s, gn_error *e) {
    w->request = r;
    w->seed = (uint64_t)s->o->seed + ((uint64_t)of->doc.ix << 20) +
              (uint64_t)(of->rep * of->repeats + repeat);
    const bool ok = r->kind == GN_REQUEST_SCORE     ? read_score(w, s, e)
                    : r->kind == GN_REQUEST_ROLLING ? read_rolling(w, s, e)
                                                    : read_prompt(w, s, e);
    return ok && make_keys(w, s, e);
}

static bool fill(gn_work *w, gn_suite *s, gn_store *store, bool fresh, gn_error *e) {
    w->repeats = w->task->task->kind == GN_TASK_GENERATE ? w->task->task->repeats : 1;
    w->want = calloc((size_t)(w->doc.n_request * w->repeats) + 1, sizeof *w->want);
    if (!w->want)
        return no_memory(e);
    for (int i = 0; i < w->doc.n_request; i++)
        for (int k = 0; k < w->repeats; k++) {
            gn_want *want = &w->want[w->n_want++];
            if (!make_want(want, w, &w->doc.request[i], k, s, e) ||
                (!fresh && !look_up(want, s, store, e)))
                return false;
        }
    return true;
}

bool gn_work_make(gn_work *w, gn_suite *s, const gn_suite_task *task, int64_t ix, int rep,
                  gn_store *store, bool fresh, gn_error *e) {
    gn_error own = {0};
    *w = (gn_work){.task = task, .rep = rep};
    if (gn_asker_ask(task->asker, ix, &w->doc, &own) && fill(w, s, store, fresh, &own))
        return true;
    w->doc.ix = ix;
    if (!of_document(&own)) {
        *e = own;
        return false;
    }
    if (w->doc.json.len == 0 && /* it did not come so far */
        !gn_document_describe(&w->doc, task->data.eval.doc[ix], e))
        return false;
    gn_str_puts(&w->error, own.message);
    return gn_str_ok(&w->error, e);
}

void gn_work_release(gn_work *w) {
    for (int i = 0; i < w->n_want; i++) {
        gn_want *x = &w->want[i];
        gn_ids_release(&x->context);
        gn_ids_release(&x->token);
        gn_ids_release(&x->said);
        gn_str_release(&x->output);
        free(x->score);
        free(x->top);
    }
    free(w->want);
    gn_document_release(&w->doc);
    gn_str_release(&w->error);
    *w = (gn_work){0};
}

bool gn_work_complete(const gn_work *w) {
    for (int i = 0; i < w->n_want && !w->error.len; i++)
        if (!w->want[i].there)
            return false;
    return true;
}

/* test_engine.c - what an answer may not depend on: packing, cuts, budgets, threads, files.
 *
 * On checkpoints of tests/oracle/models, bit for bit: everything here is one device.
 */
/* floor: gn_core */
#include "core/gneiss.h"
#include "tests/check.h"

#include <unistd.h>

#define MODELS "tests/oracle/models/"
static const char *const KINDS[] = {"hybrid_dense", "hybrid_moe", "hybrid_mamba_moe", "bamba",
                                    "llama3"};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static gn_engine *open_kind(const char *kind, gn_engine_options o) {
    char path[256];
    gn_error e = {0};
    snprintf(path, sizeof path, MODELS "%s", kind);
    gn_engine *g = gn_engine_open(path, &o, &e);
    if (!CHECK(g != NULL)) {
        printf("  %s\n", e.message);
        exit(1);
    }
    return g;
}

static gn_engine_options exact(void) {
    return (gn_engine_options){.exact = true, .threads = 2, .ctx = 1024};
}

static void fill(int32_t *id, int n, int vocab, uint64_t seed) {
    for (int i = 0; i < n; i++)
        id[i] = (int32_t)(gn_splitmix64(seed * 1000 + (uint64_t)i) % (uint64_t)vocab);
}

/* ---- sessions ------------------------------------------------------------- */

TEST(reading_in_pieces_changes_no_bit) {
    enum { T = 90 };
    for (int k = 0; k < N_KINDS; k++) {
        gn_engine *g = open_kind(KINDS[k], exact());
        gn_error e = {0};
        const size_t V = (size_t)gn_engine_vocab(g);
        int32_t id[T];
        fill(id, T, (int)V, 3);
        gn_session *whole = gn_session_new(g, &e), *pieces = gn_session_new(g, &e);
        CHECK(gn_session_feed(whole, id, T, GN_READ, NULL, NULL, &e));
        for (int at = 0, step = 1; at < T; at += step, step = 1 + step % 7) {
            const int n = at + step > T ? T - at : step;
            CHECK(gn_session_feed(pieces, id + at, n, at % 2 ? GN_WRITE : GN_READ, NULL, NULL, &e));
            step = n;
        }
        CHECK(gn_session_count(pieces) == T);
        CHECK_SAME(gn_session_logits(pieces), gn_session_logits(whole), V);
        gn_session_free(whole);
        gn_session_free(pieces);
        gn_engine_close(g);
    }
}

TEST(what_opening_left_to_be_done_ends_and_changes_no_bit) {
    for (int k = 0; k < N_KINDS; k++) {
        gn_engine *g = open_kind(KINDS[k], exact()), *h = open_kind(KINDS[k], exact());
        gn_error e = {0};
        int32_t id[20];
        int pieces = 0;
        fill(id, 20, gn_engine_vocab(g), 3);
        gn_session *a = gn_session_new(g, &e), *b = gn_session_new(h, &e);
        for (int i = 0; i < 20; i += 5) {
            CHECK(gn_session_feed(a, id + i, 5, GN_READ, NULL, NULL, &e) &&
                  gn_session_feed(b, id + i, 5, GN_READ, NULL, NULL, &e));
            CHECK_SAME(gn_session_logits(a), gn_session_logits(b), (size_t)gn_engine_vocab(g));
            pieces += gn_engine_settle(g);
        }
        while (gn_engine_settle(g) && pieces < 1000)
            pieces++;
        CHECK(pieces < 1000 && !gn_engine_settle(g));
        gn_session_free(a);
        gn_session_free(b);
        gn_engine_close(g);
        gn_engine_close(h);
    }
}

TEST(a_fork_goes_its_own_way_and_harms_nothing) {
    enum { T = 40 };
    for (int k = 0; k < N_KINDS; k++) {
        gn_engine *g = open_kind(KINDS[k], exact());
        gn_error e = {0};
        const size_t V = (size_t)gn_engine_vocab(g);
        int32_t id[T], other[T];
        fill(id, T, (int)V, 5);
        fill(other, T, (int)V, 6);
        gn_session *plain = gn_session_new(g, &e), *a = gn_session_new(g, &e);
        CHECK(gn_session_feed(plain, id, T, GN_READ, NULL, NULL, &e));
        CHECK(gn_session_feed(a, id, 17, GN_READ, NULL, NULL, &e));
        gn_session *b = gn_session_fork(a, &e);
        CHECK(gn_session_feed(a, other, T, GN_READ, NULL, NULL, &e));
        CHECK(gn_session_feed(b, id + 17, T - 17, GN_READ, NULL, NULL, &e));
        CHECK_SAME(gn_session_logits(b), gn_session_logits(plain), V);
        CHECK(memcmp(gn_session_logits(a), gn_session_logits(b), V * sizeof(float)) != 0);
        gn_session_free(plain);
        gn_session_free(a);
        gn_session_free(b);
        gn_engine_close(g);
    }
}

static void temp_path(char *out, size_t size, const char *name) {
    const char *tmp = getenv("TMPDIR");
    snprintf(out, size, "%s/gneiss-test-%d-%s", tmp ? tmp : "/tmp", (int)getpid(), name);
}

TEST(a_saved_session_goes_on_as_if_it_had_never_been_left) {
    enum { T = 50 };
    char path[256];
    temp_path(path, sizeof path, "state");
    for (int fast = 0; fast < 2; fast++)
        for (int k = 0; k < N_KINDS; k++) {
            gn_engine_options o = exact();
            o.exact = !fast;
            gn_engine *g = open_kind(KINDS[k], o);
            gn_error e = {0};
            const size_t V = (size_t)gn_engine_vocab(g);
            int32_t id[T];
            fill(id, T, (int)V, 8);
            gn_session *s = gn_session_new(g, &e);
            CHECK(gn_session_feed(s, id, 23, GN_READ, NULL, NULL, &e));
            CHECK(gn_session_save(s, path, &e));
            gn_engine *again = open_kind(KINDS[k], o);
            gn_session *t = gn_session_load(again, path, &e);
            if (!CHECK(t != NULL)) {
                printf("  %s\n", e.message);
                return;
            }
            CHECK(gn_session_count(t) == 23);
            CHECK_SAME(gn_session_logits(t), gn_session_logits(s), V);
            CHECK(gn_session_feed(s, id + 23, T - 23, GN_WRITE, NULL, NULL, &e));
            CHECK(gn_session_feed(t, id + 23, T - 23, GN_WRITE, NULL, NULL, &e));
            CHECK_SAME(gn_session_logits(t), gn_session_logits(s), V);
            gn_session_free(s);
            gn_session_free(t);
            gn_engine_close(g);
            gn_engine_close(again);
        }
    unlink(path);
}

TEST(a_session_goes_on_while_its_file_waits_for_the_disk) {
    char path[256];
    temp_path(path, sizeof path, "state");
    gn_engine *g = open_kind("hybrid_dense", exact());
    gn_error e = {0};
    const size_t V = (size_t)gn_engine_vocab(g);
    int32_t id[30];
    fill(id, 30, (int)V, 9);
    gn_session *s = gn_session_new(g, &e), *plain = gn_session_new(g, &e);
    CHECK(gn_session_feed(plain, id, 20, GN_READ, NULL, NULL, &e));
    CHECK(gn_session_feed(s, id, 20, GN_READ, NULL, NULL, &e));
    gn_saving *v = gn_session_save_begin(s, path, &e);
    CHECK(v && access(path, F_OK) != 0); /* it has no name yet */
    CHECK(gn_session_feed(s, id + 20, 10, GN_READ, NULL, NULL, &e));
    gn_session_free(s);
    CHECK(gn_saving_end(v, &e));
    gn_session *t = gn_session_load(g, path, &e);
    CHECK(t && gn_session_count(t) == 20);
    CHECK_SAME(gn_session_logits(t), gn_session_logits(plain), V);
    unlink(path);
    gn_saving_abort(gn_session_save_begin(t, path, &e)); /* given up: nothing is left */
    gn_str temporary = {0};
    gn_str_fmt(&temporary, "%s.tmp-%d", path, (int)getpid());
    CHECK(access(path, F_OK) != 0 && access(temporary.data, F_OK) != 0);
    gn_str_release(&temporary);
    gn_session_free(t);
    gn_session_free(plain);
    gn_engine_close(g);
}

/* Every byte of a small state file, changed or cut off: refused, never a crash. */
TEST(a_damaged_state_file_is_refused_with_a_sentence) {
    char path[256], bad[256];
    temp_path(path, sizeof path, "state");
    temp_path(bad, sizeof bad, "bad");
    gn_engine *g = open_kind("llama3", exact()), *other = open_kind("hybrid_dense", exact());
    gn_error e = {0};
    const int32_t id[] = {1, 2, 3};
    gn_session *s = gn_session_new(g, &e);
    gn_str text = {0};
    CHECK(gn_session_feed(s, id, 3, GN_READ, NULL, NULL, &e) && gn_session_save(s, path, &e));
    CHECK(gn_file_read(&text, path, 0, &e));
    CHECK(gn_session_load(other, path, &e) == NULL && strstr(e.message, "another model"));
    for (size_t at = 0; at < text.len; at += at < 304 ? 1 : 397) {
        const bool padding = at >= 304 && at < 4096;
        text.data[at] ^= 0x41;
        CHECK(gn_file_write(bad, gn_str_slice(&text), &e));
        text.data[at] ^= 0x41;
        e = (gn_error){0};
        gn_session *t = gn_session_load(g, bad, &e);
        if (t == NULL)
            CHECK(e.code != GN_OK && strstr(e.message, bad) != NULL);
        else
            CHECK(padding || at >= 4096); /* zeros between sections are not summed */
        gn_session_free(t);
    }
    /* Trusted, what is large goes unsummed: a row of attention may be damaged, an id may not. */
    gn_engine_options trusting = exact();
    trusting.trust_states = true;
    gn_engine *h = open_kind("llama3", trusting);
    uint64_t rows;
    memcpy(&rows, text.data + 200 + 16 * 2, sizeof rows);
    const size_t damaged[] = {4096, (size_t)rows + 4};
    for (int i = 0; i < 2; i++) {
        text.data[damaged[i]] ^= 0x41;
        CHECK(gn_file_write(bad, gn_str_slice(&text), &e));
        text.data[damaged[i]] ^= 0x41;
        gn_session *t = gn_session_load(h, bad, &e), *u = gn_session_load(g, bad, &e);
        CHECK((t != NULL) == (i == 1) && u == NULL);
        gn_session_free(t);
        e = (gn_error){0};
    }
    gn_engine_close(h);
    for (size_t len = 0; len < text.len; len += 501) {
        CHECK(gn_file_write(bad, (gn_slice){text.data, len}, &e));
        e = (gn_error){0};
        gn_session *t = gn_session_load(g, bad, &e);
        CHECK((t == NULL && e.code != GN_OK) || len + 4096 > text.len);
        gn_session_free(t);
    }
    gn_session_free(s);
    gn_str_release(&text);
    gn_engine_close(g);
    gn_engine_close(other);
    unlink(path);
    unlink(bad);
}

TEST(a_text_past_the_context_is_refused_before_anything_is_read) {
    gn_engine_options o = exact();
    o.ctx = 8;
    gn_engine *g = open_kind("hybrid_dense", o);
    gn_error e = {0};
    const int32_t id[9] = {0};
    gn_session *s = gn_session_new(g, &e);
    CHECK(!gn_session_feed(s, id, 9, GN_READ, NULL, NULL, &e) && e.code == GN_UNSUPPORTED);
    CHECK(gn_session_count(s) == 0 && gn_session_logits(s) == NULL);
    CHECK(gn_session_feed(s, id, 8, GN_READ, NULL, NULL, &e));
    gn_session_free(s);
    gn_engine_close(g);
}

/* ---- generating ------------------------------------------------------------ */

enum { JOBS = 9, MADE = 12 };

static void make_jobs(gn_job *job, int32_t ids[JOBS][64], int vocab) {
    for (int i = 0; i < JOBS; i++) {
        const int n = 1 + (i * 13) % 60;
        fill(ids[i], n, vocab, 50 + (uint64_t)i);
        job[i] = (gn_job){.prompt = ids[i],
                          .n_prompt = n,
                          .limit = 3 + (i * 5) % MADE,
                          .ignore_eos = true,
                          .sampling = {.temp = i % 3 ? 0.8f : 0.0f, .seed = (uint64_t)i % 4},
                          .top = i % 2 ? 3 : 0};
    }
}

TEST(packed_answers_equal_those_of_each_job_alone) {
    static const gn_engine_options settings[] = {
        {.threads = 1, .batch_tokens = 1},
        {.threads = 2, .batch_tokens = 7},
        {.threads = 3, .batch_tokens = 384},
        {.threads = 2, .batch_tokens = 64, .state_mem = 1}, /* one at a time */
    };
    for (int fast = 0; fast < 2; fast++)
        for (int k = 0; k < N_KINDS; k++) {
            gn_error e = {0};
            gn_job alone[JOBS], packed[JOBS];
            int32_t ids[JOBS][64];
            gn_engine_options o = exact();
            o.exact = !fast;
            gn_engine *g = open_kind(KINDS[k], o);
            make_jobs(alone, ids, gn_engine_vocab(g));
            for (int i = 0; i < JOBS; i++) {
                gn_job *one = &alone[i];
                CHECK(gn_generate(g, &one, 1, NULL, &e) && one->stopped == GN_STOP_LENGTH);
            }
            gn_engine_close(g);
            for (size_t c = 0; c < sizeof settings / sizeof *settings; c++) {
                gn_job *list[JOBS];
                o = settings[c];
                o.exact = !fast;
                g = open_kind(KINDS[k], o);
                make_jobs(packed, ids, gn_engine_vocab(g));
                for (int i = 0; i < JOBS; i++)
                    list[i] = &packed[i];
                CHECK(gn_generate(g, list, JOBS, NULL, &e));
                for (int i = 0; i < JOBS; i++) {
                    const size_t n = alone[i].ids.count;
                    CHECK(packed[i].ids.count == n);
                    CHECK(memcmp(packed[i].ids.id, alone[i].ids.id, n * sizeof(int32_t)) == 0);
                    for (size_t t = 0; t < n; t++)
                        CHECK(packed[i].score[t].logprob == alone[i].score[t].logprob);
                    CHECK(alone[i].top == 0 ||
                          memcmp(packed[i].tops, alone[i].tops, n * 3 * sizeof(gn_top)) == 0);
                    gn_job_release(&packed[i]);
                }
                gn_engine_close(g);
            }
            for (int i = 0; i < JOBS; i++)
                gn_job_release(&alone[i]);
        }
}

TEST(a_session_that_outlives_its_job_has_read_all_of_it) {
    gn_engine *g = open_kind("hybrid_moe", exact());
    gn_error e = {0};
    int32_t id[20];
    fill(id, 20, gn_engine_vocab(g), 2);
    gn_session *s = gn_session_new(g, &e), *t = gn_session_new(g, &e);
    gn_job j = {.session = s, .prompt = id, .n_prompt = 20, .limit = 6, .ignore_eos = true};
    gn_job *list = &j;
    CHECK(gn_generate(g, &list, 1, NULL, &e));
    CHECK(gn_session_count(s) == 26 && j.ids.count == 6 && j.read == 20 && j.reused == 0);
    CHECK(gn_session_feed(t, id, 20, GN_READ, NULL, NULL, &e));
    CHECK(gn_session_feed(t, j.ids.id, 6, GN_WRITE, NULL, NULL, &e));
    CHECK_SAME(gn_session_logits(s), gn_session_logits(t), (size_t)gn_engine_vocab(g));

    /* and goes on from there without a prompt */
    gn_job more = {.session = s, .limit = 4, .ignore_eos = true}, *again = &more;
    gn_job both = {.prompt = id, .n_prompt = 20, .limit = 10, .ignore_eos = true}, *whole = &both;
    CHECK(gn_generate(g, &again, 1, NULL, &e) && gn_generate(g, &whole, 1, NULL, &e));
    CHECK(more.reused == 26 && more.read == 0);
    CHECK(memcmp(both.ids.id + 6, more.ids.id, 4 * sizeof(int32_t)) == 0);
    gn_job_release(&j);
    gn_job_release(&more);
    gn_job_release(&both);
    gn_session_free(s);
    gn_session_free(t);
    gn_engine_close(g);
}

static bool stop_at_third(void *user, gn_job *j, const gn_token *t) {
    (void)j;
    ++*(int *)user;
    return t->index < 2;
}

TEST(a_job_stops_where_its_listener_says) {
    gn_engine *g = open_kind("hybrid_dense", exact());
    gn_error e = {0};
    int calls = 0;
    const int32_t id[] = {4, 5};
    gn_job j = {.prompt = id, .n_prompt = 2, .limit = -1, .ignore_eos = true}, *list = &j;
    const gn_generate_hooks h = {.token = stop_at_third, .user = &calls};
    CHECK(gn_generate(g, &list, 1, &h, &e));
    CHECK(j.stopped == GN_STOP_INTERRUPTED && j.ids.count == 3 && calls == 3);
    gn_job_release(&j);
    gn_engine_close(g);
}

TEST(an_answer_ends_where_the_context_is_full) {
    gn_engine_options o = exact();
    o.ctx = 10;
    gn_engine *g = open_kind("hybrid_dense", o);
    gn_error e = {0};
    const int32_t id[11] = {4, 5, 6, 7};
    gn_job j = {.prompt = id, .n_prompt = 4, .limit = -1, .ignore_eos = true}, *list = &j;
    CHECK(gn_generate(g, &list, 1, NULL, &e));
    CHECK(j.stopped == GN_STOP_CONTEXT && j.ids.count == 7);
    gn_job_release(&j);
    gn_job over = {.prompt = id, .n_prompt = 11, .limit = -1}, *too = &over;
    CHECK(gn_generate(g, &too, 1, NULL, &e) && over.error.code == GN_UNSUPPORTED);
    gn_job_release(&over);
    gn_engine_close(g);
}

/* ---- scoring --------------------------------------------------------------- */

enum { ASKED = 24, TOP = 2 };

typedef struct answers {
    gn_logprob token[ASKED][64];
    gn_top top[ASKED][64 * TOP];
    int64_t n[ASKED];
    int told;
    int64_t reused;
    const gn_score_request *request;
} answers;

static bool keep(void *user, int i, const gn_score_answer *a) {
    answers *out = user;
    out->n[i] = out->request[i].n_token;
    out->told++;
    out->reused += a->reused;
    memcpy(out->token[i], a->token, (size_t)out->n[i] * sizeof *a->token);
    if (out->request[i].top)
        memcpy(out->top[i], a->top, (size_t)out->n[i] * TOP * sizeof *a->top);
    return true;
}

/* Documents of one context and several choices, some equal, some of one token. */
static void make_requests(gn_score_request *r, int32_t ids[ASKED][128], int vocab) {
    for (int i = 0; i < ASKED; i++) {
        const int document = i / 4, n_context = 5 + document * 9, n = 1 + (i * 7) % 30;
        fill(ids[i], n_context, vocab, 900 + (uint64_t)document / 2);
        fill(ids[i] + n_context, n, vocab, i % 5 ? 700 + (uint64_t)i : 700);
        r[i] = (gn_score_request){.context = ids[i],
                                  .n_context = n_context,
                                  .token = ids[i] + n_context,
                                  .n_token = n,
                                  .top = i % 2 ? TOP : 0};
    }
    r[ASKED - 1].n_token = 0;
}

static void run_score(gn_engine *g, const gn_score_request *r, bool share, answers *out,
                      gn_score_stats *stats) {
    gn_error e = {0};
    *out = (answers){.request = r};
    const gn_score_hooks h = {.answer = keep, .user = out};
    if (!CHECK(gn_score(g, r, ASKED, share, &h, stats, &e)))
        printf("  %s\n", e.message);
    CHECK(out->told == ASKED);
}

static void same_answers(const answers *a, const answers *b) {
    for (int i = 0; i < ASKED; i++) {
        CHECK(a->n[i] == b->n[i]);
        CHECK(memcmp(a->token[i], b->token[i], (size_t)a->n[i] * sizeof(gn_logprob)) == 0);
        if (a->request[i].top)
            CHECK(memcmp(a->top[i], b->top[i], (size_t)a->n[i] * TOP * sizeof(gn_top)) == 0);
    }
}

TEST(scores_do_not_depend_on_sharing_budget_or_batch) {
    static const struct {
        int threads, batch;
        size_t state_mem;
        bool share;
    } way[] = {{2, 384, 0, true},    {1, 384, 0, true},  {2, 5, 0, true},      {2, 64, 1, true},
               {2, 64, 60000, true}, {2, 384, 0, false}, {3, 33, 200000, true}};
    static answers first, now;
    for (int fast = 0; fast < 2; fast++)
        for (int k = 0; k < N_KINDS; k++)
            for (size_t c = 0; c < sizeof way / sizeof *way; c++) {
                gn_engine_options o = {.exact = !fast,
                                       .threads = way[c].threads,
                                       .batch_tokens = way[c].batch,
                                       .state_mem = way[c].state_mem};
                gn_engine *g = open_kind(KINDS[k], o);
                gn_score_request r[ASKED];
                static int32_t ids[ASKED][128];
                gn_score_stats stats;
                make_requests(r, ids, gn_engine_vocab(g));
                run_score(g, r, way[c].share, c ? &now : &first, &stats);
                CHECK(way[c].share ? stats.read < stats.asked || way[c].state_mem == 1
                                   : stats.read == stats.asked);
                if (c)
                    same_answers(&now, &first);
                gn_engine_close(g);
            }
}

TEST(what_is_shared_is_read_once_and_accounted_for) {
    gn_engine *g = open_kind("hybrid_dense", exact());
    gn_score_request r[ASKED];
    static int32_t ids[ASKED][128];
    static answers a;
    gn_score_stats stats;
    make_requests(r, ids, gn_engine_vocab(g));
    run_score(g, r, true, &a, &stats);
    CHECK(stats.asked - stats.read == a.reused);
    gn_engine_close(g);
}

TEST(a_score_is_the_log_softmax_of_the_session_that_read_the_same) {
    gn_engine *g = open_kind("hybrid_moe", exact());
    const size_t V = (size_t)gn_engine_vocab(g);
    gn_score_request r[ASKED];
    static int32_t ids[ASKED][128];
    static answers a;
    gn_error e = {0};
    make_requests(r, ids, (int)V);
    run_score(g, r, true, &a, NULL);
    for (int i = 0; i < ASKED; i += 5) {
        gn_session *s = gn_session_new(g, &e);
        CHECK(gn_session_feed(s, r[i].context, r[i].n_context, GN_READ, NULL, NULL, &e));
        for (int64_t t = 0; t < r[i].n_token; t++) {
            const float *l = gn_session_logits(s);
            double sum = 0, entropy = 0;
            int rank = 0;
            const int32_t id = r[i].token[t];
            for (size_t v = 0; v < V; v++)
                sum += exp((double)l[v]);
            for (size_t v = 0; v < V; v++) {
                const double p = exp((double)l[v]) / sum;
                entropy -= p * log(p);
                rank += l[v] > l[id] || (l[v] == l[id] && (int32_t)v < id);
            }
            const float want = (float)((double)l[id] - log(sum)), ent = (float)entropy;
            CHECK_NEAR(&a.token[i][t].logprob, &want, 1, 1e-5f);
            CHECK_NEAR(&a.token[i][t].entropy, &ent, 1, 1e-5f);
            CHECK(a.token[i][t].rank == rank);
            CHECK(gn_session_feed(s, &id, 1, GN_READ, NULL, NULL, &e));
        }
        gn_session_free(s);
    }
    gn_engine_close(g);
}

TEST(a_request_that_cannot_be_scored_is_refused) {
    gn_engine_options o = exact();
    o.ctx = 6;
    gn_engine *g = open_kind("hybrid_dense", o);
    gn_error e = {0};
    const int32_t id[8] = {1, 2, 3, 4, 5, 6, 7, 1000000};
    const gn_score_request none = {.token = id, .n_token = 2},
                           longer = {.context = id, .n_context = 4, .token = id, .n_token = 4},
                           fits = {.context = id, .n_context = 4, .token = id, .n_token = 3},
                           outside = {.context = id + 6, .n_context = 2, .token = id, .n_token = 1};
    CHECK(!gn_score(g, &none, 1, true, NULL, NULL, &e) && e.code == GN_INVALID);
    CHECK(!gn_score(g, &longer, 1, true, NULL, NULL, &e) && e.code == GN_UNSUPPORTED);
    CHECK(gn_score(g, &fits, 1, true, NULL, NULL, &e));
    CHECK(!gn_score(g, &outside, 1, true, NULL, NULL, &e) && e.code == GN_INVALID);
    gn_engine_close(g);
}

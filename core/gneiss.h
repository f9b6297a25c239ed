/* gneiss.h - the engine's only door: what eval, app and tests of the whole use.
 *
 * An engine is a checkpoint on a device. A session is one sequence's memory: it
 * is fed tokens, forked, saved, restored, never rewound. Generating and scoring
 * pack any number of sequences into each step; what a sequence gets does not
 * depend on what it is packed with.
 *
 * An engine and all that was made with it belong to one thread at a time. The
 * ground floor, the templates, the tokenizer and the database are re-exported.
 */
#ifndef GNEISS_H
#define GNEISS_H

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/embed.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/map.h"
#include "core/base/path.h"
#include "core/base/pool.h"
#include "core/base/regex.h"
#include "core/base/rng.h"
#include "core/base/sql.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/base/token.h"
#include "core/base/unicode.h"
#include "core/base/value.h"
#include "core/base/vec.h"
#include "core/base/yaml.h"
#include "core/store.h"
#include "core/template/template.h"
#include "core/text/tokenizer.h"
#include "core/tune.h"

#define GNEISS_VERSION "0.1.0"

/* ---- engine ------------------------------------------------------------- */

typedef struct gn_engine gn_engine;

typedef struct gn_engine_options {
    const char *backend;       /* "auto", "cpu", "cuda"; NULL: auto */
    bool exact;                /* --numerics exact */
    int threads;               /* 0: every processor this process may use */
    int batch_tokens;          /* most tokens in a step; 0: the backend's default */
    int64_t ctx;               /* most tokens a sequence may hold; 0: the checkpoint's limit */
    size_t state_mem;          /* bytes of states kept while scoring and generating; 0: 512 MiB */
    bool mapped;               /* leave weights in the file (models larger than memory) */
    bool trust_states;         /* of a saved state only what is small is checked by its sum */
    const char *isa;           /* instruction set, for tests; NULL: the best there is */
    const char *chat_template; /* template source instead of the checkpoint's; NULL: its own */
    /* While it loads, done of all bytes; false cancels. May be NULL. */
    bool (*progress)(void *user, size_t done, size_t all);
    void *user;
} gn_engine_options;

/* path: a folder or .gguf file. o may be NULL. Close with gn_engine_close(). */
gn_engine *gn_engine_open(const char *path, const gn_engine_options *o, gn_error *e);
void gn_engine_close(gn_engine *g); /* NULL is fine; after everything made with it */

/* A piece, of some milliseconds, of the work that opening left for the first text and steps: to be
 * called while nobody waits. No bit of what comes depends on it. False: nothing is left. */
bool gn_engine_settle(gn_engine *g);

/* Whether that error, of a call with g, says that g's GPU is lost or out of memory. Then no
 * step of g is of use any more, and what was read has to be read again. */
bool gn_engine_lost(const gn_engine *g, const gn_error *e);
/* Go on with the processor. Every session of g must have been freed before; tokenizer and template
 * stay. progress as in gn_engine_options, may be NULL. False: g is as it was. */
bool gn_engine_leave_gpu(gn_engine *g, const gn_error *why,
                         bool (*progress)(void *user, size_t done, size_t all), void *user,
                         gn_error *e);

gn_tokenizer *gn_engine_tokenizer(gn_engine *g); /* NULL: the checkpoint has none */
const char *gn_engine_path(const gn_engine *g);
const char *gn_engine_name(const gn_engine *g);     /* last part of the path, less .gguf */
const char *gn_engine_arch(const gn_engine *g);     /* "granitemoehybrid", "llama", ... */
const char *gn_engine_format(const gn_engine *g);   /* "gguf" or "safetensors" */
const char *gn_engine_numerics(const gn_engine *g); /* what can change a logit */
const char *gn_engine_device(const gn_engine *g);   /* for people */
/* Why --backend auto took the processor, or went on with it; "" where it did not have to. */
const char *gn_engine_no_gpu(const gn_engine *g);
int gn_engine_vocab(const gn_engine *g);
int64_t gn_engine_context(const gn_engine *g); /* most tokens of a sequence, --ctx applied */
const int32_t *gn_engine_eos(const gn_engine *g, int *n); /* end-of-text ids */
int32_t gn_engine_prefix(const gn_engine *g); /* what stands before an empty context; -1 */
/* Lines of text, one a warning; "" when there are none. */
const char *gn_engine_warnings(const gn_engine *g);
/* Bytes of one sequence's memory at so many tokens. */
size_t gn_engine_state_bytes(const gn_engine *g, int64_t tokens);
/* The object of `info --json` (gneiss-json(5)), but for alias and sha; tensors: with a list. */
gn_value *gn_engine_info(gn_engine *g, bool tensors, gn_arena *a, gn_error *e);
/* The checkpoint's sha256 in hex (store: 4.3): taken once and kept in the cache
 * folder by path, size, times and inode. progress as above, may be NULL. */
bool gn_engine_sha(gn_engine *g, char hex[GN_SHA256_HEX],
                   bool (*progress)(void *user, size_t done, size_t all), void *user, gn_error *e);

/* The path of a checkpoint by the first 6 or more hex digits of its sha, as last seen
 * by gn_engine_sha(). GN_IO when there is none, GN_INVALID when it fits two. */
bool gn_model_find(const char *name, gn_str *path, gn_error *e);

/* ---- chat --------------------------------------------------------------- */

/* The source of the template in force, "" if there is none. */
gn_slice gn_engine_template(const gn_engine *g);
/* Messages to prompt text. vars: a map with "messages" and whatever else the
 * template is to see ("tools", "documents", ...); the special tokens' texts are added. */
bool gn_chat_render(gn_engine *g, const gn_value *vars, bool add_generation_prompt, gn_str *out,
                    gn_error *e);

/* ---- sessions ----------------------------------------------------------- */

typedef struct gn_session gn_session;

gn_session *gn_session_new(gn_engine *g, gn_error *e);
gn_session *gn_session_fork(const gn_session *s, gn_error *e);
void gn_session_free(gn_session *s); /* NULL is fine */

int64_t gn_session_count(const gn_session *s);      /* tokens read */
const int32_t *gn_session_ids(const gn_session *s); /* [count], until the next feed */
/* Logits after the last token, [V] f32 on the host; NULL before the first. A session that an answer
 * is given in has them when the first token is told and when the answer has ended. */
const float *gn_session_logits(const gn_session *s);
size_t gn_session_bytes(const gn_session *s); /* what a fork of it would cost */

/* Called between steps with tokens read of those asked; false stops there. */
typedef bool (*gn_go_on)(void *user, int64_t done, int64_t all);

/* Read n tokens. Stopped by go_on (GN_CANCELLED) or a fault, the session has
 * read a whole number of steps and can go on. Past the context GN_INVALID, with
 * nothing read. */
bool gn_session_feed(gn_session *s, const int32_t *id, int64_t n, gn_step_kind kind, gn_go_on go_on,
                     void *user, gn_error *e);

/* Session state files (store: 4.7). */
bool gn_session_save(gn_session *s, const char *path, gn_error *e);
/* The same in two halves. The first writes everything to a file beside path, and then the
 * session may go on; the second waits for the disk and gives the file its name, from any thread.
 * Either end frees it; on false from _end path is as it was. NULL, and e set, if begin failed. */
typedef struct gn_saving gn_saving;
gn_saving *gn_session_save_begin(gn_session *s, const char *path, gn_error *e);
bool gn_saving_end(gn_saving *v, gn_error *e);
size_t gn_saving_bytes(const gn_saving *v); /* of the whole file */
void gn_saving_abort(gn_saving *v);         /* NULL is fine */
gn_session *gn_session_load(gn_engine *g, const char *path, gn_error *e);

/* ---- sampling ----------------------------------------------------------- */

typedef struct gn_bias {
    int32_t id;
    float add;
} gn_bias;

/* interface: 5.2, Sampling. Zeroed (with repeat_penalty 0 read as 1) it is greedy. */
typedef struct gn_sampling {
    float temp;           /* 0: greedy */
    int top_k;            /* 0: off */
    float top_p;          /* 0 or 1: off */
    float min_p;          /* 0: off */
    float repeat_penalty; /* 0 or 1: off */
    const gn_bias *bias;  /* [n_bias] */
    int n_bias;
    uint64_t seed;
} gn_sampling;

/* What generation_config.json asks for; greedy if there is none. */
gn_sampling gn_engine_sampling(const gn_engine *g);

/* One candidate, as the token inspector shows it. */
typedef struct gn_candidate {
    int32_t id;
    float logprob; /* of the model's own distribution */
    float after;   /* probability after all filters; 0: cut */
    char cut;      /* 0, or who cut it: 'k' top-k, 'p' top-p, 'm' min-p, 't' temperature 0 */
} gn_candidate;
/* What the filters make of an id: its probability after all of them, and who cut it. */
typedef struct gn_fate {
    float p;
    char cut; /* as above */
} gn_fate;
/* The n likeliest ids of logits [V] and what the filters make of them. seen [n_seen]:
 * ids of the sequence, for the repeat penalty. Returns how many were filled. */
int gn_sampling_explain(const gn_sampling *s, const float *logits, int vocab, const int32_t *seen,
                        int64_t n_seen, gn_candidate *out, int n, gn_error *e);

/* What is said of `id` in a place with these logits [V], and of the k likeliest ids there: as a
 * gn_token that was drawn would tell it. top and after are [k], k at most V. */
bool gn_sampling_score(const gn_sampling *s, const float *logits, int vocab, const int32_t *seen,
                       int64_t n_seen, int32_t id, gn_logprob *score, gn_top *top, gn_fate *after,
                       int k, gn_error *e);

/* ---- generating --------------------------------------------------------- */

typedef enum gn_stop {
    GN_STOP_NONE,
    GN_STOP_EOS,
    GN_STOP_LENGTH,
    GN_STOP_STRING,
    GN_STOP_INTERRUPTED,
    GN_STOP_CONTEXT,
} gn_stop;
const char *gn_stop_name(gn_stop s); /* "eos", "length", "string", "interrupted", "context" */

typedef struct gn_job gn_job;

/* One generated token, told as it is made. */
typedef struct gn_token {
    int index; /* from 0 */
    int32_t id;
    gn_slice text; /* whole characters that became complete with it; of a stop string nothing */
    gn_logprob score;
    const gn_top *top;    /* [n_top], of the model's distribution before temperature and filters */
    const gn_fate *after; /* [n_top], what became of those */
    int n_top;
} gn_token;

/* One answer to be made. Zero it, fill the first part; the second is filled in. */
struct gn_job {
    gn_session
        *session; /* goes on from there and is advanced; NULL: begins and ends with the job */
    /* Without a session: begin with a fork of this one, which stays as it is; NULL once that
     * is done. May be NULL. */
    const gn_session *after;
    const int32_t
        *prompt; /* [n_prompt], read first; may be empty if the session has read something */
    int64_t n_prompt;
    int64_t limit; /* most tokens to generate; negative: to the end of text or context */
    bool ignore_eos;
    bool keep_eos;        /* an end-of-text id is read into the session too */
    gn_sampling sampling; /* a token hook may change it, from the next token on */
    const gn_slice *stop; /* [n_stop] */
    int n_stop;
    int top; /* likeliest ids told with each token */
    void *user;

    gn_stop stopped;
    gn_ids ids;                                 /* every id sampled, an end-of-text id too */
    gn_str text;                                /* without that one, cut before a stop string */
    gn_logprob *score;                          /* [ids.count] */
    gn_top *tops;                               /* [ids.count, top] */
    int64_t reused, read;                       /* prompt tokens found in the session; read now */
    double prompt_s, first_token_s, generate_s; /* seconds */
    gn_error error;           /* code GN_OK, or why this job failed while others went on */
    struct gn_job_work *work; /* the engine's; NULL before and after */
};
void gn_job_release(gn_job *j); /* what was filled in */

typedef struct gn_generate_hooks {
    bool (*token)(void *user, gn_job *j, const gn_token *t); /* false: stop this job */
    void (*done)(void *user, gn_job *j);                     /* in the order they finish */
    /* Before j is begun; false: neither it nor any after it is (they are GN_STOP_INTERRUPTED,
     * done is not called), while those begun go on to their end. May be NULL. */
    bool (*begin)(void *user, const gn_job *j);
    gn_go_on reading; /* between steps while prompts are read: false interrupts all */
    void *user;
} gn_generate_hooks;

/* Run jobs, as many at a time as memory allows, refilled as they finish; each
 * gets what it would get alone. False only when the engine itself failed. */
bool gn_generate(gn_engine *g, gn_job *const *job, int n, const gn_generate_hooks *h, gn_error *e);

/* ---- scoring ------------------------------------------------------------ */

/* log p(token | context): n_context + n_token fits the context, n_context >= 1
 * unless n_token is 0. */
typedef struct gn_score_request {
    const int32_t *context; /* [n_context], read but not scored */
    int64_t n_context;
    const int32_t *token; /* [n_token], each scored given all before it */
    int64_t n_token;
    int top; /* likeliest ids told with each token */
} gn_score_request;

typedef struct gn_score_answer {
    const gn_logprob *token; /* [n_token] */
    const gn_top *top;       /* [n_token, top] */
    double logprob;          /* the sum */
    bool greedy;             /* every token has rank 0 */
    int64_t reused;          /* tokens another request had read */
} gn_score_answer;

typedef struct gn_score_stats {
    int64_t asked; /* tokens of all requests */
    int64_t read;  /* tokens that went through the model */
    int64_t steps;
    double seconds;
} gn_score_stats;

typedef struct gn_score_hooks {
    bool (*answer)(void *user, int i, const gn_score_answer *a); /* as they finish; false stops */
    gn_go_on go_on;                                              /* between steps */
    void *user;
} gn_score_hooks;

/* Score requests, packed. share: a prefix that requests have in common is read
 * once (a trie over ids, walked within state_mem); without, each is read from
 * its first token. Equal bits either way. stats may be NULL. */
bool gn_score(gn_engine *g, const gn_score_request *request, int n, bool share,
              const gn_score_hooks *h, gn_score_stats *stats, gn_error *e);

/* A text and what stands before it, as ids. White space at the end of the context
 * belongs to the text; the split is by the number of tokens of the context alone.
 * Without a context the engine's prefix token stands there. */
typedef struct gn_pair {
    gn_ids context, token;
    bool boundary; /* a merge crosses the border: the two do not add up to the whole */
} gn_pair;
bool gn_encode_pair(gn_engine *g, gn_slice context, gn_slice text, gn_pair *out, gn_error *e);
void gn_pair_release(gn_pair *p);

/* Rolling over a text of n tokens in windows of `window`: window i of so many. id holds
 * the prefix token and then the text, [1 + n]. The first window scores its tokens after
 * the prefix; each later one has one token of context, and the last is moved left so
 * that it is full and scores the remainder only. */
int64_t gn_rolling_count(int64_t n, int64_t window);
gn_score_request gn_rolling_window(const int32_t *id, int64_t n, int64_t window, int64_t i);

/* ---- comparing and quantising ---------------------------------------------------- */

/* One token of a text that two models read in lockstep: what came, and what each expected. */
typedef struct gn_divergence_token {
    int64_t pos; /* in the text, from 0 */
    int32_t id, top_a, top_b;
    double kl;         /* KL(a || b) of the distributions before it, in nats */
    double lp_a, lp_b; /* log-probability of id */
} gn_divergence_token;

/* Standard errors take the tokens as independent; NaN for fewer than two. */
typedef struct gn_divergence {
    int64_t tokens;
    double kl_mean, kl_error, kl_median, kl_p90, kl_p99, kl_p999, kl_max;
    double same_top, same_top_error; /* share of tokens of which both find the same likeliest */
    double rms_dp;                   /* root mean square of p_b - p_a of what came */
    double ppl_a, ppl_b;             /* perplexity of the text, a token */
    double ratio, ratio_error;       /* ppl_b / ppl_a */
} gn_divergence;

/* Two models of one vocabulary read the ids of a text [n], in windows of `window` tokens,
 * each after a's prefix token (without one the first of each window is only read). out [n]:
 * a token each that was compared; returns how many, -1 on failure. go_on may be NULL. */
int64_t gn_diverge(gn_engine *a, gn_engine *b, const int32_t *id, int64_t n, int64_t window,
                   gn_go_on go_on, void *user, gn_divergence_token *out, gn_error *e);
/* The same for memory that holds one model: a reads the text and is closed, then b reads it.
 * Kept are the GN_SPOOL_TOP likeliest of a's distributions, in a temporary file: the kl of each
 * token is a lower bound, all else exact. out is one array [n] for both; NULL on failure. */
enum { GN_SPOOL_TOP = 64 };
typedef struct gn_spool gn_spool;
gn_spool *gn_diverge_spool(gn_engine *a, const int32_t *id, int64_t n, int64_t window,
                           gn_go_on go_on, void *user, gn_divergence_token *out, gn_error *e);
int64_t gn_diverge_spooled(gn_spool *s, gn_engine *b, const int32_t *id, int64_t n, int64_t window,
                           gn_go_on go_on, void *user, gn_divergence_token *out, gn_error *e);
void gn_spool_free(gn_spool *s);
/* gn_diverge over an answer [n] after a context of at least one token: out [n]. */
bool gn_diverge_answer(gn_engine *a, gn_engine *b, const int32_t *context, int64_t n_context,
                       const int32_t *id, int64_t n, gn_go_on go_on, void *user,
                       gn_divergence_token *out, gn_error *e);
/* What tokens [n] say together. */
bool gn_divergence_of(const gn_divergence_token *t, int64_t n, gn_divergence *out, gn_error *e);

typedef struct gn_quantize_options {
    const char *type; /* "q4_k_m", "bf16", ...: a name of llama-quantize's */
    int threads;      /* 0: every processor this process may use */
    /* Between writes, done of all bytes of tensors; false cancels. May be NULL. */
    bool (*progress)(void *user, size_t done, size_t all);
    void *user;
} gn_quantize_options;

enum { GN_QUANTIZED_FORMATS = 15 };

typedef struct gn_quantized {
    size_t bytes_in, bytes_out;        /* of the files */
    int tensors[GN_QUANTIZED_FORMATS]; /* written, by format */
    int requantised;                   /* tensors that came from another block format */
    double seconds;
    gn_str warnings; /* lines */
} gn_quantized;

/* Write the checkpoint `in`, a Hugging Face folder or a GGUF, to the GGUF `out`: whole or
 * not at all. GN_INVALID for a type that is none, or an `out` that is `in`; GN_UNSUPPORTED
 * names what a GGUF cannot say. said is filled in, and released with
 * gn_quantized_release(), whatever happens. */
bool gn_quantize(const char *in, const char *out, const gn_quantize_options *o, gn_quantized *said,
                 gn_error *e);
void gn_quantized_release(gn_quantized *q);
const char *gn_quantized_format(int i); /* the name of tensors[i]; NULL past the last */

/* ---- speed ------------------------------------------------------------------------ */

/* What the machine can do now. */
typedef struct gn_roof gn_roof;
typedef struct gn_roof_now {
    double read_gbs; /* 1e9 bytes read from memory a second */
    double gflops;   /* 1e9 f32 operations a second, a fused multiply-add being two */
} gn_roof_now;

gn_roof *gn_roof_new(int threads, gn_error *e); /* 0: every processor; keeps 256 MiB */
gn_roof_now gn_roof_measure(gn_roof *r);        /* takes about 40 ms of all of them */
void gn_roof_free(gn_roof *r);                  /* NULL is fine */

/* What a token costs in bytes and operations, whatever the machine. */
typedef struct gn_cost {
    double weights; /* bytes read: every matrix once, of experts those that are used */
    double all;     /* bytes of every matrix, read or not */
    double state;   /* bytes of the recurrent state read and written */
    double kv;      /* bytes read for each token before it */
    double flops;   /* of a prompt's token: two for each weight, without the head */
} gn_cost;
gn_cost gn_engine_cost(const gn_engine *g);

/* One test of one checkpoint. */
typedef struct gn_bench_row {
    char test[48]; /* "pp512", "tg128@d4096", "save" */
    int n_prompt, n_gen, n_depth, n_batch, threads;
    double tokens;        /* a sample stands for so many */
    const double *sample; /* [n] seconds */
    int n;
    size_t peak_rss, state_bytes;
} gn_bench_row;

/* Rows into the database db (NULL: evals.db in its folder). when, the time the run began,
 * names it. */
bool gn_bench_save(const char *db, gn_engine *g, const char *when, const gn_bench_row *row, int n,
                   gn_error *e);
/* The rows of a run of the checkpoint `name`: "last", or how its time begins. when is
 * appended the whole of it. GN_INVALID if there is none. */
bool gn_bench_read(const char *db, const char *name, const char *run, gn_str *when,
                   void (*row)(void *user, const gn_bench_row *r), void *user, gn_error *e);

#endif

/* store.h - the database file: schema, migrations, the rows that eval and chat share.
 *
 * Two files of one schema: chats.db (private) and evals.db (meant to be shared).
 * Rows of evaluations are eval/results.c's, rows of conversations app/chat/history.c's;
 * both go through gn_store_sql().
 */
#ifndef GN_STORE_H
#define GN_STORE_H

#include "core/base/arena.h"
#include "core/base/hash.h"
#include "core/base/sql.h"
#include "core/base/token.h"

typedef struct gn_engine gn_engine;
typedef struct gn_store gn_store;

typedef enum gn_store_kind { GN_STORE_CHATS, GN_STORE_EVALS } gn_store_kind;

/* $XDG_DATA_HOME/gneiss/{chats,evals}.db, appended to out. */
bool gn_store_path(gn_str *out, gn_store_kind kind, gn_error *e);

/* Opens, or makes, a database and brings its schema up to date, each migration in one
 * transaction after a copy PATH.before-N. Read only: nothing is made; GN_IO if it is not
 * there. A file of a newer gneiss is GN_UNSUPPORTED; one of another program GN_FORMAT. */
gn_store *gn_store_open(const char *path, bool read_only, gn_error *e);
void gn_store_close(gn_store *s); /* NULL is fine */
gn_sql *gn_store_sql(gn_store *s);
const char *gn_store_file(const gn_store *s);

/* Rows found or made; their ids, 0 with e set on failure. */
int64_t gn_store_checkpoint(gn_store *s, gn_engine *g, gn_error *e);
int64_t gn_store_build(gn_store *s, const gn_engine *g, gn_error *e);

/* What these rows say, as values: who has the engine is not always who writes. */
typedef struct gn_origin {
    char sha[GN_SHA256_HEX], build[GN_SHA256_HEX]; /* of the checkpoint, of the build */
    uint8_t tokenizer[GN_SHA256_BYTES];            /* zeros: it has none */
    char tokenizer_hex[GN_SHA256_HEX], template_hex[GN_SHA256_HEX];
    const char *name, *path, *format, *dtype, *config;
    const char *backend, *numerics, *cpu, *os;
    int64_t params, bytes;
    gn_arena arena;
} gn_origin;
/* progress: as gn_engine_sha(). NULL with e set. */
gn_origin *gn_origin_of(gn_engine *g, bool (*progress)(void *user, size_t done, size_t all),
                        void *user, gn_error *e);
void gn_origin_free(gn_origin *o); /* NULL is fine */
int64_t gn_store_origin(gn_store *s, const gn_origin *o,
                        gn_error *e); /* as gn_store_checkpoint() */
int64_t gn_store_origin_build(gn_store *s, const gn_origin *o, gn_error *e);

/* A text once; its sha256 to hash. */
bool gn_store_text(gn_store *s, gn_slice body, uint8_t hash[GN_SHA256_BYTES], gn_error *e);

/* One answer of one checkpoint to one request. */
typedef struct gn_response {
    const uint8_t *cache_key;    /* 32 bytes; NULL: not to be reused */
    const uint8_t *request_hash; /* 32 bytes */
    int64_t checkpoint, build;
    const char *kind;           /* "loglikelihood", "rolling", "generate" */
    const uint8_t *prompt_hash; /* of gn_store_text(); NULL: none */
    gn_slice continuation;      /* loglikelihood: what was scored */
    double logprob;             /* loglikelihood, rolling */
    bool greedy;
    gn_slice output; /* generate */
    const char *stop;
    int64_t n_prompt, n_out, n_reused;
    double prompt_ms, gen_ms;
    bool truncated, boundary;
} gn_response;
int64_t gn_store_response(gn_store *s, const gn_response *r, gn_error *e);

/* Its tokens, n of them, with k alternatives each (top [n, k]). */
bool gn_store_tokens(gn_store *s, int64_t response, const int32_t *id, const gn_logprob *score,
                     const gn_top *top, int n, int k, gn_error *e);

/* The same of an answer's tokens from place `first` on. */
bool gn_store_tokens_from(gn_store *s, int64_t response, int first, const int32_t *id,
                          const gn_logprob *score, const gn_top *top, int n, int k, gn_error *e);

/* Aliases live in chats.db. */
bool gn_store_alias_set(gn_store *s, const char *name, int64_t checkpoint, gn_error *e);
/* The path last seen of an alias, false if there is none. */
bool gn_store_alias_find(gn_store *s, const char *name, gn_str *path, gn_error *e);

/* The parts of a key: each preceded by its length as u64, little-endian. */
typedef struct gn_key gn_key;
gn_key *gn_key_new(void);
void gn_key_part(gn_key *k, const void *data, size_t len);
void gn_key_text(gn_key *k, gn_slice text);
void gn_key_int(gn_key *k, int64_t v);                       /* as its decimal text */
void gn_key_end(gn_key *k, uint8_t digest[GN_SHA256_BYTES]); /* and frees k */

#endif

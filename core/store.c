/* store.c - see store.h. */
#include "core/store.h"

#include "core/base/embed.h"
#include "core/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/utsname.h>

extern const gn_embedded gn_schema[];

enum { APPLICATION = 0x676E6569 /* "gnei" */ };

struct gn_store {
    gn_sql *sql;
    char *file;
};

bool gn_store_path(gn_str *out, gn_store_kind kind, gn_error *e) {
    gn_str dir = {0};
    const bool ok = gn_path_user(&dir, GN_DIR_DATA, e);
    if (ok)
        gn_path_join(out, gn_str_slice(&dir),
                     kind == GN_STORE_CHATS ? GN_S("chats.db") : GN_S("evals.db"));
    gn_str_release(&dir);
    return ok && gn_str_ok(out, e);
}

/* ---- migrations ------------------------------------------------------------ */

static bool pragma(gn_sql *s, const char *text, int64_t *out, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(s, text, e);
    const bool ok = q && gn_sql_step(q, &row, e);
    *out = ok && row ? gn_column_int(q, 0) : 0;
    if (q)
        gn_sql_reset(q);
    return ok;
}

static int64_t newest(void) {
    int64_t n = 0;
    while (gn_schema[n].name)
        n++;
    return n;
}

static bool is_empty(gn_sql *s, bool *empty, gn_error *e) {
    int64_t n;
    const bool ok = pragma(s, "SELECT count(*) FROM sqlite_master", &n, e);
    *empty = n == 0;
    return ok;
}

/* One migration, all of it or nothing. Its PRAGMA lines are for who reads the file by hand:
 * those that may not stand in a transaction are set when a database is opened. */
static bool apply(gn_store *s, const gn_embedded *file, int64_t number, gn_error *e) {
    gn_str text = {0}, version = {0};
    gn_slice rest = {(const char *)file->data, file->size};
    while (rest.len > 0) {
        const char *end = memchr(rest.data, '\n', rest.len);
        const size_t n = end ? (size_t)(end - rest.data) + 1 : rest.len;
        if (!gn_slice_starts(rest, GN_S("PRAGMA ")))
            gn_str_add(&text, (gn_slice){rest.data, n});
        rest = gn_slice_from(rest, n);
    }
    gn_str_fmt(&version, "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64, APPLICATION,
               number);
    bool ok = gn_str_ok(&text, e) && gn_str_ok(&version, e) && gn_sql_begin(s->sql, e);
    if (ok) {
        int64_t there; /* another process may have been faster */
        ok = pragma(s->sql, "PRAGMA user_version", &there, e) &&
             (there >= number ||
              (gn_sql_exec(s->sql, text.data, e) && gn_sql_exec(s->sql, version.data, e))) &&
             gn_sql_commit(s->sql, e);
        if (!ok)
            gn_sql_rollback(s->sql);
    }
    gn_str_release(&text);
    gn_str_release(&version);
    return ok || gn_context(e, "migration %s", file->name);
}

static bool migrate(gn_store *s, bool read_only, gn_error *e) {
    int64_t application, version;
    bool empty;
    if (!pragma(s->sql, "PRAGMA application_id", &application, e) ||
        !pragma(s->sql, "PRAGMA user_version", &version, e) || !is_empty(s->sql, &empty, e))
        return false;
    if (!empty && application != APPLICATION)
        return gn_fail(e, GN_FORMAT, "a database of another program, not gneiss's");
    if (version > newest())
        return gn_fail(e, GN_UNSUPPORTED,
                       "written by a newer gneiss (schema %" PRId64 ", this one knows %" PRId64
                       "); use that one",
                       version, newest());
    if (version == newest())
        return true;
    if (read_only)
        return gn_fail(e, GN_UNSUPPORTED,
                       "schema %" PRId64 " of %" PRId64
                       "; open it once with write access to bring it up to date",
                       version, newest());
    if (!empty) {
        gn_str copy = {0};
        gn_str_fmt(&copy, "%s.before-%" PRId64, s->file, newest());
        const bool ok = gn_str_ok(&copy, e) &&
                        (gn_path_exists(copy.data) || gn_sql_backup(s->sql, copy.data, e));
        gn_str_release(&copy);
        if (!ok)
            return false;
    }
    for (; version < newest(); version++)
        if (!apply(s, &gn_schema[version], version + 1, e))
            return false;
    return true;
}

gn_store *gn_store_open(const char *path, bool read_only, gn_error *e) {
    gn_store *s = calloc(1, sizeof *s);
    gn_str folder = {0};
    bool ok = s && (s->file = gn_strdup_slice(gn_slice_of(path)));
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "out of memory");
    if (ok && read_only && !gn_path_exists(path))
        ok = gn_fail(e, GN_IO, "there is no such database yet");
    if (ok && !read_only) {
        gn_str_add(&folder, gn_path_folder(gn_slice_of(path)));
        ok = gn_str_ok(&folder, e) && gn_path_make_folder(folder.data, e);
    }
    ok = ok && (s->sql = gn_sql_open(path, read_only, e)) != NULL && migrate(s, read_only, e);
    gn_str_release(&folder);
    if (ok)
        return s;
    if (!strstr(e->message, path)) /* most say themselves of which */
        gn_context(e, "database '%s'", path);
    gn_where(e, "%s", path);
    gn_store_close(s);
    return NULL;
}

void gn_store_close(gn_store *s) {
    if (!s)
        return;
    if (s->sql)
        gn_sql_close(s->sql);
    free(s->file);
    free(s);
}

gn_sql *gn_store_sql(gn_store *s) { return s->sql; }
const char *gn_store_file(const gn_store *s) { return s->file; }

/* ---- keys ------------------------------------------------------------------ */

struct gn_key {
    gn_sha256 *sha;
};

gn_key *gn_key_new(void) {
    gn_key *k = malloc(sizeof *k);
    if (k && !(k->sha = gn_sha256_new())) {
        free(k);
        k = NULL;
    }
    return k;
}

void gn_key_part(gn_key *k, const void *data, size_t len) {
    const uint64_t n = len;
    gn_sha256_add(k->sha, &n, sizeof n);
    gn_sha256_add(k->sha, data, len);
}

void gn_key_text(gn_key *k, gn_slice text) { gn_key_part(k, text.data, text.len); }

void gn_key_int(gn_key *k, int64_t v) {
    char text[24];
    const int n = snprintf(text, sizeof text, "%" PRId64, v);
    gn_key_part(k, text, (size_t)n);
}

void gn_key_end(gn_key *k, uint8_t digest[GN_SHA256_BYTES]) {
    gn_sha256_end(k->sha, digest);
    free(k);
}

/* ---- rows ------------------------------------------------------------------ */

/* The id of the row that q selects, or 0 when there is none. */
static int64_t find_id(gn_statement *q, gn_error *e) {
    bool row = false;
    const int64_t id = q && gn_sql_step(q, &row, e) && row ? gn_column_int(q, 0) : 0;
    if (q)
        gn_sql_reset(q);
    return id;
}

/* The gn_origin as it is filled in; strings are in the arena. */
static const char *keep(gn_origin *o, gn_slice text) {
    char *copy = gn_arena_alloc(&o->arena, text.len + 1);
    if (copy) {
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

static const char *json_of(gn_origin *o, const gn_value *v) {
    gn_str text = {0};
    gn_json_write_canonical(&text, v);
    const char *copy = text.failed ? NULL : keep(o, gn_str_slice(&text));
    gn_str_release(&text);
    return copy;
}

static bool describe_checkpoint(gn_origin *o, gn_engine *g, gn_value *info, gn_error *e) {
    uint8_t digest[GN_SHA256_BYTES];
    if (g->tokenizer) {
        if (!gn_tokenizer_sha(g->tokenizer, o->tokenizer, e))
            return false;
        gn_hex(o->tokenizer, sizeof o->tokenizer, o->tokenizer_hex);
    }
    if (g->template_source.len) {
        gn_sha256_of(g->template_source.data, g->template_source.len, digest);
        gn_hex(digest, sizeof digest, o->template_hex);
    }
    char *real = realpath(g->path, NULL);
    o->name = keep(o, gn_slice_of(g->name));
    o->path = keep(o, gn_slice_of(real ? real : g->path));
    o->format = keep(o, gn_value_text(gn_value_get(info, GN_S("format"))));
    o->dtype = json_of(o, gn_value_get(info, GN_S("dtype")));
    o->config = json_of(o, info);
    gn_value_to_integer(gn_value_get(info, GN_S("params")), &o->params);
    gn_value_to_integer(gn_value_get(info, GN_S("bytes")), &o->bytes);
    free(real);
    return true;
}

static bool describe_build(gn_origin *o, const gn_engine *g) {
    struct utsname os = {0};
    uint8_t digest[GN_SHA256_BYTES];
    gn_key *k = gn_key_new();
    if (!k)
        return false;
    uname(&os);
    o->backend = keep(o, gn_slice_of(g->device->name));
    o->numerics = keep(o, gn_slice_of(g->device->numerics));
    o->cpu = keep(o, gn_slice_of(g->device->describe));
    o->os = keep(o, gn_slice_of(os.release));
    gn_key_text(k, GN_S(GNEISS_VERSION));
    gn_key_text(k, gn_slice_of(__VERSION__));
    gn_key_text(k, gn_slice_of(o->backend));
    gn_key_text(k, gn_slice_of(o->numerics));
    gn_key_text(k, gn_slice_of(o->cpu));
    gn_key_text(k, gn_slice_of(o->os));
    gn_key_end(k, digest);
    gn_hex(digest, sizeof digest, o->build);
    return o->backend && o->numerics && o->cpu && o->os;
}

gn_origin *gn_origin_of(gn_engine *g, bool (*progress)(void *user, size_t done, size_t all),
                        void *user, gn_error *e) {
    gn_origin *o = calloc(1, sizeof *o);
    gn_arena a = {0};
    bool ok = o != NULL;
    if (!ok)
        gn_fail(e, GN_NO_MEMORY, "out of memory");
    ok = ok && gn_engine_sha(g, o->sha, progress, user, e);
    gn_value *info = ok ? gn_engine_info(g, false, &a, e) : NULL;
    ok = info && describe_checkpoint(o, g, info, e);
    if (ok) {
        ok = describe_build(o, g) && o->name && o->path && o->format && o->dtype && o->config;
        if (!ok)
            gn_fail(e, GN_NO_MEMORY, "out of memory");
    }
    gn_arena_release(&a);
    if (ok)
        return o;
    gn_origin_free(o);
    return NULL;
}

void gn_origin_free(gn_origin *o) {
    if (!o)
        return;
    gn_arena_release(&o->arena);
    free(o);
}

int64_t gn_store_origin(gn_store *s, const gn_origin *o, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        s->sql,
        "INSERT INTO checkpoint(sha, name, path, format, dtype, n_params, n_bytes, tokenizer_sha, "
        "template_sha, config_json) VALUES(?,?,?,?,?,?,?,?,?,?) "
        "ON CONFLICT(sha) DO UPDATE SET path=excluded.path, name=excluded.name",
        e);
    if (!q)
        return 0;
    const char *const text[] = {o->sha, o->name, o->path, o->format, o->dtype};
    for (int i = 0; i < 5; i++)
        gn_bind_text(q, i + 1, gn_slice_of(text[i]));
    gn_bind_int(q, 6, o->params);
    gn_bind_int(q, 7, o->bytes);
    gn_bind_text(q, 8, gn_slice_of(o->tokenizer_hex));
    gn_bind_text(q, 9, gn_slice_of(o->template_hex));
    gn_bind_text(q, 10, gn_slice_of(o->config));
    if (!gn_sql_run(q, e) ||
        !(q = gn_sql_prepare(s->sql, "SELECT id FROM checkpoint WHERE sha = ?", e)))
        return 0;
    gn_bind_text(q, 1, gn_slice_of(o->sha));
    return find_id(q, e);
}

int64_t gn_store_origin_build(gn_store *s, const gn_origin *o, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        s->sql,
        "INSERT OR IGNORE INTO build(sha, version, compiler, backend, numerics, cpu, os) "
        "VALUES(?,?,?,?,?,?,?)",
        e);
    if (!q)
        return 0;
    const char *const text[] = {o->build,    GNEISS_VERSION, __VERSION__, o->backend,
                                o->numerics, o->cpu,         o->os};
    for (int i = 0; i < 7; i++)
        gn_bind_text(q, i + 1, gn_slice_of(text[i]));
    if (!gn_sql_run(q, e) || !(q = gn_sql_prepare(s->sql, "SELECT id FROM build WHERE sha = ?", e)))
        return 0;
    gn_bind_text(q, 1, gn_slice_of(o->build));
    return find_id(q, e);
}

int64_t gn_store_checkpoint(gn_store *s, gn_engine *g, gn_error *e) {
    gn_origin *o = gn_origin_of(g, NULL, NULL, e);
    const int64_t id = o ? gn_store_origin(s, o, e) : 0;
    gn_origin_free(o);
    return id;
}

int64_t gn_store_build(gn_store *s, const gn_engine *g, gn_error *e) {
    gn_origin *o = calloc(1, sizeof *o);
    const bool ok = (o && describe_build(o, g)) || gn_fail(e, GN_NO_MEMORY, "out of memory");
    const int64_t id = ok ? gn_store_origin_build(s, o, e) : 0;
    gn_origin_free(o);
    return id;
}

bool gn_store_text(gn_store *s, gn_slice body, uint8_t hash[GN_SHA256_BYTES], gn_error *e) {
    gn_sha256_of(body.data, body.len, hash);
    gn_statement *q =
        gn_sql_prepare(s->sql, "INSERT OR IGNORE INTO text(hash, body) VALUES(?,?)", e);
    if (!q)
        return false;
    gn_bind_blob(q, 1, hash, GN_SHA256_BYTES);
    gn_bind_text(q, 2, body);
    return gn_sql_run(q, e);
}

int64_t gn_store_response(gn_store *s, const gn_response *r, gn_error *e) {
    const bool generate = strcmp(r->kind, "generate") == 0;
    gn_statement *q = gn_sql_prepare(
        s->sql,
        "INSERT INTO response(cache_key, request_hash, checkpoint_id, build_id, kind, prompt_hash, "
        "continuation, logprob, greedy, output, stop, n_prompt, n_out, n_reused, prompt_ms, "
        "gen_ms, truncated, boundary) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        e);
    if (!q)
        return 0;
    if (r->cache_key)
        gn_bind_blob(q, 1, r->cache_key, GN_SHA256_BYTES);
    else
        gn_bind_null(q, 1);
    gn_bind_blob(q, 2, r->request_hash, GN_SHA256_BYTES);
    gn_bind_int(q, 3, r->checkpoint);
    gn_bind_int(q, 4, r->build);
    gn_bind_text(q, 5, gn_slice_of(r->kind));
    if (r->prompt_hash)
        gn_bind_blob(q, 6, r->prompt_hash, GN_SHA256_BYTES);
    else
        gn_bind_null(q, 6);
    for (int i = 7; i <= 11; i++)
        gn_bind_null(q, i);
    if (generate) {
        gn_bind_text(q, 10, r->output);
        gn_bind_text(q, 11, gn_slice_of(r->stop));
    } else {
        gn_bind_text(q, 7, r->continuation);
        gn_bind_double(q, 8, r->logprob);
        gn_bind_int(q, 9, r->greedy);
    }
    gn_bind_int(q, 12, r->n_prompt);
    gn_bind_int(q, 13, r->n_out);
    gn_bind_int(q, 14, r->n_reused);
    gn_bind_double(q, 15, r->prompt_ms);
    gn_bind_double(q, 16, r->gen_ms);
    gn_bind_int(q, 17, r->truncated);
    gn_bind_int(q, 18, r->boundary);
    return gn_sql_run(q, e) ? gn_sql_last_id(s->sql) : 0;
}

bool gn_store_tokens(gn_store *s, int64_t response, const int32_t *id, const gn_logprob *score,
                     const gn_top *top, int n, int k, gn_error *e) {
    return gn_store_tokens_from(s, response, 0, id, score, top, n, k, e);
}

bool gn_store_tokens_from(gn_store *s, int64_t response, int first, const int32_t *id,
                          const gn_logprob *score, const gn_top *top, int n, int k, gn_error *e) {
    gn_statement *q = gn_sql_prepare(s->sql,
                                     "INSERT INTO token(response_id, pos, id, logprob, rank, "
                                     "entropy, top_id, top_logprob, alts) "
                                     "VALUES(?,?,?,?,?,?,?,?,?)",
                                     e);
    for (int i = 0; q && i < n; i++) {
        const gn_top *row = top + (size_t)i * (size_t)k;
        gn_bind_int(q, 1, response);
        gn_bind_int(q, 2, first + i);
        gn_bind_int(q, 3, id[i]);
        gn_bind_double(q, 4, (double)score[i].logprob);
        gn_bind_int(q, 5, score[i].rank);
        gn_bind_double(q, 6, (double)score[i].entropy);
        gn_bind_null(q, 7);
        gn_bind_null(q, 8);
        gn_bind_null(q, 9);
        if (k > 0) {
            gn_bind_int(q, 7, row[0].id);
            gn_bind_double(q, 8, (double)row[0].logprob);
            gn_bind_blob(q, 9, row, (size_t)k * sizeof *row); /* k x (u32 id, f32 logprob) */
        }
        if (!gn_sql_run(q, e))
            return false;
    }
    return q != NULL;
}

/* ---- aliases --------------------------------------------------------------- */

bool gn_store_alias_set(gn_store *s, const char *name, int64_t checkpoint, gn_error *e) {
    gn_statement *q =
        gn_sql_prepare(s->sql,
                       "INSERT INTO alias(name, checkpoint_id) VALUES(?,?) "
                       "ON CONFLICT(name) DO UPDATE SET checkpoint_id=excluded.checkpoint_id",
                       e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(name));
    gn_bind_int(q, 2, checkpoint);
    return gn_sql_run(q, e);
}

bool gn_store_alias_find(gn_store *s, const char *name, gn_str *path, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(s->sql,
                                     "SELECT c.path FROM alias a JOIN checkpoint c "
                                     "ON c.id = a.checkpoint_id WHERE a.name = ?",
                                     e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(name));
    if (gn_sql_step(q, &row, e) && row)
        gn_str_add(path, gn_column_text(q, 0));
    gn_sql_reset(q);
    return row && gn_str_ok(path, e);
}

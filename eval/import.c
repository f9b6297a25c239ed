/* import.c - see import.h. One results file is one run; import_task.c reads the logs. */
#include "eval/import_work.h"

#include "eval/verify.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { DEEPEST = 4 }; /* folders below the one named */

void gn_imported_release(gn_imported *m) { gn_str_release(&m->notes); }

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* ---- whose run it is ------------------------------------------------------------------ */

static gn_slice text_at(const gn_value *map, const char *key) {
    const gn_value *v = gn_value_get(map, gn_slice_of(key));
    return v && v->kind == GN_STRING ? gn_value_text(v) : GN_S("");
}

static gn_slice model_name(const gn_value *results) {
    const gn_slice name = text_at(results, "model_name"), source = text_at(results, "model_source");
    return name.len ? name : source.len ? source : GN_S("unnamed");
}

static void hash_texts(char hex[GN_SHA256_HEX], const gn_slice *text, int n) {
    uint8_t digest[GN_SHA256_BYTES] = {0};
    gn_key *k = gn_key_new();
    for (int i = 0; k && i < n; i++)
        gn_key_text(k, text[i]);
    if (k)
        gn_key_end(k, digest);
    gn_hex(digest, sizeof digest, hex);
}

static int64_t row_of(gn_store *s, const char *insert, const char *select, const gn_slice *value,
                      int n, gn_error *e) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(gn_store_sql(s), insert, e);
    for (int i = 0; q && i < n; i++)
        gn_bind_text(q, i + 1, value[i]);
    if (!q || !gn_sql_run(q, e) || !(q = gn_sql_prepare(gn_store_sql(s), select, e)))
        return 0;
    gn_bind_text(q, 1, value[0]);
    const int64_t id = gn_sql_step(q, &row, e) && row ? gn_column_int(q, 0) : 0;
    gn_sql_reset(q);
    return id;
}

/* The weights are not known: name, arguments and revision stand for them. */
static bool make_checkpoint(importing *m, gn_error *e) {
    const gn_value *config = gn_value_get(m->results, GN_S("config"));
    const gn_slice name = model_name(m->results);
    const gn_slice part[] = {GN_S("lm-eval"), name, text_at(config, "model_args"),
                             text_at(config, "model_sha")};
    char sha[GN_SHA256_HEX];
    hash_texts(sha, part, 4);
    const gn_slice value[] = {gn_slice_of(sha), gn_path_name(name), GN_S("lm-eval")};
    m->checkpoint =
        row_of(m->store,
               "INSERT OR IGNORE INTO checkpoint(sha, name, format, tokenizer_sha, config_json) "
               "VALUES(?1, ?2, ?3, '', '{}')",
               "SELECT id FROM checkpoint WHERE sha = ?", value, 3, e);
    return m->checkpoint != 0;
}

static bool make_build(importing *m, gn_error *e) {
    const gn_value *config = gn_value_get(m->results, GN_S("config"));
    const gn_slice version = text_at(m->results, "lm_eval_version"),
                   dtype = text_at(config, "model_dtype"), device = text_at(config, "device");
    const gn_slice part[] = {GN_S("lm-eval"), version, dtype, device,
                             text_at(m->results, "transformers_version")};
    char sha[GN_SHA256_HEX];
    hash_texts(sha, part, 5);
    const gn_slice value[] = {gn_slice_of(sha), version, GN_S("lm-eval"),
                              dtype.len ? dtype : GN_S("unknown"), device};
    m->build = row_of(m->store,
                      "INSERT OR IGNORE INTO build(sha, version, backend, numerics, cpu) "
                      "VALUES(?1, ?2, ?3, ?4, ?5)",
                      "SELECT id FROM build WHERE sha = ?", value, 5, e);
    return m->build != 0;
}

/* ---- the run ------------------------------------------------------------------------------ */

static void utc_of(const gn_value *results, char out[25]) {
    double date = 0;
    struct tm t;
    const gn_value *v = gn_value_get(results, GN_S("date"));
    gn_utc(out);
    if (!gn_value_to_number(v, &date) || date <= 0)
        return;
    const time_t when = (time_t)date;
    if (gmtime_r(&when, &t))
        strftime(out, 25, "%Y-%m-%dT%H:%M:%S.000Z", &t);
}

static void options_of(const importing *m, gn_str *out) {
    const gn_value *all = gn_value_get(m->results, GN_S("results"));
    bool first = true;
    gn_str_puts(out, "{\"tasks\":[");
    for (size_t i = 0; i < all->map.count; i++) {
        gn_str_puts(out, first ? "" : ",");
        gn_json_write_string(out, all->map.entry[i].key);
        first = false;
    }
    gn_str_puts(out, "],\"groups\":[],\"imported\":");
    gn_json_write_string(out, gn_slice_of(m->path));
    gn_str_puts(out, ",\"numerics\":\"lm-eval\",\"shards\":1,\"shard\":1}");
}

static int64_t integer_at(const gn_value *map, const char *key, int64_t otherwise) {
    int64_t n;
    return gn_value_to_integer(gn_value_get(map, gn_slice_of(key)), &n) ? n : otherwise;
}

static bool make_run(importing *m, gn_error *e) {
    const gn_value *config = gn_value_get(m->results, GN_S("config"));
    gn_str options = {0};
    char when[25];
    options_of(m, &options);
    utc_of(m->results, when);
    gn_statement *q =
        gn_ulid(m->run, e) && gn_str_ok(&options, e)
            ? gn_sql_prepare(gn_store_sql(m->store),
                             "INSERT INTO run(id, status, checkpoint_id, build_id, resume_key, "
                             "seed, fewshot_seed, limit_n, chat_template, options_json, argv, "
                             "note, started_at, ended_at) VALUES(?1, 'done', ?2, ?3, ?4, ?5, ?6, "
                             "?7, ?8, ?9, '[]', 'imported from lm-evaluation-harness', ?10, ?10)",
                             e)
            : NULL;
    if (q) {
        gn_bind_text(q, 1, gn_slice_of(m->run));
        gn_bind_int(q, 2, m->checkpoint);
        gn_bind_int(q, 3, m->build);
        gn_bind_text(q, 4, gn_slice_of(m->key));
        gn_bind_int(q, 5, integer_at(config, "random_seed", 0));
        gn_bind_int(q, 6, integer_at(config, "fewshot_seed", 1234));
        const int64_t limit = integer_at(config, "limit", 0);
        if (limit > 0)
            gn_bind_int(q, 7, limit);
        gn_bind_int(q, 8, text_at(m->results, "chat_template").len > 0);
        gn_bind_text(q, 9, gn_str_slice(&options));
        gn_bind_text(q, 10, gn_slice_of(when));
    }
    const bool ok = q && gn_sql_run(q, e);
    gn_str_release(&options);
    return ok;
}

static bool keep_metrics(importing *m, gn_error *e) {
    gn_run_row run;
    gn_results r = {0};
    gn_verified v = {0};
    if (!gn_run_find(m->store, m->run, &run, e))
        return false;
    gn_pool *pool = gn_pool_new(gn_processors(), e);
    bool ok = pool && gn_results_measure(m->store, &run, pool, true, &r, e) &&
              gn_results_keep(m->store, m->run, &r, e) &&
              gn_verify_file(m->store, &run, m->path, 1e-3, &v, e);
    if (ok && v.differ)
        gn_str_fmt(&m->out->notes,
                   "%s: %" PRId64 " of its numbers are others than those of its samples:\n%s",
                   m->path, v.differ, gn_str_text(&v.text));
    gn_verified_release(&v);
    gn_pool_free(pool);
    gn_results_release(&r);
    gn_run_row_release(&run);
    return ok;
}

static bool write_run(importing *m, gn_error *e) {
    const gn_value *all = gn_value_get(m->results, GN_S("results"));
    int64_t tasks = 0;
    bool ok = make_checkpoint(m, e) && make_build(m, e) && make_run(m, e);
    for (size_t i = 0; ok && i < all->map.count; i++) {
        bool there = false;
        ok = gn_import_task(m, all->map.entry[i].key, &there, e);
        tasks += there;
    }
    if (ok && tasks == 0)
        ok = gn_fail(e, GN_INVALID, "no sample log of its tasks is beside it (--log_samples)");
    return ok && keep_metrics(m, e);
}

/* ---- files -------------------------------------------------------------------------------------- */

/* The same results again are the same run. */
static bool is_known(importing *m, gn_slice text, bool *known, gn_error *e) {
    const gn_slice part[] = {GN_S("lm-eval results"), text};
    gn_run_row run;
    hash_texts(m->key, part, 2);
    if (!gn_run_by_key(m->store, m->key, &run, known, e))
        return false;
    if (*known)
        gn_run_row_release(&run);
    return true;
}

static bool import_results(gn_store *s, const char *path, gn_imported *out, gn_error *e) {
    importing m = {.store = s, .path = path, .out = out};
    gn_arena a = {0};
    gn_str text = {0};
    bool known = false;
    bool ok = gn_file_read(&text, path, 0, e) &&
              (m.results = gn_json_parse(&a, gn_str_slice(&text), e)) != NULL;
    const gn_value *all = ok ? gn_value_get(m.results, GN_S("results")) : NULL;
    if (ok && (!all || all->kind != GN_MAP))
        ok = gn_fail(e, GN_FORMAT, "no results file of lm-evaluation-harness: 'results' is no map");
    ok = ok && is_known(&m, gn_str_slice(&text), &known, e);
    out->known += known;
    if (ok && !known && (ok = gn_sql_begin(gn_store_sql(s), e))) {
        ok = write_run(&m, e) && gn_sql_commit(gn_store_sql(s), e);
        if (!ok)
            gn_sql_rollback(gn_store_sql(s));
        out->runs += ok;
        out->tasks += ok ? m.tasks : 0;
        out->samples += ok ? m.samples : 0;
    }
    gn_str_release(&text);
    gn_arena_release(&a);
    return ok || (gn_context(e, "import '%s'", path), gn_where(e, "%s", path));
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **name, size_t n) {
    for (size_t i = 0; i < n; i++)
        free(name[i]);
    free(name);
}

static bool list(const char *folder, char ***name, size_t *n, gn_error *e) {
    size_t room = 0;
    struct dirent *d;
    DIR *dir = opendir(folder);
    *name = NULL;
    *n = 0;
    if (!dir) {
        gn_fail(e, GN_IO, "folder '%s': %s", folder, strerror(errno));
        return gn_where(e, "%s", folder);
    }
    bool ok = true;
    while (ok && (d = readdir(dir)))
        if (d->d_name[0] != '.') {
            ok = gn_vec_reserve(name, &room, *n + 1, sizeof **name) &&
                 ((*name)[*n] = gn_strdup_slice(gn_slice_of(d->d_name)));
            *n += ok;
        }
    closedir(dir);
    if (!ok)
        return no_memory(e);
    if (*n > 1)
        qsort(*name, *n, sizeof **name, by_name);
    return true;
}

static bool walk(gn_store *s, const char *folder, int depth, int *found, gn_imported *out,
                 gn_error *e) {
    char **name;
    size_t n;
    bool ok = list(folder, &name, &n, e);
    for (size_t i = 0; ok && i < n; i++) {
        const gn_slice one = gn_slice_of(name[i]);
        gn_str path = {0};
        gn_path_join(&path, gn_slice_of(folder), one);
        ok = gn_str_ok(&path, e);
        if (ok && gn_path_is_folder(path.data))
            ok = depth == 0 || walk(s, path.data, depth - 1, found, out, e);
        else if (ok && gn_slice_starts(one, GN_S("results")) && gn_slice_ends(one, GN_S(".json"))) {
            ++*found;
            ok = import_results(s, path.data, out, e);
        }
        gn_str_release(&path);
    }
    free_names(name, n);
    return ok;
}

bool gn_import_lm_eval(gn_store *s, const char *folder, gn_imported *out, gn_error *e) {
    int found = 0;
    *out = (gn_imported){0};
    if (!walk(s, folder, DEEPEST, &found, out, e))
        return false;
    if (found)
        return true;
    gn_fail(e, GN_IO,
            "'%s' has no results_*.json: want the folder that lm_eval wrote with --output_path and "
            "--log_samples",
            folder);
    return gn_where(e, "%s", folder);
}

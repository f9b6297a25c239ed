/* bench.c - speeds in the database: the rows of one `gneiss bench`, and an older one's.
 *
 * Rows of one run carry the same test_time; that is the run's name.
 */
#include "core/gneiss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gn_store *open_store(const char *db, bool read_only, gn_error *e) {
    gn_str path = {0};
    if (db)
        gn_str_puts(&path, db);
    gn_store *s = (db || gn_store_path(&path, GN_STORE_EVALS, e)) && gn_str_ok(&path, e)
                      ? gn_store_open(path.data, read_only, e)
                      : NULL;
    gn_str_release(&path);
    return s;
}

static void mean(const double *v, int n, double *out, double *spread) {
    double sum = 0, square = 0;
    for (int i = 0; i < n; i++)
        sum += v[i];
    *out = n ? sum / n : 0;
    for (int i = 0; i < n; i++)
        square += (v[i] - *out) * (v[i] - *out);
    *spread = n > 1 ? sqrt(square / (n - 1)) : 0;
}

static bool insert(gn_store *s, int64_t checkpoint, int64_t build, const char *when,
                   const gn_bench_row *r, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(s),
        "INSERT INTO bench(checkpoint_id, build_id, test, n_prompt, n_gen, n_depth, n_batch, "
        "threads, avg_ns, stddev_ns, ts, ts_stddev, samples_ns, peak_rss, state_bytes, test_time) "
        "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        e);
    double ns, spread, *rate = malloc((size_t)r->n * sizeof *rate + 1), ts, ts_spread;
    gn_str samples = {0};
    if (!q || !rate) {
        free(rate);
        return q == NULL ? false : gn_fail(e, GN_NO_MEMORY, "bench: out of memory");
    }
    mean(r->sample, r->n, &ns, &spread);
    gn_str_putc(&samples, '[');
    for (int i = 0; i < r->n; i++) {
        rate[i] = r->sample[i] > 0 ? r->tokens / r->sample[i] : 0;
        gn_str_fmt(&samples, i ? ",%.0f" : "%.0f", r->sample[i] * 1e9);
    }
    gn_str_putc(&samples, ']');
    mean(rate, r->n, &ts, &ts_spread);
    const int64_t number[] = {checkpoint, build,      0,          r->n_prompt,
                              r->n_gen,   r->n_depth, r->n_batch, r->threads};
    for (int i = 0; i < 8; i++)
        if (i != 2)
            gn_bind_int(q, i + 1, number[i]);
    gn_bind_text(q, 3, gn_slice_of(r->test));
    gn_bind_double(q, 9, ns * 1e9);
    gn_bind_double(q, 10, spread * 1e9);
    gn_bind_double(q, 11, ts);
    gn_bind_double(q, 12, ts_spread);
    gn_bind_text(q, 13, gn_str_slice(&samples));
    gn_bind_int(q, 14, (int64_t)r->peak_rss);
    gn_bind_int(q, 15, (int64_t)r->state_bytes);
    gn_bind_text(q, 16, gn_slice_of(when));
    const bool ok = gn_str_ok(&samples, e) && gn_sql_run(q, e);
    gn_str_release(&samples);
    free(rate);
    return ok;
}

bool gn_bench_save(const char *db, gn_engine *g, const char *when, const gn_bench_row *row, int n,
                   gn_error *e) {
    gn_store *s = open_store(db, false, e);
    if (!s)
        return false;
    bool begun = gn_sql_begin(gn_store_sql(s), e);
    const int64_t checkpoint = begun ? gn_store_checkpoint(s, g, e) : 0,
                  build = checkpoint ? gn_store_build(s, g, e) : 0;
    bool ok = build != 0;
    for (int i = 0; ok && i < n; i++)
        ok = insert(s, checkpoint, build, when, &row[i], e);
    if (ok)
        ok = gn_sql_commit(gn_store_sql(s), e);
    else if (begun)
        gn_sql_rollback(gn_store_sql(s));
    gn_store_close(s);
    return ok;
}

/* "[1,2,3]" in nanoseconds. */
static int read_samples(gn_slice text, double *out, int most) {
    gn_arena arena = {0};
    gn_error e = {0};
    const gn_value *list = gn_json_parse(&arena, text, &e);
    int n = 0;
    for (size_t i = 0; i < gn_value_count(list) && n < most; i++) {
        double v;
        if (gn_value_to_number(gn_value_at(list, i), &v))
            out[n++] = v / 1e9;
    }
    gn_arena_release(&arena);
    return n;
}

/* The name of the run in full: the last one, or the one that begins with these letters. */
static bool find_run(gn_store *s, const char *name, const char *run, gn_str *when, gn_error *e) {
    const bool last = strcmp(run, "last") == 0 || strcmp(run, "-1") == 0;
    gn_statement *q = gn_sql_prepare(gn_store_sql(s),
                                     "SELECT DISTINCT b.test_time FROM bench b JOIN checkpoint c "
                                     "ON c.id = b.checkpoint_id WHERE c.name = ?1 AND "
                                     "(?2 = '' OR substr(b.test_time, 1, length(?2)) = ?2) "
                                     "ORDER BY b.test_time DESC LIMIT 1",
                                     e);
    bool row = false;
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(name));
    gn_bind_text(q, 2, gn_slice_of(last ? "" : run));
    bool ok = gn_sql_step(q, &row, e);
    if (ok && row)
        gn_str_add(when, gn_column_text(q, 0));
    gn_sql_reset(q);
    return ok && ((row && gn_str_ok(when, e)) ||
                  gn_fail(e, GN_INVALID, "--against: there is no run '%.60s' of '%s' in '%s'", run,
                          name, gn_store_file(s)));
}

bool gn_bench_read(const char *db, const char *name, const char *run, gn_str *when,
                   void (*row)(void *user, const gn_bench_row *r), void *user, gn_error *e) {
    enum { MOST = 1024 };
    gn_store *s = open_store(db, true, e);
    double *sample = malloc(MOST * sizeof *sample);
    bool ok = s && (sample || gn_fail(e, GN_NO_MEMORY, "bench: out of memory")) &&
              find_run(s, name, run, when, e);
    gn_statement *q =
        ok ? gn_sql_prepare(gn_store_sql(s),
                            "SELECT b.test, b.threads, b.avg_ns, b.ts, b.samples_ns FROM bench b "
                            "JOIN checkpoint c ON c.id = b.checkpoint_id "
                            "WHERE c.name = ? AND b.test_time = ? ORDER BY b.id",
                            e)
           : NULL;
    ok = q != NULL;
    if (ok) {
        gn_bind_text(q, 1, gn_slice_of(name));
        gn_bind_text(q, 2, gn_str_slice(when));
    }
    for (bool more = false; ok && (ok = gn_sql_step(q, &more, e)) && more;) {
        gn_bench_row r = {.threads = (int)gn_column_int(q, 1), .sample = sample};
        const gn_slice test = gn_column_text(q, 0);
        snprintf(r.test, sizeof r.test, "%.*s", (int)(test.len < 40 ? test.len : 40), test.data);
        r.n = read_samples(gn_column_text(q, 4), sample, MOST);
        r.tokens = gn_column_double(q, 3) * gn_column_double(q, 2) / 1e9;
        row(user, &r);
    }
    if (q)
        gn_sql_reset(q);
    gn_store_close(s);
    free(sample);
    return ok;
}

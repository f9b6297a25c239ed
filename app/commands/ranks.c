/* ranks.c - see ranks.h. */
#include "app/commands/ranks.h"

#include <stdlib.h>
#include <time.h>

/* A part that is not there, or not at work, may still be on its way for so long. */
#define ABSENT_S 600.0
#define DEAD_S   20.0

/* A batch script of Slurm has SLURM_PROCID and SLURM_NTASKS too, but is no rank: only a step's
 * processes have SLURM_STEP_NUM_TASKS. */
static const struct {
    const char *launcher, *rank, *size;
} place[] = {
    {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"MPICH", "PMI_RANK", "PMI_SIZE"},
};

gn_ranks gn_ranks_here(void) {
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        const char *rank = getenv(place[i].rank), *size = getenv(place[i].size);
        int64_t r, n;
        if (rank && size && gn_parse_integer(gn_slice_of(rank), &r) &&
            gn_parse_integer(gn_slice_of(size), &n) && n > 1 && n <= 100000 && r >= 0 && r < n)
            return (gn_ranks){(int)r, (int)n, place[i].launcher};
    }
    return (gn_ranks){0, 1, NULL};
}

void gn_ranks_file(gn_str *out, const char *file, int rank, int size) {
    gn_str_fmt(out, "%s.shard-%d-of-%d", file, rank + 1, size);
}

/* The part's newest run of the whole command; *found tells. One that was merged before is not the
 * one that --again makes. */
static bool find_part(const gn_ranks_wait *w, const char *path, gn_run_row *run, bool *found,
                      gn_error *e) {
    bool row = false, old = false;
    gn_str id = {0}, mark = {0};
    *found = false;
    if (!gn_path_exists(path))
        return true;
    gn_store *s = gn_store_open(path, true, e);
    gn_statement *q = s ? gn_sql_prepare(gn_store_sql(s),
                                         "SELECT id FROM run WHERE instr(options_json, ?1) AND "
                                         "status <> 'failed' ORDER BY id DESC LIMIT 1",
                                         e)
                        : NULL;
    bool ok = q != NULL;
    if (ok) {
        gn_str_fmt(&mark, "\"whole\":\"%s\"", w->whole);
        gn_bind_text(q, 1, gn_str_slice(&mark));
        ok = gn_sql_step(q, &row, e);
        if (ok && row)
            gn_str_add(&id, gn_column_text(q, 0));
        gn_sql_reset(q);
        ok = ok &&
             (!row || !w->anew || gn_merge_has(w->anew, w->whole, gn_str_text(&id), &old, e)) &&
             (!row || old || gn_run_find(s, gn_str_text(&id), run, e));
        *found = ok && row && !old;
    }
    gn_str_release(&id);
    gn_str_release(&mark);
    gn_store_close(s);
    return ok;
}

/* *there: it is done; *came: it was at work since this process began. A file that is being made
 * just now may look like anything. */
static bool look(const gn_ranks_wait *w, const char *path, bool *there, bool *came, bool *alive,
                 gn_error *e) {
    gn_run_row run = {0};
    gn_error early = {0};
    bool found = false;
    if (!find_part(w, path, &run, &found, &early)) {
        if (early.code != GN_FORMAT && early.code != GN_UNSUPPORTED && early.code != GN_IO) {
            *e = early;
            return false;
        }
        found = false;
    }
    *there = found && strcmp(run.status, "done") == 0;
    *alive = found && gn_run_alive(&run);
    *came = *came || *alive || (found && strcmp(run.heartbeat_at, w->began) >= 0);
    gn_run_row_release(&run);
    return true;
}

bool gn_ranks_await(const gn_ranks_wait *w, int rank, int size, gn_error *e) {
    gn_str path = {0}, text = {0};
    double last = gn_seconds(); /* when it was last at work */
    bool there = false, came = false, alive = false, said = false, ok = true;
    gn_ranks_file(&path, w->file, rank, size);
    while (ok && (ok = gn_str_ok(&path, e) && look(w, path.data, &there, &came, &alive, e)) &&
           !there) {
        last = alive ? gn_seconds() : last;
        if (w->interrupts && w->interrupts())
            ok =
                gn_fail(e, GN_CANCELLED, "stopped while waiting for part %d of %d", rank + 1, size);
        else if (gn_seconds() - last > (came ? DEAD_S : ABSENT_S)) {
            gn_fail(e, GN_IO,
                    "part %d of %d is not done and nobody is at work on it ('%s'); the same "
                    "command goes on",
                    rank + 1, size, path.data);
            ok = gn_where(e, "%s", path.data);
        } else {
            if (!said && w->note) {
                gn_str_fmt(&text, "waiting for part %d of %d", rank + 1, size);
                w->note(w->user, gn_str_text(&text));
            }
            said = true;
            nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        }
    }
    gn_str_release(&path);
    gn_str_release(&text);
    return ok;
}

bool gn_ranks_merge(gn_store *to, const char *file, int size, gn_error *e) {
    gn_str path = {0};
    bool ok = true;
    for (int i = 0; ok && i < size; i++) {
        gn_merged m;
        gn_str_cut(&path, 0);
        gn_ranks_file(&path, file, i, size);
        gn_store *from = gn_str_ok(&path, e) ? gn_store_open(path.data, true, e) : NULL;
        ok = from && gn_merge(to, from, &m, e);
        gn_store_close(from);
    }
    gn_str_release(&path);
    return ok;
}

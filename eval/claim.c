/* claim.c - see claim.h. */
#include "eval/claim.h"

#include <string.h>
#include <unistd.h>

/* Write the heartbeat and read what others ask of the run. A run that is no longer ours fails. */
bool gn_claim_beat(gn_claim *c, gn_error *e) {
    char now[25];
    bool row = false;
    gn_statement *q = gn_sql_prepare(gn_store_sql(c->store),
                                     "UPDATE run SET heartbeat_at = ?1 WHERE id = ?2 AND pid = ?3 "
                                     "AND boot_id = ?4 AND status = 'running' RETURNING control",
                                     e);
    if (!q)
        return false;
    gn_utc(now);
    gn_bind_text(q, 1, gn_slice_of(now));
    gn_bind_text(q, 2, gn_slice_of(c->run));
    gn_bind_int(q, 3, getpid());
    gn_bind_text(q, 4, gn_slice_of(c->boot));
    if (!gn_sql_step(q, &row, e))
        return false;
    if (row) {
        c->stop_asked = gn_slice_is(gn_column_text(q, 0), "stop");
        c->paused = gn_slice_is(gn_column_text(q, 0), "pause");
        return gn_sql_run(q, e);
    }
    gn_sql_reset(q);
    c->claimed = false;
    return gn_fail(e, GN_IO, "run %s was taken over by another process, or removed", c->run);
}

bool gn_claim_status(gn_claim *c, const char *status, gn_error *e) {
    char now[25];
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(c->store),
                       "UPDATE run SET status = ?1, ended_at = ?2, heartbeat_at = ?2, "
                       "control = 'run' WHERE id = ?3",
                       e);
    if (!q)
        return false;
    gn_utc(now);
    gn_bind_text(q, 1, gn_slice_of(status));
    gn_bind_text(q, 2, gn_slice_of(now));
    gn_bind_text(q, 3, gn_slice_of(c->run));
    return gn_sql_run(q, e);
}

static bool give_up(gn_claim *c, const char *id, gn_error *e) {
    gn_statement *q =
        gn_sql_prepare(gn_store_sql(c->store),
                       "UPDATE run SET status = 'failed', note = 'begun anew' WHERE id = ?", e);

    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(id));
    return gn_sql_run(q, e);
}

static bool take(gn_claim *c, const char *id, gn_error *e) {
    char now[25];
    gn_statement *q = gn_sql_prepare(
        gn_store_sql(c->store),
        "UPDATE run SET status = 'running', control = 'run', pid = ?1, boot_id = ?2, heartbeat_at "
        "= ?3, ended_at = NULL WHERE id = ?4",
        e);
    if (!q)
        return false;
    gn_utc(now);
    gn_bind_int(q, 1, getpid());
    gn_bind_text(q, 2, gn_slice_of(c->boot));
    gn_bind_text(q, 3, gn_slice_of(now));
    gn_bind_text(q, 4, gn_slice_of(id));
    memcpy(c->run, id, 27);
    return gn_sql_run(q, e);
}

static bool create(gn_claim *c, gn_error *e) {
    const gn_suite *s = c->suite;
    char now[25];
    gn_statement *q =
        gn_ulid(c->run, e)
            ? gn_sql_prepare(
                  gn_store_sql(c->store),
                  "INSERT INTO run(id, status, checkpoint_id, build_id, resume_key, seed, "
                  "fewshot_seed, limit_n, chat_template, options_json, argv, started_at, "
                  "heartbeat_at, pid, boot_id) VALUES(?1,'running',?2,?3,?4,?5,?6,?7,?8,?9,?10,"
                  "?11,?11,?12,?13)",
                  e)
            : NULL;
    if (!q)
        return false;
    gn_utc(now);
    gn_bind_text(q, 1, gn_slice_of(c->run));
    gn_bind_int(q, 2, c->checkpoint);
    gn_bind_int(q, 3, c->build);
    gn_bind_text(q, 4, gn_slice_of(s->key));
    gn_bind_int(q, 5, s->o->seed);
    gn_bind_int(q, 6, s->o->fewshot_seed);
    if (s->o->limit >= 1)
        gn_bind_int(q, 7, (int64_t)s->o->limit);
    gn_bind_int(q, 8, s->o->chat);
    gn_bind_text(q, 9, gn_str_slice(&s->options));
    gn_bind_text(q, 10, gn_slice_of(s->o->argv));
    gn_bind_text(q, 11, gn_slice_of(now));
    gn_bind_int(q, 12, getpid());
    gn_bind_text(q, 13, gn_slice_of(c->boot));
    return gn_sql_run(q, e);
}

static bool plan_task(gn_claim *c, gn_suite_task *t, gn_error *e) {
    t->id = gn_results_task(c->store, t->task, t->shots, t->sha, gn_str_slice(&t->json),
                            t->data.sha, gn_asker_count(t->asker), e);
    gn_statement *q =
        t->id ? gn_sql_prepare(
                    gn_store_sql(c->store),
                    "INSERT OR REPLACE INTO run_task(run_id, task_id, n_planned) VALUES(?,?,?)", e)
              : NULL;
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(c->run));
    gn_bind_int(q, 2, t->id);
    gn_bind_int(q, 3, t->n_doc * c->suite->o->repeat);
    return gn_sql_run(q, e);
}

/* Which run this command is: a new one, one to go on with, one that is done, one that is
 * running elsewhere. In a transaction of its own. */
static bool claim(gn_claim *c, gn_eval_start *start, gn_error *e) {
    const gn_eval_options *o = c->suite->o;
    gn_run_row old;
    bool found;
    if (!gn_run_by_key(c->store, c->suite->key, &old, &found, e))
        return false;
    const bool done = found && strcmp(old.status, "done") == 0, alive = found && gn_run_alive(&old);
    const bool was_fresh = found && strstr(gn_str_text(&old.options), "\"fresh\":true");
    bool ok = true;
    c->fresh = o->fresh;
    if (alive) {
        memcpy(c->run, old.id, sizeof old.id);
        c->pid = old.pid;
        c->end = GN_EVAL_BUSY;
    } else if (done && !o->again && !o->fresh) {
        memcpy(c->run, old.id, sizeof old.id);
        c->end = GN_EVAL_STORED;
    } else if (found && !done && (!o->fresh || was_fresh)) {
        start->resumed = true;
        start->took_over = strcmp(old.status, "running") == 0;
        c->fresh = was_fresh;
        c->claimed = ok = take(c, old.id, e);
    } else {
        ok = (!found || done || give_up(c, old.id, e)) && create(c, e);
        c->claimed = ok;
    }
    for (int i = 0; ok && c->claimed && i < c->suite->n; i++)
        ok = plan_task(c, &c->suite->task[i], e);
    if (found)
        gn_run_row_release(&old);
    return ok;
}

bool gn_claim_begin(gn_claim *c, gn_eval_start *start, gn_error *e) {
    if (!gn_sql_begin(gn_store_sql(c->store), e))
        return false;
    if ((c->checkpoint = gn_store_checkpoint(c->store, c->suite->g, e)) &&
        (c->build = gn_store_build(c->store, c->suite->g, e)) && claim(c, start, e) &&
        gn_sql_commit(gn_store_sql(c->store), e))
        return true;
    gn_sql_rollback(gn_store_sql(c->store));
    c->claimed = false;
    return false;
}

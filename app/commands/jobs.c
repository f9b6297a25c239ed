/* jobs.c - see jobs.h. A bad line is answered in its place and spoils nobody else's. */
#include "app/commands/jobs.h"

#include "app/cli/interrupt.h"
#include "app/cli/out.h"

#include <stdlib.h>

typedef struct batch {
    gn_job_list list;
    gn_str out;
    bool partly;
    gn_error failed;
} batch;

/* ---- answers --------------------------------------------------------------- */

static void write_bad(batch *b, gn_line_job *l, const char *why) {
    gn_str_puts(&b->out, "{\"id\":");
    gn_str_add(&b->out, gn_str_slice(&l->id));
    gn_str_puts(&b->out, ",\"error\":");
    gn_json_write_string(&b->out, gn_slice_of(why));
    gn_str_putc(&b->out, '}');
    gn_out_line(&b->out, &b->failed);
    b->partly = true;
}

static void write_answer(batch *b, const gn_line_job *l) {
    const gn_job *j = &l->job;
    gn_str *out = &b->out;
    gn_str_puts(out, "{\"id\":");
    gn_str_add(out, gn_str_slice(&l->id));
    gn_str_fmt(out, ",\"stop\":\"%s\",", gn_stop_name(j->stopped));
    gn_out_text(out, gn_str_slice(&j->text));
    gn_str_puts(out, ",\"ids\":");
    gn_out_ids(out, j->ids.id, j->ids.count);
    gn_str_fmt(out, ",\"prompt_tokens\":%lld,\"reused\":%lld", (long long)j->n_prompt,
               (long long)j->reused);
    if (j->top) {
        gn_str_puts(out, ",\"tokens\":[");
        for (size_t i = 0; i < j->ids.count; i++) {
            gn_str_fmt(out, "%s{\"id\":%d,\"logprob\":", i ? "," : "", j->ids.id[i]);
            gn_json_write_f32(out, j->score[i].logprob);
            gn_str_puts(out, ",\"top\":");
            gn_out_top(out, j->tops + i * (size_t)j->top, j->top);
            gn_str_putc(out, '}');
        }
        gn_str_putc(out, ']');
    }
    gn_str_putc(out, '}');
    gn_out_line(out, &b->failed);
}

static void on_done(void *user, gn_job *j) {
    batch *b = user;
    gn_line_job *l = j->user;
    if (j->error.code)
        write_bad(b, l, j->error.message);
    else if (j->stopped != GN_STOP_INTERRUPTED)
        write_answer(b, l);
    gn_job_release(j);
}

static bool on_token(void *user, gn_job *j, const gn_token *t) {
    (void)j;
    (void)t;
    return ((batch *)user)->failed.code == GN_OK && !gn_interrupted();
}

static bool on_reading(void *user, int64_t done, int64_t all) {
    (void)done;
    (void)all;
    return ((batch *)user)->failed.code == GN_OK && !gn_interrupted();
}

static bool run_all(batch *b, gn_engine *g, gn_error *e) {
    const int all = b->list.n;
    gn_job **list = malloc((size_t)all * sizeof(gn_job *) + 1);
    int n = 0;
    if (!list)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int i = 0; i < all; i++) {
        gn_line_job *l = &b->list.line[i];
        if (l->bad.code)
            write_bad(b, l, l->bad.message);
        else
            list[n++] = &l->job;
    }
    const gn_generate_hooks h = {
        .token = on_token, .done = on_done, .reading = on_reading, .user = b};
    const bool ok = gn_generate(g, list, n, &h, e);
    free(list);
    if (ok && b->failed.code)
        *e = b->failed;
    return ok && !b->failed.code;
}

int gn_jobs_run(const gn_args *a, gn_engine *g, const char *path, gn_error *e) {
    batch b = {0};
    const int top = gn_args_given(a, "logprobs") ? (int)gn_args_integer(a, "logprobs", 0) : 0;
    const bool ok = gn_job_list_read(&b.list, a, g, path, top, e) && run_all(&b, g, e);
    gn_job_list_release(&b.list);
    gn_str_release(&b.out);
    if (!ok)
        return GN_FAILED;
    return gn_interrupted() ? GN_EXIT_INTERRUPTED : b.partly ? GN_EXIT_PARTLY : GN_EXIT_YES;
}

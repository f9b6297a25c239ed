/* replay.c - see replay.h. */
#include "app/chat/replay.h"

#include "app/chat/history.h"
#include "app/cli/interrupt.h"
#include "app/cli/out.h"

#include <stdlib.h>

static bool go_on(void *user, int64_t done, int64_t all) {
    (void)user, (void)done, (void)all;
    return !gn_interrupted();
}

/* What was set in the middle of the reply is set where it was. */
static bool keep_on(void *user, gn_job *j, const gn_token *t) {
    const gn_changes *c = user;
    (void)t;
    for (int i = 1; i < c->n; i++)
        if (c->of[i].at == (int64_t)j->ids.count) {
            gn_sampling how = c->of[i].how;
            how.seed = j->sampling.seed;
            how.bias = j->sampling.bias;
            how.n_bias = j->sampling.n_bias;
            j->sampling = how;
        }
    return !gn_interrupted();
}

/* Everything up to the first drawn token, each as it was read then. */
static bool read_all(const gn_past *p, gn_session *s, gn_error *e) {
    for (size_t i = 0; i < p->n_said; i++) {
        const gn_past_said *said = &p->said[i];
        const bool last = i + 1 == p->n_said;
        const int64_t n = last ? p->begun : (int64_t)said->ids.count;
        if (n > (int64_t)said->ids.count)
            return gn_fail(e, GN_FORMAT, "the reply has fewer tokens than it was begun with");
        if (n > 0 && !gn_session_feed(s, said->ids.id, n, said->written ? GN_WRITE : GN_READ, go_on,
                                      NULL, e))
            return false;
    }
    return true;
}

static void put_token(gn_engine *g, int32_t id, gn_str *out) {
    gn_str_fmt(out, "%d ", (int)id);
    gn_json_write_string(out, gn_token_bytes(gn_engine_tokenizer(g), id));
}

static int tell(const gn_args *a, gn_engine *g, const gn_past *p, const gn_ids *now, gn_error *e) {
    size_t same = 0;
    gn_str out = {0};
    while (same < p->ids.count && same < now->count && p->ids.id[same] == now->id[same])
        same++;
    const bool equal = same == p->ids.count;
    if (gn_args_flag(a, "json")) {
        gn_str_fmt(&out,
                   "{\"schema\":\"gneiss.replay/1\",\"turn\":\"%s\",\"equal\":%s,\"tokens\":%zu,"
                   "\"same\":%zu,\"ids\":",
                   p->id, equal ? "true" : "false", p->ids.count, same);
        gn_out_ids(&out, p->ids.id, p->ids.count);
        gn_str_puts(&out, ",\"now\":");
        gn_out_ids(&out, now->id, now->count);
        gn_str_putc(&out, '}');
    } else if (equal)
        gn_str_fmt(&out, "turn %s: %zu tokens, equal", p->id, same);
    else {
        gn_str_fmt(&out, "turn %s: token %zu of %zu was ", p->id, same + 1, p->ids.count);
        put_token(g, p->ids.id[same], &out);
        gn_str_puts(&out, " and is ");
        if (same < now->count)
            put_token(g, now->id[same], &out);
        else
            gn_str_puts(&out, "none");
    }
    const bool ok = gn_out_line(&out, e);
    gn_str_release(&out);
    return !ok ? GN_FAILED : equal ? GN_EXIT_YES : GN_EXIT_NO;
}

static int draw_again(const gn_args *a, gn_engine *g, const gn_past *p, gn_error *e) {
    char sha[GN_SHA256_HEX];
    if (!gn_engine_sha(g, sha, NULL, NULL, e))
        return GN_FAILED;
    if (strcmp(sha, p->sha) != 0) {
        gn_fail(e, GN_INVALID, "turn %s is a reply of %.80s (sha %.8s), not of this model", p->id,
                gn_str_text(&p->model), p->sha);
        return GN_FAILED;
    }
    if (strcmp(gn_engine_numerics(g), p->numerics) != 0)
        fprintf(stderr, "gneiss: it was computed with %s, and now with %s\n", p->numerics,
                gn_engine_numerics(g));
    if (p->changes.n > GN_CHANGES) {
        gn_fail(e, GN_UNSUPPORTED,
                "turn %s: how its tokens were chosen was changed more than %d times while it came, "
                "which is not kept",
                p->id, GN_CHANGES - 1);
        return GN_FAILED;
    }
    gn_session *s = gn_session_new(g, e);
    gn_changes changes = p->changes;
    const gn_generate_hooks hooks = {.token = keep_on, .user = &changes};
    gn_job job = {.session = s, .limit = (int64_t)p->ids.count, .sampling = p->how},
           *jobs[] = {&job};
    int code = GN_FAILED;
    if (s && read_all(p, s, e) && gn_generate(g, jobs, 1, &hooks, e)) {
        if (job.error.code)
            *e = job.error;
        else if (gn_interrupted())
            code = GN_EXIT_INTERRUPTED;
        else
            code = tell(a, g, p, &job.ids, e);
    }
    gn_job_release(&job);
    gn_session_free(s);
    return code;
}

int gn_replay(const gn_args *a, gn_engine *g, const char *turn, gn_error *e) {
    gn_past p = {0};
    gn_history *h =
        gn_history_open(gn_args_given(a, "db") ? gn_args_text(a, "db", NULL) : NULL, true, e);
    int code = GN_FAILED;
    if (h && gn_history_past(h, gn_slice_of(turn), &p, e))
        code = p.ids.count > 0
                   ? draw_again(a, g, &p, e)
                   : (gn_fail(e, GN_INVALID, "turn %s has no tokens of its own", p.id), GN_FAILED);
    gn_past_release(&p);
    gn_history_close(h);
    return code;
}

/* suite.c - see suite.h. */
#include "eval/suite.h"

#include "eval/draw.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

/* ---- how documents are told ---------------------------------------------------------- */

bool gn_suite_render(void *engine, const gn_value *messages, bool generation, gn_str *out,
                     gn_error *e) {
    gn_arena a = {0};
    gn_value *vars = gn_value_map(&a), *list = gn_arena_alloc(&a, sizeof *list);
    bool ok = vars && list;
    if (ok) {
        *list = *messages;
        ok = gn_value_set(&a, vars, GN_S("messages"), list);
    }
    ok = ok ? gn_chat_render(engine, vars, generation, out, e) : no_memory(e);
    gn_arena_release(&a);
    return ok;
}

static bool set_prompting(gn_suite *s, gn_error *e) {
    const gn_eval_options *o = s->o;
    const gn_slice source = gn_engine_template(s->g);
    uint8_t digest[GN_SHA256_BYTES];
    if (o->chat && source.len == 0)
        return gn_fail(e, GN_UNSUPPORTED,
                       "--chat-template: the checkpoint '%s' has none; give one with --template",
                       gn_engine_name(s->g));
    gn_sha256_of(source.data, source.len, digest);
    gn_hex(digest, sizeof digest, s->template_sha);
    s->prompting = (gn_prompting){.shots = o->shots,
                                  .fewshot_seed = o->fewshot_seed,
                                  .chat = o->chat,
                                  .system = gn_slice_of(o->system),
                                  .template_sha = gn_slice_of(o->chat ? s->template_sha : ""),
                                  .render = gn_suite_render,
                                  .user = s->g};
    return true;
}

/* ---- which documents ------------------------------------------------------------------ */

static bool bad_docs(const char *list, gn_error *e) {
    gn_fail(e, GN_INVALID, "--docs: want numbers and ranges like 3,10-20, not '%.60s'", list);
    return gn_where(e, "--docs");
}

/* Marks of the documents that a list names. */
static bool mark_docs(const char *list, int64_t count, bool *mark, gn_error *e) {
    gn_slice rest = gn_slice_of(list);
    while (rest.len) {
        const ptrdiff_t comma = gn_slice_find(rest, GN_S(","));
        const gn_slice piece = {rest.data, comma < 0 ? rest.len : (size_t)comma};
        const ptrdiff_t dash = gn_slice_find(piece, GN_S("-"));
        int64_t first, last;
        if (!gn_parse_integer((gn_slice){piece.data, dash < 0 ? piece.len : (size_t)dash},
                              &first) ||
            first < 0)
            return bad_docs(list, e);
        last = first;
        if (dash >= 0 &&
            (!gn_parse_integer(gn_slice_from(piece, (size_t)dash + 1), &last) || last < first))
            return bad_docs(list, e);
        if (last >= count) {
            gn_fail(e, GN_INVALID,
                    "--docs: there is no document %" PRId64 "; they are 0 to %" PRId64, last,
                    count - 1);
            return gn_where(e, "--docs");
        }
        for (int64_t i = first; i <= last; i++)
            mark[i] = true;
        rest = gn_slice_from(rest, piece.len + 1);
    }
    return true;
}

static bool mark_where(const gn_suite_task *t, const gn_template *where, bool *mark, gn_error *e) {
    for (int64_t i = 0; i < t->data.eval.count; i++)
        if (mark[i] && !gn_asker_where(t->asker, i, where, &mark[i], e)) {
            gn_context(e, "--where");
            return gn_where(e, "--where");
        }
    return true;
}

/* Keep `keep` of the n documents, drawn; they stay in order. */
static bool draw_docs(gn_suite_task *t, int64_t keep, int64_t seed, gn_error *e) {
    gn_draw d;
    const int64_t n = t->n_doc;
    if (keep >= n)
        return true;
    uint32_t *place = malloc((size_t)keep * sizeof *place + 1);
    bool *kept = calloc((size_t)n + 1, sizeof *kept);
    gn_draw_seed(&d, seed);
    const bool ok = place && kept && gn_draw_sample(&d, (uint32_t)n, (uint32_t)keep, place);
    for (int64_t i = 0; ok && i < keep; i++)
        kept[place[i]] = true;
    t->n_doc = ok ? 0 : n;
    for (int64_t i = 0; ok && i < n; i++)
        if (kept[i])
            t->doc[t->n_doc++] = t->doc[i];
    free(place);
    free(kept);
    return ok || no_memory(e);
}

static void limit_docs(gn_suite_task *t, double limit) {
    const double most = limit < 1 ? ceil(limit * (double)t->data.eval.count) : limit;
    if (limit > 0 && most < (double)t->n_doc)
        t->n_doc = (int64_t)most;
}

static bool choose_docs(gn_suite_task *t, const gn_eval_options *o, const gn_template *where,
                        gn_error *e) {
    const int64_t count = gn_asker_count(t->asker);
    bool *mark = malloc((size_t)count + 1);
    t->doc = malloc((size_t)count * sizeof *t->doc + 1);
    bool ok = (mark && t->doc) || no_memory(e);
    if (ok)
        memset(mark, o->docs == NULL, (size_t)count);
    ok = ok && (!o->docs || mark_docs(o->docs, count, mark, e)) &&
         (!where || mark_where(t, where, mark, e));
    for (int64_t i = 0; ok && i < count; i++)
        if (mark[i])
            t->doc[t->n_doc++] = i;
    free(mark);
    ok = ok && (o->sample == 0 || draw_docs(t, o->sample, o->fewshot_seed, e));
    if (!ok)
        return false;
    limit_docs(t, o->limit);
    int64_t kept = 0;
    for (int64_t i = 0; i < t->n_doc; i++)
        if (t->doc[i] % o->shards == o->shard - 1)
            t->doc[kept++] = t->doc[i];
    t->n_doc = kept;
    return true;
}

static bool open_task(gn_suite *s, gn_suite_task *t, const gn_task *task, const gn_template *where,
                      gn_error *e) {
    *t = (gn_suite_task){.task = task, .shots = gn_task_shots(task, &s->prompting)};
    return gn_dataset_open(&t->data, task, &s->prompting, s->o->data, e) &&
           (t->asker = gn_asker_new(task, &t->data, &s->prompting, e)) &&
           choose_docs(t, s->o, where, e) &&
           gn_task_identity(task, &s->prompting, t->data.sha, &t->json, t->sha, e);
}

/* ---- identity -------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool needs_judge(const gn_suite *s) {
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->task[i].task->n_metric; k++)
            if (s->task[i].task->metric[k].kind == GN_METRIC_PASS)
                return true;
    return false;
}

static bool check_judge(const gn_suite *s, gn_error *e) {
    if (s->o->judge || !needs_judge(s))
        return true;
    gn_fail(e, GN_INVALID,
            "%s runs what the model wrote (pass_at_1), which gneiss leaves to a program of yours: "
            "--judge CMD",
            s->o->tasks);
    return gn_where(e, "--judge");
}

static bool make_key(const gn_suite *s, bool shard, char hex[GN_SHA256_HEX], gn_error *e) {
    const gn_eval_options *o = s->o;
    uint8_t digest[GN_SHA256_BYTES];
    const char **sha = malloc((size_t)s->n * sizeof *sha + 1);
    gn_key *k = gn_key_new();
    gn_str number = {0};
    int n_eos;
    const int32_t *eos = gn_engine_eos(s->g, &n_eos);
    if (!k || !sha) {
        if (k)
            gn_key_end(k, digest);
        free(sha);
        return no_memory(e);
    }
    for (int i = 0; i < s->n; i++)
        sha[i] = s->task[i].sha;
    qsort(sha, (size_t)s->n, sizeof(char *), by_text);
    gn_key_text(k, gn_slice_of(s->checkpoint_sha));
    gn_key_part(k, s->tokenizer_sha, sizeof s->tokenizer_sha);
    gn_key_text(k, gn_slice_of(gn_engine_numerics(s->g)));
    gn_str_number(&number, (double)gn_engine_sampling(s->g).repeat_penalty);
    gn_key_text(k, gn_str_slice(&number));
    gn_key_part(k, eos, (size_t)n_eos * sizeof *eos);
    gn_str_cut(&number, 0);
    for (int i = 0; i < s->n; i++)
        gn_key_text(k, gn_slice_of(sha[i]));
    gn_str_number(&number, o->limit);
    gn_key_text(k, gn_str_slice(&number));
    gn_key_int(k, o->sample);
    gn_key_int(k, o->sample ? o->fewshot_seed : 0);
    gn_key_text(k, gn_slice_of(o->docs));
    gn_key_text(k, gn_slice_of(o->where));
    gn_key_int(k, shard ? o->shard : 1);
    gn_key_int(k, shard ? o->shards : 1);
    gn_key_int(k, o->repeat);
    gn_key_int(k, o->seed);
    gn_key_int(k, s->max_length);
    gn_key_int(k, o->logprobs);
    gn_key_text(k, gn_slice_of(needs_judge(s) ? o->judge_name : NULL));
    gn_key_end(k, digest);
    gn_hex(digest, sizeof digest, hex);
    gn_str_release(&number);
    free(sha);
    return true;
}

static void text_key(gn_str *out, const char *key, gn_slice text) {
    gn_str_fmt(out, ",\"%s\":", key);
    gn_json_write_string(out, text);
}

static void group_json(gn_str *out, const gn_selection *s, const gn_group *g) {
    gn_str_puts(out, "{\"name\":");
    gn_json_write_string(out, g->name);
    text_key(out, "alias", g->alias);
    text_key(out, "version", g->version);
    gn_str_puts(out, ",\"leaves\":[");
    for (int i = 0; i < g->n_leaf; i++) {
        gn_str_puts(out, i ? "," : "");
        gn_json_write_string(out, s->task[g->leaf[i]]->name);
    }
    gn_str_puts(out, "],\"metrics\":[");
    for (int i = 0; i < g->n_metric; i++) {
        gn_str_puts(out, i ? ",{\"metric\":" : "{\"metric\":");
        gn_json_write_string(out, g->metric[i].metric);
        gn_str_puts(out, ",\"filters\":[");
        for (int k = 0; k < g->metric[i].n_filter; k++) {
            gn_str_puts(out, k ? "," : "");
            gn_json_write_string(out, g->metric[i].filter[k]);
        }
        gn_str_fmt(out, "],\"by_size\":%s}", g->metric[i].by_size ? "true" : "false");
    }
    gn_str_puts(out, "]}");
}

/* What a report or another run of the same command has to know. */
static bool write_options(gn_suite *s, gn_error *e) {
    const gn_eval_options *o = s->o;
    gn_str *out = &s->options;
    const gn_sampling sampling = gn_engine_sampling(s->g);
    int n_eos;
    const int32_t *eos = gn_engine_eos(s->g, &n_eos);
    char *folder = getcwd(NULL, 0);
    gn_str_puts(out, "{\"tasks\":[");
    for (int i = 0; i < s->n; i++) {
        gn_str_puts(out, i ? "," : "");
        gn_json_write_string(out, s->task[i].task->name);
    }
    gn_str_puts(out, "],\"groups\":[");
    for (int i = 0; i < s->selection.n_group; i++) {
        gn_str_puts(out, i ? "," : "");
        group_json(out, &s->selection, &s->selection.group[i]);
    }
    gn_str_puts(out, "],\"limit\":");
    gn_json_write_f64(out, o->limit);
    gn_str_fmt(out,
               ",\"sample\":%" PRId64 ",\"shots\":%d,\"max_length\":%" PRId64
               ",\"repeat\":%d,\"shard\":%d,\"shards\":%d,\"logprobs\":%d,\"fresh\":%s",
               o->sample, o->shots, s->max_length, o->repeat, o->shard, o->shards, o->logprobs,
               o->fresh ? "true" : "false");
    text_key(out, "docs", gn_slice_of(o->docs));
    text_key(out, "where", gn_slice_of(o->where));
    text_key(out, "system", gn_slice_of(o->system));
    text_key(out, "template_sha", s->prompting.template_sha);
    text_key(out, "numerics", gn_slice_of(gn_engine_numerics(s->g)));
    text_key(out, "whole", gn_slice_of(s->whole));
    text_key(out, "folder", gn_slice_of(folder));
    gn_str_puts(out, ",\"repetition_penalty\":");
    gn_json_write_f32(out, sampling.repeat_penalty > 0 ? sampling.repeat_penalty : 1);
    gn_str_puts(out, ",\"eos\":[");
    for (int i = 0; i < n_eos; i++)
        gn_str_fmt(out, "%s%d", i ? "," : "", eos[i]);
    gn_str_puts(out, "]}");
    free(folder);
    return gn_str_ok(out, e);
}

/* ---- all of it ------------------------------------------------------------------------- */

static bool refused(const gn_refusals *r, gn_error *e) {
    const gn_refusal *x = &r->item[0];
    gn_fail(e, GN_UNSUPPORTED, "%.*s: %.*s%s", (int)x->where.len, x->where.data, (int)x->why.len,
            x->why.data, r->count > 1 ? " (and more)" : "");
    return gn_where(e, "%.*s", (int)x->where.len, x->where.data);
}

static bool check_length(gn_suite *s, gn_error *e) {
    const int64_t context = gn_engine_context(s->g);
    s->max_length = s->o->max_length ? s->o->max_length : context;
    if (s->max_length <= context)
        return true;
    gn_fail(e, GN_INVALID, "--max-length %" PRId64 " is more than the context of %" PRId64,
            s->max_length, context);
    return gn_where(e, "--max-length");
}

bool gn_suite_open(gn_suite *s, gn_engine *g, const gn_eval_options *o, gn_error *e) {
    *s = (gn_suite){.g = g, .o = o};
    if (!gn_engine_tokenizer(g))
        return gn_fail(e, GN_UNSUPPORTED, "'%s' has no tokenizer; an evaluation needs one",
                       gn_engine_name(g));
    if (!gn_tokenizer_sha(gn_engine_tokenizer(g), s->tokenizer_sha, e) ||
        !gn_engine_sha(g, s->checkpoint_sha, NULL, NULL, e) || !check_length(s, e) ||
        !set_prompting(s, e) || !(s->index = gn_index_new(o->include, o->n_include, e)))
        return false;
    if (o->processed)
        gn_index_processed(s->index);
    if (!gn_index_select(s->index, gn_slice_of(o->tasks), &s->selection, e))
        return false;
    if (s->selection.refusals.count)
        return refused(&s->selection.refusals, e);
    s->task = calloc((size_t)s->selection.n_task + 1, sizeof *s->task);
    gn_template *where = NULL;
    bool ok = s->task || no_memory(e);
    if (ok && o->where &&
        !(where = gn_template_expression(gn_slice_of(o->where), GN_TEMPLATE_TASK, e))) {
        gn_context(e, "--where");
        ok = gn_where(e, "--where");
    }
    for (; ok && s->n < s->selection.n_task; s->n++) {
        gn_suite_task *t = &s->task[s->n];
        ok = open_task(s, t, s->selection.task[s->n], where, e);
        s->planned += t->n_doc * o->repeat;
    }
    gn_template_free(where);
    if (ok && s->planned == 0 && o->shards == 1)
        ok = gn_fail(e, GN_INVALID, "no document is left of %s by --docs, --where and --limit",
                     o->tasks);
    return ok && check_judge(s, e) && make_key(s, true, s->key, e) &&
           make_key(s, false, s->whole, e) && write_options(s, e);
}

void gn_suite_release(gn_suite *s) {
    for (int i = 0; s->task && i < s->selection.n_task; i++) {
        gn_asker_free(s->task[i].asker);
        gn_dataset_release(&s->task[i].data);
        gn_str_release(&s->task[i].json);
        free(s->task[i].doc);
    }
    free(s->task);
    gn_selection_release(&s->selection);
    gn_index_free(s->index);
    gn_str_release(&s->options);
    *s = (gn_suite){0};
}

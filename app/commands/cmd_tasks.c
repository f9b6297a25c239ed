/* cmd_tasks.c - gneiss tasks: which benchmarks there are, what they ask, what is wrong with one. */
#include "app/cli/command.h"
#include "app/cli/out.h"
#include "eval/eval.h"

#include <stdlib.h>
#include <unistd.h>

static const gn_option options[] = {
    {0, "include", "DIR", "task files of DIR, too", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "data", "DIR", "where data files are", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "processed", NULL, "the data are what process_docs makes of them", GN_TYPE_FLAG, 0, 0,
     NULL},
    {0, "prompt", "N", "show what document N is asked", GN_TYPE_INTEGER, 0, 1e9, NULL},
    {0, "tokens", NULL, "with their ids (needs -m)", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "diff", "TASK", "show the keys in which TASK is another", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "shots", "N", "examples before each document", GN_TYPE_INTEGER, 0, 10000, NULL},
    {0, "fewshot-seed", "N", "what they are drawn with", GN_TYPE_INTEGER, 0, 9e15, NULL},
    {0, "chat-template", NULL, "as turns of a conversation (needs -m)", GN_TYPE_FLAG, 0, 0, NULL},
    {0},
};

/* What one call works on. */
typedef struct job {
    const gn_args *a;
    gn_index *index;
    gn_engine *g; /* NULL unless tokens or a chat template are asked for */
    bool json, schema_said;
    gn_str out;
} job;

static void schema(job *j) {
    gn_str_puts(&j->out, j->schema_said ? "{" : "{\"schema\":\"gneiss.tasks/1\",");
    j->schema_said = true;
}

static void text_key(gn_str *out, const char *key, gn_slice text) {
    gn_str_fmt(out, "\"%s\":", key);
    gn_json_write_string(out, text);
}

static bool flush(job *j, gn_error *e) {
    const bool ok =
        gn_str_ok(&j->out, e) && gn_out_plain(gn_str_slice(&j->out), !j->json && isatty(1), e);
    gn_str_release(&j->out);
    return ok;
}

/* ---- list --------------------------------------------------------------- */

static bool list_json(void *user, const gn_listed *l) {
    job *j = user;
    schema(j);
    text_key(&j->out, "task", l->name);
    gn_str_fmt(&j->out, ",\"kind\":\"%s\",", l->kind);
    text_key(&j->out, "file", l->file);
    gn_str_putc(&j->out, ',');
    text_key(&j->out, "version", l->version);
    gn_str_putc(&j->out, ',');
    text_key(&j->out, "output_type", l->output_type);
    gn_str_fmt(&j->out, ",\"runs\":%s,", l->runs ? "true" : "false");
    text_key(&j->out, "why", l->why);
    gn_str_puts(&j->out, "}\n");
    return true;
}

static bool list_text(void *user, const gn_listed *l) {
    job *j = user;
    gn_slice rest = l->why;
    gn_str_fmt(&j->out, "%-32.*s %-5s %-22.*s %.*s\n", (int)l->name.len, l->name.data, l->kind,
               (int)l->output_type.len, l->output_type.data, (int)l->file.len, l->file.data);
    while (rest.len) {
        const char *end = memchr(rest.data, '\n', rest.len);
        const size_t n = end ? (size_t)(end - rest.data) : rest.len;
        gn_str_fmt(&j->out, "  cannot run: %.*s\n", (int)n, rest.data);
        rest = gn_slice_from(rest, n + 1);
    }
    return true;
}

static int list(job *j, gn_error *e) {
    return gn_index_list(j->index, gn_args_at(j->a, 1), j->json ? list_json : list_text, j, e) &&
                   flush(j, e)
               ? GN_EXIT_YES
               : GN_FAILED;
}

/* ---- validate ----------------------------------------------------------- */

static void print_refusals(job *j, const gn_refusals *r) {
    for (size_t i = 0; i < r->count; i++) {
        const gn_refusal *x = &r->item[i];
        if (!j->json) {
            gn_str_fmt(&j->out, "%.*s: %.*s\n", (int)x->where.len, x->where.data, (int)x->why.len,
                       x->why.data);
            continue;
        }
        schema(j);
        text_key(&j->out, "task", x->task);
        gn_str_putc(&j->out, ',');
        text_key(&j->out, "where", x->where);
        gn_str_fmt(&j->out, ",\"code\":%s,", x->code ? "true" : "false");
        text_key(&j->out, "why", x->why);
        gn_str_puts(&j->out, "}\n");
    }
}

static int validate(job *j, gn_error *e) {
    bool all = true;
    if (gn_args_count(j->a) < 2) {
        gn_fail(e, GN_INVALID, "validate wants one or more files");
        return GN_FAILED;
    }
    for (int i = 1; i < gn_args_count(j->a); i++) {
        const char *path = gn_args_at(j->a, i);
        gn_refusals r = {0};
        int good = 0;
        const bool ok = gn_index_validate(j->index, path, &r, &good, e);
        print_refusals(j, &r);
        if (ok && r.count == 0 && j->json) {
            schema(j);
            text_key(&j->out, "file", gn_slice_of(path));
            gn_str_fmt(&j->out, ",\"runs\":%d}\n", good);
        } else if (ok && r.count == 0) {
            gn_str_fmt(&j->out, "%s: %d task%s can run\n", path, good, good == 1 ? "" : "s");
        }
        all &= r.count == 0;
        gn_refusals_release(&r);
        if (!ok || !flush(j, e))
            return GN_FAILED;
    }
    return all ? GN_EXIT_YES : GN_EXIT_SYSTEM;
}

/* ---- show: the file ----------------------------------------------------- */

static int show_file(job *j, const char *name, gn_error *e) {
    gn_str text = {0};
    bool ok = gn_index_source(j->index, name, &text, e) && gn_str_ok(&text, e);
    if (ok && j->json) {
        schema(j);
        text_key(&j->out, "task", gn_slice_of(name));
        gn_str_putc(&j->out, ',');
        text_key(&j->out, "text", gn_str_slice(&text));
        gn_str_puts(&j->out, "}\n");
    } else if (ok) {
        gn_str_add(&j->out, gn_str_slice(&text));
    }
    gn_str_release(&text);
    return ok && flush(j, e) ? GN_EXIT_YES : GN_FAILED;
}

/* One task by name; a group or a tag is too many. Release the selection always. */
static bool select_one(job *j, const char *name, gn_selection *s, gn_error *e) {
    if (!gn_index_select(j->index, gn_slice_of(name), s, e))
        return false;
    if (s->refusals.count)
        return gn_fail(e, GN_UNSUPPORTED, "%.*s: %.*s", (int)s->refusals.item[0].where.len,
                       s->refusals.item[0].where.data, (int)s->refusals.item[0].why.len,
                       s->refusals.item[0].why.data);
    if (s->n_task != 1)
        return gn_fail(e, GN_INVALID, "'%s' is %d tasks; name one", name, s->n_task);
    return true;
}

/* ---- show: two tasks ---------------------------------------------------- */

static void diff_maps(gn_str *out, gn_str *path, const gn_value *a, const gn_value *b);

static void diff_key(gn_str *out, gn_str *path, gn_slice key, const gn_value *a,
                     const gn_value *b) {
    const size_t length = path->len;
    gn_str_fmt(path, "%s%.*s", length ? "." : "", (int)key.len, key.data);
    if (gn_value_is(a, GN_MAP) && gn_value_is(b, GN_MAP)) {
        diff_maps(out, path, a, b);
    } else if (!a || !b || !gn_value_equal(a, b)) {
        gn_str_fmt(out, "%s\n  - ", gn_str_text(path));
        if (a)
            gn_json_write(out, a);
        gn_str_puts(out, "\n  + ");
        if (b)
            gn_json_write(out, b);
        gn_str_putc(out, '\n');
    }
    gn_str_cut(path, length);
}

static void diff_maps(gn_str *out, gn_str *path, const gn_value *a, const gn_value *b) {
    for (size_t i = 0; i < a->map.count; i++)
        diff_key(out, path, a->map.entry[i].key, a->map.entry[i].value,
                 gn_value_get(b, a->map.entry[i].key));
    for (size_t i = 0; i < b->map.count; i++)
        if (!gn_value_get(a, b->map.entry[i].key))
            diff_key(out, path, b->map.entry[i].key, NULL, b->map.entry[i].value);
}

static int show_diff(job *j, const char *name, const char *other, gn_error *e) {
    gn_selection a, b = {0};
    gn_str path = {0};
    bool equal = false;
    bool ok = select_one(j, name, &a, e) && select_one(j, other, &b, e);
    if (ok) {
        diff_maps(&j->out, &path, a.task[0]->config, b.task[0]->config);
        equal = j->out.len == 0;
        ok = flush(j, e);
    }
    gn_str_release(&path);
    gn_selection_release(&a);
    gn_selection_release(&b);
    return !ok ? GN_FAILED : equal ? GN_EXIT_YES : GN_EXIT_NO;
}

/* ---- show: what a document is asked ------------------------------------- */

static void ids(gn_str *out, const char *key, const gn_ids *list, bool json) {
    if (json) {
        gn_str_fmt(out, ",\"%s\":", key);
        gn_out_ids(out, list->id, list->count);
        return;
    }
    gn_str_fmt(out, "%s:", key);
    for (size_t i = 0; i < list->count; i++)
        gn_str_fmt(out, " %d", list->id[i]);
    gn_str_putc(out, '\n');
}

static bool tokens(job *j, const gn_asked *r, gn_error *e) {
    gn_pair pair = {0};
    gn_tokenizer *t = gn_engine_tokenizer(j->g);
    bool ok = t || gn_fail(e, GN_UNSUPPORTED, "'%s' has no tokenizer", gn_engine_path(j->g));
    if (ok && r->kind == GN_REQUEST_SCORE)
        ok = gn_encode_pair(j->g, r->context, r->continuation, &pair, e);
    else if (ok)
        ok = gn_encode(t, r->kind == GN_REQUEST_ROLLING ? r->continuation : r->context,
                       GN_ADD_SPECIAL, r->kind == GN_REQUEST_ROLLING ? &pair.token : &pair.context,
                       e);
    if (ok) {
        ids(&j->out, "context_ids", &pair.context, j->json);
        ids(&j->out, "ids", &pair.token, j->json);
    }
    gn_pair_release(&pair);
    return ok;
}

static bool print_request(job *j, const gn_asked *r, gn_error *e) {
    const bool with = gn_args_flag(j->a, "tokens");
    if (j->json) {
        gn_str_puts(&j->out, r->choice ? ",{" : "{");
        text_key(&j->out, "context", r->context);
        gn_str_putc(&j->out, ',');
        text_key(&j->out, "continuation", r->continuation);
        if (with && !tokens(j, r, e))
            return false;
        gn_str_putc(&j->out, '}');
        return true;
    }
    gn_str_fmt(&j->out, "--- request %d", r->choice);
    gn_str_puts(&j->out, r->alone ? " (without its context)\n" : "\n");
    gn_str_add(&j->out, r->context);
    if (r->continuation.len) {
        gn_str_puts(&j->out, "\n--- scored\n");
        gn_str_add(&j->out, r->continuation);
    }
    gn_str_putc(&j->out, '\n');
    return !with || tokens(j, r, e);
}

static bool print_document(job *j, const gn_task *t, const gn_document *d, gn_error *e) {
    bool ok = true;
    if (j->json) {
        schema(j);
        text_key(&j->out, "task", t->name);
        gn_str_fmt(&j->out, ",\"doc\":%s,\"requests\":[", gn_str_text(&d->json));
    }
    for (int i = 0; ok && i < d->n_request; i++)
        ok = print_request(j, &d->request[i], e);
    if (j->json) {
        gn_str_puts(&j->out, "]}\n");
        return ok;
    }
    if (d->target.data)
        gn_str_fmt(&j->out, "--- right: %.*s\n", (int)d->target.len, d->target.data);
    return ok;
}

static bool ask(job *j, const gn_task *t, gn_error *e) {
    gn_prompting p = {.shots = (int)gn_args_integer(j->a, "shots", -1),
                      .fewshot_seed = gn_args_integer(j->a, "fewshot-seed", 1234),
                      .chat = gn_args_flag(j->a, "chat-template"),
                      .system = GN_S(""),
                      .template_sha = GN_S(""),
                      .render = gn_suite_render,
                      .user = j->g};
    gn_dataset data;
    gn_document d = {0};
    if (!gn_dataset_open(&data, t, &p, gn_args_text(j->a, "data", NULL), e))
        return false;
    gn_asker *asker = gn_asker_new(t, &data, &p, e);
    const bool ok = asker && gn_asker_ask(asker, gn_args_integer(j->a, "prompt", 0), &d, e) &&
                    print_document(j, t, &d, e);
    gn_document_release(&d);
    gn_asker_free(asker);
    gn_dataset_release(&data);
    return ok;
}

static int show_prompt(job *j, const char *name, gn_error *e) {
    gn_selection s = {0};
    bool ok = true;
    if (gn_args_flag(j->a, "tokens") || gn_args_flag(j->a, "chat-template")) {
        const char *model = gn_args_text(j->a, "model", NULL);
        if (!model)
            ok = gn_fail(e, GN_INVALID, "--tokens and --chat-template need a model: -m MODEL");
        else
            ok = (j->g = gn_args_engine(j->a, model, e)) != NULL;
    }
    ok = ok && select_one(j, name, &s, e) && ask(j, s.task[0], e) && flush(j, e);
    gn_selection_release(&s);
    gn_engine_close(j->g);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

static int show(job *j, gn_error *e) {
    const char *name = gn_args_at(j->a, 1), *other = gn_args_text(j->a, "diff", NULL);
    if (!name) {
        gn_fail(e, GN_INVALID, "show wants the name of a task");
        return GN_FAILED;
    }
    if (other)
        return show_diff(j, name, other, e);
    return gn_args_given(j->a, "prompt") || gn_args_flag(j->a, "tokens") ? show_prompt(j, name, e)
                                                                         : show_file(j, name, e);
}

/* ---- the command -------------------------------------------------------- */

static int run(const gn_args *a, gn_error *e) {
    const char *word = gn_args_count(a) ? gn_args_at(a, 0) : "list";
    const char *folder[64];
    int n = 0, code = GN_FAILED;
    while (n < 64 && (folder[n] = gn_args_nth(a, "include", n)))
        n++;
    job j = {.a = a, .json = gn_args_flag(a, "json")};
    j.index = gn_index_new(folder, n, e);
    if (!j.index)
        return GN_FAILED;
    if (gn_args_flag(a, "processed"))
        gn_index_processed(j.index);
    if (gn_args_flag(a, "verbose"))
        fputs(gn_index_notes(j.index), stderr);
    if (strcmp(word, "list") == 0)
        code = list(&j, e);
    else if (strcmp(word, "show") == 0)
        code = show(&j, e);
    else if (strcmp(word, "validate") == 0)
        code = validate(&j, e);
    else
        gn_fail(e, GN_INVALID, "tasks: '%s': want list, show or validate", word);
    gn_str_release(&j.out);
    gn_index_free(j.index);
    return code;
}

const gn_command gn_cmd_tasks = {
    .name = "tasks",
    .usage = "list [PATTERN] [--include DIR]\n"
             "show TASK [--prompt N] [--tokens] [--diff TASK2]\n"
             "validate FILE...",
    .summary = "which benchmarks there are, and what they ask",
    .about = "gneiss tasks list 'mmlu*'\n"
             "gneiss tasks show offline_arithmetic --prompt 0\n"
             "gneiss tasks validate mine.yaml\n"
             "How a task file is written: gneiss-task(5).",
    .words = "list|show|validate",
    .takes = GN_TAKES_MODEL,
    .option = options,
    .run = run,
};

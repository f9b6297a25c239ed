/* cmd_tokenize.c - gneiss tokenize: text <-> ids, exactly. */
#include "app/cli/command.h"
#include "app/cli/out.h"
#include "app/cli/prompt.h"

#include <stdlib.h>
#include <unistd.h>

static const gn_option options[] = {
    {'f', "file", "FILE", "the text is in FILE (-: standard input)", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "lines", "FILE", "one object a line of FILE", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "chat", "FILE", "messages, through the chat template", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "add-generation-prompt", NULL, "and what opens the answer", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "tools", "FILE", "tool definitions for --chat", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "documents", "FILE", "documents for --chat", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "decode", "IDS", "ids to text", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "skip-special", NULL, "leave special tokens out of decoded text", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "no-add-special", NULL, "without what the tokenizer adds", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "literal", NULL, "no added token is recognised in the text", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "template", "FILE|NAME", "a chat template instead of the checkpoint's", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0},
};

typedef struct job {
    const gn_args *a;
    gn_engine *g;
    gn_tokenizer *t;
    bool json, schema_said;
    gn_str line;
} job;

/* One text: its ids, and what each stands for. */
static bool print(job *j, gn_slice text, const gn_ids *ids, gn_error *e) {
    gn_str *out = &j->line;
    if (!j->json) {
        for (size_t i = 0; i < ids->count; i++)
            gn_str_fmt(out, i ? " %d" : "%d", ids->id[i]);
        return gn_out_line(out, e);
    }
    gn_str_puts(out, j->schema_said ? "{" : "{\"schema\":\"gneiss.tokenize/1\",");
    j->schema_said = true;
    gn_out_text(out, text);
    gn_str_puts(out, ",\"ids\":");
    gn_out_ids(out, ids->id, ids->count);
    gn_str_puts(out, ",\"pieces\":[");
    for (size_t i = 0; i < ids->count; i++) {
        gn_str_puts(out, i ? "," : "");
        gn_json_write_string(out, gn_token_bytes(j->t, ids->id[i]));
    }
    gn_str_puts(out, "]}");
    return gn_out_line(out, e);
}

static bool encode(job *j, gn_slice text, bool special, gn_error *e) {
    gn_ids ids = {0};
    const unsigned flags = (special && !gn_args_flag(j->a, "no-add-special") ? GN_ADD_SPECIAL : 0) |
                           (gn_args_flag(j->a, "literal") ? GN_LITERAL : 0);
    const bool ok = gn_encode(j->t, text, flags, &ids, e) && print(j, text, &ids, e);
    gn_ids_release(&ids);
    return ok;
}

static bool decode(job *j, const char *list, gn_error *e) {
    gn_ids ids = {0};
    gn_str text = {0};
    bool ok = gn_parse_ids(gn_slice_of(list), &ids, e) &&
              gn_decode(j->t, ids.id, ids.count, gn_args_flag(j->a, "skip-special"), &text, e);
    if (ok && j->json) {
        ok = print(j, gn_str_slice(&text), &ids, e);
    } else if (ok) {
        gn_str_putc(&text, '\n');
        ok = gn_str_ok(&text, e) && gn_out_plain(gn_str_slice(&text), isatty(1), e);
    }
    gn_ids_release(&ids);
    gn_str_release(&text);
    return ok;
}

/* Split at LF alone: a CR stays in its line. */
static bool lines(job *j, const char *path, gn_error *e) {
    gn_str text = {0};
    bool ok = gn_file_read(&text, path, 0, e);
    gn_slice rest = gn_str_slice(&text);
    while (ok && rest.len > 0) {
        const char *end = memchr(rest.data, '\n', rest.len);
        const size_t n = end ? (size_t)(end - rest.data) : rest.len;
        ok = encode(j, (gn_slice){rest.data, n}, true, e);
        rest = gn_slice_from(rest, n + (end != NULL));
    }
    gn_str_release(&text);
    return ok;
}

static bool chat(job *j, const char *path, gn_error *e) {
    gn_arena arena = {0};
    gn_str text = {0};
    gn_value *vars = gn_chat_vars(&arena, path, gn_args_text(j->a, "tools", NULL),
                                  gn_args_text(j->a, "documents", NULL), e);
    const bool ok =
        vars && gn_chat_render(j->g, vars, gn_args_flag(j->a, "add-generation-prompt"), &text, e) &&
        encode(j, gn_str_slice(&text), false, e);
    gn_str_release(&text);
    gn_arena_release(&arena);
    return ok;
}

/* The words, the files, standard input: what of it there is. */
static bool plain(job *j, int first, gn_error *e) {
    gn_str text = {0};
    const bool ok =
        gn_prompt_text(j->a, first, "file", &text, e) && encode(j, gn_str_slice(&text), true, e);
    gn_str_release(&text);
    return ok;
}

static bool work(job *j, int first, gn_error *e) {
    const char *ids = gn_args_text(j->a, "decode", NULL), *file = gn_args_text(j->a, "lines", NULL),
               *messages = gn_args_text(j->a, "chat", NULL);
    if ((ids != NULL) + (file != NULL) + (messages != NULL) > 1)
        return gn_fail(e, GN_INVALID, "--decode, --lines and --chat exclude one another");
    j->t = gn_engine_tokenizer(j->g);
    if (!j->t)
        return gn_fail(e, GN_UNSUPPORTED, "'%s' has no tokenizer", gn_engine_path(j->g));
    if (ids)
        return decode(j, ids, e);
    if (file)
        return lines(j, file, e);
    return messages ? chat(j, messages, e) : plain(j, first, e);
}

static int run(const gn_args *a, gn_error *e) {
    const char *model;
    int first;
    if (!gn_args_model(a, &model, &first, e))
        return GN_FAILED;
    job j = {.a = a, .json = gn_args_flag(a, "json")};
    j.g = gn_args_engine(a, model, e);
    const bool ok = j.g && work(&j, first, e);
    gn_str_release(&j.line);
    gn_engine_close(j.g);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

const gn_command gn_cmd_tokenize = {
    .name = "tokenize",
    .usage = "MODEL [TEXT] | -f FILE | --lines FILE | --chat FILE | --decode IDS",
    .summary = "text to ids and back, exactly",
    .takes = GN_TAKES_MODEL,
    .option = options,
    .run = run,
};

/* cmd_run.c - gneiss run: one prompt in, one answer out; or many (jobs.c). */
#include "app/chat/replay.h"
#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/cli/prompt.h"
#include "app/commands/jobs.h"

#include <stdlib.h>
#include <unistd.h>

static const gn_option options[] = {
    {'f', "file", "FILE", "read FILE after the words; may be repeated (-: standard input)",
     GN_TYPE_TEXT, 0, 0, NULL},
    {0, "ids", "IDS", "the prompt as token ids", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "chat", "FILE", "a conversation as JSON; the next message is answered", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "jobs", "FILE", "one job a line, packed together (-: standard input)", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "raw", NULL, "the text as it is, without the chat template", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "template", "FILE|NAME", "a chat template instead of the checkpoint's", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "replay", "TURN",
     "draw a reply of the chat again (-1: the newest): exit 1 where it differs", GN_TYPE_TEXT, 0, 0,
     NULL},
    {0, "ignore-eos", NULL, "go on past the end of text", GN_TYPE_FLAG, 0, 0, NULL},
    {0},
};

typedef struct answer {
    const gn_args *a;
    gn_engine *g;
    gn_session *session;
    gn_ids prompt;
    gn_arena arena;
    gn_str line;
    bool json, terminal;
    size_t printed; /* bytes of the answer that are out */
    double load_s;
    gn_error failed; /* writing the product failed: the answer is stopped */
} answer;

/* ---- the prompt ------------------------------------------------------------ */

static bool encode(answer *r, gn_slice text, unsigned flags, gn_error *e) {
    gn_tokenizer *t = gn_engine_tokenizer(r->g);
    if (!t)
        return gn_fail(e, GN_UNSUPPORTED, "'%s' has no tokenizer; give --ids",
                       gn_engine_path(r->g));
    return gn_encode(t, text, flags, &r->prompt, e);
}

static bool encode_chat(answer *r, const gn_value *vars, gn_error *e) {
    gn_str text = {0};
    const bool ok =
        gn_chat_render(r->g, vars, true, &text, e) && encode(r, gn_str_slice(&text), 0, e);
    gn_str_release(&text);
    return ok;
}

static bool encode_text(answer *r, int first, gn_error *e) {
    gn_str text = {0}, system = {0};
    bool raw = gn_args_flag(r->a, "raw"), ok = gn_prompt_text(r->a, first, "file", &text, e);
    if (ok && !raw && !r->session && gn_engine_template(r->g).len == 0) {
        fprintf(stderr, "gneiss: the checkpoint has no chat template; the text is read as it is\n");
        raw = true;
    }
    if (ok && text.len == 0 && !r->session)
        ok = gn_fail(e, GN_INVALID, "nothing to read: give a PROMPT, -f FILE, --ids or --chat");
    if (ok && r->session) /* what comes next in a text that was begun */
        ok = encode(r, gn_str_slice(&text), 0, e);
    else if (ok && raw)
        ok = encode(r, gn_str_slice(&text), GN_ADD_SPECIAL, e);
    else if (ok) {
        gn_str_puts(&system, gn_args_text(r->a, "system", ""));
        const gn_value *vars =
            gn_chat_vars_text(&r->arena, gn_str_slice(&system), gn_str_slice(&text), e);
        ok = vars && encode_chat(r, vars, e);
    }
    gn_str_release(&text);
    gn_str_release(&system);
    return ok;
}

static bool read_prompt(answer *r, int first, gn_error *e) {
    const char *ids = gn_args_text(r->a, "ids", NULL), *chat = gn_args_text(r->a, "chat", NULL);
    if (ids && chat)
        return gn_fail(e, GN_INVALID, "--ids and --chat exclude one another");
    if (ids)
        return gn_parse_ids(gn_slice_of(ids), &r->prompt, e);
    if (!chat)
        return encode_text(r, first, e);
    const gn_value *vars = gn_chat_vars(&r->arena, chat, NULL, NULL, e);
    return vars && encode_chat(r, vars, e);
}

/* ---- the answer ------------------------------------------------------------ */

static bool write_start(answer *r, const gn_sampling *s, int64_t limit, gn_error *e) {
    char sha[GN_SHA256_HEX];
    gn_str *out = &r->line;
    const bool ok = gn_engine_sha(r->g, sha, NULL, NULL, e);
    if (ok) {
        gn_str_puts(out, "{\"schema\":\"gneiss.run/1\",\"event\":\"start\",\"model\":{\"path\":");
        gn_json_write_string(out, gn_slice_of(gn_engine_path(r->g)));
        gn_str_fmt(out, ",\"sha\":\"%s\",\"arch\":", sha);
        gn_json_write_string(out, gn_slice_of(gn_engine_arch(r->g)));
        gn_str_fmt(out, ",\"format\":\"%s\"},\"prompt_ids\":", gn_engine_format(r->g));
        gn_out_ids(out, r->prompt.id, r->prompt.count);
        gn_str_fmt(out, ",\"reused\":%lld,\"read\":%zu,\"options\":{\"numerics\":\"%s\",\"n\":%lld",
                   r->session ? (long long)gn_session_count(r->session) : 0, r->prompt.count,
                   gn_engine_numerics(r->g), (long long)limit);
        gn_out_number(out, "temp", (double)s->temp);
        gn_str_fmt(out, ",\"top_k\":%d", s->top_k);
        gn_out_number(out, "top_p", (double)s->top_p);
        gn_out_number(out, "min_p", (double)s->min_p);
        gn_out_number(out, "repeat_penalty", (double)s->repeat_penalty);
        gn_str_fmt(out, ",\"seed\":%llu}}", (unsigned long long)s->seed);
    }
    return ok && gn_out_line(out, e);
}

static void write_token(answer *r, const gn_token *t) {
    gn_str *out = &r->line;
    const gn_tokenizer *tk = gn_engine_tokenizer(r->g);
    const gn_slice bytes = tk ? gn_token_bytes(tk, t->id) : GN_S("");
    gn_str_fmt(out, "{\"event\":\"token\",\"index\":%d,\"id\":%d,\"text\":", t->index, t->id);
    gn_json_write_string(out, t->text);
    if (!gn_utf8_valid(bytes)) {
        gn_str_puts(out, ",\"bytes\":\"");
        gn_base64(out, bytes.data, bytes.len);
        gn_str_putc(out, '"');
    }
    gn_str_puts(out, ",\"logprob\":");
    gn_json_write_f32(out, t->score.logprob);
    if (t->n_top) {
        gn_str_puts(out, ",\"top\":");
        gn_out_top(out, t->top, t->n_top);
    }
    gn_str_putc(out, '}');
    gn_out_line(out, &r->failed);
}

static bool on_token(void *user, gn_job *j, const gn_token *t) {
    answer *r = user;
    (void)j;
    if (r->json)
        write_token(r, t);
    else
        gn_out_plain(t->text, r->terminal, &r->failed);
    r->printed += t->text.len;
    return r->failed.code == GN_OK && !gn_interrupted();
}

static bool on_reading(void *user, int64_t done, int64_t all) {
    (void)user;
    (void)done;
    (void)all;
    return !gn_interrupted();
}

static bool write_done(answer *r, const gn_job *j, gn_error *e) {
    gn_str *out = &r->line;
    const size_t n = j->ids.count;
    gn_str_fmt(out, "{\"event\":\"done\",\"stop\":\"%s\",", gn_stop_name(j->stopped));
    gn_out_text(out, gn_str_slice(&j->text));
    gn_str_puts(out, ",\"ids\":");
    gn_out_ids(out, j->ids.id, n);
    gn_str_puts(out, ",\"timing\":{\"load_s\":");
    gn_json_write_f64(out, r->load_s);
    gn_out_number(out, "prompt_s", j->prompt_s);
    gn_out_number(out, "first_token_s", j->first_token_s);
    gn_out_number(out, "generate_s", j->generate_s);
    gn_out_number(out, "prompt_tps", j->prompt_s > 0 ? (double)j->read / j->prompt_s : 0);
    gn_out_number(out, "generate_tps",
                  n > 1 && j->generate_s > 0 ? (double)(n - 1) / j->generate_s : 0);
    gn_str_puts(out, "}}");
    return gn_out_line(out, e);
}

static bool finish(answer *r, const gn_job *j, gn_error *e) {
    if (j->error.code) {
        *e = j->error;
        return false;
    }
    if (r->failed.code) {
        *e = r->failed;
        return false;
    }
    if (j->stopped == GN_STOP_CONTEXT)
        fprintf(stderr, "gneiss: the context of %lld tokens is full; the answer ends here\n",
                (long long)gn_engine_context(r->g));
    if (gn_args_flag(r->a, "verbose"))
        fprintf(stderr, "read %lld in %.3f s, wrote %zu in %.3f s (%.1f t/s), reused %lld\n",
                (long long)j->read, j->prompt_s, j->ids.count, j->generate_s,
                j->ids.count > 1 ? (double)(j->ids.count - 1) / j->generate_s : 0.0,
                (long long)j->reused);
    if (r->json)
        return write_done(r, j, e);
    const gn_slice text = gn_str_slice(&j->text), rest = gn_slice_from(text, r->printed);
    return gn_out_plain(rest, r->terminal, e) &&
           (text.len == 0 || gn_slice_ends(text, GN_S("\n")) ||
            gn_out_plain(GN_S("\n"), r->terminal, e));
}

static bool generate(answer *r, gn_stop *stopped, gn_error *e) {
    gn_sampling sampling;
    gn_slice *stop = NULL;
    int n_stop = 0;
    if (!gn_args_sampling(r->a, r->g, &sampling, e) || !gn_stop_strings(r->a, &stop, &n_stop, e))
        return false;
    gn_job j = {.session = r->session,
                .prompt = r->prompt.id,
                .n_prompt = (int64_t)r->prompt.count,
                .limit =
                    gn_args_given(r->a, "n") ? gn_args_integer(r->a, "n", 0) : gn_args_limit(r->a),
                .ignore_eos = gn_args_flag(r->a, "ignore-eos"),
                .keep_eos = true,
                .sampling = sampling,
                .stop = stop,
                .n_stop = n_stop,
                .top = gn_args_given(r->a, "logprobs") ? (int)gn_args_integer(r->a, "logprobs", 0)
                                                       : 0},
           *list = &j;
    if (j.top > gn_engine_vocab(r->g))
        j.top = gn_engine_vocab(r->g);
    const gn_generate_hooks h = {.token = on_token, .reading = on_reading, .user = r};
    const bool ok = (!r->json || write_start(r, &sampling, j.limit, e)) &&
                    gn_generate(r->g, &list, 1, &h, e) && finish(r, &j, e);
    *stopped = j.stopped;
    gn_job_release(&j);
    free((gn_bias *)sampling.bias);
    free(stop);
    return ok;
}

static bool one(answer *r, int first, gn_stop *stopped, gn_error *e) {
    const char *state = gn_args_text(r->a, "state", NULL),
               *save = gn_args_text(r->a, "save-state", NULL);
    if (state && !(r->session = gn_session_load(r->g, state, e)))
        return false;
    if (!read_prompt(r, first, e))
        return false;
    if (save && !r->session && !(r->session = gn_session_new(r->g, e)))
        return false;
    return generate(r, stopped, e) && (!save || gn_session_save(r->session, save, e));
}

static int run(const gn_args *a, gn_error *e) {
    const char *model;
    int first, code = GN_FAILED;
    gn_stop stopped = GN_STOP_NONE;
    if (!gn_args_model(a, &model, &first, e))
        return GN_FAILED;
    gn_interrupt_catch();
    const double began = gn_seconds();
    answer r = {.a = a, .json = gn_args_flag(a, "json"), .terminal = isatty(1)};
    r.g = gn_args_engine(a, model, e);
    r.load_s = gn_seconds() - began;
    const char *jobs = gn_args_text(a, "jobs", NULL), *turn = gn_args_text(a, "replay", NULL);
    if (r.g && turn)
        code = gn_replay(a, r.g, turn, e);
    else if (r.g && jobs)
        code = gn_jobs_run(a, r.g, jobs, e);
    else if (r.g && one(&r, first, &stopped, e))
        code = stopped == GN_STOP_INTERRUPTED ? GN_EXIT_INTERRUPTED : GN_EXIT_YES;
    gn_session_free(r.session);
    gn_ids_release(&r.prompt);
    gn_arena_release(&r.arena);
    gn_str_release(&r.line);
    gn_engine_close(r.g);
    return code;
}

const gn_command gn_cmd_run = {
    .name = "run",
    .usage = "MODEL [PROMPT...] | --ids IDS | -f FILE... | --chat FILE | --jobs FILE\n"
             "MODEL --replay TURN",
    .summary = "answer a prompt on standard output",
    .about = "The prompt is the words, then the files, then standard input, a blank line between "
             "them; one user message, unless --raw.\n"
             "  git diff | gneiss run MODEL -s 'Write a commit message.'",
    .takes = GN_TAKES_MODEL | GN_TAKES_SAMPLING | GN_TAKES_TEXT,
    .option = options,
    .run = run,
};

/* cmd_quantize.c - gneiss quantize: a checkpoint as a GGUF of another number format. */
#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/cli/percent.h"

#include <inttypes.h>
#include <stdlib.h>

static const gn_option options[] = {
    {0, "type", "TYPE", "what the weights become: q8_0, q4_k_m, bf16, ... (below)", GN_TYPE_TEXT, 0,
     0, NULL},
    {0, "report", "TEXT", "compare with the original over this file (-: standard input)",
     GN_TYPE_TEXT, 0, 0, NULL},
    {0, "max-length", "N", "tokens of a window of --report (512)", GN_TYPE_INTEGER, 1, 1e9, NULL},
    {0},
};

enum { WINDOW = 512 };

/* ---- --report ------------------------------------------------------------------- */

static bool compare(const gn_args *a, const char *in, const char *out, gn_slice text,
                    gn_divergence *said, gn_error *e) {
    gn_ids ids = {0};
    gn_percent t = gn_args_percent(a, "compare");
    gn_engine *before = gn_args_engine(a, in, e);
    gn_engine *after = before ? gn_args_engine(a, out, e) : NULL;
    gn_tokenizer *tokens = before ? gn_engine_tokenizer(before) : NULL;
    bool ok = after != NULL;
    if (ok && !tokens)
        ok = gn_fail(e, GN_UNSUPPORTED, "--report: '%s' has no tokenizer to read a text with", in);
    ok = ok && gn_encode(tokens, text, 0, &ids, e);
    if (ok && ids.count == 0)
        ok = gn_fail(e, GN_INVALID, "--report: the text is empty");
    gn_divergence_token *token = ok ? calloc(ids.count, sizeof *token) : NULL;
    if (ok && !token)
        ok = gn_fail(e, GN_NO_MEMORY, "--report: out of memory");
    const int64_t n =
        ok ? gn_diverge(before, after, ids.id, (int64_t)ids.count,
                        gn_args_integer(a, "max-length", WINDOW), gn_percent_tokens, &t, token, e)
           : -1;
    ok = n >= 0 && gn_divergence_of(token, n, said, e);
    free(token);
    gn_ids_release(&ids);
    gn_engine_close(before);
    gn_engine_close(after);
    return ok;
}

/* ---- what came of it -------------------------------------------------------------- */

static void put_text(gn_str *line, const char *key, const char *text) {
    gn_str_fmt(line, ",\"%s\":", key);
    gn_json_write_string(line, gn_slice_of(text));
}

static bool print_json(const char *in, const char *out, const char *type, const gn_quantized *q,
                       const gn_divergence *d, gn_error *e) {
    gn_str line = {0};
    const char *comma = "";
    gn_str_puts(&line, "{\"schema\":\"gneiss.quantize/1\"");
    put_text(&line, "in", in);
    put_text(&line, "out", out);
    put_text(&line, "type", type);
    gn_str_fmt(&line, ",\"bytes_in\":%zu,\"bytes_out\":%zu,\"tensors\":{", q->bytes_in,
               q->bytes_out);
    for (int i = 0; gn_quantized_format(i); i++)
        if (q->tensors[i]) {
            gn_str_fmt(&line, "%s\"%s\":%d", comma, gn_quantized_format(i), q->tensors[i]);
            comma = ",";
        }
    gn_str_puts(&line, "}");
    gn_out_number(&line, "seconds", q->seconds);
    if (d) {
        gn_str_fmt(&line, ",\"report\":{\"tokens\":%" PRId64, d->tokens);
        gn_out_number(&line, "kl_mean", d->kl_mean);
        gn_out_number(&line, "kl_p99", d->kl_p99);
        gn_out_number(&line, "same_top", d->same_top);
        gn_out_number(&line, "ppl_in", d->ppl_a);
        gn_out_number(&line, "ppl_out", d->ppl_b);
        gn_str_putc(&line, '}');
    } else {
        gn_str_puts(&line, ",\"report\":null");
    }
    gn_str_putc(&line, '}');
    const bool ok = gn_out_line(&line, e);
    gn_str_release(&line);
    return ok;
}

static bool print_plain(const char *out, const gn_quantized *q, const gn_divergence *d,
                        gn_error *e) {
    gn_str line = {0};
    gn_str_fmt(&line, "%s: %.1f MB of %.1f MB in %.1f s:", out, (double)q->bytes_out / 1e6,
               (double)q->bytes_in / 1e6, q->seconds);
    for (int i = 0; gn_quantized_format(i); i++)
        if (q->tensors[i])
            gn_str_fmt(&line, " %d %s", q->tensors[i], gn_quantized_format(i));
    if (d)
        gn_str_fmt(&line,
                   "\n%" PRId64 " tokens: KL %.6f a token (99 %% under %.6f), the same likeliest "
                   "token %.2f %%, perplexity %.4f, was %.4f",
                   d->tokens, d->kl_mean, d->kl_p99, 100 * d->same_top, d->ppl_b, d->ppl_a);
    const bool ok = gn_out_line(&line, e);
    gn_str_release(&line);
    return ok;
}

static void warn(const gn_args *a, const gn_quantized *q) {
    if (gn_args_flag(a, "quiet"))
        return;
    fputs(gn_str_text(&q->warnings), stderr);
    if (q->requantised)
        fprintf(stderr, "%d tensors were quantised already; quantising the original loses less\n",
                q->requantised);
}

static bool quantize(const gn_args *a, const char *in, const char *out, gn_error *e) {
    const char *type = gn_args_text(a, "type", NULL), *report = gn_args_text(a, "report", NULL);
    gn_percent t = gn_args_percent(a, "quantize");
    const gn_quantize_options o = {.type = type,
                                   .threads = (int)gn_args_integer(a, "threads", 0),
                                   .progress = gn_percent_bytes,
                                   .user = &t};
    gn_quantized said = {0};
    gn_divergence d = {0};
    gn_str text = {0};
    in = gn_args_path(a, in, e);
    bool ok =
        in && (!report || gn_file_read(&text, report, 0, e)) && gn_quantize(in, out, &o, &said, e);
    if (ok)
        warn(a, &said);
    ok = ok && (!report || compare(a, in, out, gn_str_slice(&text), &d, e));
    ok = ok && (gn_args_flag(a, "json") ? print_json(in, out, type, &said, report ? &d : NULL, e)
                                        : print_plain(out, &said, report ? &d : NULL, e));
    gn_str_release(&text);
    gn_quantized_release(&said);
    return ok;
}

static int run(const gn_args *a, gn_error *e) {
    const char *in = gn_args_at(a, 0), *out = gn_args_at(a, 1);
    if (gn_args_count(a) != 2 || !gn_args_given(a, "type")) {
        gn_fail(e, GN_INVALID,
                "quantize wants IN, OUT.gguf and --type: see gneiss quantize --help");
        return GN_FAILED;
    }
    if (!gn_slice_ends(gn_slice_of(out), GN_S(".gguf"))) {
        gn_fail(e, GN_INVALID, "'%s' does not end in .gguf, which is how models are known", out);
        return GN_FAILED;
    }
    gn_interrupt_catch();
    return quantize(a, in, out, e) ? GN_EXIT_YES : GN_FAILED;
}

const gn_command gn_cmd_quantize = {
    .name = "quantize",
    .usage = "IN OUT.gguf --type TYPE [--report TEXT]",
    .summary = "write a checkpoint as a GGUF of another number format",
    .about = "IN is a Hugging Face folder or a GGUF. OUT appears when it is whole. Mixes\n"
             "of formats are those of llama-quantize, whose tools read the file. TYPE:\n"
             "f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1 q2_k q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m\n"
             "q5_k_s q5_k_m q6_k iq4_nl iq4_xs",
    .takes = GN_TAKES_MODEL,
    .option = options,
    .run = run,
};

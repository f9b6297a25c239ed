/* cmd_score.c - gneiss score: how likely is this text? */
#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/out.h"
#include "app/cli/prompt.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const gn_option options[] = {
    {0, "text", "TEXT", "what is scored", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "context", "TEXT", "what comes before it; read, not scored", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "ids", "IDS", "what is scored, as token ids", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "context-ids", "IDS", "what comes before them", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "tokens", "A,B", "single tokens to compare after --context", GN_TYPE_TEXT, 0, 0, NULL},
    {'f', "requests", "FILE", "requests, one a line (-: standard input)", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "file", "FILE", "one text to roll over", GN_TYPE_TEXT, 0, 0, NULL},
    {0, "max-length", "N", "tokens of a window of --file", GN_TYPE_INTEGER, 1, 1e9, NULL},
    {0, "logprobs", "K", "the K likeliest tokens with each", GN_TYPE_INTEGER, 0, 1e9, NULL},
    {0, "summary", NULL, "perplexities of all of it at the end", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "loss", NULL, "mean cross entropy of the batch, labels = ids", GN_TYPE_FLAG, 0, 0, NULL},
    {0, "no-share", NULL, "read every request from its first token; equal bits", GN_TYPE_FLAG, 0, 0,
     NULL},
    {0},
};

/* One thing asked: requests [first, first + count) answer it. */
typedef struct ask {
    gn_str id; /* as JSON; "" without one */
    gn_pair pair;
    gn_ids choices; /* --tokens: each is asked for after the context */
    int64_t bytes, chars, words;
    int first, count;
} ask;

/* What came back of one request, copied out of the engine's hands. */
typedef struct reply {
    gn_logprob *token;
    gn_top *top;
} reply;

typedef struct scoring {
    const gn_args *a;
    gn_engine *g;
    ask *ask;
    int n_ask;
    size_t ask_capacity;
    gn_score_request *request;
    int n_request;
    size_t request_capacity;
    reply *reply;
    gn_ids rolled; /* --file: prefix and text */
    gn_str line;
    gn_score_stats stats;
    int top, printed;
    bool json, schema_said, rolling;
    gn_error failed;
} scoring;

static bool no_memory(gn_error *e) { return gn_fail(e, GN_NO_MEMORY, "out of memory"); }

static int64_t words_of(gn_slice text) {
    int64_t n = 1; /* pieces of a split at white space, empty edges too */
    bool in = false;
    for (size_t i = 0, len; i < text.len; i += len) {
        int32_t cp;
        len = gn_utf8_next(text, i, &cp);
        const bool space = cp >= 0 && gn_is_space_python(cp);
        n += space && !in;
        in = space;
    }
    return n;
}

static ask *new_ask(scoring *s, gn_error *e) {
    if (!gn_vec_reserve(&s->ask, &s->ask_capacity, (size_t)s->n_ask + 1, sizeof *s->ask)) {
        no_memory(e);
        return NULL;
    }
    ask *q = &s->ask[s->n_ask++];
    *q = (ask){0};
    return q;
}

static bool add_request(scoring *s, gn_score_request r, gn_error *e) {
    if (!gn_vec_reserve(&s->request, &s->request_capacity, (size_t)s->n_request + 1,
                        sizeof *s->request))
        return no_memory(e);
    r.top = s->top;
    s->request[s->n_request++] = r;
    return true;
}

static void measure(ask *q, gn_slice text) {
    q->bytes = (int64_t)text.len;
    q->chars = (int64_t)gn_utf8_count(text);
    q->words = words_of(text);
}

/* ---- what is asked --------------------------------------------------------- */

static bool ask_text(scoring *s, ask *q, gn_slice context, gn_slice text, gn_error *e) {
    measure(q, text);
    return gn_encode_pair(s->g, context, text, &q->pair, e);
}

/* Ids without a context: the first id is the context. */
static bool ask_ids(scoring *s, ask *q, const gn_ids *context, const gn_ids *ids, gn_error *e) {
    const bool alone = context->count == 0 && ids->count > 0;
    const gn_ids *before = alone ? ids : context;
    if (!gn_ids_append(&q->pair.context, before->id, alone ? 1 : before->count) ||
        !gn_ids_append(&q->pair.token, ids->id + alone, ids->count - alone))
        return no_memory(e);
    gn_tokenizer *t = gn_engine_tokenizer(s->g);
    gn_str text = {0};
    if (t && gn_decode(t, q->pair.token.id, q->pair.token.count, false, &text, e))
        measure(q, gn_str_slice(&text));
    gn_str_release(&text);
    return e->code == GN_OK;
}

static bool ids_of(const gn_value *v, gn_ids *out, const char *key, gn_error *e) {
    for (size_t i = 0; i < gn_value_count(v); i++) {
        int64_t id;
        if (!gn_value_to_integer(gn_value_at(v, i), &id) || id < 0 || id > INT_MAX)
            return gn_fail(e, GN_INVALID, "'%s' wants a list of token ids", key);
        if (!gn_ids_add(out, (int32_t)id))
            return no_memory(e);
    }
    return !v || gn_value_is(v, GN_LIST) ||
           gn_fail(e, GN_INVALID, "'%s' wants a list of token ids", key);
}

static bool ask_value(scoring *s, ask *q, const gn_value *v, gn_error *e) {
    static const char *const known[] = {"id", "context", "context_ids", "text", "ids"};
    if (!gn_value_is(v, GN_MAP))
        return gn_fail(e, GN_INVALID, "a line wants an object");
    for (size_t i = 0; i < v->map.count; i++) {
        bool ok = false;
        for (int k = 0; k < 5; k++)
            ok |= gn_slice_is(v->map.entry[i].key, known[k]);
        if (!ok)
            return gn_fail(e, GN_INVALID, "unknown key '%.*s'", (int)v->map.entry[i].key.len,
                           v->map.entry[i].key.data);
    }
    const gn_value *id = gn_value_get(v, GN_S("id")), *text = gn_value_get(v, GN_S("text")),
                   *ids = gn_value_get(v, GN_S("ids")), *context = gn_value_get(v, GN_S("context")),
                   *context_ids = gn_value_get(v, GN_S("context_ids"));
    if ((text != NULL) + (ids != NULL) != 1 || (context && context_ids))
        return gn_fail(e, GN_INVALID,
                       "want one of 'text' and 'ids', and at most one of 'context' "
                       "and 'context_ids'");
    if (id)
        gn_json_write(&q->id, id);
    if (text && !context_ids) {
        if (!gn_value_is(text, GN_STRING) || (context && !gn_value_is(context, GN_STRING)))
            return gn_fail(e, GN_INVALID, "'text' and 'context' want strings");
        return ask_text(s, q, gn_value_text(context), text->string, e);
    }
    gn_ids before = {0}, scored = {0};
    gn_tokenizer *t = gn_engine_tokenizer(s->g);
    bool ok = ids_of(context_ids, &before, "context_ids", e) && ids_of(ids, &scored, "ids", e);
    if (ok && ((text && !t) || (context && !t)))
        ok = gn_fail(e, GN_UNSUPPORTED, "the checkpoint has no tokenizer; give ids");
    ok = ok && (!text || gn_encode(t, gn_value_text(text), 0, &scored, e)) &&
         (!context || gn_encode(t, gn_value_text(context), GN_ADD_SPECIAL, &before, e)) &&
         ask_ids(s, q, &before, &scored, e);
    gn_ids_release(&before);
    gn_ids_release(&scored);
    return ok;
}

static bool ask_file(scoring *s, const char *path, gn_error *e) {
    gn_str all = {0};
    bool ok = gn_file_read(&all, path, 0, e);
    gn_slice rest = gn_str_slice(&all);
    for (int number = 1; ok && rest.len > 0; number++) {
        const char *end = memchr(rest.data, '\n', rest.len);
        const size_t n = end ? (size_t)(end - rest.data) : rest.len;
        const gn_slice line = gn_text_strip((gn_slice){rest.data, n}, true, true);
        rest = gn_slice_from(rest, n + (end != NULL));
        if (line.len == 0)
            continue;
        gn_arena arena = {0};
        const gn_value *v = gn_json_parse(&arena, line, e);
        ask *q = v ? new_ask(s, e) : NULL;
        ok = q && ask_value(s, q, v, e);
        gn_arena_release(&arena);
        if (!ok) {
            gn_context(e, "%s:%d", path, number);
            gn_where(e, "%s:%d", path, number);
        }
    }
    gn_str_release(&all);
    return ok;
}

/* " yes, no": split at commas, nothing trimmed; each piece is one token. */
static bool ask_tokens(scoring *s, const char *list, const char *context, gn_error *e) {
    ask *q = new_ask(s, e);
    gn_tokenizer *t = gn_engine_tokenizer(s->g);
    if (!q)
        return false;
    if (!context)
        return gn_fail(e, GN_INVALID, "--tokens wants a --context to stand after");
    if (!t)
        return gn_fail(e, GN_UNSUPPORTED, "the checkpoint has no tokenizer; give --ids");
    gn_slice rest = gn_slice_of(list);
    bool ok = gn_encode(t, gn_slice_of(context), GN_ADD_SPECIAL, &q->pair.context, e);
    for (bool more = true; ok && more;) {
        const ptrdiff_t comma = gn_slice_find(rest, GN_S(","));
        const gn_slice piece = {rest.data, comma < 0 ? rest.len : (size_t)comma};
        gn_ids ids = {0};
        ok = gn_encode(t, piece, 0, &ids, e);
        if (ok && ids.count != 1) {
            gn_str say = {0};
            gn_out_ids(&say, ids.id, ids.count);
            ok = gn_fail(e, GN_INVALID, "'%.*s' is %zu tokens, not one: %s", (int)piece.len,
                         piece.data, ids.count, gn_str_text(&say));
            gn_str_release(&say);
        }
        ok = ok && (gn_ids_add(&q->choices, ids.id[0]) || no_memory(e));
        gn_ids_release(&ids);
        more = comma >= 0;
        rest = gn_slice_from(rest, piece.len + 1);
    }
    return ok;
}

static bool ask_rolling(scoring *s, const char *path, gn_error *e) {
    gn_str text = {0};
    gn_tokenizer *t = gn_engine_tokenizer(s->g);
    const int32_t prefix = gn_engine_prefix(s->g);
    ask *q = new_ask(s, e);
    if (q && !t)
        return gn_fail(e, GN_UNSUPPORTED, "the checkpoint has no tokenizer; give --ids");
    if (q && prefix < 0)
        return gn_fail(e, GN_UNSUPPORTED, "the checkpoint names no token to stand before a text");
    bool ok = q && gn_file_read(&text, path, 0, e) &&
              (gn_ids_add(&s->rolled, prefix) || no_memory(e)) &&
              gn_encode(t, gn_str_slice(&text), GN_ADD_SPECIAL, &s->rolled, e);
    if (ok)
        measure(q, gn_str_slice(&text));
    const int64_t n = (int64_t)s->rolled.count - 1,
                  window = gn_args_integer(s->a, "max-length", gn_engine_context(s->g));
    for (int64_t i = 0; ok && i < gn_rolling_count(n, window); i++)
        ok = add_request(s, gn_rolling_window(s->rolled.id, n, window, i), e);
    if (q)
        q->count = s->n_request;
    s->rolling = true;
    gn_str_release(&text);
    return ok;
}

static bool ask_command_line(scoring *s, int first, gn_error *e) {
    const char *text = gn_args_text(s->a, "text", NULL), *ids = gn_args_text(s->a, "ids", NULL),
               *file = gn_args_text(s->a, "requests", NULL),
               *rolling = gn_args_text(s->a, "file", NULL),
               *tokens = gn_args_text(s->a, "tokens", NULL),
               *context = gn_args_text(s->a, "context", NULL),
               *context_ids = gn_args_text(s->a, "context-ids", NULL);
    if (gn_args_count(s->a) > first)
        return gn_fail(e, GN_INVALID, "score reads no words; give '%s' with --text",
                       gn_args_at(s->a, first));
    if ((text != NULL) + (ids != NULL) + (file != NULL) + (rolling != NULL) + (tokens != NULL) != 1)
        return gn_fail(e, GN_INVALID, "want one of --text, --ids, --tokens, -f and --file");
    if (file)
        return ask_file(s, file, e);
    if (rolling)
        return ask_rolling(s, rolling, e);
    if (tokens)
        return ask_tokens(s, tokens, context, e);
    ask *q = new_ask(s, e);
    if (!q)
        return false;
    if (text)
        return ask_text(s, q, gn_slice_of(context ? context : ""), gn_slice_of(text), e);
    gn_ids before = {0}, scored = {0};
    const bool ok = gn_parse_ids(gn_slice_of(context_ids ? context_ids : ""), &before, e) &&
                    gn_parse_ids(gn_slice_of(ids), &scored, e) &&
                    ask_ids(s, q, &before, &scored, e);
    gn_ids_release(&before);
    gn_ids_release(&scored);
    return ok;
}

/* The engine's requests of what is asked; rolling has made its own. */
static bool make_requests(scoring *s, gn_error *e) {
    for (int i = 0; !s->rolling && i < s->n_ask; i++) {
        ask *q = &s->ask[i];
        const gn_score_request r = {.context = q->pair.context.id,
                                    .n_context = (int64_t)q->pair.context.count,
                                    .token = q->pair.token.id,
                                    .n_token = (int64_t)q->pair.token.count};
        q->first = s->n_request;
        q->count = q->choices.count ? (int)q->choices.count : 1;
        for (int k = 0; k < q->count; k++) {
            gn_score_request one = r;
            if (q->choices.count) {
                one.token = q->choices.id + k;
                one.n_token = 1;
            }
            if (!add_request(s, one, e))
                return false;
        }
    }
    s->reply = calloc((size_t)s->n_request + 1, sizeof *s->reply);
    return s->reply || no_memory(e);
}

/* ---- answers --------------------------------------------------------------- */

static void write_tokens(scoring *s, const ask *q) {
    gn_str *out = &s->line;
    bool comma = false;
    gn_str_puts(out, ",\"tokens\":[");
    for (int i = q->first; i < q->first + q->count; i++) {
        const gn_score_request *r = &s->request[i];
        for (int64_t k = 0; k < r->n_token; k++) {
            gn_str_fmt(out, "%s{\"id\":%d,\"logprob\":", comma ? "," : "", r->token[k]);
            gn_json_write_f32(out, s->reply[i].token[k].logprob);
            gn_str_fmt(out, ",\"rank\":%d", s->reply[i].token[k].rank);
            if (s->top) {
                gn_str_puts(out, ",\"top\":");
                gn_out_top(out, s->reply[i].top + k * s->top, s->top);
            }
            gn_str_putc(out, '}');
            comma = true;
        }
    }
    gn_str_puts(out, "]}");
}

static void sum_up(const scoring *s, const ask *q, double *logprob, bool *greedy, int64_t *n) {
    *logprob = 0;
    *greedy = true;
    *n = 0;
    for (int i = q->first; i < q->first + q->count; i++)
        for (int64_t k = 0; k < s->request[i].n_token; k++, ++*n) {
            *logprob += (double)s->reply[i].token[k].logprob;
            *greedy = *greedy && s->reply[i].token[k].rank == 0;
        }
}

static bool write_ask(scoring *s, const ask *q, gn_error *e) {
    gn_str *out = &s->line;
    double logprob;
    bool greedy;
    int64_t n;
    sum_up(s, q, &logprob, &greedy, &n);
    if (!s->json && q->choices.count) {
        for (int i = q->first; i < q->first + q->count; i++) {
            const int32_t id = s->request[i].token[0];
            gn_str_fmt(out, "%.6f\t%d\t", (double)s->reply[i].token[0].logprob, id);
            gn_json_write_string(out, gn_token_bytes(gn_engine_tokenizer(s->g), id));
            if (i + 1 < q->first + q->count)
                gn_str_putc(out, '\n');
        }
        return gn_out_line(out, e);
    }
    if (!s->json) {
        gn_str_fmt(out, "%.6f\t%.4f a token\t%s", logprob, n ? logprob / (double)n : 0.0,
                   greedy ? "greedy" : "-");
        return gn_out_line(out, e);
    }
    const gn_ids *context =
        s->rolling ? &(gn_ids){.id = s->rolled.id, .count = 1} : &q->pair.context;
    const gn_ids *ids = s->rolling ? &(gn_ids){.id = s->rolled.id + 1, .count = s->rolled.count - 1}
                        : q->choices.count ? &q->choices
                                           : &q->pair.token;
    gn_str_puts(out, s->schema_said ? "{\"id\":" : "{\"schema\":\"gneiss.score/1\",\"id\":");
    s->schema_said = true;
    gn_str_puts(out, q->id.len ? q->id.data : "null");
    gn_str_puts(out, ",\"context_ids\":");
    gn_out_ids(out, context->id, context->count);
    gn_str_puts(out, ",\"ids\":");
    gn_out_ids(out, ids->id, ids->count);
    gn_str_puts(out, ",\"logprob\":");
    if (q->choices.count)
        gn_str_puts(out, "null,\"greedy\":null");
    else {
        gn_json_write_f64(out, logprob);
        gn_str_fmt(out, ",\"greedy\":%s", greedy ? "true" : "false");
    }
    gn_str_fmt(out, ",\"bytes\":%" PRId64 ",\"chars\":%" PRId64, q->bytes, q->chars);
    write_tokens(s, q);
    return gn_out_line(out, e);
}

static bool all_there(const scoring *s, const ask *q) {
    for (int i = q->first; i < q->first + q->count; i++)
        if (!s->reply[i].token)
            return false;
    return true;
}

static void forget(scoring *s, const ask *q) {
    for (int i = q->first; !gn_args_flag(s->a, "loss") && i < q->first + q->count; i++) {
        free(s->reply[i].top);
        s->reply[i].top = NULL;
    }
}

/* Answers finish in any order and are printed in that of the requests. */
static bool on_answer(void *user, int i, const gn_score_answer *a) {
    scoring *s = user;
    const size_t n = (size_t)s->request[i].n_token, k = (size_t)s->top;
    reply *r = &s->reply[i];
    r->token = malloc((n + 1) * sizeof *r->token);
    r->top = malloc(n * k * sizeof *r->top + 1);
    if (!r->token || !r->top)
        return no_memory(&s->failed);
    memcpy(r->token, a->token, n * sizeof *r->token);
    if (k)
        memcpy(r->top, a->top, n * k * sizeof *r->top);
    while (!gn_args_flag(s->a, "loss") && s->printed < s->n_ask &&
           all_there(s, &s->ask[s->printed])) {
        if (!write_ask(s, &s->ask[s->printed], &s->failed))
            return false;
        forget(s, &s->ask[s->printed++]);
    }
    return !gn_interrupted();
}

static bool on_step(void *user, int64_t done, int64_t all) {
    (void)user;
    (void)done;
    (void)all;
    return !gn_interrupted();
}

/* transformers' loss for labels = ids over the packed batch: the mean over every
 * predicted token of every sequence. */
static bool write_loss(scoring *s, gn_error *e) {
    double sum = 0;
    int64_t n = 0;
    for (int i = 0; i < s->n_request; i++)
        for (int64_t k = 0; k < s->request[i].n_token; k++, n++)
            sum -= (double)s->reply[i].token[k].logprob;
    if (s->json) {
        gn_str_puts(&s->line, "{\"schema\":\"gneiss.score/1\",\"event\":\"loss\",\"loss\":");
        gn_json_write_f64(&s->line, n ? sum / (double)n : 0.0);
        gn_str_fmt(&s->line, ",\"tokens\":%" PRId64 "}", n);
    } else {
        gn_str_fmt(&s->line, "loss %.6f over %" PRId64 " tokens", n ? sum / (double)n : 0.0, n);
    }
    return gn_out_line(&s->line, e);
}

static bool write_summary(scoring *s, gn_error *e) {
    double logprob = 0;
    int64_t tokens = 0, bytes = 0, words = 0;
    for (int i = 0; i < s->n_ask; i++) {
        double one;
        bool greedy;
        int64_t n;
        sum_up(s, &s->ask[i], &one, &greedy, &n);
        logprob += one;
        tokens += n;
        bytes += s->ask[i].bytes;
        words += s->ask[i].words;
    }
    const double per_token = tokens ? exp(-logprob / (double)tokens) : 1,
                 per_word = words ? exp(-logprob / (double)words) : 1,
                 per_byte = bytes ? exp(-logprob / (double)bytes) : 1,
                 bits = bytes ? -logprob / (double)bytes / log(2.0) : 0,
                 speed = s->stats.seconds > 0 ? (double)s->stats.read / s->stats.seconds : 0;
    gn_str *out = &s->line;
    if (!s->json) {
        gn_str_fmt(out,
                   "%" PRId64 " tokens, %" PRId64 " bytes, %" PRId64
                   " words: perplexity %.4f a token, %.4f a word, %.4f a byte, %.4f bits a byte",
                   tokens, bytes, words, per_token, per_word, per_byte, bits);
        return gn_out_line(out, e);
    }
    gn_str_fmt(out,
               "{\"event\":\"summary\",\"tokens\":%" PRId64 ",\"bytes\":%" PRId64
               ",\"words\":%" PRId64,
               tokens, bytes, words);
    gn_out_number(out, "token_perplexity", per_token);
    gn_out_number(out, "word_perplexity", per_word);
    gn_out_number(out, "byte_perplexity", per_byte);
    gn_out_number(out, "bits_per_byte", bits);
    gn_out_number(out, "seconds", s->stats.seconds);
    gn_out_number(out, "tokens_per_s", speed);
    gn_str_putc(out, '}');
    return gn_out_line(out, e);
}

static bool score(scoring *s, int first, gn_error *e) {
    const gn_score_hooks h = {.answer = on_answer, .go_on = on_step, .user = s};
    const int64_t top = gn_args_given(s->a, "logprobs") ? gn_args_integer(s->a, "logprobs", 0) : 0;
    s->top = top > gn_engine_vocab(s->g) ? gn_engine_vocab(s->g) : (int)top;
    if (gn_args_given(s->a, "state") || gn_args_given(s->a, "save-state"))
        return gn_fail(e, GN_INVALID, "score keeps no state: --state and --save-state are run's");
    if (!ask_command_line(s, first, e) || !make_requests(s, e))
        return false;
    if (!gn_score(s->g, s->request, s->n_request, !gn_args_flag(s->a, "no-share"), &h, &s->stats,
                  e)) {
        if (s->failed.code)
            *e = s->failed;
        return false;
    }
    if (gn_args_flag(s->a, "verbose"))
        fprintf(stderr, "%" PRId64 " tokens asked, %" PRId64 " read in %" PRId64 " steps, %.3f s\n",
                s->stats.asked, s->stats.read, s->stats.steps, s->stats.seconds);
    if (gn_args_flag(s->a, "loss"))
        return write_loss(s, e);
    return !(s->rolling || gn_args_flag(s->a, "summary")) || write_summary(s, e);
}

static int run(const gn_args *a, gn_error *e) {
    const char *model;
    int first;
    if (!gn_args_model(a, &model, &first, e))
        return GN_FAILED;
    gn_interrupt_catch();
    scoring s = {.a = a, .json = gn_args_flag(a, "json")};
    s.g = gn_args_engine(a, model, e);
    const bool ok = s.g && score(&s, first, e);
    for (int i = 0; i < s.n_ask; i++) {
        gn_str_release(&s.ask[i].id);
        gn_pair_release(&s.ask[i].pair);
        gn_ids_release(&s.ask[i].choices);
    }
    for (int i = 0; s.reply && i < s.n_request; i++) {
        free(s.reply[i].token);
        free(s.reply[i].top);
    }
    free(s.ask);
    free(s.request);
    free(s.reply);
    gn_ids_release(&s.rolled);
    gn_str_release(&s.line);
    gn_engine_close(s.g);
    return ok ? GN_EXIT_YES : GN_FAILED;
}

const gn_command gn_cmd_score = {
    .name = "score",
    .usage =
        "MODEL --text TEXT [--context TEXT] | --tokens A,B --context TEXT | --ids IDS | -f FILE "
        "| --file TEXT",
    .summary = "how likely a text is, token by token",
    .takes = GN_TAKES_MODEL,
    .option = options,
    .run = run,
};

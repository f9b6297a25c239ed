/* tokenizer.c - see tokenizer.h. Making one is in from_json.c and from_gguf.c. */
#include "core/text/tokenizer.h"

#include "core/base/hash.h"
#include "core/base/unicode.h"
#include "core/text/internal.h"

#include <assert.h>

const char *const gn_named_token[GN_NAMED_TOKENS] = {"bos", "eos", "eot", "pad", "unk"};

gn_tokenizer *gn_tokenizer_new(gn_error *e) {
    gn_tokenizer *t = calloc(1, sizeof *t);
    if (!t) {
        gn_fail(e, GN_NO_MEMORY, "out of memory for a tokenizer");
        return NULL;
    }
    for (int k = 0; k < GN_NAMED_TOKENS; k++)
        t->named[k] = -1;
    return t;
}

void gn_tokenizer_free(gn_tokenizer *t) {
    if (!t)
        return;
    gn_bpe_free(t->bpe);
    gn_vocab_release(&t->vocab);
    gn_normaliser_release(&t->normaliser);
    gn_splitter_release(&t->splitter);
    gn_decoder_release(&t->decoder);
    gn_finder_release(&t->raw);
    gn_finder_release(&t->normalised);
    free(t->added);
    gn_ids_release(&t->before);
    gn_ids_release(&t->after);
    gn_str_release(&t->repaired);
    gn_str_release(&t->normal);
    gn_arena_release(&t->arena);
    free(t);
}

bool gn_merges_init(gn_merges *m, size_t count, gn_error *e) {
    *m = (gn_merges){.merge = malloc((count + 1) * sizeof *m->merge)};
    return m->merge || gn_fail(e, GN_NO_MEMORY, "out of memory for %zu merges", count);
}

void gn_merges_release(gn_merges *m) {
    free(m->merge);
    gn_str_release(&m->joined);
    *m = (gn_merges){0};
}

/* Is the piece of id left and right, one after the other? */
static bool is_joined(const gn_vocab *v, int32_t id, gn_slice left, gn_slice right) {
    if (id < 0 || id >= v->size || !(v->mark[id] & GN_PIECE_PLAIN))
        return false;
    const gn_slice piece = v->piece[id];
    return piece.len == left.len + right.len && memcmp(piece.data, left.data, left.len) == 0 &&
           memcmp(piece.data + left.len, right.data, right.len) == 0;
}

/* The id of a piece that merging knows: an added token among them is a plain piece too. */
static int32_t merged_id(gn_merges *m, gn_vocab *v, gn_slice piece) {
    gn_error no_memory = {0};
    int32_t id = gn_vocab_plain(v, piece);
    if (id < 0 && m->mixed && (id = gn_vocab_added(v, piece)) >= 0 &&
        !gn_vocab_put(v, id, v->piece[id], GN_PIECE_PLAIN, &no_memory))
        m->joined.failed = true;
    return id;
}

/* The id of left and right joined; looked up only where the next in order is not it. */
static int32_t joined_id(gn_merges *m, gn_vocab *v, gn_slice left, gn_slice right) {
    if (is_joined(v, m->expect, left, right))
        return m->expect;
    gn_str_cut(&m->joined, 0);
    gn_str_add(&m->joined, left);
    gn_str_add(&m->joined, right);
    return m->joined.failed ? -1 : merged_id(m, v, gn_str_slice(&m->joined));
}

bool gn_merges_add(gn_merges *m, gn_vocab *v, gn_slice left, gn_slice right, gn_error *e) {
    const gn_merge merge = {merged_id(m, v, left), merged_id(m, v, right),
                            joined_id(m, v, left, right)};
    if (!gn_str_ok(&m->joined, e))
        return false;
    if (merge.left < 0 || merge.right < 0 || merge.made < 0)
        return gn_fail(e, GN_FORMAT, "merge %zu, '%.*s' and '%.*s': %s is not in the vocabulary",
                       m->count, (int)left.len, left.data, (int)right.len, right.data,
                       merge.left < 0    ? "the first"
                       : merge.right < 0 ? "the second"
                                         : "what they make");
    m->merge[m->count++] = merge;
    m->expect = merge.made + 1;
    return true;
}

bool gn_merges_add_line(gn_merges *m, gn_vocab *v, gn_slice line, gn_error *e) {
    const char *space = line.len ? memchr(line.data, ' ', line.len) : NULL;
    if (!space)
        return gn_fail(e, GN_FORMAT, "merge %zu, '%.*s': want two pieces with a space between",
                       m->count, (int)line.len, line.data);
    const size_t at = (size_t)(space - line.data);
    return gn_merges_add(m, v, (gn_slice){line.data, at}, gn_slice_from(line, at + 1), e);
}

static void put_32(gn_str *s, int32_t v) {
    const uint32_t u = (uint32_t)v;
    const char byte[4] = {(char)u, (char)(u >> 8), (char)(u >> 16), (char)(u >> 24)};
    gn_str_add(s, (gn_slice){byte, 4});
}

/* Everything that decides what text becomes which tokens and back, in one fixed order. */
static void serialise(const gn_tokenizer *t, const gn_merges *m, const gn_bpe_options *o,
                      gn_str *s) {
    gn_str_fmt(s, "gneiss tokenizer 1\nbpe %d %d %d %d %d\n", o->bytes, o->ignore_merges,
               o->byte_fallback, o->fuse_unknown, o->unknown);
    gn_normaliser_describe(&t->normaliser, s);
    gn_splitter_describe(&t->splitter, s);
    gn_decoder_describe(&t->decoder, s);
    for (size_t k = 0; k < t->before.count; k++)
        gn_str_fmt(s, "before %d\n", t->before.id[k]);
    for (size_t k = 0; k < t->after.count; k++)
        gn_str_fmt(s, "after %d\n", t->after.id[k]);
    for (int k = 0; k < t->n_added; k++) {
        const gn_added *a = &t->added[k];
        gn_str_fmt(s, "added %d %d %d %d %d %d\n", a->id, a->single_word, a->left, a->right,
                   a->normalised, a->special);
    }
    for (int id = 0; id < t->vocab.size; id++) {
        put_32(s, t->vocab.mark[id]);
        put_32(s, (int32_t)gn_vocab_shown(&t->vocab, id).len);
        gn_str_add(s, gn_vocab_shown(&t->vocab, id));
    }
    for (size_t k = 0; k < m->count; k++) {
        put_32(s, m->merge[k].left);
        put_32(s, m->merge[k].right);
        put_32(s, m->merge[k].made);
    }
}

static bool make_digest(gn_tokenizer *t, const gn_merges *m, gn_error *e) {
    gn_str s = {0};
    serialise(t, m, &t->options, &s);
    t->digested = gn_str_ok(&s, e);
    if (t->digested)
        gn_sha256_of(s.data, s.len, t->sha);
    gn_str_release(&s);
    return t->digested;
}

/* What is looked for: the content, or the content as the normaliser leaves it. */
static bool make_patterns(gn_tokenizer *t, gn_error *e) {
    for (int k = 0; k < t->n_added; k++) {
        gn_added *a = &t->added[k];
        a->pattern = a->content;
        if (!a->normalised || t->normaliser.count == 0)
            continue;
        if (!gn_normaliser_run(&t->normaliser, a->content, &t->normal, e))
            return false;
        a->pattern = gn_arena_copy(&t->arena, gn_str_slice(&t->normal));
        if (!a->pattern.data)
            return gn_fail(e, GN_NO_MEMORY, "out of memory for %d added tokens", t->n_added);
        if (!gn_vocab_show(&t->vocab, a->id, a->pattern, e))
            return false;
    }
    return gn_finder_init(&t->raw, t->added, t->n_added, false, e) &&
           gn_finder_init(&t->normalised, t->added, t->n_added, true, e);
}

static bool spell(const void *user, gn_slice piece, gn_str *out, gn_error *e) {
    return gn_decoder_piece(user, piece, out, e);
}

static bool finish(gn_tokenizer *t, gn_bpe_options options, gn_error *e) {
    t->options = options;
    return make_patterns(t, e) && gn_vocab_spell(&t->vocab, spell, &t->decoder, e);
}

bool gn_tokenizer_finish(gn_tokenizer *t, const gn_merges *m, gn_bpe_options options, gn_error *e) {
    return finish(t, options, e) &&
           (t->bpe = gn_bpe_new(&t->vocab, m->merge, m->count, options, e)) && make_digest(t, m, e);
}

bool gn_tokenizer_finish_later(gn_tokenizer *t, const gn_value *lines, gn_bpe_options options,
                               gn_error *e) {
    t->lines = lines;
    return finish(t, options, e);
}

/* The merges that wait, read. */
static bool read_lines(gn_tokenizer *t, gn_merges *m, gn_error *e) {
    const size_t count = gn_value_count(t->lines);
    if (!gn_vocab_index(&t->vocab, e) || !gn_merges_init(m, count, e))
        return false;
    m->mixed = true;
    bool ok = true;
    gn_each lines = gn_each_of(t->lines);
    while (ok && m->count < count) {
        gn_slice line = {0}; /* what is no string is no merge either */
        gn_each_text(&lines, &line);
        ok = gn_merges_add_line(m, &t->vocab, line, e);
    }
    return ok || gn_context(e, "tokenizer");
}

/* Whatever still waits: what merges text, and if asked for the digest. */
static bool make_ready(gn_tokenizer *t, bool digest, gn_error *e) {
    gn_merges m = {0};
    if (t->bpe && (t->digested || !digest))
        return true;
    const bool ok = read_lines(t, &m, e) &&
                    (t->bpe || (t->bpe = gn_bpe_new(&t->vocab, m.merge, m.count, t->options, e))) &&
                    (!digest || make_digest(t, &m, e));
    gn_merges_release(&m);
    return ok;
}

/* --- encoding --- */

typedef struct sink {
    gn_bpe *bpe;
    gn_ids *out;
} sink;

static bool take_piece(void *user, gn_slice piece, gn_error *e) {
    const sink *s = user;
    return gn_bpe_encode(s->bpe, piece, s->out, e);
}

static bool encode_plain(gn_tokenizer *t, gn_slice text, gn_ids *out, gn_error *e) {
    sink s = {t->bpe, out};
    return gn_splitter_run(&t->splitter, text, take_piece, &s, e);
}

/* Text without raw added tokens: normalise it, then cut out the others. */
static bool encode_between(gn_tokenizer *t, gn_slice text, bool literal, gn_ids *out, gn_error *e) {
    if (t->normaliser.count) {
        if (!gn_normaliser_run(&t->normaliser, text, &t->normal, e))
            return false;
        text = gn_str_slice(&t->normal);
    }
    if (literal || t->normalised.count == 0)
        return encode_plain(t, text, out, e);
    gn_walk walk = {0};
    for (gn_stretch s; gn_finder_next(&t->normalised, text, &walk, &s);) {
        const gn_slice part = {text.data + s.begin, s.end - s.begin};
        const bool ok =
            s.token ? gn_ids_add(out, s.token->id) || gn_fail(e, GN_NO_MEMORY, "out of memory")
                    : encode_plain(t, part, out, e);
        if (!ok)
            return false;
    }
    return true;
}

static bool encode_text(gn_tokenizer *t, gn_slice text, bool literal, gn_ids *out, gn_error *e) {
    if (literal)
        return encode_between(t, text, true, out, e);
    gn_walk walk = {0};
    for (gn_stretch s; gn_finder_next(&t->raw, text, &walk, &s);) {
        const gn_slice part = {text.data + s.begin, s.end - s.begin};
        const bool ok =
            s.token ? gn_ids_add(out, s.token->id) || gn_fail(e, GN_NO_MEMORY, "out of memory")
                    : encode_between(t, part, false, out, e);
        if (!ok)
            return false;
    }
    return true;
}

static bool add_ids(const gn_ids *ids, gn_ids *out, gn_error *e) {
    return gn_ids_append(out, ids->id, ids->count) || gn_fail(e, GN_NO_MEMORY, "out of memory");
}

bool gn_encode(gn_tokenizer *t, gn_slice text, unsigned flags, gn_ids *out, gn_error *e) {
    const size_t count = out->count;
    const bool special = flags & GN_ADD_SPECIAL;
    if (!make_ready(t, false, e))
        return false;
    if (!gn_utf8_valid(text)) {
        gn_str_cut(&t->repaired, 0);
        gn_utf8_repair(&t->repaired, text);
        if (!gn_str_ok(&t->repaired, e))
            return false;
        text = gn_str_slice(&t->repaired);
    }
    if ((special && !add_ids(&t->before, out, e)) ||
        !encode_text(t, text, flags & GN_LITERAL, out, e) ||
        (special && !add_ids(&t->after, out, e))) {
        out->count = count;
        return false;
    }
    return true;
}

/* --- decoding --- */

static bool decode_bytes(const gn_tokenizer *t, const int32_t *id, size_t n, bool skip_special,
                         gn_str *out, gn_error *e) {
    gn_str bytes = {0};
    for (size_t k = 0; k < n; k++)
        if (!skip_special || !gn_token_is_special(t, id[k]))
            gn_str_add(&bytes, gn_vocab_bytes(&t->vocab, id[k]));
    const bool ok = gn_str_ok(&bytes, e);
    if (ok)
        gn_utf8_repair(out, gn_str_slice(&bytes));
    gn_str_release(&bytes);
    return ok && gn_str_ok(out, e);
}

static bool decode_pieces(const gn_tokenizer *t, const int32_t *id, size_t n, bool skip_special,
                          gn_str *out, gn_error *e) {
    gn_slice *piece = malloc((n + 1) * sizeof *piece);
    size_t count = 0;
    if (!piece)
        return gn_fail(e, GN_NO_MEMORY, "out of memory for the text of %zu tokens", n);
    for (size_t k = 0; k < n; k++)
        if (t->vocab.mark[id[k]] && (!skip_special || !gn_token_is_special(t, id[k])))
            piece[count++] = gn_vocab_shown(&t->vocab, id[k]);
    const bool ok = gn_decoder_run(&t->decoder, piece, count, out, e);
    free(piece);
    return ok;
}

bool gn_decode(const gn_tokenizer *t, const int32_t *id, size_t n, bool skip_special, gn_str *out,
               gn_error *e) {
    for (size_t k = 0; k < n; k++)
        if (id[k] < 0 || id[k] >= t->vocab.size)
            return gn_fail(e, GN_INVALID, "token %zu: id %d is not in the vocabulary of %d", k,
                           id[k], t->vocab.size);
    return t->decoder.bytes ? decode_bytes(t, id, n, skip_special, out, e)
                            : decode_pieces(t, id, n, skip_special, out, e);
}

/* --- looking in --- */

gn_slice gn_token_bytes(const gn_tokenizer *t, int32_t id) {
    return gn_vocab_has(&t->vocab, id) ? gn_vocab_bytes(&t->vocab, id) : GN_S("");
}

gn_slice gn_token_piece(const gn_tokenizer *t, int32_t id) {
    return gn_vocab_has(&t->vocab, id) ? gn_vocab_shown(&t->vocab, id) : GN_S("");
}

bool gn_token_is_special(const gn_tokenizer *t, int32_t id) {
    return gn_vocab_has(&t->vocab, id) && (t->vocab.mark[id] & GN_PIECE_SPECIAL);
}

bool gn_token_is_added(const gn_tokenizer *t, int32_t id) {
    return gn_vocab_has(&t->vocab, id) && (t->vocab.mark[id] & GN_PIECE_ADDED);
}

int32_t gn_token_find(const gn_tokenizer *t, gn_slice piece) {
    const int32_t added = gn_vocab_added(&t->vocab, piece);
    return added >= 0 ? added : gn_vocab_plain(&t->vocab, piece);
}

int gn_tokenizer_size(const gn_tokenizer *t) { return t->vocab.size; }

int32_t gn_tokenizer_named(const gn_tokenizer *t, const char *name) {
    for (int k = 0; k < GN_NAMED_TOKENS; k++)
        if (strcmp(name, gn_named_token[k]) == 0)
            return t->named[k];
    return -1;
}

bool gn_tokenizer_adds_bos(const gn_tokenizer *t) {
    const int32_t bos = gn_tokenizer_named(t, "bos");
    return t->before.count && (bos < 0 || t->before.id[0] == bos);
}

const char *gn_tokenizer_kind(const gn_tokenizer *t) {
    (void)t;
    return "bpe";
}

const char *gn_tokenizer_pre(const gn_tokenizer *t) { return t->pre; }

bool gn_tokenizer_sha(gn_tokenizer *t, uint8_t digest[32], gn_error *e) {
    if (!make_ready(t, true, e))
        return false;
    memcpy(digest, t->sha, sizeof t->sha);
    return true;
}

/* --- streaming --- */

static void put_character(gn_str *out, gn_slice s, size_t at, size_t len, int32_t cp) {
    gn_str_add(out, cp < 0 ? GN_S("\xEF\xBF\xBD") : (gn_slice){s.data + at, len});
}

void gn_text_stream_add(gn_text_stream *s, gn_slice bytes, gn_str *out) {
    /* What is held and the bytes that can complete it. */
    char window[8];
    const size_t held = (size_t)s->n, more = bytes.len < 4 ? bytes.len : 4;
    if (held) {
        memcpy(window, s->held, held);
        memcpy(window + held, bytes.data, more);
        const gn_slice text = {window, held + more};
        const size_t open = gn_utf8_partial(text);
        size_t at = 0;
        while (at < held && at + open < text.len) {
            int32_t cp;
            const size_t len = gn_utf8_next(text, at, &cp);
            put_character(out, text, at, len, cp);
            at += len;
        }
        if (at < held) { /* every byte is still part of one character */
            memcpy(s->held, window + at, text.len - at);
            s->n = (int)(text.len - at);
            return;
        }
        bytes = gn_slice_from(bytes, at - held);
    }
    const size_t open = gn_utf8_partial(bytes);
    gn_utf8_repair(out, (gn_slice){bytes.data, bytes.len - open});
    assert(open < sizeof s->held);
    memcpy(s->held, bytes.data + bytes.len - open, open);
    s->n = (int)open;
}

void gn_text_stream_end(gn_text_stream *s, gn_str *out) {
    if (s->n)
        gn_str_puts(out, "\xEF\xBF\xBD");
    s->n = 0;
}

/* decode.c - see decode.h. */
#include "core/text/decode.h"

#include "core/base/unicode.h"
#include "core/base/vec.h"
#include "core/text/alphabet.h"

#include <stdlib.h>

/* Texts on their way through the steps; the characters lie in the arena. */
typedef struct texts {
    gn_slice *at;
    size_t count, room;
} texts;

static bool add(texts *t, gn_slice text) {
    if (!gn_vec_reserve(&t->at, &t->room, t->count + 1, sizeof *t->at))
        return false;
    t->at[t->count++] = text;
    return true;
}

/* The bytes of a piece in the alphabet; the piece itself if a character is none of it. */
static void unmap(gn_slice piece, gn_str *out) {
    char *room = gn_str_room(out, piece.len);
    size_t n = 0;
    for (size_t i = 0; room && i < piece.len;) {
        int32_t cp = (uint8_t)piece.data[i];
        i += cp < 0x80 ? 1 : gn_utf8_next(piece, i, &cp);
        const int byte = gn_alphabet_byte(cp);
        if (byte < 0) {
            gn_str_add(out, piece);
            return;
        }
        room[n++] = (char)byte;
    }
    out->len += n;
    if (room)
        room[n] = '\0';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that <0x..> is, -1 for any other text. */
static int fallback_byte(gn_slice text) {
    if (text.len != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    const int high = hex_digit(text.data[3]), low = hex_digit(text.data[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Bytes that stood together: their text, or a U+FFFD for each if they are no UTF-8. */
static bool flush(texts *out, gn_str *bytes, gn_arena *a) {
    bool ok = !bytes->failed;
    if (bytes->len && gn_utf8_valid(gn_str_slice(bytes))) {
        const gn_slice text = gn_arena_copy(a, gn_str_slice(bytes));
        ok = ok && text.data && add(out, text);
    } else {
        for (size_t k = 0; ok && k < bytes->len; k++)
            ok = add(out, GN_S("\xEF\xBF\xBD"));
    }
    gn_str_cut(bytes, 0);
    return ok;
}

static bool fall_back(const texts *in, texts *out, gn_arena *a) {
    gn_str bytes = {0};
    bool ok = true;
    for (size_t k = 0; ok && k < in->count; k++) {
        const int byte = fallback_byte(in->at[k]);
        if (byte >= 0)
            gn_str_putc(&bytes, (char)byte);
        else
            ok = flush(out, &bytes, a) && add(out, in->at[k]);
    }
    ok = ok && flush(out, &bytes, a);
    gn_str_release(&bytes);
    return ok;
}

/* All texts as one; unmapped first where they are in the alphabet. */
static bool fuse(const texts *in, texts *out, bool alphabet, gn_arena *a) {
    gn_str all = {0}, repaired = {0};
    for (size_t k = 0; k < in->count; k++)
        if (alphabet)
            unmap(in->at[k], &all);
        else
            gn_str_add(&all, in->at[k]);
    gn_utf8_repair(&repaired, gn_str_slice(&all));
    const gn_slice text = gn_arena_copy(a, gn_str_slice(&repaired));
    const bool ok = !all.failed && !repaired.failed && text.data && add(out, text);
    gn_str_release(&all);
    gn_str_release(&repaired);
    return ok;
}

static gn_slice strip(const gn_decode_step *step, gn_slice text) {
    for (int64_t k = 0; k < step->left && gn_slice_starts(text, step->text); k++)
        text = gn_slice_from(text, step->text.len);
    for (int64_t k = 0; k < step->right && gn_slice_ends(text, step->text); k++)
        text.len -= step->text.len;
    return text;
}

static bool apply(const gn_decode_step *step, const texts *in, texts *out, gn_arena *a,
                  gn_error *e) {
    bool ok = true;
    switch (step->kind) {
    case GN_DECODE_BYTES:
        ok = fuse(in, out, true, a);
        break;
    case GN_DECODE_FUSE:
        ok = fuse(in, out, false, a);
        break;
    case GN_DECODE_FALLBACK:
        ok = fall_back(in, out, a);
        break;
    case GN_DECODE_STRIP:
        for (size_t k = 0; ok && k < in->count; k++)
            ok = add(out, strip(step, in->at[k]));
        break;
    case GN_DECODE_REPLACE:
        for (size_t k = 0; ok && k < in->count; k++) {
            gn_str text = {0};
            if (!gn_pattern_replace(&step->pattern, in->at[k], step->text, &text, e)) {
                gn_str_release(&text);
                return false;
            }
            const gn_slice copy = gn_arena_copy(a, gn_str_slice(&text));
            gn_str_release(&text);
            ok = copy.data && add(out, copy);
        }
        break;
    }
    return ok || gn_fail(e, GN_NO_MEMORY, "out of memory for the text of %zu tokens", in->count);
}

bool gn_decoder_run(const gn_decoder *d, const gn_slice *piece, size_t n, gn_str *out,
                    gn_error *e) {
    gn_arena arena = {0};
    texts now = {0};
    bool ok = true;
    for (size_t k = 0; ok && k < n; k++)
        ok = add(&now, piece[k]) || gn_fail(e, GN_NO_MEMORY, "out of memory for %zu tokens", n);
    for (int k = 0; ok && k < d->count; k++) {
        texts next = {0};
        ok = apply(&d->step[k], &now, &next, &arena, e);
        free(now.at);
        now = next;
    }
    for (size_t k = 0; ok && k < now.count; k++)
        gn_utf8_repair(out, now.at[k]);
    free(now.at);
    gn_arena_release(&arena);
    return ok && gn_str_ok(out, e);
}

bool gn_decoder_piece(const gn_decoder *d, gn_slice piece, gn_str *out, gn_error *e) {
    gn_str text = {0};
    bool ok = true, whole = true; /* whole: characters, for a pattern to read */
    if (d->bytes) {
        unmap(piece, out);
        return gn_str_ok(out, e);
    }
    gn_str_add(&text, piece);
    for (int k = 0; ok && whole && k < d->count; k++) {
        const gn_decode_step *step = &d->step[k];
        const int byte = fallback_byte(gn_str_slice(&text));
        gn_str next = {0};
        if (step->kind == GN_DECODE_REPLACE)
            ok = gn_pattern_replace(&step->pattern, gn_str_slice(&text), step->text, &next, e);
        else if (step->kind == GN_DECODE_BYTES)
            unmap(gn_str_slice(&text), &next);
        else if (step->kind == GN_DECODE_FALLBACK && byte >= 0)
            gn_str_putc(&next, (char)byte);
        else
            continue;
        gn_str_release(&text);
        text = next;
        whole = gn_utf8_valid(gn_str_slice(&text));
    }
    gn_str_add(out, gn_str_slice(&text));
    ok = ok && gn_str_ok(&text, e);
    gn_str_release(&text);
    return ok;
}

void gn_decoder_byte_level(gn_decoder *d) {
    d->step[d->count++] = (gn_decode_step){.kind = GN_DECODE_BYTES};
    d->bytes = d->count == 1;
}

void gn_decoder_release(gn_decoder *d) {
    for (int k = 0; k < d->count; k++)
        gn_pattern_release(&d->step[k].pattern);
    *d = (gn_decoder){0};
}

static bool keep_text(gn_slice *out, const gn_value *json, gn_arena *a, gn_error *e) {
    const gn_value *v = gn_value_get(json, GN_S("content"));
    if (!gn_value_is(v, GN_STRING))
        return gn_fail(e, GN_FORMAT, "decoder: no string 'content'");
    *out = gn_arena_copy(a, v->string);
    return out->data || gn_fail(e, GN_NO_MEMORY, "out of memory");
}

static bool parse_strip(gn_decode_step *step, const gn_value *json, gn_arena *a, gn_error *e) {
    if (!keep_text(&step->text, json, a, e))
        return false;
    if (gn_utf8_count(step->text) != 1 ||
        !gn_value_to_integer(gn_value_get(json, GN_S("start")), &step->left) ||
        !gn_value_to_integer(gn_value_get(json, GN_S("stop")), &step->right))
        return gn_fail(e, GN_FORMAT, "decoder: Strip wants one character and two counts");
    return true;
}

static bool parse_step(gn_decode_step *step, const gn_value *json, gn_arena *a, gn_error *e) {
    const gn_slice type = gn_value_text(gn_value_get(json, GN_S("type")));
    if (gn_slice_is(type, "ByteLevel")) {
        step->kind = GN_DECODE_BYTES;
    } else if (gn_slice_is(type, "Fuse")) {
        step->kind = GN_DECODE_FUSE;
    } else if (gn_slice_is(type, "ByteFallback")) {
        step->kind = GN_DECODE_FALLBACK;
    } else if (gn_slice_is(type, "Replace")) {
        step->kind = GN_DECODE_REPLACE;
        return keep_text(&step->text, json, a, e) &&
               gn_pattern_parse(&step->pattern, gn_value_get(json, GN_S("pattern")), a, e);
    } else if (gn_slice_is(type, "Strip")) {
        step->kind = GN_DECODE_STRIP;
        return parse_strip(step, json, a, e);
    } else {
        return gn_fail(e, GN_UNSUPPORTED, "decoder: type '%.*s' is not supported", (int)type.len,
                       type.data);
    }
    return true;
}

bool gn_decoder_parse(gn_decoder *d, const gn_value *json, gn_arena *a, gn_error *e) {
    if (gn_slice_is(gn_value_text(gn_value_get(json, GN_S("type"))), "Sequence")) {
        const gn_value *list = gn_value_get(json, GN_S("decoders"));
        for (size_t k = 0; k < gn_value_count(list); k++)
            if (!gn_decoder_parse(d, gn_value_at(list, k), a, e))
                return false;
        return true;
    }
    if (d->count == GN_MAX_DECODES)
        return gn_fail(e, GN_UNSUPPORTED, "decoder: more than %d steps", GN_MAX_DECODES);
    if (!parse_step(&d->step[d->count], json, a, e))
        return false;
    d->count++;
    d->bytes = d->count == 1 && d->step[0].kind == GN_DECODE_BYTES;
    return true;
}

void gn_decoder_describe(const gn_decoder *d, gn_str *out) {
    for (int k = 0; k < d->count; k++) {
        const gn_decode_step *step = &d->step[k];
        gn_str_fmt(out, "decode %d %lld %lld %zu:", step->kind, (long long)step->left,
                   (long long)step->right, step->text.len);
        gn_str_add(out, step->text);
        if (step->kind == GN_DECODE_REPLACE)
            gn_pattern_describe(&step->pattern, out);
        gn_str_putc(out, '\n');
    }
}

/* normal.c - see normal.h. */
#include "core/text/normal.h"

#include "core/base/unicode.h"
#include "core/text/flag.h"

/* Character by character, as Rust's char::to_lowercase: no final sigma, and one
 * character alone, U+0130, becomes two. */
static void lower(gn_slice text, gn_str *out) {
    for (size_t i = 0; i < text.len;) {
        int32_t cp;
        char c[4];
        i += gn_utf8_next(text, i, &cp);
        if (cp == 0x130)
            gn_str_puts(out, "i\xCC\x87");
        else
            gn_str_add(out, (gn_slice){c, gn_utf8_put(c, gn_lower(cp))});
    }
}

static gn_slice strip(gn_slice text, bool left, bool right) {
    size_t begin = text.len, end = 0, len;
    for (size_t i = 0; i < text.len; i += len)
        if (!(gn_class_at(text, i, &len) & GN_CLASS_SPACE)) {
            begin = begin < i ? begin : i;
            end = i + len;
        }
    begin = left ? begin : 0;
    end = right ? (end > begin ? end : begin) : text.len;
    return (gn_slice){text.data + begin, end - begin};
}

static bool apply(const gn_normal *step, gn_slice text, gn_str *out, gn_error *e) {
    switch (step->kind) {
    case GN_NORMAL_NFC:
        return gn_text_nfc(out, text, e);
    case GN_NORMAL_NFD:
        return gn_text_nfd(out, text, e);
    case GN_NORMAL_NFKC:
        return gn_text_nfkc(out, text, e);
    case GN_NORMAL_NFKD:
        return gn_text_nfkd(out, text, e);
    case GN_NORMAL_LOWER:
        lower(text, out);
        return true;
    case GN_NORMAL_PREPEND:
        if (text.len)
            gn_str_add(out, step->text);
        gn_str_add(out, text);
        return true;
    case GN_NORMAL_REPLACE:
        return gn_pattern_replace(&step->pattern, text, step->text, out, e);
    case GN_NORMAL_STRIP:
        gn_str_add(out, strip(text, step->left, step->right));
        return true;
    }
    return true;
}

bool gn_normaliser_run(const gn_normaliser *n, gn_slice text, gn_str *out, gn_error *e) {
    gn_str other = {0};
    gn_str_cut(out, 0);
    if (n->count == 0)
        gn_str_add(out, text);
    for (int k = 0; k < n->count; k++) {
        gn_str was = *out;
        *out = other;
        other = was;
        gn_str_cut(out, 0);
        if (!apply(&n->step[k], k ? gn_str_slice(&other) : text, out, e)) {
            gn_str_release(&other);
            return false;
        }
    }
    const bool ok = !other.failed;
    gn_str_release(&other);
    return (ok || gn_fail(e, GN_NO_MEMORY, "out of memory")) && gn_str_ok(out, e);
}

void gn_normaliser_release(gn_normaliser *n) {
    for (int k = 0; k < n->count; k++)
        gn_pattern_release(&n->step[k].pattern);
    *n = (gn_normaliser){0};
}

static bool add(gn_normaliser *n, gn_normal step, gn_error *e) {
    if (n->count == GN_MAX_NORMALS) {
        gn_pattern_release(&step.pattern);
        return gn_fail(e, GN_UNSUPPORTED, "normalizer: more than %d steps", GN_MAX_NORMALS);
    }
    n->step[n->count++] = step;
    return true;
}

static bool keep_text(gn_slice *out, const gn_value *json, const char *name, gn_arena *a,
                      gn_error *e) {
    const gn_value *v = gn_value_get(json, gn_slice_of(name));
    if (!gn_value_is(v, GN_STRING))
        return gn_fail(e, GN_FORMAT, "normalizer: no string '%s'", name);
    *out = gn_arena_copy(a, v->string);
    return out->data || gn_fail(e, GN_NO_MEMORY, "out of memory");
}

static bool parse_sequence(gn_normaliser *n, const gn_value *json, gn_arena *a, gn_error *e) {
    const gn_value *list = gn_value_get(json, GN_S("normalizers"));
    for (size_t k = 0; k < gn_value_count(list); k++)
        if (!gn_normaliser_parse(n, gn_value_at(list, k), a, e))
            return false;
    return true;
}

bool gn_normaliser_parse(gn_normaliser *n, const gn_value *json, gn_arena *a, gn_error *e) {
    static const char *const name[] = {"NFC", "NFD", "NFKC", "NFKD", "Lowercase"};
    if (!json || gn_value_is(json, GN_NULL))
        return true;

    const gn_slice type = gn_value_text(gn_value_get(json, GN_S("type")));
    gn_normal step = {0};
    if (gn_slice_is(type, "Sequence"))
        return parse_sequence(n, json, a, e);
    for (int k = 0; k < 5; k++)
        if (gn_slice_is(type, name[k]))
            return add(n, (gn_normal){.kind = (gn_normal_kind)k}, e);
    if (gn_slice_is(type, "Prepend")) {
        step.kind = GN_NORMAL_PREPEND;
        return keep_text(&step.text, json, "prepend", a, e) && add(n, step, e);
    }
    if (gn_slice_is(type, "Strip")) {
        step.kind = GN_NORMAL_STRIP;
        return gn_flag(&step.left, json, "strip_left", false, e) &&
               gn_flag(&step.right, json, "strip_right", false, e) && add(n, step, e);
    }
    if (gn_slice_is(type, "Replace")) {
        step.kind = GN_NORMAL_REPLACE;
        return keep_text(&step.text, json, "content", a, e) &&
               gn_pattern_parse(&step.pattern, gn_value_get(json, GN_S("pattern")), a, e) &&
               add(n, step, e);
    }
    return gn_fail(e, GN_UNSUPPORTED, "normalizer: type '%.*s' is not supported", (int)type.len,
                   type.data);
}

void gn_normaliser_describe(const gn_normaliser *n, gn_str *out) {
    for (int k = 0; k < n->count; k++) {
        const gn_normal *step = &n->step[k];
        gn_str_fmt(out, "normal %d %d %d %zu:", step->kind, step->left, step->right,
                   step->text.len);
        gn_str_add(out, step->text);
        if (step->kind == GN_NORMAL_REPLACE)
            gn_pattern_describe(&step->pattern, out);
        gn_str_putc(out, '\n');
    }
}

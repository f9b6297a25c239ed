/* json.c - see json.h.
 *
 * json-c reads grammar and values. A glance at the text comes first, for what
 * json-c lets pass: ill-formed UTF-8, control characters in strings, numbers
 * such as "1.", NUL in a key (it would cut the key short), integers of more than
 * 64 bits (it would clip them; written with an exponent they become doubles).
 */
#include "core/base/json.h"

#include "core/base/unicode.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include <json-c/json.h>

enum { DEEPEST = 512 };

static bool broken(gn_slice text, size_t at, gn_code code, const char *what, gn_error *e) {
    size_t line = 1, begin = 0;
    at = at < text.len ? at : text.len;
    for (size_t i = 0; i < at; i++)
        if (text.data[i] == '\n') {
            line++;
            begin = i + 1;
        }
    const size_t column = gn_utf8_count((gn_slice){text.data + begin, at - begin}) + 1;
    gn_fail(e, code, "line %zu, column %zu: %s", line, column, what);
    return gn_where(e, "line %zu", line);
}

typedef struct glance {
    gn_slice text;
    size_t at;
    int depth;
    bool ended;    /* a whole value stands before `at` */
    size_t copied; /* of text, into wider */
    gn_str wider;  /* the text with large integers as doubles, once there is one */
} glance;

/* From the quote at `at` to behind the closing one. An open end is left to json-c. */
static bool skip_string(glance *g, gn_error *e) {
    const gn_slice t = g->text;
    const size_t begin = g->at;
    bool has_nul = false;
    size_t i = begin + 1;
    while (i < t.len && t.data[i] != '"') {
        if ((uint8_t)t.data[i] < 0x20)
            return broken(t, i, GN_FORMAT, "a control character in a string must be escaped", e);
        if (t.data[i] == '\\') {
            has_nul = has_nul || gn_slice_starts(gn_slice_from(t, i), GN_S("\\u0000"));
            i++;
        }
        i++;
    }
    g->at = i < t.len ? i + 1 : t.len;
    if (!has_nul)
        return true;
    for (i = g->at; i < t.len && strchr(" \t\r\n", t.data[i]); i++)
        ;
    return i >= t.len || t.data[i] != ':' ||
           broken(t, begin, GN_UNSUPPORTED, "a key with a NUL character", e);
}

/* -?(0|[1-9]digits)(.digits)?([eE][-+]?digits)?, followed by nothing of a number. */
static bool skip_number(glance *g, gn_error *e) {
    const char *data = g->text.data, *end = data + g->text.len, *p = data + g->at;
    const char *const begin = p;
    bool whole = true, ok;
    p += *p == '-';
    const char *digits = p;
    while (p < end && isdigit((unsigned char)*p))
        p++;
    ok = p > digits && (*digits != '0' || p == digits + 1);
    if (ok && p < end && *p == '.') {
        whole = false;
        digits = ++p;
        while (p < end && isdigit((unsigned char)*p))
            p++;
        ok = p > digits;
    }
    if (ok && p < end && (*p == 'e' || *p == 'E')) {
        whole = false;
        p++;
        p += p < end && (*p == '+' || *p == '-');
        digits = p;
        while (p < end && isdigit((unsigned char)*p))
            p++;
        ok = p > digits;
    }
    if (!ok || (p < end && strchr("+-.0123456789eE", *p) && *p))
        return broken(g->text, g->at, GN_FORMAT, "this is no number as JSON writes them", e);

    int64_t v;
    g->at = (size_t)(p - data);
    if (whole && !gn_parse_integer((gn_slice){begin, (size_t)(p - begin)}, &v)) {
        gn_str_add(&g->wider, (gn_slice){data + g->copied, g->at - g->copied});
        gn_str_puts(&g->wider, "e0");
        g->copied = g->at;
    }
    return true;
}

/* One token: brackets are counted, strings and numbers looked into. */
static bool skip_token(glance *g, gn_error *e) {
    const char c = g->text.data[g->at];
    if (g->ended)
        return broken(g->text, g->at, GN_FORMAT, "text after the value", e);
    if (c == '[' || c == '{') {
        g->at++;
        return ++g->depth <= DEEPEST ||
               broken(g->text, g->at - 1, GN_FORMAT, "nested deeper than 512", e);
    }
    bool ok = true;
    if (c == ']' || c == '}') {
        g->at++;
        g->depth--;
    } else if (c == '"')
        ok = skip_string(g, e);
    else if (isdigit((unsigned char)c) ||
             (c == '-' && !gn_slice_starts(gn_slice_from(g->text, g->at), GN_S("-I"))))
        ok = skip_number(g, e);
    else if (isalpha((unsigned char)c) || c == '-')
        do
            g->at++;
        while (g->at < g->text.len && isalpha((unsigned char)g->text.data[g->at]));
    else {
        g->at++;
        return true; /* comma and colon; anything else json-c refuses */
    }
    g->ended = g->depth <= 0;
    return ok;
}

static bool look_over(glance *g, gn_error *e) {
    if (g->text.len > INT_MAX - 1)
        return gn_fail(e, GN_UNSUPPORTED, "%zu bytes of JSON: more than 2 GiB", g->text.len);
    if (!gn_utf8_valid(g->text)) {
        size_t i = 0;
        int32_t cp;
        for (size_t n; (n = gn_utf8_next(g->text, i, &cp)) > 0 && cp >= 0;)
            i += n;
        return broken(g->text, i, GN_FORMAT, "a byte that is no UTF-8", e);
    }
    while (g->at < g->text.len)
        if (strchr(" \t\r\n", g->text.data[g->at]) && g->text.data[g->at])
            g->at++;
        else if (!skip_token(g, e))
            return false;
    if (g->wider.len || g->wider.failed)
        gn_str_add(&g->wider, gn_slice_from(g->text, g->copied));
    return gn_str_ok(&g->wider, e);
}

/* json-c's tree of the text; *at is where it stopped if that failed. NULL is also
 * its tree for null. Out of memory is json_tokener_error_size here: json-c has no
 * word for it and sometimes ends in success with nothing. */
static enum json_tokener_error read_tree(gn_slice text, struct json_object **tree, size_t *at) {
    struct json_tokener *t = json_tokener_new_ex(DEEPEST + 1);
    *tree = NULL;
    *at = 0;
    if (!t)
        return json_tokener_error_size;
    json_tokener_set_flags(t, JSON_TOKENER_STRICT);
    *tree = json_tokener_parse_ex(t, text.data, (int)text.len);
    enum json_tokener_error why = json_tokener_get_error(t);
    *at = json_tokener_get_parse_end(t);
    if (why == json_tokener_continue) { /* a NUL says that nothing more will come */
        *tree = json_tokener_parse_ex(t, "", 1);
        why = json_tokener_get_error(t);
        *at = text.len;
    }
    json_tokener_free(t);
    if (why == json_tokener_success && !*tree && gn_slice_find(text, GN_S("null")) < 0)
        return json_tokener_error_size;
    return why;
}

static gn_value *convert(gn_arena *a, struct json_object *o);

static gn_value *convert_list(gn_arena *a, struct json_object *o) {
    const size_t n = json_object_array_length(o);
    gn_value *list = gn_value_list(a);
    if (!list || !n)
        return list;
    list->list.item = gn_arena_alloc(a, n * sizeof *list->list.item);
    if (!list->list.item)
        return NULL;
    list->list.capacity = n;
    for (size_t i = 0; i < n; i++)
        if (!gn_value_add(a, list, convert(a, json_object_array_get_idx(o, i))))
            return NULL;
    return list;
}

static gn_value *convert_map(gn_arena *a, struct json_object *o) {
    const size_t n = (size_t)json_object_object_length(o);
    gn_value *map = gn_value_map(a);
    if (!map || !n)
        return map;
    map->map.entry = gn_arena_alloc(a, n * sizeof *map->map.entry);
    if (!map->map.entry)
        return NULL;
    map->map.capacity = n;
    struct json_object_iterator it = json_object_iter_begin(o), end = json_object_iter_end(o);
    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
        const gn_slice key = gn_arena_copy(a, gn_slice_of(json_object_iter_peek_name(&it)));
        if (!key.data || !gn_value_set(a, map, key, convert(a, json_object_iter_peek_value(&it))))
            return NULL;
    }
    return map;
}

static gn_value *convert(gn_arena *a, struct json_object *o) {
    switch (json_object_get_type(o)) {
    case json_type_null:
        return gn_value_null(a);
    case json_type_boolean:
        return gn_value_bool(a, json_object_get_boolean(o) != 0);
    case json_type_int:
        return gn_value_integer(a, json_object_get_int64(o));
    case json_type_double:
        return gn_value_number(a, json_object_get_double(o));
    case json_type_string:
        return gn_value_string(
            a, (gn_slice){json_object_get_string(o), (size_t)json_object_get_string_len(o)});
    case json_type_array:
        return convert_list(a, o);
    case json_type_object:
        return convert_map(a, o);
    }
    return NULL;
}

static gn_value *parse(gn_arena *a, glance *g, gn_error *e) {
    struct json_object *tree;
    size_t at;
    const gn_slice text = g->wider.len ? gn_str_slice(&g->wider) : g->text;
    if (!g->ended && g->depth == 0) {
        broken(g->text, g->text.len, GN_FORMAT, "no value", e);
        return NULL;
    }
    enum json_tokener_error why = read_tree(text, &tree, &at);
    if (why != json_tokener_success && g->wider.len) { /* the same, for its place */
        json_object_put(tree);
        why = read_tree(g->text, &tree, &at);
    }
    gn_value *v = NULL;
    if (why == json_tokener_error_size)
        gn_fail(e, GN_NO_MEMORY, "read %zu bytes of JSON: out of memory", g->text.len);
    else if (why != json_tokener_success)
        broken(g->text, at, GN_FORMAT,
               at >= g->text.len ? "the text ends in the middle" : json_tokener_error_desc(why), e);
    else if (!(v = convert(a, tree)))
        gn_fail(e, GN_NO_MEMORY, "read %zu bytes of JSON: more memory than allowed", g->text.len);
    json_object_put(tree);
    return v;
}

gn_value *gn_json_parse(gn_arena *a, gn_slice text, gn_error *e) {
    glance g = {.text = text.data ? text : GN_S("")};
    gn_value *v = look_over(&g, e) ? parse(a, &g, e) : NULL;
    gn_str_release(&g.wider);
    return v;
}

void gn_json_write_string(gn_str *out, gn_slice text) {
    static const char digit[] = "0123456789abcdef";
    size_t from = 0;
    gn_str_putc(out, '"');
    for (size_t i = 0; i < text.len;) {
        const uint8_t c = (uint8_t)text.data[i];
        int32_t cp = c;
        const size_t n = c < 0x80 ? 1 : gn_utf8_next(text, i, &cp);
        if (c >= 0x20 && c != '"' && c != '\\' && cp >= 0) {
            i += n;
            continue;
        }
        gn_str_add(out, (gn_slice){text.data + from, i - from});
        i += n;
        from = i;
        const char *named = c ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", c) : NULL;
        if (cp < 0)
            gn_str_puts(out, "\xEF\xBF\xBD");
        else if (named)
            gn_str_add(out, (gn_slice){(char[]){'\\', named[1]}, 2});
        else {
            gn_str_puts(out, "\\u00");
            gn_str_putc(out, digit[c >> 4]);
            gn_str_putc(out, digit[c & 15]);
        }
    }
    gn_str_add(out, (gn_slice){text.data + from, text.len - from});
    gn_str_putc(out, '"');
}

void gn_json_write_f32(gn_str *out, float v) {
    if (isfinite(v))
        gn_str_fmt(out, "%.9g", (double)v);
    else
        gn_str_puts(out, "null");
}

void gn_json_write_f64(gn_str *out, double v) {
    if (isnan(v))
        gn_str_puts(out, "NaN");
    else if (isinf(v))
        gn_str_puts(out, v < 0 ? "-Infinity" : "Infinity");
    else {
        const size_t begin = out->len;
        gn_str_number(out, v);
        if (!out->failed && !strpbrk(out->data + begin, ".e"))
            gn_str_puts(out, ".0");
    }
}

static int by_key(const void *a, const void *b) {
    return gn_slice_compare(((const gn_entry *)a)->key, ((const gn_entry *)b)->key);
}

static void write(gn_str *out, const gn_value *v, bool sorted);

static void write_map(gn_str *out, const gn_value *v, bool sorted) {
    const gn_entry *entry = v->map.entry;
    gn_entry *order = NULL;
    if (sorted && v->map.count > 1) {
        order = malloc(v->map.count * sizeof *order);
        if (!order) {
            out->failed = true;
            return;
        }
        memcpy(order, entry, v->map.count * sizeof *order);
        qsort(order, v->map.count, sizeof *order, by_key);
        entry = order;
    }
    gn_str_putc(out, '{');
    for (size_t i = 0; i < v->map.count; i++) {
        if (i)
            gn_str_putc(out, ',');
        gn_json_write_string(out, entry[i].key);
        gn_str_putc(out, ':');
        write(out, entry[i].value, sorted);
    }
    gn_str_putc(out, '}');
    free(order);
}

static void write(gn_str *out, const gn_value *v, bool sorted) {
    switch (v->kind) {
    case GN_NULL:
        gn_str_puts(out, "null");
        break;
    case GN_BOOL:
        gn_str_puts(out, v->boolean ? "true" : "false");
        break;
    case GN_INTEGER:
        gn_str_fmt(out, "%lld", (long long)v->integer);
        break;
    case GN_NUMBER:
        gn_json_write_f64(out, v->number);
        break;
    case GN_STRING:
        gn_json_write_string(out, v->string);
        break;
    case GN_LIST:
        gn_str_putc(out, '[');
        for (size_t i = 0; i < v->list.count; i++) {
            if (i)
                gn_str_putc(out, ',');
            write(out, v->list.item[i], sorted);
        }
        gn_str_putc(out, ']');
        break;
    case GN_MAP:
        write_map(out, v, sorted);
        break;
    default:
        assert(!"a kind that JSON has");
    }
}

void gn_json_write(gn_str *out, const gn_value *v) { write(out, v, false); }
void gn_json_write_canonical(gn_str *out, const gn_value *v) { write(out, v, true); }

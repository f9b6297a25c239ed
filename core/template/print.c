/* print.c - values as Python's str(), repr() and json.dumps() write them. */
#include "core/base/unicode.h"
#include "core/template/runtime.h"

#include <math.h>

typedef struct printer {
    gn_render *r; /* NULL: nowhere to tell of an error */
    gn_str *out;
    int depth;
    const gn_json_style *json;
} printer;

static bool print(printer *p, const gn_value *v, bool repr);

/* ---- pieces ------------------------------------------------------------- */

void gn_print_number(gn_str *out, double v) {
    if (isnan(v) || isinf(v)) {
        gn_str_puts(out, isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
        return;
    }
    const size_t begin = out->len;
    gn_str_number(out, v);
    for (size_t i = begin; i < out->len; i++)
        if (out->data[i] == '.' || out->data[i] == 'e')
            return;
    gn_str_puts(out, ".0");
}

static bool printable(int32_t cp) {
    if (cp < 0x7F)
        return cp >= ' ';
    const char *c = gn_category(cp);
    return c[0] != 'C' && c[0] != 'Z';
}

static void quoted(gn_str *out, gn_slice text) {
    const bool single = memchr(text.data, '\'', text.len), both = memchr(text.data, '"', text.len);
    const char quote = single && !both ? '"' : '\'';
    int32_t cp;
    gn_str_putc(out, quote);
    for (size_t i = 0, n; (n = gn_utf8_next(text, i, &cp)); i += n) {
        if (cp == '\\' || cp == quote)
            gn_str_putc(out, '\\');
        if (cp == '\n' || cp == '\r' || cp == '\t')
            gn_str_puts(out, cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t");
        else if (cp < 0)
            gn_str_fmt(out, "\\x%02x", (unsigned char)text.data[i]);
        else if (printable(cp))
            gn_str_add(out, (gn_slice){text.data + i, n});
        else
            gn_str_fmt(out,
                       cp < 0x100     ? "\\x%02x"
                       : cp < 0x10000 ? "\\u%04x"
                                      : "\\U%08x",
                       (unsigned)cp);
    }
    gn_str_putc(out, quote);
}

void gn_print_escaped(gn_str *out, gn_slice text) {
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        if (c == '&')
            gn_str_puts(out, "&amp;");
        else if (c == '<')
            gn_str_puts(out, "&lt;");
        else if (c == '>')
            gn_str_puts(out, "&gt;");
        else if (c == '"')
            gn_str_puts(out, "&#34;");
        else if (c == '\'')
            gn_str_puts(out, "&#39;");
        else
            gn_str_putc(out, c);
    }
}

static void integer(gn_str *out, int64_t v) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0)
        digits[--at] = '-';
    gn_str_add(out, (gn_slice){digits + at, sizeof digits - at});
}

/* ---- str and repr ------------------------------------------------------- */

static bool deeper(printer *p) {
    if (++p->depth > GN_MAX_NESTING)
        return p->r && gn_render_fail(p->r, GN_INVALID, "values nested too deep to print");
    return !p->r || gn_render_tick(p->r, 1);
}

static bool too_long(printer *p) {
    if (p->out->len <= GN_MAX_OUTPUT)
        return false;
    if (p->r)
        gn_render_fail(p->r, GN_INVALID, "a text of more than %d MiB", GN_MAX_OUTPUT >> 20);
    return true;
}

static bool list(printer *p, const gn_value *v) {
    const bool tuple = v->kind == GN_TUPLE;
    gn_str_putc(p->out, tuple ? '(' : '[');
    for (size_t i = 0; i < v->list.count; i++) {
        if (i)
            gn_str_puts(p->out, ", ");
        if (!print(p, v->list.item[i], true))
            return false;
    }
    gn_str_puts(p->out, !tuple ? "]" : v->list.count == 1 ? ",)" : ")");
    return true;
}

static void key(printer *p, gn_slice text) {
    if (gn_key_is_text(text))
        quoted(p->out, text);
    else
        gn_str_add(p->out, gn_slice_from(text, 2));
}

static bool map(printer *p, const gn_value *v) {
    gn_str_putc(p->out, '{');
    for (size_t i = 0; i < v->map.count; i++) {
        if (i)
            gn_str_puts(p->out, ", ");
        key(p, v->map.entry[i].key);
        gn_str_puts(p->out, ": ");
        if (!print(p, v->map.entry[i].value, true))
            return false;
    }
    gn_str_putc(p->out, '}');
    return true;
}

static bool view(printer *p, const gn_view *v) {
    gn_str_puts(p->out, gn_type_name(&v->v));
    gn_str_puts(p->out, "([");
    for (size_t i = 0; i < v->map->map.count; i++) {
        if (i)
            gn_str_puts(p->out, ", ");
        if (v->what == 'i')
            gn_str_putc(p->out, '(');
        if (v->what != 'v')
            key(p, v->map->map.entry[i].key);
        if (v->what == 'i')
            gn_str_puts(p->out, ", ");
        if (v->what != 'k' && !print(p, v->map->map.entry[i].value, true))
            return false;
        if (v->what == 'i')
            gn_str_putc(p->out, ')');
    }
    gn_str_puts(p->out, "])");
    return true;
}

static void range(printer *p, const gn_range *v) {
    gn_str_puts(p->out, "range(");
    integer(p->out, v->start);
    gn_str_puts(p->out, ", ");
    integer(p->out, v->stop);
    if (v->step != 1) {
        gn_str_puts(p->out, ", ");
        integer(p->out, v->step);
    }
    gn_str_putc(p->out, ')');
}

/* What Python shows with an address, without it. */
static bool object(printer *p, const gn_value *v) {
    switch (v->kind) {
    case GN_NAMESPACE:
        gn_str_puts(p->out, "<Namespace ");
        if (!map(p, ((const gn_namespace *)v)->map))
            return false;
        gn_str_putc(p->out, '>');
        return true;
    case GN_MACRO: {
        const gn_node *n = ((const gn_macro *)v)->node;
        gn_str_puts(p->out, "<Macro ");
        if (n->kind == GN_NODE_MACRO)
            quoted(p->out, n->name);
        else
            gn_str_puts(p->out, "anonymous");
        gn_str_putc(p->out, '>');
        return true;
    }
    case GN_LOOP: {
        gn_loop *l = (gn_loop *)v;
        const gn_value *length = p->r ? gn_loop_attribute(p->r, l, GN_S("length")) : NULL;
        if (p->r && !length)
            return false;
        gn_str_puts(p->out, "<LoopContext ");
        integer(p->out, l->index0 + 1);
        gn_str_putc(p->out, '/');
        integer(p->out, length ? length->integer : (int64_t)l->count);
        gn_str_putc(p->out, '>');
        return true;
    }
    default:
        gn_str_fmt(p->out, "<%s object>", gn_type_name(v));
        return true;
    }
}

static bool text(printer *p, const gn_value *v, bool repr) {
    if (!repr) {
        gn_str_add(p->out, v->string);
        return true;
    }
    if (v->kind == GN_MARKUP)
        gn_str_puts(p->out, "Markup(");
    quoted(p->out, v->string);
    if (v->kind == GN_MARKUP)
        gn_str_putc(p->out, ')');
    return true;
}

static bool undefined(printer *p, const gn_value *v, bool repr) {
    if (repr)
        gn_str_puts(p->out, "Undefined");
    else if (!((const gn_undefined *)v)->lenient)
        return p->r && gn_undefined_fail(p->r, v);
    return true;
}

static bool one(printer *p, const gn_value *v, bool repr) {
    switch (v->kind) {
    case GN_NULL:
        gn_str_puts(p->out, "None");
        return true;
    case GN_BOOL:
        gn_str_puts(p->out, v->boolean ? "True" : "False");
        return true;
    case GN_INTEGER:
        integer(p->out, v->integer);
        return true;
    case GN_NUMBER:
        gn_print_number(p->out, v->number);
        return true;
    case GN_STRING:
    case GN_MARKUP:
        return text(p, v, repr);
    case GN_LIST:
    case GN_TUPLE:
        return list(p, v);
    case GN_MAP:
        return map(p, v);
    case GN_UNDEFINED:
        return undefined(p, v, repr);
    case GN_RANGE:
        range(p, (const gn_range *)v);
        return true;
    case GN_VIEW:
        return view(p, (const gn_view *)v);
    default:
        return object(p, v);
    }
}

static bool print(printer *p, const gn_value *v, bool repr) {
    const bool ok = deeper(p) && !too_long(p) && one(p, v, repr);
    p->depth--;
    return ok;
}

bool gn_print_value(gn_render *r, gn_str *out, const gn_value *v, bool repr) {
    printer p = {.r = r, .out = out};
    return print(&p, v, repr);
}

void gn_print_str(gn_str *out, const gn_value *v) { gn_print_value(NULL, out, v, false); }
void gn_print_repr(gn_str *out, const gn_value *v) { gn_print_value(NULL, out, v, true); }

/* ---- JSON --------------------------------------------------------------- */

static void json_string(printer *p, gn_slice s) {
    static const char plain[] = "\"\\\n\r\t\f\b", letter[] = "\"\\nrtfb";
    int32_t cp;
    gn_str_putc(p->out, '"');
    for (size_t i = 0, n; (n = gn_utf8_next(s, i, &cp)); i += n) {
        const char *simple = cp > 0 && cp < 0x80 ? strchr(plain, cp) : NULL;
        if (simple) {
            gn_str_putc(p->out, '\\');
            gn_str_putc(p->out, letter[simple - plain]);
        } else if (cp < 0) {
            gn_str_puts(p->out, p->json->ascii ? "\\ufffd" : "\xEF\xBF\xBD");
        } else if (cp < 0x20 || (p->json->ascii && cp > 0x7E && cp < 0x10000)) {
            gn_str_fmt(p->out, "\\u%04x", (unsigned)cp);
        } else if (p->json->ascii && cp >= 0x10000) {
            const unsigned rest = (unsigned)cp - 0x10000;
            gn_str_fmt(p->out, "\\u%04x\\u%04x", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
        } else {
            gn_str_add(p->out, (gn_slice){s.data + i, n});
        }
    }
    gn_str_putc(p->out, '"');
}

static void json_number(gn_str *out, double v) {
    if (isnan(v) || isinf(v))
        gn_str_puts(out, isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
    else
        gn_print_number(out, v);
}

static void new_line(printer *p, int depth) {
    if (!p->json->indent)
        return;
    gn_str_putc(p->out, '\n');
    for (; depth > 0; depth--)
        gn_str_puts(p->out, p->json->indent);
}

static bool json(printer *p, const gn_value *v);

static bool json_list(printer *p, const gn_value *v) {
    if (!v->list.count) {
        gn_str_puts(p->out, "[]");
        return true;
    }
    gn_str_putc(p->out, '[');
    for (size_t i = 0; i < v->list.count; i++) {
        if (i)
            gn_str_add(p->out, p->json->item);
        new_line(p, p->depth);
        if (!json(p, v->list.item[i]))
            return false;
    }
    new_line(p, p->depth - 1);
    gn_str_putc(p->out, ']');
    return true;
}

static bool json_key(printer *p, const gn_value *k) {
    if (gn_is_text(k)) {
        json_string(p, k->string);
        return true;
    }
    if (k->kind == GN_TUPLE)
        return gn_render_fail(p->r, GN_INVALID, "JSON has no keys that are tuples");
    gn_str_putc(p->out, '"');
    const bool ok = json(p, k);
    gn_str_putc(p->out, '"');
    return ok;
}

static bool json_map(printer *p, const gn_value *v) {
    const size_t n = v->map.count;
    gn_value **k = gn_render_alloc(p->r, n * sizeof *k);
    gn_value **item = gn_render_alloc(p->r, n * sizeof *item);
    if (!k || !item)
        return false;
    for (size_t i = 0; i < n; i++) {
        item[i] = v->map.entry[i].value;
        if (!(k[i] = gn_key_value(p->r, v->map.entry[i].key)))
            return false;
    }
    if (p->json->sorted && !gn_sort(p->r, k, item, n, false))
        return false;
    if (!n) {
        gn_str_puts(p->out, "{}");
        return true;
    }
    gn_str_putc(p->out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            gn_str_add(p->out, p->json->item);
        new_line(p, p->depth);
        if (!json_key(p, k[i]))
            return false;
        gn_str_add(p->out, p->json->key);
        if (!json(p, item[i]))
            return false;
    }
    new_line(p, p->depth - 1);
    gn_str_putc(p->out, '}');
    return true;
}

static bool json_one(printer *p, const gn_value *v) {
    switch (v->kind) {
    case GN_NULL:
        gn_str_puts(p->out, "null");
        return true;
    case GN_BOOL:
        gn_str_puts(p->out, v->boolean ? "true" : "false");
        return true;
    case GN_INTEGER:
        integer(p->out, v->integer);
        return true;
    case GN_NUMBER:
        json_number(p->out, v->number);
        return true;
    case GN_STRING:
    case GN_MARKUP:
        json_string(p, v->string);
        return true;
    case GN_LIST:
    case GN_TUPLE:
        return json_list(p, v);
    case GN_MAP:
        return json_map(p, v);
    case GN_UNDEFINED:
        return gn_undefined_fail(p->r, v);
    default:
        return gn_render_fail(p->r, GN_INVALID, "a %s cannot be written as JSON", gn_type_name(v));
    }
}

static bool json(printer *p, const gn_value *v) {
    const bool ok = deeper(p) && !too_long(p) && json_one(p, v);
    p->depth--;
    return ok;
}

bool gn_print_json(gn_render *r, gn_str *out, const gn_value *v, const gn_json_style *style) {
    printer p = {.r = r, .out = out, .json = style};
    return json(&p, v);
}

/* yaml.c - see yaml.h.
 *
 * libyaml makes events of the text; here they become values. What a plain scalar
 * means is decided by YAML 1.1's patterns in the form PyYAML has them, matched by
 * hand below. Aliases share the value they name, so what they would come to, if
 * written out, is counted instead: a small text may otherwise stand for a huge one.
 */
#include "core/base/yaml.h"

#include "core/base/map.h"
#include "core/base/unicode.h"
#include "core/base/vec.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include <yaml.h>

enum { DEEPEST = 100, MOST_EXPANDED = 10 * 1000 * 1000, NODE_COST = 16 };

/* What an anchor names. */
typedef struct anchored {
    gn_value *value; /* NULL: still being read */
    gn_slice text;   /* of a scalar, as it is written; data NULL for others */
    size_t cost;     /* bytes it comes to, written out */
} anchored;

typedef struct reader {
    yaml_parser_t parser;
    gn_arena *arena;
    gn_error *e;
    gn_map names; /* anchor -> its number */
    anchored *anchor;
    size_t n_anchors, anchors_room;
    size_t cost, expanded; /* of everything so far; of what aliases stand for */
    int depth;
} reader;

static bool fail_at(reader *r, gn_code code, yaml_mark_t at, const char *what, gn_slice which) {
    gn_fail(r->e, code, "line %zu, column %zu: %s%.*s", at.line + 1, at.column + 1, what,
            (int)which.len, which.data);
    return gn_where(r->e, "line %zu", at.line + 1);
}

static bool no_memory(reader *r) { return gn_fail(r->e, GN_NO_MEMORY, "read YAML: out of memory"); }

/* Line and column of a byte, for what libyaml finds before it counts lines. */
static yaml_mark_t mark_of(gn_slice text, size_t at) {
    size_t line = 0, begin = 0;
    at = at < text.len ? at : text.len;
    for (size_t i = 0; i < at; i++)
        if (text.data[i] == '\n') {
            line++;
            begin = i + 1;
        }
    return (yaml_mark_t){.line = line,
                         .column = gn_utf8_count((gn_slice){text.data + begin, at - begin})};
}

static bool next_event(reader *r, yaml_event_t *event) {
    if (yaml_parser_parse(&r->parser, event))
        return true;
    yaml_mark_t at = r->parser.problem_mark;
    if (r->parser.error == YAML_MEMORY_ERROR)
        return no_memory(r);
    if (r->parser.error == YAML_READER_ERROR)
        at =
            mark_of((gn_slice){(const char *)r->parser.input.string.start,
                               (size_t)(r->parser.input.string.end - r->parser.input.string.start)},
                    r->parser.problem_offset);
    return fail_at(r, GN_FORMAT, at, "",
                   gn_slice_of(r->parser.problem ? r->parser.problem : "no YAML"));
}

/* A whole number in the making, and its magnitude once it has outgrown 64 bits. */
typedef struct sum {
    int64_t whole;
    double wide;
    bool minus, outgrown;
} sum;

static void add_digit(sum *s, int base, int digit) {
    s->wide = s->wide * base + digit;
    s->outgrown = s->outgrown || __builtin_mul_overflow(s->whole, base, &s->whole) ||
                  __builtin_add_overflow(s->whole, s->minus ? -digit : digit, &s->whole);
}

static gn_value *value_of_sum(gn_arena *a, const sum *s) {
    return s->outgrown ? gn_value_number(a, s->minus ? -s->wide : s->wide)
                       : gn_value_integer(a, s->whole);
}

static int digit_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* Digits of a base, and underscores, to the end of the text; at least one digit. */
static bool all_digits(gn_slice t, int base, sum *s) {
    bool any = false;
    for (size_t i = 0; i < t.len; i++) {
        const int digit = digit_value(t.data[i]);
        if (digit < base) {
            add_digit(s, base, digit);
            any = true;
        } else if (t.data[i] != '_')
            return false;
    }
    return any;
}

/* :ss at i, once or more, then the end or a point; leaves i there. Each is 0 to 59. */
static bool skip_sixties(gn_slice t, size_t *i) {
    bool any = false;
    while (*i < t.len && t.data[*i] == ':') {
        size_t n = *i + 1;
        while (n < t.len && isdigit((unsigned char)t.data[n]))
            n++;
        const size_t digits = n - *i - 1;
        if (digits < 1 || digits > 2 || (digits == 2 && t.data[*i + 1] > '5'))
            return false;
        *i = n;
        any = true;
    }
    return any;
}

static bool is_digit_or_line(char c) { return isdigit((unsigned char)c) || c == '_'; }

/* d:ss:ss in base sixty, all of t. */
static bool sixties(gn_slice t, sum *s) {
    size_t i = 0;
    if (!t.len || t.data[0] < '1' || t.data[0] > '9')
        return false;
    while (i < t.len && is_digit_or_line(t.data[i]))
        i++;
    size_t end = i;
    if (!skip_sixties(t, &end) || end != t.len || !all_digits((gn_slice){t.data, i}, 10, s))
        return false;
    while (i < t.len) {
        int part = 0;
        for (i++; i < t.len && t.data[i] != ':'; i++)
            part = part * 10 + t.data[i] - '0';
        add_digit(s, 60, part);
    }
    return true;
}

static gn_slice without_sign(gn_slice t, bool *minus) {
    *minus = t.len && t.data[0] == '-';
    return t.len && (t.data[0] == '-' || t.data[0] == '+') ? gn_slice_from(t, 1) : t;
}

/* Decimal digits past 64 bits: the nearest double, which adding digit by digit may miss. */
static void widen(gn_slice t, sum *s) {
    gn_str digits = {0};
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] != '_')
            gn_str_putc(&digits, t.data[i]);
    gn_parse_number(gn_str_slice(&digits), &s->wide);
    gn_str_release(&digits);
}

/* Whether a plain scalar of this form is an integer, and which. */
static bool read_integer(gn_slice t, sum *s) {
    *s = (sum){0};
    t = without_sign(t, &s->minus);
    const sum fresh = *s;
    if (!t.len)
        return false;
    if (gn_slice_starts(t, GN_S("0b")))
        return all_digits(gn_slice_from(t, 2), 2, s);
    if (gn_slice_starts(t, GN_S("0x")))
        return all_digits(gn_slice_from(t, 2), 16, s);
    if (t.data[0] == '0')
        return t.len == 1 || all_digits(t, 8, s);
    if (t.data[0] == '_' || !all_digits(t, 10, s)) {
        *s = fresh;
        return sixties(t, s);
    }
    if (s->outgrown)
        widen(t, s);
    return true;
}

/* [digits].[digits][e(+|-)digits], underscores among them: the number without them. */
static bool read_decimal(gn_slice t, double *out) {
    gn_str clean = {0};
    size_t i = 0;
    gn_str_putc(&clean, '0');
    for (; i < t.len && is_digit_or_line(t.data[i]); i++)
        if (t.data[i] != '_')
            gn_str_putc(&clean, t.data[i]);
    bool ok = i < t.len && t.data[i] == '.' && (i == 0 || t.data[0] != '_');
    if (ok) {
        ok = i > 0 || (t.len > 1 && isdigit((unsigned char)t.data[1]));
        gn_str_puts(&clean, ".0");
        clean.len -= t.len > i + 1 && is_digit_or_line(t.data[i + 1]) ? 1 : 0;
        for (i++; i < t.len && is_digit_or_line(t.data[i]); i++)
            if (t.data[i] != '_')
                gn_str_putc(&clean, t.data[i]);
        if (clean.len && clean.data && clean.data[clean.len - 1] == '.')
            gn_str_putc(&clean, '0');
    }
    if (ok && i < t.len) {
        ok = i + 2 < t.len && (t.data[i] == 'e' || t.data[i] == 'E') &&
             (t.data[i + 1] == '+' || t.data[i + 1] == '-');
        gn_str_add(&clean, gn_slice_from(t, i));
    }
    ok = ok && gn_parse_number(gn_str_slice(&clean), out);
    gn_str_release(&clean);
    return ok;
}

/* d:ss:ss.fraction in base sixty, added from the last part as PyYAML does. */
static bool read_sixties_decimal(gn_slice t, double *out) {
    size_t i = 0;
    while (i < t.len && is_digit_or_line(t.data[i]))
        i++;
    if (i == 0 || t.data[0] == '_' || !skip_sixties(t, &i) || i == t.len || t.data[i] != '.')
        return false;
    double total = 0, unit = 1;
    for (size_t end = t.len, begin; end > 0; end = begin ? begin - 1 : 0, unit *= 60) {
        double part;
        for (begin = end; begin > 0 && t.data[begin - 1] != ':'; begin--)
            ;
        const gn_slice piece = {t.data + begin, end - begin};
        sum s = {0};
        if (end == t.len ? !read_decimal(piece, &part) : !all_digits(piece, 10, &s))
            return false;
        total += (end == t.len ? part : s.wide) * unit;
        if (begin == 0)
            break;
    }
    *out = total;
    return true;
}

static bool one_of(gn_slice t, const char *const *word) {
    for (; *word; word++)
        if (gn_slice_is(t, *word))
            return true;
    return false;
}

static bool is_null(gn_slice t) {
    static const char *const word[] = {"", "~", "null", "Null", "NULL", NULL};
    return one_of(t, word);
}

static bool read_boolean(gn_slice t, bool *out) {
    static const char *const yes[] = {"yes",  "Yes", "YES", "true", "True",
                                      "TRUE", "on",  "On",  "ON",   NULL};
    static const char *const no[] = {"no",    "No",  "NO",  "false", "False",
                                     "FALSE", "off", "Off", "OFF",   NULL};
    *out = one_of(t, yes);
    return *out || one_of(t, no);
}

static bool read_fraction(gn_slice t, double *out) {
    static const char *const infinite[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const none[] = {".nan", ".NaN", ".NAN", NULL};
    bool minus;
    const gn_slice bare = without_sign(t, &minus);
    if (one_of(t, none)) {
        *out = (double)NAN;
        return true;
    }
    if (one_of(bare, infinite))
        *out = (double)INFINITY;
    else if (bare.len && bare.data[0] == '.' && bare.len < t.len)
        return false; /* PyYAML's pattern gives ".5" no sign */
    else if (!read_decimal(bare, out) && !read_sixties_decimal(bare, out))
        return false;
    *out = minus ? -*out : *out;
    return true;
}

static gn_value *plain_scalar(gn_arena *a, gn_slice t) {
    bool truth;
    double number;
    sum s;
    if (is_null(t))
        return gn_value_null(a);
    if (read_boolean(t, &truth))
        return gn_value_bool(a, truth);
    if (!isdigit((unsigned char)t.data[0]) && !strchr("-+.", t.data[0]))
        return gn_value_string(a, t);
    if (read_fraction(t, &number))
        return gn_value_number(a, number);
    if (read_integer(t, &s))
        return value_of_sum(a, &s);
    return gn_value_string(a, t);
}

/* A scalar whose type is written before it: YAML's own, or !function. */
static bool tagged_scalar(reader *r, const yaml_event_t *event, gn_slice t, gn_value **out) {
    const gn_slice tag = gn_slice_of((const char *)event->data.scalar.tag);
    gn_arena *a = r->arena;
    bool truth, fits = true;
    double number;
    sum s;
    if (gn_slice_is(tag, "!function")) {
        *out = gn_value_map(a);
        if (!gn_value_set(a, *out, GN_S("!function"), gn_value_string(a, t)))
            *out = NULL;
    } else if (gn_slice_is(tag, YAML_STR_TAG))
        *out = gn_value_string(a, t);
    else if (gn_slice_is(tag, YAML_NULL_TAG))
        *out = gn_value_null(a);
    else if (gn_slice_is(tag, YAML_BOOL_TAG)) {
        fits = read_boolean(t, &truth);
        *out = gn_value_bool(a, truth);
    } else if (gn_slice_is(tag, YAML_INT_TAG)) {
        fits = read_integer(t, &s);
        *out = value_of_sum(a, &s);
    } else if (gn_slice_is(tag, YAML_FLOAT_TAG)) {
        fits = read_fraction(t, &number) || gn_parse_number(t, &number);
        *out = fits ? gn_value_number(a, number) : NULL;
    } else
        return fail_at(r, GN_UNSUPPORTED, event->start_mark, "unknown tag ", tag);
    return fits || fail_at(r, GN_FORMAT, event->start_mark, "this is not what its tag says: ", t);
}

static bool read_scalar(reader *r, const yaml_event_t *event, gn_value **out) {
    const gn_slice t = {(const char *)event->data.scalar.value, event->data.scalar.length};
    const char *tag = (const char *)event->data.scalar.tag;
    r->cost += NODE_COST + t.len;
    if (tag && strcmp(tag, "!") != 0) {
        if (!tagged_scalar(r, event, t, out))
            return false;
    } else
        *out = event->data.scalar.plain_implicit ? plain_scalar(r->arena, t)
                                                 : gn_value_string(r->arena, t);
    return *out || no_memory(r);
}

/* Note an anchor that begins here; SIZE_MAX for none. */
static bool open_anchor(reader *r, const yaml_char_t *name, yaml_mark_t at, size_t *number) {
    *number = SIZE_MAX;
    if (!name)
        return true;
    const gn_slice text = gn_arena_copy(r->arena, gn_slice_of((const char *)name));
    if (!text.data ||
        !gn_vec_reserve(&r->anchor, &r->anchors_room, r->n_anchors + 1, sizeof *r->anchor))
        return no_memory(r);
    if (gn_map_get(&r->names, text, NULL))
        return fail_at(r, GN_FORMAT, at, "a second anchor of the same name, &", text);
    r->anchor[r->n_anchors] = (anchored){.cost = r->cost};
    *number = r->n_anchors;
    return gn_map_set(&r->names, text, (int64_t)r->n_anchors++) || no_memory(r);
}

static void close_anchor(reader *r, size_t number, gn_value *v, gn_slice text) {
    if (number == SIZE_MAX)
        return;
    anchored *a = &r->anchor[number];
    a->value = v;
    a->text = text;
    a->cost = r->cost - a->cost;
}

static bool follow_alias(reader *r, const yaml_event_t *event, const anchored **out) {
    const gn_slice name = gn_slice_of((const char *)event->data.alias.anchor);
    int64_t number;
    if (!gn_map_get(&r->names, name, &number))
        return fail_at(r, GN_FORMAT, event->start_mark, "an alias of nothing, *", name);
    *out = &r->anchor[number];
    if (!(*out)->value)
        return fail_at(r, GN_FORMAT, event->start_mark, "an alias inside what it names, *", name);
    r->cost += (*out)->cost;
    r->expanded += (*out)->cost;
    return r->expanded <= MOST_EXPANDED ||
           fail_at(r, GN_FORMAT, event->start_mark, "aliases come to more than 10 MB at *", name);
}

static bool read_node(reader *r, yaml_event_t *event, gn_value **out);

static bool check_tag(reader *r, const yaml_event_t *event, const yaml_char_t *tag,
                      const char *own) {
    return !tag || strcmp((const char *)tag, "!") == 0 || strcmp((const char *)tag, own) == 0 ||
           fail_at(r, GN_UNSUPPORTED, event->start_mark, "unknown tag ",
                   gn_slice_of((const char *)tag));
}

static bool read_list(reader *r, gn_value *list) {
    for (;;) {
        yaml_event_t event;
        gn_value *item;
        if (!next_event(r, &event))
            return false;
        const bool end = event.type == YAML_SEQUENCE_END_EVENT;
        const bool ok = end || read_node(r, &event, &item);
        yaml_event_delete(&event);
        if (!ok || end)
            return ok;
        if (!gn_value_add(r->arena, list, item))
            return no_memory(r);
    }
}

/* A key is its text, whatever the text would mean as a value. */
static bool read_key(reader *r, const yaml_event_t *event, gn_slice *key, bool *merge) {
    *merge = false;
    if (event->type == YAML_ALIAS_EVENT) {
        const anchored *a;
        if (!follow_alias(r, event, &a))
            return false;
        *key = a->text;
    } else if (event->type == YAML_SCALAR_EVENT) {
        const gn_slice t = {(const char *)event->data.scalar.value, event->data.scalar.length};
        gn_value *v;
        size_t anchor;
        if (!open_anchor(r, event->data.scalar.anchor, event->start_mark, &anchor) ||
            !read_scalar(r, event, &v))
            return false;
        *key = gn_arena_copy(r->arena, t);
        if (!key->data)
            return no_memory(r);
        if (v->kind == GN_MAP)
            return fail_at(r, GN_UNSUPPORTED, event->start_mark, "a key with the tag ",
                           gn_slice_of((const char *)event->data.scalar.tag));
        close_anchor(r, anchor, v, *key);
        *merge =
            event->data.scalar.plain_implicit && !event->data.scalar.tag && gn_slice_is(t, "<<");
    } else
        *key = (gn_slice){NULL, 0};
    return key->data || fail_at(r, GN_UNSUPPORTED, event->start_mark,
                                "a key that is no text but a list or map", GN_S(""));
}

static bool copy_entries(reader *r, gn_value *to, const gn_value *from) {
    for (size_t i = 0; i < from->map.count; i++)
        if (!gn_value_set(r->arena, to, from->map.entry[i].key, from->map.entry[i].value))
            return no_memory(r);
    return true;
}

/* <<: a map, or a list of maps where the first to have a key wins. */
static bool merge_into(reader *r, gn_value *map, const gn_value *v, yaml_mark_t at) {
    static const char wrong[] = "<< wants a map or a list of maps";
    if (v->kind == GN_MAP)
        return copy_entries(r, map, v);
    if (v->kind != GN_LIST)
        return fail_at(r, GN_FORMAT, at, wrong, GN_S(""));
    for (size_t i = v->list.count; i-- > 0;)
        if (v->list.item[i]->kind != GN_MAP)
            return fail_at(r, GN_FORMAT, at, wrong, GN_S(""));
        else if (!copy_entries(r, map, v->list.item[i]))
            return false;
    return true;
}

/* One key and its value, or the end. What is merged goes to another map than what
 * is written here: it comes first, and gives way. */
static bool read_entry(reader *r, gn_value *own, gn_value *merged, bool *end) {
    yaml_event_t event;
    gn_slice key;
    gn_value *v;
    bool merge;
    if (!next_event(r, &event))
        return false;
    const yaml_mark_t at = event.start_mark;
    *end = event.type == YAML_MAPPING_END_EVENT;
    bool ok = *end || read_key(r, &event, &key, &merge);
    yaml_event_delete(&event);
    if (!ok || *end)
        return ok;
    if (!next_event(r, &event))
        return false;
    ok = read_node(r, &event, &v);
    yaml_event_delete(&event);
    if (!ok)
        return false;
    if (merge)
        return merge_into(r, merged, v, at);
    return gn_value_set(r->arena, own, key, v) || no_memory(r);
}

static bool read_map(reader *r, gn_value *map) {
    gn_value *own = gn_value_map(r->arena);
    bool end = false;
    if (!own)
        return no_memory(r);
    while (!end)
        if (!read_entry(r, own, map, &end))
            return false;
    if (map->map.count)
        return copy_entries(r, map, own);
    const int line = map->line;
    *map = *own;
    map->line = line;
    return true;
}

static bool read_collection(reader *r, const yaml_event_t *event, gn_value **out) {
    const bool list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *name =
        list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    size_t anchor;
    if (!open_anchor(r, name, event->start_mark, &anchor))
        return false;
    if (!(list ? check_tag(r, event, event->data.sequence_start.tag, YAML_SEQ_TAG)
               : check_tag(r, event, event->data.mapping_start.tag, YAML_MAP_TAG)))
        return false;
    if (r->depth == DEEPEST)
        return fail_at(r, GN_FORMAT, event->start_mark, "nested deeper than 100", GN_S(""));
    r->cost += NODE_COST;
    *out = list ? gn_value_list(r->arena) : gn_value_map(r->arena);
    if (!*out)
        return no_memory(r);
    (*out)->line = (int)event->start_mark.line + 1;
    r->depth++;
    if (!(list ? read_list(r, *out) : read_map(r, *out)))
        return false;
    r->depth--;
    close_anchor(r, anchor, *out, (gn_slice){NULL, 0});
    return true;
}

/* The value that begins with this event, which stays the caller's. */
static bool read_node(reader *r, yaml_event_t *event, gn_value **out) {
    if (event->type == YAML_ALIAS_EVENT) {
        const anchored *a;
        if (!follow_alias(r, event, &a))
            return false;
        *out = a->value;
        return true;
    }
    if (event->type != YAML_SCALAR_EVENT)
        return read_collection(r, event, out);
    size_t anchor;
    if (!open_anchor(r, event->data.scalar.anchor, event->start_mark, &anchor) ||
        !read_scalar(r, event, out))
        return false;
    (*out)->line = (int)event->start_mark.line + 1;
    if (anchor != SIZE_MAX) {
        const gn_slice text =
            gn_arena_copy(r->arena, (gn_slice){(const char *)event->data.scalar.value,
                                               event->data.scalar.length});
        if (!text.data)
            return no_memory(r);
        close_anchor(r, anchor, *out, text);
    }
    return true;
}

/* The stream's one document; null if there is none. */
static bool read_stream(reader *r, gn_value **out) {
    bool any = false;
    for (;;) {
        yaml_event_t event;
        if (!next_event(r, &event))
            return false;
        const yaml_event_type_t type = event.type;
        bool ok = true;
        if (type == YAML_DOCUMENT_START_EVENT && any)
            ok = fail_at(r, GN_FORMAT, event.start_mark, "a second document begins", GN_S(""));
        else if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT ||
                 type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT) {
            any = true;
            ok = read_node(r, &event, out);
        }
        yaml_event_delete(&event);
        if (!ok || type == YAML_STREAM_END_EVENT)
            return ok && (any || (*out = gn_value_null(r->arena)) || no_memory(r));
    }
}

gn_value *gn_yaml_parse(gn_arena *a, gn_slice text, gn_error *e) {
    reader r = {.arena = a, .e = e};
    gn_value *v = NULL;
    if (!text.data)
        text = GN_S("");
    if (!gn_utf8_valid(text)) {
        size_t i = 0;
        int32_t cp;
        for (size_t n; (n = gn_utf8_next(text, i, &cp)) > 0 && cp >= 0;)
            i += n;
        fail_at(&r, GN_FORMAT, mark_of(text, i), "a byte that is no UTF-8", GN_S(""));
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser)) {
        no_memory(&r);
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.data, text.len);
    const bool ok = read_stream(&r, &v);
    yaml_parser_delete(&r.parser);
    gn_map_release(&r.names);
    free(r.anchor);
    return ok ? v : NULL;
}

/* methods.c - methods of str: what templates may ask of a text. */
#include "core/template/methods.h"
#include "core/base/unicode.h"

#define SELF self->string

/* ---- case and classes --------------------------------------------------- */

typedef void transform(gn_str *out, gn_slice s);

static gn_value *transformed(gn_render *r, gn_value *self, transform *f) {
    gn_str out = {0};
    f(&out, SELF);
    return gn_render_tick(r, SELF.len / 16) ? gn_make_take(r, &out, self)
                                            : (gn_str_release(&out), NULL);
}

GN_CALLABLE(lower) { return transformed(r, self, gn_text_lower); }
GN_CALLABLE(upper) { return transformed(r, self, gn_text_upper); }
GN_CALLABLE(title) { return transformed(r, self, gn_text_title); }
GN_CALLABLE(capitalize) { return transformed(r, self, gn_text_capitalize); }

static void swap_case(gn_str *out, gn_slice s) {
    int32_t cp;
    for (size_t i = 0, n; (n = gn_utf8_next(s, i, &cp)); i += n) {
        const gn_slice one = {s.data + i, n};
        if (cp >= 0 && strcmp(gn_category(cp), "Lu") == 0)
            gn_text_lower(out, one);
        else
            gn_text_upper(out, one);
    }
}
GN_CALLABLE(swapcase) { return transformed(r, self, swap_case); }

static bool is_decimal(int32_t cp) { return cp >= 0 && strcmp(gn_category(cp), "Nd") == 0; }

/* Digits that are no decimals: superscripts, circled ones and their like. */
static bool is_digit(int32_t cp) {
    static const int32_t range[][2] = {
        {0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
        {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
        {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
        {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
        {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A},
    };
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (cp >= range[i][0] && cp <= range[i][1])
            return true;
    return is_decimal(cp);
}

static bool is_alnum(int32_t cp) { return cp >= 0 && (gn_is_letter(cp) || gn_is_number(cp)); }
static bool is_alpha(int32_t cp) { return cp >= 0 && gn_is_letter(cp); }
static bool is_space(int32_t cp) { return cp >= 0 && gn_is_space_python(cp); }

static gn_value *all(gn_render *r, gn_value *self, bool (*is)(int32_t)) {
    int32_t cp;
    bool yes = SELF.len > 0;
    for (size_t i = 0, n; yes && (n = gn_utf8_next(SELF, i, &cp)); i += n)
        yes = is(cp);
    return gn_make_bool(r, yes);
}

GN_CALLABLE(isalnum_) { return all(r, self, is_alnum); }
GN_CALLABLE(isalpha_) { return all(r, self, is_alpha); }
GN_CALLABLE(isdecimal) { return all(r, self, is_decimal); }
GN_CALLABLE(isdigit_) { return all(r, self, is_digit); }
GN_CALLABLE(isspace_) { return all(r, self, is_space); }

GN_CALLABLE(isascii_) {
    bool yes = true;
    for (size_t i = 0; i < SELF.len; i++)
        yes = yes && (unsigned char)SELF.data[i] < 0x80;
    return gn_make_bool(r, yes);
}

/* Every cased letter is of this case, and there is one. */
bool gn_text_all_case(gn_slice s, bool upper_case) {
    bool any = false;
    int32_t cp;
    for (size_t i = 0, n; (n = gn_utf8_next(s, i, &cp)); i += n) {
        const char *c = cp >= 0 ? gn_category(cp) : "Cn";
        if (strcmp(c, "Lt") == 0 || strcmp(c, upper_case ? "Ll" : "Lu") == 0)
            return false;
        any = any || strcmp(c, upper_case ? "Lu" : "Ll") == 0;
    }
    return any;
}
GN_CALLABLE(islower_) { return gn_make_bool(r, gn_text_all_case(SELF, false)); }
GN_CALLABLE(isupper_) { return gn_make_bool(r, gn_text_all_case(SELF, true)); }

GN_CALLABLE(istitle) {
    bool any = false, cased = false;
    int32_t cp;
    for (size_t i = 0, n; (n = gn_utf8_next(SELF, i, &cp)); i += n) {
        const char *c = cp >= 0 ? gn_category(cp) : "Cn";
        const bool big = strcmp(c, "Lu") == 0 || strcmp(c, "Lt") == 0, small = strcmp(c, "Ll") == 0;
        if ((big && cased) || (small && !cased))
            return gn_make_bool(r, false);
        cased = big || small;
        any = any || cased;
    }
    return gn_make_bool(r, any);
}

/* ---- finding ------------------------------------------------------------ */

/* The part of self between optional code points start and end; *offset: where it begins. */
static bool window(gn_render *r, gn_value *self, gn_value *start, gn_value *end, gn_slice *out,
                   int64_t *offset) {
    int64_t from, to;
    const bool no_start = !start || start->kind == GN_NULL, no_end = !end || end->kind == GN_NULL;
    if (!gn_arg_integer(r, no_start ? NULL : start, 0, &from) ||
        !gn_arg_integer(r, no_end ? NULL : end, INT64_MAX, &to) ||
        !gn_render_tick(r, SELF.len / 64))
        return false;
    *offset = 0;
    *out = SELF;
    if (no_start && no_end)
        return true;
    const int64_t n = (int64_t)gn_utf8_count(SELF);
    from = from < 0 ? (from + n < 0 ? 0 : from + n) : from;
    to = to < 0 ? (to + n < 0 ? 0 : to + n) : to > n ? n : to;
    *offset = from;
    if (from > n || from > to) {
        *out = (gn_slice){NULL, 0}; /* not even the empty text is in there */
        return true;
    }
    const size_t begin = gn_text_byte(SELF, from);
    *out = (gn_slice){SELF.data + begin, gn_text_byte(SELF, to) - begin};
    return true;
}

static ptrdiff_t find_last(gn_slice s, gn_slice what) {
    for (size_t at = s.len >= what.len ? s.len - what.len + 1 : 0; at-- > 0;)
        if (gn_slice_starts(gn_slice_from(s, at), what))
            return (ptrdiff_t)at;
    return -1;
}

static gn_value *found(gn_render *r, gn_value *self, gn_value **arg, bool last, bool must) {
    gn_slice what, in;
    int64_t offset;
    if (!gn_arg_text(r, arg[0], GN_S(""), &what) || !window(r, self, arg[1], arg[2], &in, &offset))
        return NULL;
    const ptrdiff_t at = !in.data ? -1 : last ? find_last(in, what) : gn_slice_find(in, what);
    if (at < 0 && must)
        return gn_render_fail(r, GN_INVALID, "the text to find is not there");
    return gn_make_integer(
        r, at < 0 ? -1 : offset + (int64_t)gn_utf8_count((gn_slice){in.data, (size_t)at}));
}

GN_CALLABLE(find) { return found(r, self, arg, false, false); }
GN_CALLABLE(rfind) { return found(r, self, arg, true, false); }
GN_CALLABLE(index_) { return found(r, self, arg, false, true); }
GN_CALLABLE(rindex_) { return found(r, self, arg, true, true); }

GN_CALLABLE(count) {
    gn_slice what, in;
    int64_t offset, n = 0;
    if (!gn_arg_text(r, arg[0], GN_S(""), &what) || !window(r, self, arg[1], arg[2], &in, &offset))
        return NULL;
    if (in.data && what.len == 0)
        n = (int64_t)gn_utf8_count(in) + 1;
    for (ptrdiff_t at; in.data && what.len && (at = gn_slice_find(in, what)) >= 0; n++)
        in = gn_slice_from(in, (size_t)at + what.len);
    return gn_make_integer(r, n);
}

/* startswith, endswith: one text, or a tuple of which any will do. */
static gn_value *borders(gn_render *r, gn_value *self, gn_value **arg, bool end) {
    gn_slice in, what;
    int64_t offset;
    bool yes = false;
    gn_value *one[] = {arg[0]}, **any = one;
    size_t n = 1;
    if (arg[0]->kind == GN_TUPLE && !gn_items(r, arg[0], &any, &n))
        return NULL;
    if (!window(r, self, arg[1], arg[2], &in, &offset))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!gn_arg_text(r, any[i], GN_S(""), &what))
            return NULL;
        yes = yes || (in.data && (end ? gn_slice_ends(in, what) : gn_slice_starts(in, what)));
    }
    return gn_make_bool(r, yes);
}
GN_CALLABLE(startswith) { return borders(r, self, arg, false); }
GN_CALLABLE(endswith) { return borders(r, self, arg, true); }

/* ---- cutting ------------------------------------------------------------ */

static gn_value *part(gn_render *r, gn_value *self, gn_slice s) {
    gn_value *v = gn_make_borrow(r, s);
    if (v)
        v->kind = self->kind;
    return v;
}

static gn_value *stripped(gn_render *r, gn_value *self, gn_value *chars, bool left, bool right) {
    gn_slice set;
    const bool given = chars && chars->kind != GN_NULL;
    if (!gn_arg_text(r, given ? chars : NULL, GN_S(""), &set) || !gn_render_tick(r, SELF.len / 64))
        return NULL;
    return part(r, self, gn_python_strip(SELF, given ? &set : NULL, left, right));
}
GN_CALLABLE(strip) { return stripped(r, self, arg[0], true, true); }
GN_CALLABLE(lstrip) { return stripped(r, self, arg[0], true, false); }
GN_CALLABLE(rstrip) { return stripped(r, self, arg[0], false, true); }

GN_CALLABLE(removeprefix) {
    gn_slice what;
    if (!gn_arg_text(r, arg[0], GN_S(""), &what))
        return NULL;
    return part(r, self, gn_slice_starts(SELF, what) ? gn_slice_from(SELF, what.len) : SELF);
}
GN_CALLABLE(removesuffix) {
    gn_slice what, s = SELF;
    if (!gn_arg_text(r, arg[0], GN_S(""), &what))
        return NULL;
    if (gn_slice_ends(s, what))
        s.len -= what.len;
    return part(r, self, s);
}

/* At runs of white space, which never yield empty pieces. */
static bool split_spaces(gn_render *r, gn_value *self, int64_t most, gn_growing *out) {
    gn_slice s = gn_text_strip(SELF, true, false);
    int32_t cp;
    while (s.len) {
        size_t at = 0, n;
        if (most >= 0 && (int64_t)out->count >= most)
            return gn_grow(r, out, part(r, self, s));
        while ((n = gn_utf8_next(s, at, &cp)) && !is_space(cp))
            at += n;
        if (!gn_grow(r, out, part(r, self, (gn_slice){s.data, at})))
            return false;
        s = gn_text_strip(gn_slice_from(s, at), true, false);
    }
    return true;
}

static size_t word_begin(gn_slice s) {
    size_t at = s.len;
    int32_t cp;
    while (at > 0) {
        size_t before = at - 1;
        while (before > 0 && ((unsigned char)s.data[before] & 0xC0) == 0x80)
            before--;
        gn_utf8_next(s, before, &cp);
        if (is_space(cp))
            break;
        at = before;
    }
    return at;
}

static bool rsplit_spaces(gn_render *r, gn_value *self, int64_t most, gn_growing *out) {
    gn_slice s = gn_text_strip(SELF, false, true);
    while (s.len) {
        if (most >= 0 && (int64_t)out->count >= most)
            return gn_grow(r, out, part(r, self, s));
        const size_t at = word_begin(s);
        if (!gn_grow(r, out, part(r, self, gn_slice_from(s, at))))
            return false;
        s = gn_text_strip((gn_slice){s.data, at}, false, true);
    }
    return true;
}

static bool split_at(gn_render *r, gn_value *self, gn_slice by, int64_t most, bool right,
                     gn_growing *out) {
    gn_slice s = SELF;
    while (most < 0 || (int64_t)out->count < most) {
        const ptrdiff_t at = right ? find_last(s, by) : gn_slice_find(s, by);
        if (at < 0)
            break;
        const gn_slice left = {s.data, (size_t)at}, rest = gn_slice_from(s, (size_t)at + by.len);
        if (!gn_grow(r, out, part(r, self, right ? rest : left)))
            return false;
        s = right ? left : rest;
    }
    return gn_grow(r, out, part(r, self, s));
}

static gn_value *pieces(gn_render *r, gn_value *self, gn_value **arg, bool right) {
    gn_slice by;
    int64_t most;
    gn_growing out = {0};
    const bool spaces = !arg[0] || arg[0]->kind == GN_NULL;
    if (!gn_arg_text(r, spaces ? NULL : arg[0], GN_S(""), &by) ||
        !gn_arg_integer(r, arg[1], -1, &most) || !gn_render_tick(r, SELF.len / 16))
        return NULL;
    if (!spaces && by.len == 0)
        return gn_render_fail(r, GN_INVALID, "a text cannot be split at nothing");
    if (!(spaces ? (right ? rsplit_spaces : split_spaces)(r, self, most, &out)
                 : split_at(r, self, by, most, right, &out)))
        return NULL;
    for (size_t i = 0; right && i < out.count / 2; i++) {
        gn_value *swap = out.item[i];
        out.item[i] = out.item[out.count - 1 - i];
        out.item[out.count - 1 - i] = swap;
    }
    return gn_make_list(r, GN_LIST, out.item, out.count);
}
GN_CALLABLE(split) { return pieces(r, self, arg, false); }
GN_CALLABLE(rsplit) { return pieces(r, self, arg, true); }

GN_CALLABLE(splitlines) {
    bool keep;
    gn_value **item;
    size_t n;
    if (!gn_arg_true(r, arg[0], false, &keep) || !gn_python_lines(r, SELF, keep, &item, &n))
        return NULL;
    return gn_make_list(r, GN_LIST, item, n);
}

static gn_value *partitioned(gn_render *r, gn_value *self, gn_value *by, bool last) {
    gn_slice what, side[3] = {GN_S(""), GN_S(""), GN_S("")};
    if (!gn_arg_text(r, by, GN_S(""), &what))
        return NULL;
    if (what.len == 0)
        return gn_render_fail(r, GN_INVALID, "a text cannot be split at nothing");
    const ptrdiff_t at = last ? find_last(SELF, what) : gn_slice_find(SELF, what);
    if (at < 0) {
        side[last ? 2 : 0] = SELF;
    } else {
        side[0] = (gn_slice){SELF.data, (size_t)at};
        side[1] = what;
        side[2] = gn_slice_from(SELF, (size_t)at + what.len);
    }
    gn_growing out = {0};
    for (int i = 0; i < 3; i++)
        if (!gn_grow(r, &out, part(r, self, side[i])))
            return NULL;
    return gn_make_list(r, GN_TUPLE, out.item, out.count);
}
GN_CALLABLE(partition) { return partitioned(r, self, arg[0], false); }
GN_CALLABLE(rpartition) { return partitioned(r, self, arg[0], true); }

/* ---- building ----------------------------------------------------------- */

GN_CALLABLE(replace) {
    gn_slice from, to;
    int64_t most;
    gn_str out = {0};
    if (!gn_arg_text(r, arg[0], GN_S(""), &from) || !gn_arg_text(r, arg[1], GN_S(""), &to) ||
        !gn_arg_integer(r, arg[2], -1, &most))
        return NULL;
    if (gn_python_replace(r, &out, SELF, from, to, most))
        return gn_make_take(r, &out, self);
    gn_str_release(&out);
    return NULL;
}

GN_CALLABLE(join) {
    gn_value **item;
    size_t n;
    gn_str out = {0};
    if (!gn_items(r, arg[0], &item, &n))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!gn_is_text(item[i]) || out.len > GN_MAX_OUTPUT) {
            gn_str_release(&out);
            return item[i]->kind == GN_UNDEFINED
                       ? gn_undefined_fail(r, item[i])
                       : gn_render_fail(r, GN_INVALID, "join() needs texts, item %zu is a %s", i,
                                        gn_type_name(item[i]));
        }
        if (i)
            gn_str_add(&out, SELF);
        gn_str_add(&out, item[i]->string);
    }
    return gn_make_take(r, &out, self);
}

GN_CALLABLE(format) { return gn_format_braces(r, self, given); }

GN_CALLABLE(format_map) {
    const gn_value *map = arg[0];
    if (map->kind != GN_MAP)
        return gn_render_fail(r, GN_INVALID, "format_map() needs a dict, not a %s",
                              gn_type_name(map));
    const size_t n = map->map.count;
    gn_given named = {.name = gn_render_alloc(r, n * sizeof *named.name),
                      .named = gn_render_alloc(r, n * sizeof *named.named),
                      .n_named = n};
    if (!named.name || !named.named)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        named.name[i] = map->map.entry[i].key;
        named.named[i] = map->map.entry[i].value;
    }
    return gn_format_braces(r, self, &named);
}

/* The text in a field of a width: `left` blanks of those that are spare go before it. */
static gn_value *in_field(gn_render *r, gn_value *self, gn_value **arg, int how) {
    int64_t width;
    gn_slice fill;
    gn_str out = {0};
    const int64_t n = (int64_t)gn_utf8_count(SELF);
    if (!gn_arg_integer(r, arg[0], 0, &width) || !gn_arg_text(r, arg[1], GN_S(" "), &fill))
        return NULL;
    if (gn_utf8_count(fill) != 1)
        return gn_render_fail(r, GN_INVALID, "what fills a field must be one character");
    if (width > GN_MAX_OUTPUT / 4)
        return gn_render_fail(r, GN_INVALID, "a field of %lld characters", (long long)width);
    const int64_t spare = width > n ? width - n : 0;
    const int64_t left = how < 0 ? 0 : how > 0 ? spare : spare / 2 + (spare & width & 1);
    for (int64_t i = 0; i < left; i++)
        gn_str_add(&out, fill);
    gn_str_add(&out, SELF);
    for (int64_t i = left; i < spare; i++)
        gn_str_add(&out, fill);
    return gn_make_take(r, &out, self);
}
GN_CALLABLE(ljust) { return in_field(r, self, arg, -1); }
GN_CALLABLE(rjust) { return in_field(r, self, arg, 1); }
GN_CALLABLE(center) { return in_field(r, self, arg, 0); }
gn_value *gn_text_center(gn_render *r, gn_value *self, gn_value *width) {
    gn_value *arg[] = {width, NULL};
    return in_field(r, self, arg, 0);
}

GN_CALLABLE(zfill) {
    int64_t width;
    gn_str out = {0};
    const int64_t n = (int64_t)gn_utf8_count(SELF);
    if (!gn_arg_integer(r, arg[0], 0, &width))
        return NULL;
    if (width > GN_MAX_OUTPUT / 4)
        return gn_render_fail(r, GN_INVALID, "a field of %lld characters", (long long)width);
    const bool sign = SELF.len && (SELF.data[0] == '-' || SELF.data[0] == '+');
    if (sign)
        gn_str_putc(&out, SELF.data[0]);
    for (int64_t i = n; i < width; i++)
        gn_str_putc(&out, '0');
    gn_str_add(&out, gn_slice_from(SELF, sign));
    return gn_make_take(r, &out, self);
}

GN_CALLABLE(expandtabs) {
    int64_t size, column = 0;
    gn_str out = {0};
    if (!gn_arg_integer(r, arg[0], 8, &size))
        return NULL;
    if (size > 1000)
        return gn_render_fail(r, GN_INVALID, "tabs of more than 1000 columns");
    for (size_t i = 0; i < SELF.len && out.len <= GN_MAX_OUTPUT; i++) {
        const char c = SELF.data[i];
        if (c == '\t') {
            for (int64_t k = size > 0 ? size - column % size : 0; k > 0; k--, column++)
                gn_str_putc(&out, ' ');
            continue;
        }
        gn_str_putc(&out, c);
        column = c == '\n' || c == '\r' ? 0 : column + (((unsigned char)c & 0xC0) != 0x80);
    }
    return gn_make_take(r, &out, self);
}

const gn_callable gn_methods_of_text[] = {
    {"capitalize", capitalize, "", 0, 0},
    {"center", center, ".width .fillchar", 1, 0},
    {"count", count, ".sub .start .end", 1, 0},
    {"endswith", endswith, ".suffix .start .end", 1, 0},
    {"expandtabs", expandtabs, "tabsize", 0, 0},
    {"find", find, ".sub .start .end", 1, 0},
    {"format", format, "*", 0, 0},
    {"format_map", format_map, ".mapping", 1, 0},
    {"index", index_, ".sub .start .end", 1, 0},
    {"isalnum", isalnum_, "", 0, 0},
    {"isalpha", isalpha_, "", 0, 0},
    {"isascii", isascii_, "", 0, 0},
    {"isdecimal", isdecimal, "", 0, 0},
    {"isdigit", isdigit_, "", 0, 0},
    {"islower", islower_, "", 0, 0},
    {"isspace", isspace_, "", 0, 0},
    {"istitle", istitle, "", 0, 0},
    {"isupper", isupper_, "", 0, 0},
    {"join", join, ".iterable", 1, 0},
    {"ljust", ljust, ".width .fillchar", 1, 0},
    {"lower", lower, "", 0, 0},
    {"lstrip", lstrip, ".chars", 0, 0},
    {"partition", partition, ".sep", 1, 0},
    {"removeprefix", removeprefix, ".prefix", 1, 0},
    {"removesuffix", removesuffix, ".suffix", 1, 0},
    {"replace", replace, ".old .new .count", 2, 0},
    {"rfind", rfind, ".sub .start .end", 1, 0},
    {"rindex", rindex_, ".sub .start .end", 1, 0},
    {"rjust", rjust, ".width .fillchar", 1, 0},
    {"rpartition", rpartition, ".sep", 1, 0},
    {"rsplit", rsplit, "sep maxsplit", 0, 0},
    {"rstrip", rstrip, ".chars", 0, 0},
    {"split", split, "sep maxsplit", 0, 0},
    {"splitlines", splitlines, "keepends", 0, 0},
    {"startswith", startswith, ".prefix .start .end", 1, 0},
    {"strip", strip, ".chars", 0, 0},
    {"swapcase", swapcase, "", 0, 0},
    {"title", title, "", 0, 0},
    {"upper", upper, "", 0, 0},
    {"zfill", zfill, ".width", 1, 0},
    {NULL, NULL, NULL, 0, 0},
};

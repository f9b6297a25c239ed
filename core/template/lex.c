/* lex.c - template source to lexemes.
 *
 * Two modes: text up to the next tag, and inside a tag. White space control
 * happens here, as in jinja2: '-' in a tag strips all white space on its side,
 * '+' keeps it; the chat environment also drops the newline behind a block tag
 * (trim_blocks) and blanks between a line's start and a block tag (lstrip_blocks).
 * A closing tag counts only while no bracket is open.
 */
#include "core/base/unicode.h"
#include "core/template/syntax.h"

#include <ctype.h>

enum { MAX_BRACKETS = 256 };

typedef struct lexer {
    gn_slice s; /* newlines are all \n */
    size_t at;
    int line;
    bool trim, at_line_start;
    char open[MAX_BRACKETS];
    int n_open;
    gn_arena *arena;
    gn_lexemes *out;
    size_t capacity;
    gn_error *e;
} lexer;

static bool no_room(lexer *x) {
    return gn_fail(x->e, GN_NO_MEMORY, "line %d: out of memory for the template", x->line);
}

static gn_lexeme *add(lexer *x, int kind, gn_slice text) {
    if (x->out->count == x->capacity) {
        const size_t room = x->capacity ? 2 * x->capacity : 64;
        gn_lexeme *more = gn_arena_alloc(x->arena, room * sizeof *more);
        if (!more) {
            no_room(x);
            return NULL;
        }
        if (x->out->count)
            memcpy(more, x->out->at, x->out->count * sizeof *more);
        x->out->at = more;
        x->capacity = room;
    }
    gn_lexeme *l = &x->out->at[x->out->count++];
    *l = (gn_lexeme){.kind = kind, .line = x->line, .text = text};
    return l;
}

static bool looking_at(const lexer *x, size_t at, const char *what) {
    return gn_slice_starts(gn_slice_from(x->s, at), gn_slice_of(what));
}

/* Go on to byte `to`, counting lines. */
static void move(lexer *x, size_t to) {
    for (size_t i = x->at; i < to; i++)
        x->line += x->s.data[i] == '\n';
    if (to > x->at)
        x->at_line_start = x->s.data[to - 1] == '\n';
    x->at = to;
}

static size_t skip_space(const lexer *x, size_t at) {
    int32_t cp;
    size_t n;
    while ((n = gn_utf8_next(x->s, at, &cp)) && gn_is_space_python(cp))
        at += n;
    return at;
}

/* Where the tag that closes at `at` (a '-', a '+' or the tag itself) ends, white
 * space it swallows included; 0 if `end` is not there. */
static size_t closing(const lexer *x, size_t at, const char *end, bool block) {
    const bool minus = x->s.data[at] == '-', plus = block && x->s.data[at] == '+';
    const size_t begin = at + (minus || plus);
    if (!looking_at(x, begin, end))
        return 0;
    const size_t after = begin + 2;
    if (minus)
        return skip_space(x, after);
    if (block && !plus && x->trim && looking_at(x, after, "\n"))
        return after + 1;
    return after;
}

/* Text before a tag, with what the tag's sign and lstrip_blocks take from it. */
static bool text_before(lexer *x, size_t end, char sign, bool block) {
    gn_slice text = {x->s.data + x->at, end - x->at};
    if (sign == '-')
        text = gn_text_strip(text, false, true);
    else if (sign != '+' && x->trim && block) {
        size_t line = text.len;
        while (line > 0 && text.data[line - 1] != '\n')
            line--;
        const gn_slice last = gn_slice_from(text, line);
        if ((line > 0 || x->at_line_start) && gn_text_strip(last, true, true).len == 0)
            text.len = line;
    }
    if (text.len > 0 && !add(x, GN_LEX_DATA, text))
        return false;
    move(x, end);
    return true;
}

static bool is_sign(const lexer *x, size_t at) {
    return at < x->s.len && (x->s.data[at] == '-' || x->s.data[at] == '+');
}

/* {% raw %}: where its text begins, or 0 if the tag at x->at + begin is another. */
static size_t raw_begin(const lexer *x, size_t at) {
    at = skip_space(x, at + 2 + is_sign(x, at + 2));
    if (!looking_at(x, at, "raw"))
        return 0;
    at = skip_space(x, at + 3);
    if (looking_at(x, at, "-%}"))
        return skip_space(x, at + 3);
    return looking_at(x, at, "%}") ? at + 2 : 0;
}

static bool raw_text(lexer *x, size_t begin) {
    const int line = x->line;
    move(x, begin);
    for (size_t at = begin; at < x->s.len; at++) {
        if (!looking_at(x, at, "{%"))
            continue;
        size_t p = skip_space(x, at + 2 + is_sign(x, at + 2));
        if (!looking_at(x, p, "endraw"))
            continue;
        p = skip_space(x, p + 6);
        const size_t end = p < x->s.len ? closing(x, p, "%}", true) : 0;
        if (!end)
            continue;
        const char sign = is_sign(x, at + 2) ? x->s.data[at + 2] : 0;
        if (!text_before(x, at, sign, true))
            return false;
        move(x, end);
        return true;
    }
    return gn_fail(x->e, GN_FORMAT, "line %d: 'raw' without 'endraw'", line);
}

static bool comment(lexer *x) {
    const int line = x->line;
    for (size_t at = x->at + 2 + is_sign(x, x->at + 2); at < x->s.len; at++) {
        const size_t end = closing(x, at, "#}", true);
        if (end) {
            move(x, end);
            return true;
        }
    }
    return gn_fail(x->e, GN_FORMAT, "line %d: a comment without '#}'", line);
}

/* ---- inside a tag ------------------------------------------------------- */

static bool is_name_start(int32_t cp) { return cp == '_' || gn_is_letter(cp); }

static bool is_name_part(int32_t cp) {
    if (is_name_start(cp) || (cp >= '0' && cp <= '9'))
        return true;
    if (cp < 128)
        return false;
    const char *c = gn_category(cp);
    return strcmp(c, "Nd") == 0 || strcmp(c, "Nl") == 0 || strcmp(c, "Mn") == 0 ||
           strcmp(c, "Mc") == 0 || strcmp(c, "Pc") == 0;
}

static size_t name_end(const lexer *x) {
    int32_t cp;
    size_t at = x->at, n = gn_utf8_next(x->s, at, &cp);
    if (!n || !is_name_start(cp))
        return at;
    do
        at += n;
    while ((n = gn_utf8_next(x->s, at, &cp)) && is_name_part(cp));
    return at;
}

/* Digits with single underscores between them; `at` if there are none. */
static size_t digits_end(const lexer *x, size_t at, int (*is)(int)) {
    size_t end = at;
    while (at < x->s.len && is((unsigned char)x->s.data[at])) {
        end = ++at;
        if (at < x->s.len && x->s.data[at] == '_')
            at++;
    }
    return end;
}

static int is_binary(int c) { return c == '0' || c == '1'; }
static int is_octal(int c) { return c >= '0' && c <= '7'; }
static int is_decimal(int c) { return c >= '0' && c <= '9'; }
static int is_zero(int c) { return c == '0'; }

static bool add_integer(lexer *x, size_t from, size_t end, int base) {
    uint64_t v = 0;
    for (size_t i = from; i < end; i++) {
        const char c = x->s.data[i];
        if (c == '_')
            continue;
        const int digit = is_decimal(c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
        if (v > ((uint64_t)INT64_MAX - (uint64_t)digit) / (uint64_t)base)
            return gn_fail(x->e, GN_UNSUPPORTED, "line %d: integer '%.*s' is wider than 64 bits",
                           x->line, (int)(end - x->at > 40 ? 40 : end - x->at), x->s.data + x->at);
        v = v * (uint64_t)base + (uint64_t)digit;
    }
    gn_lexeme *l = add(x, GN_LEX_INTEGER, (gn_slice){x->s.data + x->at, end - x->at});
    if (!l)
        return false;
    l->integer = (int64_t)v;
    move(x, end);
    return true;
}

static bool add_float(lexer *x, size_t end) {
    gn_str plain = {0};
    for (size_t i = x->at; i < end; i++)
        if (x->s.data[i] != '_')
            gn_str_putc(&plain, x->s.data[i]);
    gn_lexeme *l = add(x, GN_LEX_NUMBER, (gn_slice){x->s.data + x->at, end - x->at});
    const bool ok = l && gn_parse_number(gn_str_slice(&plain), &l->number);
    gn_str_release(&plain);
    move(x, end);
    return ok || (l && gn_fail(x->e, GN_FORMAT, "line %d: a number that cannot be read", x->line));
}

static bool number(lexer *x) {
    const char *s = x->s.data;
    const size_t at = x->at;
    size_t end = digits_end(x, at, is_decimal), p = end;
    bool real = false;
    if (!(at > 0 && s[at - 1] == '.')) {
        if (p < x->s.len && s[p] == '.' && digits_end(x, p + 1, is_decimal) > p + 1) {
            p = digits_end(x, p + 1, is_decimal);
            real = true;
        }
        if (p < x->s.len && (s[p] == 'e' || s[p] == 'E')) {
            const size_t digits = p + 1 + (is_sign(x, p + 1) ? 1 : 0);
            if (digits_end(x, digits, is_decimal) > digits) {
                p = digits_end(x, digits, is_decimal);
                real = true;
            }
        }
    }
    if (real)
        return add_float(x, p);
    if (s[at] != '0')
        return add_integer(x, at, end, 10);

    const char kind = at + 1 < x->s.len ? (char)tolower((unsigned char)s[at + 1]) : 0;
    const int base = kind == 'b' ? 2 : kind == 'o' ? 8 : kind == 'x' ? 16 : 10;
    if (base != 10) {
        const size_t from = at + 2 + (at + 2 < x->s.len && s[at + 2] == '_');
        end = digits_end(x, from, base == 2 ? is_binary : base == 8 ? is_octal : isxdigit);
        if (end > from)
            return add_integer(x, from, end, base);
    }
    return add_integer(x, at, digits_end(x, at, is_zero), 10);
}

static bool hex_escape(lexer *x, gn_str *out, gn_slice body, size_t *i, size_t digits) {
    int32_t cp = 0;
    const size_t from = *i;
    for (; *i < from + digits; ++*i) {
        const int c = *i < body.len ? (unsigned char)body.data[*i] : 0;
        if (!isxdigit(c))
            return gn_fail(x->e, GN_FORMAT, "line %d: a \\%c escape needs %zu hex digits", x->line,
                           body.data[from - 1], digits);
        cp = (int32_t)((uint32_t)cp << 4 |
                       (uint32_t)(is_decimal(c) ? c - '0' : (c | 32) - 'a' + 10));
    }
    if (cp < 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return gn_fail(x->e, GN_FORMAT, "line %d: \\%c%.*s is no character", x->line,
                       body.data[from - 1], (int)digits, body.data + from);
    char utf8[4];
    gn_str_add(out, (gn_slice){utf8, gn_utf8_put(utf8, cp)});
    return true;
}

/* One escape, *i behind the backslash. Unknown ones stay as they are written; a
 * character past ASCII behind a backslash comes out as jinja2's own escape of it. */
static bool escape(lexer *x, gn_str *out, gn_slice body, size_t *i) {
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char c = body.data[(*i)++];
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        gn_str_putc(out, to[simple - from]);
    } else if (c == '\n') {
        return true;
    } else if (is_octal((unsigned char)c)) {
        int32_t cp = c - '0';
        for (int n = 1; n < 3 && *i < body.len && is_octal((unsigned char)body.data[*i]); n++)
            cp = cp * 8 + (body.data[(*i)++] - '0');
        char utf8[4];
        gn_str_add(out, (gn_slice){utf8, gn_utf8_put(utf8, cp)});
    } else if (c == 'x' || c == 'u' || c == 'U') {
        return hex_escape(x, out, body, i, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if (c == 'N') {
        return gn_fail(x->e, GN_UNSUPPORTED, "line %d: \\N{...} escapes are not supported",
                       x->line);
    } else if ((unsigned char)c >= 0x80) {
        int32_t cp;
        *i += gn_utf8_next(body, *i - 1, &cp) - 1;
        gn_str_fmt(out,
                   cp < 0x100     ? "\\x%02x"
                   : cp < 0x10000 ? "\\u%04x"
                                  : "\\U%08x",
                   (unsigned)cp);
    } else {
        gn_str_putc(out, '\\');
        gn_str_putc(out, c);
    }
    return true;
}

static bool string(lexer *x) {
    const char quote = x->s.data[x->at];
    const size_t begin = x->at + 1;
    size_t end = begin;
    bool plain = true;
    while (end < x->s.len && x->s.data[end] != quote) {
        plain = plain && x->s.data[end] != '\\';
        end += x->s.data[end] == '\\' ? 2 : 1;
    }
    if (end >= x->s.len)
        return gn_fail(x->e, GN_FORMAT, "line %d: a string without its closing %c", x->line, quote);

    gn_slice body = {x->s.data + begin, end - begin};
    if (!plain) {
        gn_str out = {0};
        bool ok = true;
        for (size_t i = 0; ok && i < body.len;) {
            if (body.data[i] == '\\') {
                i++;
                ok = escape(x, &out, body, &i);
            } else {
                gn_str_putc(&out, body.data[i++]);
            }
        }
        ok = ok && gn_str_ok(&out, x->e);
        body = gn_arena_copy(x->arena, gn_str_slice(&out));
        gn_str_release(&out);
        if (!ok)
            return false;
        if (!body.data)
            return no_room(x);
    }
    if (!add(x, GN_LEX_STRING, body))
        return false;
    move(x, end + 1);
    return true;
}

static bool bracket(lexer *x, char c) {
    if (c == '(' || c == '[' || c == '{') {
        if (x->n_open == MAX_BRACKETS)
            return gn_fail(x->e, GN_UNSUPPORTED,
                           "line %d: more than %d brackets inside one another", x->line,
                           MAX_BRACKETS);
        x->open[x->n_open++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
        if (x->n_open == 0)
            return gn_fail(x->e, GN_FORMAT, "line %d: unexpected '%c'", x->line, c);
        if (x->open[--x->n_open] != c)
            return gn_fail(x->e, GN_FORMAT, "line %d: unexpected '%c', expected '%c'", x->line, c,
                           x->open[x->n_open]);
    }
    return true;
}

static bool operator_(lexer *x) {
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<="};
    size_t len = 1;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (looking_at(x, x->at, two[i]))
            len = 2;
    const char c = x->s.data[x->at];
    if (len == 1 && (c == 0 || !strchr("+-*/%~[](){}<>=.:|,;", c))) {
        int32_t cp;
        const size_t n = gn_utf8_next(x->s, x->at, &cp);
        return gn_fail(x->e, GN_FORMAT, "line %d: unexpected character '%.*s' in a tag", x->line,
                       (int)n, x->s.data + x->at);
    }
    if (len == 1 && !bracket(x, c))
        return false;
    if (!add(x, GN_LEX_OPERATOR, (gn_slice){x->s.data + x->at, len}))
        return false;
    move(x, x->at + len);
    return true;
}

static bool one_lexeme(lexer *x) {
    const char c = x->s.data[x->at];
    if (is_decimal((unsigned char)c))
        return number(x);
    const size_t end = name_end(x);
    if (end > x->at) {
        if (!add(x, GN_LEX_NAME, (gn_slice){x->s.data + x->at, end - x->at}))
            return false;
        move(x, end);
        return true;
    }
    return c == '\'' || c == '"' ? string(x) : operator_(x);
}

/* Everything up to `end` ("}}", "%}", or NULL: the end of the source). */
static bool tag(lexer *x, const char *end, int end_kind) {
    x->n_open = 0;
    for (;;) {
        size_t close;
        if (x->at < x->s.len && end && x->n_open == 0 &&
            (close = closing(x, x->at, end, end_kind == GN_LEX_BLOCK_END))) {
            if (!add(x, end_kind, gn_slice_of(end)))
                return false;
            move(x, close);
            return true;
        }
        const size_t next = skip_space(x, x->at);
        if (next > x->at)
            move(x, next);
        else if (x->at >= x->s.len)
            return true; /* the parser misses what should follow */
        else if (!one_lexeme(x))
            return false;
    }
}

static bool text(lexer *x) {
    for (size_t at = x->at; at + 1 < x->s.len; at++) {
        const char *p = memchr(x->s.data + at, '{', x->s.len - 1 - at);
        if (!p)
            break;
        at = (size_t)(p - x->s.data);
        const char kind = p[1];
        if (kind != '{' && kind != '%' && kind != '#')
            continue;
        const size_t raw = kind == '%' ? raw_begin(x, at) : 0;
        const char sign = is_sign(x, at + 2) ? x->s.data[at + 2] : 0;
        if (!text_before(x, at, sign, kind != '{'))
            return false;
        if (raw)
            return raw_text(x, raw);
        if (kind == '#')
            return comment(x);
        if (!add(x, kind == '{' ? GN_LEX_PRINT : GN_LEX_BLOCK, (gn_slice){p, 2}))
            return false;
        move(x, at + 2 + (sign != 0));
        return kind == '{' ? tag(x, "}}", GN_LEX_PRINT_END) : tag(x, "%}", GN_LEX_BLOCK_END);
    }
    const gn_slice rest = gn_slice_from(x->s, x->at);
    if (rest.len && !add(x, GN_LEX_DATA, rest))
        return false;
    move(x, x->s.len);
    return true;
}

/* A copy with \r\n and \r as \n, without the final newline where that is dropped. */
static bool normalise(lexer *x, gn_slice source, bool keep_last) {
    char *copy = gn_arena_alloc(x->arena, source.len + 1);
    if (!copy)
        return no_room(x);
    size_t n = 0;
    for (size_t i = 0; i < source.len; i++) {
        const char c = source.data[i];
        if (c == '\r' && i + 1 < source.len && source.data[i + 1] == '\n')
            continue;
        copy[n++] = c == '\r' ? '\n' : c;
    }
    if (!keep_last && n > 0 && copy[n - 1] == '\n')
        n--;
    x->s = (gn_slice){copy, n};
    return true;
}

bool gn_lex(gn_lexemes *out, gn_arena *a, gn_slice source, gn_template_environment env,
            bool expression, gn_error *e) {
    const bool chat = env == GN_TEMPLATE_CHAT;
    lexer x = {.line = 1, .trim = chat, .at_line_start = true, .arena = a, .out = out, .e = e};
    if (!gn_utf8_valid(source))
        return gn_fail(e, GN_FORMAT, "a template that is not valid UTF-8");
    if (!normalise(&x, source, !chat))
        return false;
    if (expression) {
        if (!tag(&x, NULL, 0))
            return false;
    } else {
        while (x.at < x.s.len)
            if (!text(&x))
                return false;
    }
    return add(&x, GN_LEX_END, GN_S("")) != NULL;
}

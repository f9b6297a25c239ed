/* regex.c - see regex.h.
 *
 * A pattern is rewritten before PCRE2 compiles it: white space becomes a list of
 * characters, since PCRE2's own \s knows another one, and what Python spells
 * differently is spelt PCRE2's way. Everything else is copied as it stands.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/base/regex.h"

#include "core/base/unicode.h"

#include <ctype.h>
#include <stdlib.h>

#include <pcre2.h>

/* A pattern that runs wild tries some ten million steps a second and more. */
enum {
    MOST_TRIES = 10000000,
    MOST_KIB = 256 * 1024,
    STACK_FIRST = 64 << 10,
    STACK_MOST = 16 << 20
};

#define SPACE_FROM_0020                                                                            \
    "\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{"    \
    "3000}"
#define OTHERS_FROM_0020                                                                           \
    "\\x{21}-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"        \
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{10ffff}"

static const char *const space_set[] = {
    [GN_REGEX_PLAIN] = "\\x{9}-\\x{d}" SPACE_FROM_0020,
    [GN_REGEX_PYTHON] = "\\x{9}-\\x{d}\\x{1c}-\\x{1f}" SPACE_FROM_0020,
};
static const char *const other_set[] = {
    [GN_REGEX_PLAIN] = "\\x{0}-\\x{8}\\x{e}-\\x{1f}" OTHERS_FROM_0020,
    [GN_REGEX_PYTHON] = "\\x{0}-\\x{8}\\x{e}-\\x{1b}" OTHERS_FROM_0020,
};

struct gn_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    char *pattern; /* as it was given, for messages */
    int groups;
};

typedef struct rewriting {
    gn_slice from;
    size_t at;
    gn_regex_flavour flavour;
    bool in_class, verbose;
    gn_str to;
} rewriting;

static bool here(const rewriting *w, const char *what) {
    return gn_slice_starts(gn_slice_from(w->from, w->at), gn_slice_of(what));
}

static void copy(rewriting *w, size_t n) {
    n = n < w->from.len - w->at ? n : w->from.len - w->at;
    gn_str_add(&w->to, (gn_slice){w->from.data + w->at, n});
    w->at += n;
}

/* Copy up to and with the next `end`, or all there is. */
static void copy_through(rewriting *w, const char *end) {
    const ptrdiff_t i = gn_slice_find(gn_slice_from(w->from, w->at), gn_slice_of(end));
    copy(w, i < 0 ? SIZE_MAX : (size_t)i + strlen(end));
}

/* "n hex digits stand at i." */
static bool hex_at(const rewriting *w, size_t i, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (i + k >= w->from.len || !isxdigit((unsigned char)w->from.data[i + k]))
            return false;
    return true;
}

/* At a backslash. */
static void rewrite_escape(rewriting *w) {
    const char c = w->at + 1 < w->from.len ? w->from.data[w->at + 1] : '\0';
    const size_t digits = c == 'u' ? 4 : 8;
    if (c == 's' || c == 'S') {
        const char *set = c == 's'      ? space_set[w->flavour]
                          : w->in_class ? other_set[w->flavour]
                                        : space_set[w->flavour];
        gn_str_puts(&w->to, w->in_class ? "" : c == 's' ? "[" : "[^");
        gn_str_puts(&w->to, set);
        gn_str_puts(&w->to, w->in_class ? "" : "]");
        w->at += 2;
        if (w->in_class && here(w, "-")) { /* it would span a range from our last character */
            gn_str_puts(&w->to, "\\-");
            w->at++;
        }
    } else if ((c == 'u' || c == 'U') && hex_at(w, w->at + 2, digits)) {
        gn_str_puts(&w->to, "\\x{");
        gn_str_add(&w->to, (gn_slice){w->from.data + w->at + 2, digits});
        gn_str_putc(&w->to, '}');
        w->at += 2 + digits;
    } else if (here(w, "\\u{")) {
        gn_str_puts(&w->to, "\\x");
        w->at += 2;
    } else if (c == 'Z' && w->flavour == GN_REGEX_PYTHON && !w->in_class) {
        gn_str_puts(&w->to, "\\z");
        w->at += 2;
    } else if (c == 'Q')
        copy_through(w, "\\E");
    else
        copy(w, 2);
}

static void rewrite_class(rewriting *w) {
    if (here(w, "]")) {
        w->in_class = false;
        copy(w, 1);
    } else if (w->flavour == GN_REGEX_PYTHON && here(w, "[")) {
        gn_str_puts(&w->to, "\\[");
        w->at++;
    } else if (here(w, "[:"))
        copy_through(w, ":]");
    else
        copy(w, 1);
}

/* Whether flags that switch on verbose patterns stand here: "(?" letters with an x. */
static bool turns_verbose(const rewriting *w) {
    for (size_t i = w->at + 2; i < w->from.len && isalpha((unsigned char)w->from.data[i]); i++)
        if (w->from.data[i] == 'x')
            return true;
    return false;
}

/* Make of w->from, in w->to, what PCRE2 is to read; stop early once that has
 * `most` bytes. */
static void rewrite(rewriting *w, size_t most) {
    while (w->at < w->from.len && w->to.len < most) {
        if (here(w, "\\"))
            rewrite_escape(w);
        else if (w->in_class)
            rewrite_class(w);
        else if (here(w, "[")) {
            w->in_class = true;
            copy(w, here(w, "[^") ? 2 : 1);
            if (here(w, "]")) /* the first one is a character */
                copy(w, 1);
        } else if (here(w, "(?#"))
            copy_through(w, ")");
        else if (here(w, "(?")) {
            w->verbose = w->verbose || turns_verbose(w);
            copy(w, 2);
        } else if (w->verbose && here(w, "#"))
            copy_through(w, "\n");
        else if (here(w, "{,") && w->at + 2 < w->from.len &&
                 isdigit((unsigned char)w->from.data[w->at + 2])) {
            gn_str_puts(&w->to, "{0,");
            w->at += 2;
        } else
            copy(w, 1);
    }
}

static bool compile(gn_regex *r, gn_slice pattern, gn_regex_flavour flavour, bool ignore_case,
                    gn_error *e) {
    int why;
    PCRE2_SIZE at;
    rewriting w = {.from = pattern, .flavour = flavour};
    rewrite(&w, SIZE_MAX);
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context || !gn_str_ok(&w.to, e)) {
        pcre2_compile_context_free(context);
        gn_str_release(&w.to);
        return gn_fail(e, GN_NO_MEMORY, "regular expression '%s': out of memory", r->pattern);
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    r->code = pcre2_compile((PCRE2_SPTR)gn_str_text(&w.to), w.to.len,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C |
                                (ignore_case ? PCRE2_CASELESS : 0),
                            &why, &at, context);
    pcre2_compile_context_free(context);
    gn_str_release(&w.to);
    if (r->code)
        return true;

    PCRE2_UCHAR message[160] = "";
    pcre2_get_error_message(why, message, sizeof message);
    w = (rewriting){.from = pattern, .flavour = flavour};
    rewrite(&w, at);
    gn_str_release(&w.to);
    return gn_fail(e, GN_INVALID, "regular expression '%s': at character %zu: %s", r->pattern,
                   gn_utf8_count((gn_slice){pattern.data, w.at}) + 1, (const char *)message);
}

gn_regex *gn_regex_new(gn_slice pattern, gn_regex_flavour flavour, bool ignore_case, gn_error *e) {
    gn_regex *r = calloc(1, sizeof *r);
    if (!pattern.data)
        pattern = GN_S("");
    if (!r || !(r->pattern = gn_strdup_slice(pattern))) {
        free(r);
        gn_fail(e, GN_NO_MEMORY, "compile a regular expression: out of memory");
        return NULL;
    }
    if (!compile(r, pattern, flavour, ignore_case, e)) {
        gn_regex_free(r);
        return NULL;
    }
    uint32_t groups = 0;
    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    r->groups = (int)groups;
    r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
    r->context = pcre2_match_context_create(NULL);
    if (!r->match || !r->context) {
        gn_fail(e, GN_NO_MEMORY, "regular expression '%s': out of memory", r->pattern);
        gn_regex_free(r);
        return NULL;
    }
    pcre2_set_match_limit(r->context, MOST_TRIES);
    pcre2_set_heap_limit(r->context, MOST_KIB);
    /* Where there is no compiler to machine code, PCRE2 interprets: slower, the same matches. */
    if (pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0) {
        r->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL);
        if (r->stack)
            pcre2_jit_stack_assign(r->context, NULL, r->stack);
    }
    return r;
}

void gn_regex_free(gn_regex *r) {
    if (!r)
        return;
    pcre2_match_data_free(r->match);
    pcre2_match_context_free(r->context);
    pcre2_jit_stack_free(r->stack);
    pcre2_code_free(r->code);
    free(r->pattern);
    free(r);
}

int gn_regex_groups(const gn_regex *r) { return r->groups; }

static bool match(gn_regex *r, gn_slice text, size_t from, uint32_t options, gn_span *span, int n,
                  bool *found, gn_error *e) {
    *found = false;
    if (!text.data)
        text = GN_S("");
    if (from > text.len)
        return true;
    if (from == 0 && !gn_utf8_valid(text))
        return gn_fail(e, GN_INVALID, "regular expression '%s': the text is no UTF-8", r->pattern);
    const PCRE2_SPTR data = (PCRE2_SPTR)text.data;
    options |= PCRE2_NO_UTF_CHECK;
    int got = pcre2_match(r->code, data, text.len, from, options, r->match, r->context);
    if (got == PCRE2_ERROR_JIT_STACKLIMIT)
        got = pcre2_match(r->code, data, text.len, from, options | PCRE2_NO_JIT, r->match,
                          r->context);
    if (got == PCRE2_ERROR_NOMATCH)
        return true;
    if (got == PCRE2_ERROR_NOMEMORY)
        return gn_fail(e, GN_NO_MEMORY, "regular expression '%s': out of memory", r->pattern);
    if (got == PCRE2_ERROR_MATCHLIMIT || got == PCRE2_ERROR_HEAPLIMIT ||
        got == PCRE2_ERROR_DEPTHLIMIT)
        return gn_fail(e, GN_UNSUPPORTED,
                       "regular expression '%s': too many ways to match %zu bytes of text; "
                       "make its repetitions exclude each other",
                       r->pattern, text.len - from);
    if (got < 0) {
        PCRE2_UCHAR message[160] = "";
        pcre2_get_error_message(got, message, sizeof message);
        return gn_fail(e, GN_UNSUPPORTED, "regular expression '%s': %s", r->pattern,
                       (const char *)message);
    }
    *found = true;
    const PCRE2_SIZE *offset = pcre2_get_ovector_pointer(r->match);
    for (int i = 0; i < n; i++)
        span[i] = i < got && offset[2 * i] != PCRE2_UNSET
                      ? (gn_span){offset[2 * i], offset[2 * i + 1]}
                      : (gn_span){1, 0};
    return true;
}

bool gn_regex_find(gn_regex *r, gn_slice text, size_t from, gn_span *span, int n, bool *found,
                   gn_error *e) {
    return match(r, text, from, 0, span, n, found, e);
}

bool gn_regex_next(gn_regex *r, gn_slice text, gn_span *span, int n, bool *found, gn_error *e) {
    const bool was_empty = span[0].begin == span[0].end;
    return match(r, text, span[0].end, was_empty ? PCRE2_NOTEMPTY_ATSTART : 0, span, n, found, e);
}

static bool bad_replacement(gn_slice replacement, const char *what, gn_error *e) {
    return gn_fail(e, GN_INVALID, "replacement '%.*s': %s", (int)replacement.len, replacement.data,
                   what);
}

static bool put_group(const gn_regex *r, gn_slice text, const gn_span *span, int64_t group,
                      gn_slice replacement, gn_str *out, gn_error *e) {
    if (group > r->groups)
        return bad_replacement(replacement, "it names a group that the pattern does not have", e);
    if (span[group].begin <= span[group].end)
        gn_str_add(out,
                   (gn_slice){text.data + span[group].begin, span[group].end - span[group].begin});
    return true;
}

/* \g<...> at *i; leaves *i behind it. */
static bool put_named(const gn_regex *r, gn_slice text, const gn_span *span, gn_slice replacement,
                      size_t *i, gn_str *out, gn_error *e) {
    const gn_slice rest = gn_slice_from(replacement, *i);
    const ptrdiff_t end = gn_slice_find(rest, GN_S(">"));
    if (!gn_slice_starts(rest, GN_S("\\g<")) || end < 4)
        return bad_replacement(replacement, "\\g wants a group in <>", e);
    const gn_slice name = {rest.data + 3, (size_t)end - 3};
    int64_t group;
    if (!isdigit((unsigned char)name.data[0]) || !gn_parse_integer(name, &group)) {
        char *copied = gn_strdup_slice(name);
        if (!copied)
            return gn_fail(e, GN_NO_MEMORY, "replace by regular expression: out of memory");
        group = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)copied);
        free(copied);
        if (group < 0)
            return bad_replacement(replacement, "it names a group that the pattern does not have",
                                   e);
    }
    *i += (size_t)end + 1;
    return put_group(r, text, span, group, replacement, out, e);
}

/* \ and a digit at *i: octal after \0 and for three octal digits, else a group of
 * one or two digits. */
static bool put_digits(const gn_regex *r, gn_slice text, const gn_span *span, gn_slice replacement,
                       size_t *i, gn_str *out, gn_error *e) {
    int digit[3] = {0}, n = 0, octal = 0;
    for (size_t k = *i + 1;
         n < 3 && k < replacement.len && isdigit((unsigned char)replacement.data[k]); k++)
        digit[n++] = replacement.data[k] - '0';
    while (octal < n && digit[octal] < 8)
        octal++;
    if (digit[0] == 0 || octal == 3) {
        int32_t cp = 0;
        char bytes[4];
        for (int k = 0; k < octal; k++)
            cp = cp * 8 + digit[k];
        if (cp > 0377)
            return bad_replacement(replacement, "an octal escape past \\377", e);
        *i += 1 + (size_t)octal;
        gn_str_add(out, (gn_slice){bytes, gn_utf8_put(bytes, cp)});
        return true;
    }
    const int used = n >= 2 ? 2 : 1;
    *i += 1 + (size_t)used;
    return put_group(r, text, span, used == 2 ? digit[0] * 10 + digit[1] : digit[0], replacement,
                     out, e);
}

static bool put_replacement(const gn_regex *r, gn_slice text, const gn_span *span,
                            gn_slice replacement, gn_str *out, gn_error *e) {
    for (size_t i = 0; i < replacement.len;) {
        const char c = replacement.data[i];
        if (c != '\\') {
            gn_str_putc(out, c);
            i++;
            continue;
        }
        if (i + 1 == replacement.len)
            return bad_replacement(replacement, "it ends in a backslash", e);
        const char next = replacement.data[i + 1];
        const char *named = next ? strchr("\\\\n\nt\tr\ra\ab\bf\fv\v", next) : NULL;
        if (isdigit((unsigned char)next)) {
            if (!put_digits(r, text, span, replacement, &i, out, e))
                return false;
        } else if (next == 'g') {
            if (!put_named(r, text, span, replacement, &i, out, e))
                return false;
        } else if (named) {
            gn_str_putc(out, named[1]);
            i += 2;
        } else if (isalpha((unsigned char)next))
            return bad_replacement(replacement, "an escape that means nothing", e);
        else { /* anything else keeps its backslash */
            gn_str_putc(out, c);
            i++;
        }
    }
    return true;
}

bool gn_regex_sub(gn_regex *r, gn_slice text, gn_slice replacement, int count, gn_str *out,
                  gn_error *e) {
    const int n = r->groups + 1;
    gn_span *span = calloc((size_t)n, sizeof *span);
    if (!span)
        return gn_fail(e, GN_NO_MEMORY, "replace by regular expression: out of memory");
    for (int i = 0; i < n; i++)
        span[i] = (gn_span){1, 0};
    gn_str tried = {0}; /* so that a bad replacement is refused also where nothing matches */
    size_t done = 0;
    bool found, ok = put_replacement(r, text, span, replacement, &tried, e) &&
                     gn_regex_find(r, text, 0, span, n, &found, e);
    gn_str_release(&tried);
    for (int i = 0; ok && found && (count <= 0 || i < count); i++) {
        gn_str_add(out, (gn_slice){text.data + done, span[0].begin - done});
        done = span[0].end;
        ok = put_replacement(r, text, span, replacement, out, e) &&
             gn_regex_next(r, text, span, n, &found, e);
    }
    free(span);
    if (!ok)
        return false;
    gn_str_add(out, gn_slice_from(text, done));
    return gn_str_ok(out, e);
}

void gn_regex_escape(gn_str *out, gn_slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] && strchr("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", text.data[i]))
            gn_str_putc(out, '\\');
        gn_str_putc(out, text.data[i]);
    }
}

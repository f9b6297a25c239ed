/* ifeval.c - see ifeval.h. One function an instruction; five of them stand for a model or a
 * library that is not here (a sentence splitter, a word splitter, a language guesser) and say so.
 */
#include "eval/ifeval.h"

#include <stdlib.h>

/* One instruction being checked. */
typedef struct check {
    const gn_value *args; /* what is null, zero or empty counts as not there */
    gn_arena *a;
    gn_error *e;
    bool approximate;
} check;

/* ---- arguments ---------------------------------------------------------- */

static const gn_value *argument(const check *c, const char *name) {
    const gn_value *v = gn_value_get(c->args, gn_slice_of(name));
    return v && gn_value_true(v) ? v : NULL;
}

/* An argument that is missing is invented by the original: no answer can be held to it. */
static bool missing(check *c) {
    c->approximate = true;
    return false;
}

static bool number(check *c, const char *name, int64_t *out) {
    return (gn_value_to_integer(argument(c, name), out) && *out >= 0) || missing(c);
}

static bool words(check *c, const char *name, gn_slice *out) {
    const gn_value *v = argument(c, name);
    *out = gn_value_text(v);
    return gn_value_is(v, GN_STRING) || missing(c);
}

/* "less than" or "at least" so many. */
static bool related(check *c, const char *name, int64_t have, int64_t want) {
    gn_slice relation;
    if (!words(c, name, &relation))
        return false;
    if (gn_slice_is(relation, "less than"))
        return have < want;
    return gn_slice_is(relation, "at least") ? have >= want : missing(c);
}

/* ---- text --------------------------------------------------------------- */

static gn_slice strip(gn_slice s) { return gn_text_strip(s, true, true); }

static gn_slice lower(check *c, gn_slice s) {
    gn_str out = {0};
    gn_text_lower(&out, s);
    const gn_slice kept = gn_arena_copy(c->a, gn_str_slice(&out));
    if (!kept.data)
        gn_fail(c->e, GN_NO_MEMORY, "out of memory");
    gn_str_release(&out);
    return kept.data ? kept : GN_S("");
}

static gn_slice trim_char(gn_slice s, char what, bool left, bool right) {
    while (left && s.len && s.data[0] == what)
        s = gn_slice_from(s, 1);
    while (right && s.len && s.data[s.len - 1] == what)
        s.len--;
    return s;
}

/* Parts of text, in the arena. */
typedef struct parts {
    gn_slice *item;
    size_t count, capacity;
} parts;

static void add_part(check *c, parts *p, gn_slice s) {
    if (p->count == p->capacity) {
        const size_t room = p->capacity ? 2 * p->capacity : 16;
        gn_slice *item = gn_arena_alloc(c->a, room * sizeof *item);
        if (!item) {
            gn_fail(c->e, GN_NO_MEMORY, "out of memory");
            return;
        }
        if (p->count)
            memcpy(item, p->item, p->count * sizeof *item);
        p->item = item;
        p->capacity = room;
    }
    p->item[p->count++] = s;
}

/* findall: every match; or with `between` re.split: what stands between them. */
static parts matches(check *c, const char *pattern, gn_slice text, bool ignore_case, bool between) {
    parts p = {0};
    gn_span span;
    bool found = false;
    size_t from = 0;
    gn_regex *re = gn_regex_new(gn_slice_of(pattern), GN_REGEX_PYTHON, ignore_case, c->e);
    bool ok = re && gn_regex_find(re, text, 0, &span, 1, &found, c->e);
    while (ok && found) {
        if (between)
            add_part(c, &p, (gn_slice){text.data + from, span.begin - from});
        else
            add_part(c, &p, (gn_slice){text.data + span.begin, span.end - span.begin});
        from = span.end;
        ok = gn_regex_next(re, text, &span, 1, &found, c->e);
    }
    if (between)
        add_part(c, &p, gn_slice_from(text, from));
    gn_regex_free(re);
    return p;
}

static int64_t count(check *c, const char *pattern, gn_slice text, bool ignore_case) {
    return (int64_t)matches(c, pattern, text, ignore_case, false).count;
}

/* before + word + after as a pattern. */
static int64_t count_word(check *c, const char *before, gn_slice word, const char *after,
                          gn_slice text, bool ignore_case) {
    gn_str s = {0};
    gn_str_puts(&s, before);
    gn_str_add(&s, word);
    gn_str_puts(&s, after);
    const int64_t n = gn_str_ok(&s, c->e) ? count(c, gn_str_text(&s), text, ignore_case) : 0;
    gn_str_release(&s);
    return n;
}

static bool is_category(int32_t cp, const char *category) {
    return cp >= 0 && strcmp(gn_category(cp), category) == 0;
}

/* Python's isupper (or islower): a cased letter, and none of the other case. */
static bool one_case(gn_slice s, const char *wanted, const char *other) {
    bool any = false;
    int32_t cp;
    for (size_t i = 0, n; (n = gn_utf8_next(s, i, &cp)) > 0; i += n) {
        if (is_category(cp, other) || is_category(cp, "Lt"))
            return false;
        any |= is_category(cp, wanted);
    }
    return any;
}

/* ---- keywords ----------------------------------------------------------- */

static bool existence(check *c, gn_slice text) {
    const gn_value *list = argument(c, "keywords");
    if (!list)
        return missing(c);
    for (size_t i = 0; i < gn_value_count(list); i++)
        if (!count_word(c, "", gn_value_text(gn_value_at(list, i)), "", text, true))
            return false;
    return true;
}

static bool frequency(check *c, gn_slice text) {
    gn_slice word;
    int64_t want;
    return words(c, "keyword", &word) && number(c, "frequency", &want) &&
           related(c, "relation", count_word(c, "", strip(word), "", text, true), want);
}

static bool forbidden(check *c, gn_slice text) {
    const gn_value *list = argument(c, "forbidden_words");
    if (!list)
        return missing(c);
    for (size_t i = 0; i < gn_value_count(list); i++)
        if (count_word(c, "\\b", gn_value_text(gn_value_at(list, i)), "\\b", text, true))
            return false;
    return true;
}

static bool letter_frequency(check *c, gn_slice text) {
    gn_slice letter;
    int64_t want, have = 0;
    if (!words(c, "letter", &letter) || !number(c, "let_frequency", &want))
        return false;
    letter = lower(c, strip(letter));
    if (letter.len != 1 || letter.data[0] < 'a' || letter.data[0] > 'z')
        return missing(c);
    const gn_slice all = lower(c, text);
    for (size_t i = 0; i < all.len; i++)
        have += all.data[i] == letter.data[0];
    return related(c, "let_relation", have, want);
}

/* ---- length ------------------------------------------------------------- */

static bool number_words(check *c, gn_slice text) {
    int64_t want;
    return number(c, "num_words", &want) &&
           related(c, "relation", count(c, "\\w+", text, false), want);
}

/* The original asks punkt. Here a sentence ends at a full stop, question or exclamation
 * mark (and what closes after it) before white space and something that is no small letter. */
static bool number_sentences(check *c, gn_slice text) {
    int64_t want;
    c->approximate = true;
    if (!number(c, "num_sentences", &want))
        return false;
    const int64_t ends =
        count(c, "[.!?\\x{3002}\\x{FF01}\\x{FF1F}]+[\"'\\x{201D}\\x{2019})\\]]*\\s+(?=[^\\sa-z])",
              strip(text), false);
    return related(c, "relation", strip(text).len ? ends + 1 : 0, want);
}

static bool number_paragraphs(check *c, gn_slice text) {
    int64_t want;
    if (!number(c, "num_paragraphs", &want))
        return false;
    const parts p = matches(c, "\\s?\\*\\*\\*\\s?", text, false, true);
    int64_t have = (int64_t)p.count;
    for (size_t i = 0; i < p.count; i++)
        if (strip(p.item[i]).len == 0) {
            if (i != 0 && i != p.count - 1)
                return false;
            have--;
        }
    return have == want;
}

/* A word up to its first mark, in small letters. */
static gn_slice first_word(check *c, gn_slice paragraph) {
    size_t end = 0;
    int32_t cp;
    for (size_t n; (n = gn_utf8_next(paragraph, end, &cp)) > 0 && !gn_is_space_python(cp);)
        end += n;
    gn_slice word = {paragraph.data, end};
    word = trim_char(trim_char(word, '\'', true, false), '"', true, false);
    for (size_t i = 0; i < word.len; i++)
        if (strchr(".,?!'\"", word.data[i]))
            word.len = i;
    return lower(c, word);
}

static bool nth_paragraph(check *c, gn_slice text) {
    int64_t want, nth;
    gn_slice word;
    if (!number(c, "num_paragraphs", &want) || !number(c, "nth_paragraph", &nth) ||
        !words(c, "first_word", &word))
        return false;
    if (nth < 1 || nth > want)
        return missing(c);
    const parts p = matches(c, "\\n\\n", text, false, true);
    int64_t have = (int64_t)p.count;
    for (size_t i = 0; i < p.count; i++)
        have -= strip(p.item[i]).len == 0;
    if (nth > have)
        return false;
    const gn_slice paragraph = strip(p.item[nth - 1]);
    return paragraph.len && have == want &&
           gn_slice_equal(first_word(c, paragraph), lower(c, word));
}

/* ---- format and content ------------------------------------------------- */

static bool bullets(check *c, gn_slice text) {
    int64_t want;
    return number(c, "num_bullets", &want) && count(c, "(?m)^\\s*\\*[^\\*].*$", text, false) +
                                                      count(c, "(?m)^\\s*-.*$", text, false) ==
                                                  want;
}

static bool constrained(check *c, gn_slice text) {
    (void)c;
    return gn_slice_find(text, GN_S("My answer is yes.")) >= 0 ||
           gn_slice_find(text, GN_S("My answer is no.")) >= 0 ||
           gn_slice_find(text, GN_S("My answer is maybe.")) >= 0;
}

static bool highlights(check *c, gn_slice text) {
    int64_t want, have = 0;
    if (!number(c, "num_highlights", &want))
        return false;
    const parts once = matches(c, "\\*[^\\n\\*]*\\*", text, false, false);
    const parts twice = matches(c, "\\*\\*[^\\n\\*]*\\*\\*", text, false, false);
    for (size_t i = 0; i < once.count; i++)
        have += strip(trim_char(once.item[i], '*', true, true)).len > 0;
    for (size_t i = 0; i < twice.count; i++)
        have += strip((gn_slice){twice.item[i].data + 2, twice.item[i].len - 4}).len > 0;
    return have >= want;
}

static bool sections(check *c, gn_slice text) {
    gn_slice word;
    int64_t want;
    return words(c, "section_spliter", &word) && number(c, "num_sections", &want) &&
           count_word(c, "\\s?", strip(word), "\\s?\\d+\\s?", text, false) >= want;
}

static gn_slice without(gn_slice s, const char *begin) {
    const gn_slice b = gn_slice_of(begin);
    return gn_slice_starts(s, b) ? gn_slice_from(s, b.len) : s;
}

static bool json(check *c, gn_slice text) {
    gn_error e = {0};
    gn_slice s = without(strip(text), "```json");
    s = without(without(without(s, "```Json"), "```JSON"), "```");
    if (gn_slice_ends(s, GN_S("```")))
        s.len -= 3;
    return gn_json_parse(c->a, strip(s), &e) != NULL;
}

static bool title(check *c, gn_slice text) {
    const parts p = matches(c, "<<[^\\n]+>>", text, false, false);
    for (size_t i = 0; i < p.count; i++)
        if (strip(trim_char(trim_char(p.item[i], '<', true, false), '>', false, true)).len)
            return true;
    return false;
}

static bool placeholders(check *c, gn_slice text) {
    int64_t want;
    return number(c, "num_placeholders", &want) && count(c, "\\[.*?\\]", text, false) >= want;
}

static bool postscript(check *c, gn_slice text) {
    gn_slice mark;
    if (!words(c, "postscript_marker", &mark))
        return false;
    mark = strip(mark);
    const gn_slice all = lower(c, text);
    if (gn_slice_is(mark, "P.P.S"))
        return count(c, "(?m)\\s*p\\.\\s?p\\.\\s?s.*$", all, false) > 0;
    if (gn_slice_is(mark, "P.S."))
        return count(c, "(?m)\\s*p\\.\\s?s\\..*$", all, false) > 0;
    return count_word(c, "(?m)\\s*", lower(c, mark), ".*$", all, false) > 0;
}

/* ---- combination, start and end, case ----------------------------------- */

static bool two_responses(check *c, gn_slice text) {
    gn_slice valid[2];
    int n = 0;
    const parts p = matches(c, "\\*{6}", text, false, true);
    for (size_t i = 0; i < p.count; i++) {
        const gn_slice part = strip(p.item[i]);
        if (part.len == 0 && i != 0 && i != p.count - 1)
            return false;
        if (part.len && n < 2)
            valid[n] = part;
        n += part.len > 0;
    }
    return n == 2 && !gn_slice_equal(valid[0], valid[1]);
}

static bool repeat_prompt(check *c, gn_slice text) {
    gn_slice prompt;
    return words(c, "prompt_to_repeat", &prompt) &&
           gn_slice_starts(lower(c, strip(text)), lower(c, strip(prompt)));
}

static bool end_checker(check *c, gn_slice text) {
    gn_slice phrase;
    return words(c, "end_phrase", &phrase) &&
           gn_slice_ends(lower(c, trim_char(strip(text), '"', true, true)),
                         lower(c, strip(phrase)));
}

static bool quotation(check *c, gn_slice text) {
    const gn_slice s = strip(text);
    (void)c;
    return s.len > 1 && s.data[0] == '"' && s.data[s.len - 1] == '"';
}

/* The original asks NLTK for words. Here a word is letters, digits and what joins them. */
static bool capital_words(check *c, gn_slice text) {
    int64_t want, have = 0;
    c->approximate = true;
    if (!number(c, "capital_frequency", &want))
        return false;
    const parts p = matches(c, "\\w+(?:[-.'/&]\\w+)*", text, false, false);
    for (size_t i = 0; i < p.count; i++)
        have += one_case(p.item[i], "Lu", "Ll");
    return related(c, "capital_relation", have, want);
}

/* The original also wants langdetect to say English. */
static bool all_capital(check *c, gn_slice text) {
    c->approximate = true;
    return one_case(text, "Lu", "Ll");
}

static bool all_small(check *c, gn_slice text) {
    c->approximate = true;
    return one_case(text, "Ll", "Lu");
}

static bool no_comma(check *c, gn_slice text) {
    (void)c;
    return memchr(text.data, ',', text.len) == NULL;
}

/* The original asks langdetect. Here: are most letters of the script that language is
 * written in? */
static bool language(check *c, gn_slice text) {
    static const struct {
        const char *languages; /* two letters each */
        int32_t first, last;
    } script[] = {{"ru bg uk mk sr", 0x400, 0x52F},
                  {"ar fa ur", 0x600, 0x6FF},
                  {"hi mr ne", 0x900, 0x97F},
                  {"bn", 0x980, 0x9FF},
                  {"pa", 0xA00, 0xA7F},
                  {"gu", 0xA80, 0xAFF},
                  {"ta", 0xB80, 0xBFF},
                  {"te", 0xC00, 0xC7F},
                  {"kn", 0xC80, 0xCFF},
                  {"ml", 0xD00, 0xD7F},
                  {"th", 0xE00, 0xE7F},
                  {"he", 0x590, 0x5FF},
                  {"el", 0x370, 0x3FF},
                  {"ko", 0xAC00, 0xD7AF},
                  {"ja", 0x3040, 0x9FFF},
                  {"zh", 0x4E00, 0x9FFF}};
    gn_slice wanted;
    int32_t first = 'A', last = 0x24F, cp;
    int64_t in = 0, out = 0;
    c->approximate = true;
    if (!words(c, "language", &wanted))
        return false;
    wanted.len = wanted.len > 2 ? 2 : wanted.len;
    for (size_t i = 0; i < sizeof script / sizeof *script; i++)
        if (gn_slice_find(gn_slice_of(script[i].languages), wanted) >= 0) {
            first = script[i].first;
            last = script[i].last;
        }
    for (size_t i = 0, n; (n = gn_utf8_next(text, i, &cp)) > 0; i += n)
        if (cp >= 0 && gn_is_letter(cp))
            *(cp >= first && cp <= last ? &in : &out) += 1;
    return in > out;
}

/* ---- all of them -------------------------------------------------------- */

static const struct {
    const char *id;
    bool (*kept)(check *c, gn_slice text);
} instruction[] = {
    {"keywords:existence", existence},
    {"keywords:frequency", frequency},
    {"keywords:forbidden_words", forbidden},
    {"keywords:letter_frequency", letter_frequency},
    {"language:response_language", language},
    {"length_constraints:number_sentences", number_sentences},
    {"length_constraints:number_paragraphs", number_paragraphs},
    {"length_constraints:number_words", number_words},
    {"length_constraints:nth_paragraph_first_word", nth_paragraph},
    {"detectable_content:number_placeholders", placeholders},
    {"detectable_content:postscript", postscript},
    {"detectable_format:number_bullet_lists", bullets},
    {"detectable_format:constrained_response", constrained},
    {"detectable_format:number_highlighted_sections", highlights},
    {"detectable_format:multiple_sections", sections},
    {"detectable_format:json_format", json},
    {"detectable_format:title", title},
    {"combination:two_responses", two_responses},
    {"combination:repeat_prompt", repeat_prompt},
    {"startend:end_checker", end_checker},
    {"change_case:capital_word_frequency", capital_words},
    {"change_case:english_capital", all_capital},
    {"change_case:english_lowercase", all_small},
    {"punctuation:no_comma", no_comma},
    {"startend:quotation", quotation},
};

enum { VARIANTS = 8 };

/* The answer without its first line, its last, both; and each of these without asterisks. */
static bool make_variants(check *c, gn_slice text, gn_slice out[VARIANTS]) {
    const char *first = memchr(text.data, '\n', text.len);
    const char *last = first ? memrchr(text.data, '\n', text.len) : NULL;
    const gn_slice after =
        first ? gn_slice_from(text, (size_t)(first - text.data) + 1) : (gn_slice){text.data, 0};
    out[0] = text;
    out[1] = strip(after);
    out[2] = strip((gn_slice){text.data, last ? (size_t)(last - text.data) : 0});
    out[3] = last != first ? strip((gn_slice){after.data, (size_t)(last - after.data)})
                           : (gn_slice){text.data, 0};
    for (int i = 0; i < 4; i++) {
        char *copy = gn_arena_alloc(c->a, out[i].len + 1);
        size_t n = 0;
        if (!copy)
            return gn_fail(c->e, GN_NO_MEMORY, "out of memory");
        for (size_t k = 0; k < out[i].len; k++)
            if (out[i].data[k] != '*')
                copy[n++] = out[i].data[k];
        out[4 + i] = (gn_slice){copy, n};
    }
    return true;
}

static bool check_one(check *c, const gn_value *id, const gn_slice variant[VARIANTS],
                      gn_ifeval *out) {
    const size_t all = sizeof instruction / sizeof *instruction;
    size_t at = 0;
    bool kept = false;
    while (at < all && !gn_slice_is(gn_value_text(id), instruction[at].id))
        at++;
    if (at == all)
        return gn_fail(c->e, GN_UNSUPPORTED, "no instruction '%.*s'", (int)gn_value_text(id).len,
                       gn_value_text(id).data);
    for (int i = 0; i < VARIANTS && !kept && c->e->code == GN_OK; i++) {
        kept = strip(variant[i]).len && instruction[at].kept(c, variant[i]);
        out->strict += kept && i == 0;
    }
    out->loose += kept;
    return c->e->code == GN_OK;
}

bool gn_ifeval_check(const gn_value *doc, gn_slice answer, gn_ifeval *out, gn_error *e) {
    const gn_value *ids = gn_value_get(doc, GN_S("instruction_id_list")),
                   *args = gn_value_get(doc, GN_S("kwargs"));
    gn_arena a = {0};
    check c = {.a = &a, .e = e};
    gn_slice variant[VARIANTS];
    *out = (gn_ifeval){0};
    if (!gn_value_is(ids, GN_LIST) || !gn_value_is(args, GN_LIST) ||
        ids->list.count != args->list.count || ids->list.count == 0)
        return gn_fail(e, GN_INVALID,
                       "ifeval wants lists instruction_id_list and kwargs of one length");
    bool ok = make_variants(&c, answer, variant);
    for (size_t i = 0; ok && i < ids->list.count; i++) {
        c.args = args->list.item[i];
        ok = check_one(&c, ids->list.item[i], variant, out);
        out->count++;
    }
    out->approximate = c.approximate;
    gn_arena_release(&a);
    return ok || gn_context(e, "ifeval");
}

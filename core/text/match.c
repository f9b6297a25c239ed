/* match.c - see match.h.
 *
 * The expressions are alternations tried in order. Where one of their parts
 * could give characters back (backtrack), the comment says what comes of it.
 */
#include "core/text/match.h"

#include "core/base/unicode.h"

#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES      "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORD_START  "[^\\r\\n\\p{L}\\p{N}]?"
#define UPPER       "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER       "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define OTHERS      "| ?[^\\s\\p{L}\\p{N}]+"

const char gn_regex_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+" OTHERS "|\\s+(?!\\S)|\\s+";
const char gn_regex_cl100k[] =
    CONTRACTION "|" WORD_START "\\p{L}+|\\p{N}{1,3}" OTHERS "[\\r\\n]*" SPACES;
const char gn_regex_qwen2[] = CONTRACTION "|" WORD_START "\\p{L}+|\\p{N}" OTHERS "[\\r\\n]*" SPACES;
const char gn_regex_gpt4o[] =
    WORD_START UPPER "*" LOWER "+" CONTRACTION "?|" WORD_START UPPER "+" LOWER "*" CONTRACTION
                     "?|\\p{N}{1,3}" OTHERS "[\\r\\n/]*" SPACES;
const char gn_regex_tekken[] = WORD_START UPPER "*" LOWER "+|" WORD_START UPPER "+" LOWER
                                                "*|\\p{N}" OTHERS "[\\r\\n/]*" SPACES;

enum {
    L = GN_CLASS_LETTER,
    N = GN_CLASS_NUMBER,
    S = GN_CLASS_SPACE,
    NL = GN_CLASS_NEWLINE,
    UP = GN_CLASS_UPPER,
    LOW = GN_CLASS_LOWER,
    W = GN_CLASS_WORD,
    P = GN_CLASS_MARK,
};

static const uint8_t ascii[128] = {
    ['\t'] = S,        ['\n'] = S | NL,
    ['\v'] = S,        ['\f'] = S,
    ['\r'] = S | NL,   [' '] = S,
    ['!' ... '/'] = P, ['0' ... '9'] = N | W,
    [':' ... '@'] = P, ['A' ... 'Z'] = L | UP | W,
    ['[' ... '^'] = P, ['_'] = P | W,
    ['`'] = P,         ['a' ... 'z'] = L | LOW | W,
    ['{' ... '~'] = P,
};

enum {
    CAPITAL = L | W | UP,
    SMALL = L | W | LOW,
    CASELESS = L | W | UP | LOW,
    COMBINING = W | UP | LOW,
    DIGIT = N | W,
};

/* Letters, marks and digits of Unicode 15.1 and 16.0, which tokenizers 0.23 knows. Asked for
 * characters that the utf8proc at hand calls unassigned, so a newer one decides alone. */
static const struct {
    int32_t first, last;
    uint8_t class;
} newer[] = {
    {0x897, 0x897, COMBINING},     {0x1C89, 0x1C89, CAPITAL},     {0x1C8A, 0x1C8A, SMALL},
    {0xA7CB, 0xA7CC, CAPITAL},     {0xA7CD, 0xA7CD, SMALL},       {0xA7DA, 0xA7DA, CAPITAL},
    {0xA7DB, 0xA7DB, SMALL},       {0xA7DC, 0xA7DC, CAPITAL},     {0x105C0, 0x105F3, CASELESS},
    {0x10D40, 0x10D49, DIGIT},     {0x10D4A, 0x10D4F, CASELESS},  {0x10D50, 0x10D65, CAPITAL},
    {0x10D69, 0x10D6D, COMBINING}, {0x10D6F, 0x10D6F, CASELESS},  {0x10D70, 0x10D85, SMALL},
    {0x10EC2, 0x10EC4, CASELESS},  {0x10EFC, 0x10EFC, COMBINING}, {0x11380, 0x11389, CASELESS},
    {0x1138B, 0x1138B, CASELESS},  {0x1138E, 0x1138E, CASELESS},  {0x11390, 0x113B5, CASELESS},
    {0x113B7, 0x113B7, CASELESS},  {0x113B8, 0x113C0, COMBINING}, {0x113C2, 0x113C2, COMBINING},
    {0x113C5, 0x113C5, COMBINING}, {0x113C7, 0x113CA, COMBINING}, {0x113CC, 0x113D0, COMBINING},
    {0x113D1, 0x113D1, CASELESS},  {0x113D2, 0x113D2, COMBINING}, {0x113D3, 0x113D3, CASELESS},
    {0x113E1, 0x113E2, COMBINING}, {0x116D0, 0x116E3, DIGIT},     {0x11BC0, 0x11BE0, CASELESS},
    {0x11BF0, 0x11BF9, DIGIT},     {0x11F5A, 0x11F5A, COMBINING}, {0x13460, 0x143FA, CASELESS},
    {0x16100, 0x1611D, CASELESS},  {0x1611E, 0x1612F, COMBINING}, {0x16130, 0x16139, DIGIT},
    {0x16D40, 0x16D6C, CASELESS},  {0x16D70, 0x16D79, DIGIT},     {0x18CFF, 0x18CFF, CASELESS},
    {0x1CCF0, 0x1CCF9, DIGIT},     {0x1E5D0, 0x1E5ED, CASELESS},  {0x1E5EE, 0x1E5EF, COMBINING},
    {0x1E5F0, 0x1E5F0, CASELESS},  {0x1E5F1, 0x1E5FA, DIGIT},     {0x2EBF0, 0x2EE5D, CASELESS},
};

static unsigned class_of_newer(int32_t cp) {
    size_t low = 0, high = sizeof newer / sizeof *newer;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (newer[middle].last < cp)
            low = middle + 1;
        else
            high = middle;
    }
    const bool inside = low < sizeof newer / sizeof *newer && newer[low].first <= cp;
    return inside ? newer[low].class : 0;
}

/* Alphabetic, though their category is So: circled and squared Latin letters. */
static bool is_enclosed_letter(int32_t cp) {
    return (cp >= 0x24B6 && cp <= 0x24E9) || (cp >= 0x1F130 && cp <= 0x1F149) ||
           (cp >= 0x1F150 && cp <= 0x1F169) || (cp >= 0x1F170 && cp <= 0x1F189);
}

static unsigned class_of(int32_t cp) {
    const char *category = gn_category(cp);
    switch (category[0]) {
    case 'L':
        return category[1] == 'l'                         ? SMALL
               : category[1] == 'u' || category[1] == 't' ? CAPITAL
                                                          : CASELESS;
    case 'M':
        return COMBINING;
    case 'N':
        return category[1] == 'o' ? N : DIGIT;
    case 'P':
        return category[1] == 'c' ? P | W : P;
    case 'Z':
        return S;
    case 'S':
        return is_enclosed_letter(cp) ? W : 0;
    default:
        if (category[1] == 'n')
            return class_of_newer(cp);
        return cp == 0x85 ? S : cp == 0x200C || cp == 0x200D ? W : 0;
    }
}

/* The text is valid, so the first byte tells the length and no byte needs a check. */
static inline unsigned class_at(gn_slice text, size_t i, size_t *len) {
    const uint8_t *s = (const uint8_t *)text.data + i;
    if (s[0] < 0x80) {
        *len = 1;
        return ascii[s[0]];
    }
    if (s[0] < 0xE0) {
        *len = 2;
        return class_of((s[0] & 0x1F) << 6 | (s[1] & 0x3F));
    }
    if (s[0] < 0xF0) {
        *len = 3;
        return class_of((s[0] & 0x0F) << 12 | (s[1] & 0x3F) << 6 | (s[2] & 0x3F));
    }
    *len = 4;
    return class_of((s[0] & 0x07) << 18 | (s[1] & 0x3F) << 12 | (s[2] & 0x3F) << 6 | (s[3] & 0x3F));
}

unsigned gn_class_at(gn_slice text, size_t i, size_t *len) { return class_at(text, i, len); }

/* Past the characters from i on that are of one of the classes. */
static inline size_t run(gn_slice text, size_t i, unsigned any) {
    size_t len;
    while (i < text.len && (class_at(text, i, &len) & any))
        i += len;
    return i;
}

/* Past the characters that are no space, letter or number. */
static inline size_t others(gn_slice text, size_t i) {
    size_t len;
    while (i < text.len && !(class_at(text, i, &len) & (S | L | N)))
        i += len;
    return i;
}

static inline char byte_at(gn_slice text, size_t i) { return i < text.len ? text.data[i] : '\0'; }

/* Past 's 't 're 've 'm 'll 'd at i, or i. With fold in any case, and the long s
 * U+017F, which folds to s. */
static size_t contraction(gn_slice text, size_t i, bool fold) {
    if (byte_at(text, i) != '\'')
        return i;
    char a = byte_at(text, i + 1), b = byte_at(text, i + 2);
    if (fold && a == '\xC5' && b == '\xBF')
        return i + 3;
    if (fold) {
        a = a >= 'A' && a <= 'Z' ? (char)(a + 32) : a;
        b = b >= 'A' && b <= 'Z' ? (char)(b + 32) : b;
    }
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return i + 2;
    const bool two = (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l');
    return two ? i + 3 : i;
}

/* \s+(?!\S)|\s+ at a space: the whole run at the end of the text; else all but its
 * last character, given back so that a space can lead the next word; a lone one whole. */
static size_t spaces(gn_slice text, size_t i) {
    size_t end = i, last = i, len;
    while (end < text.len && (class_at(text, end, &len) & S)) {
        last = end;
        end += len;
    }
    return end == text.len || last == i ? end : last;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ at a space: \s* takes the run and gives back what follows
 * its last newline. */
static size_t lines(gn_slice text, size_t i) {
    size_t end = i, newline = 0, len;
    while (end < text.len) {
        const unsigned c = class_at(text, end, &len);
        if (!(c & S))
            break;
        end += len;
        if (c & NL)
            newline = end;
    }
    return newline ? newline : spaces(text, i);
}

static inline size_t newlines(gn_slice text, size_t i, bool slash) {
    while (i < text.len &&
           (text.data[i] == '\r' || text.data[i] == '\n' || (slash && text.data[i] == '/')))
        i++;
    return i;
}

/* \p{N}{1,most} at a number of `len` bytes. */
static size_t numbers(gn_slice text, size_t i, size_t len, int most) {
    i += len;
    for (int n = 1; n < most && i < text.len && (class_at(text, i, &len) & N); n++)
        i += len;
    return i;
}

size_t gn_match_gpt2(gn_slice text, size_t i) {
    size_t len, end = contraction(text, i, false);
    if (end > i)
        return end;
    unsigned c = class_at(text, i, &len);
    size_t first = i;
    if (text.data[i] == ' ' && i + 1 < text.len) {
        const unsigned next = class_at(text, i + 1, &len);
        if (!(next & S)) {
            first = i + 1;
            c = next;
        }
    }
    if (c & L)
        return run(text, first, L);
    if (c & N)
        return run(text, first, N);
    return c & S ? spaces(text, i) : others(text, first);
}

/*  ?[^\s\p{L}\p{N}]+ and the newlines (and slashes) after it, or else spaces. c is the class at i. */
static size_t rest(gn_slice text, size_t i, unsigned c, bool slash) {
    size_t len;
    if (!(c & S))
        return newlines(text, others(text, i), slash);
    if (text.data[i] == ' ' && i + 1 < text.len && !(class_at(text, i + 1, &len) & (S | L | N)))
        return newlines(text, others(text, i + 1), slash);
    return lines(text, i);
}

static size_t match_cl100k(gn_slice text, size_t i, int digits) {
    size_t len, next, end = contraction(text, i, true);
    if (end > i)
        return end;
    const unsigned c = class_at(text, i, &len);
    if (c & L)
        return run(text, i + len, L);
    if (c & N)
        return numbers(text, i, len, digits);
    if (!(c & NL) && i + len < text.len && (class_at(text, i + len, &next) & L))
        return run(text, i + len + next, L);
    return rest(text, i, c, false);
}

size_t gn_match_cl100k(gn_slice text, size_t i) { return match_cl100k(text, i, 3); }
size_t gn_match_qwen2(gn_slice text, size_t i) { return match_cl100k(text, i, 1); }

/* UPPER*LOWER+ from i, or i. UPPER* takes all it can; if no lower-case letter follows it
 * gives back up to the last character that both classes hold (Lm, Lo, M), and since
 * what comes after that one is upper case, the match ends behind it. */
static size_t capitalised(gn_slice text, size_t i) {
    size_t end = i, both = i, len;
    unsigned c = 0;
    while (end < text.len && ((c = class_at(text, end, &len)) & UP)) {
        end += len;
        if (c & LOW)
            both = end;
    }
    if (end < text.len && (c & LOW))
        return run(text, end, LOW);
    return both;
}

/* The words of gpt-4o: first UPPER*LOWER+, with a leading character if that can be, then
 * without; then UPPER+LOWER* likewise. Where the former failed the latter is a run of
 * Lu and Lt alone. */
static size_t cased_word(gn_slice text, size_t i, unsigned c, size_t len) {
    const size_t after = i + len;
    const bool leads = !(c & (L | N | NL));
    size_t end;
    if (leads && (end = capitalised(text, after)) > after)
        return end;
    if ((c & (UP | LOW)) && (end = capitalised(text, i)) > i)
        return end;
    if (leads && (end = run(text, after, UP)) > after)
        return end;
    return c & UP ? run(text, i, UP) : i;
}

static size_t match_cased(gn_slice text, size_t i, int digits, bool contractions) {
    size_t len;
    const unsigned c = class_at(text, i, &len);
    if (c & N)
        return numbers(text, i, len, digits);
    const size_t end = cased_word(text, i, c, len);
    if (end > i)
        return contractions ? contraction(text, end, true) : end;
    return rest(text, i, c, true);
}

size_t gn_match_gpt4o(gn_slice text, size_t i) { return match_cased(text, i, 3, true); }
size_t gn_match_tekken(gn_slice text, size_t i) { return match_cased(text, i, 1, false); }

gn_matcher gn_match_known(gn_slice expression) {
    static const struct {
        const char *text;
        gn_matcher match;
    } known[] = {
        {gn_regex_gpt2, gn_match_gpt2},     {gn_regex_cl100k, gn_match_cl100k},
        {gn_regex_qwen2, gn_match_qwen2},   {gn_regex_gpt4o, gn_match_gpt4o},
        {gn_regex_tekken, gn_match_tekken},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (gn_slice_is(expression, known[k].text))
            return known[k].match;
    return NULL;
}

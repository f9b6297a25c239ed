/* unicode.c - see unicode.h.
 *
 * UTF-8 is read here by Unicode's table 3-7; what characters are comes from
 * utf8proc (Unicode 15), what strings become when their case changes is Python's
 * rule over that.
 */
#include "core/base/unicode.h"

#include "core/base/special_casing.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Bytes of the sequence that a lead byte opens; 0 for a byte that opens none. */
static size_t sequence_length(uint8_t lead) {
    return lead < 0x80   ? 1
           : lead < 0xC2 ? 0
           : lead < 0xE0 ? 2
           : lead < 0xF0 ? 3
           : lead < 0xF5 ? 4
                         : 0;
}

/* Whether a second byte may follow the lead byte (no overlong form, no surrogate,
 * nothing past U+10FFFF). */
static bool may_follow(uint8_t lead, uint8_t second) {
    const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return second >= low && second <= high;
}

size_t gn_utf8_next(gn_slice s, size_t i, int32_t *cp) {
    if (i >= s.len)
        return 0;
    const uint8_t *b = (const uint8_t *)s.data + i;
    const size_t left = s.len - i, length = sequence_length(b[0]);
    if (length == 1) {
        *cp = b[0];
        return 1;
    }
    *cp = -1;
    if (length == 0 || left < 2 || !may_follow(b[0], b[1]))
        return 1;
    int32_t v = (b[0] & (0x7F >> length)) << 6 | (b[1] & 0x3F);
    for (size_t k = 2; k < length; k++) {
        if (k == left || (b[k] & 0xC0) != 0x80)
            return k;
        v = v << 6 | (b[k] & 0x3F);
    }
    *cp = v;
    return length;
}

size_t gn_utf8_put(char *out, int32_t cp) {
    const uint32_t c = (uint32_t)cp;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t k = length - 1; k > 0; k--)
        out[k] = (char)(0x80 | (c >> (6 * (length - 1 - k)) & 0x3F));
    out[0] = (char)(0xF00u >> length | c >> (6 * (length - 1)));
    return length;
}

/* Bytes at s + i that are ASCII, looked at eight at a time. */
static size_t ascii_run(gn_slice s, size_t i) {
    const size_t first = i;
    for (uint64_t eight; i + 8 <= s.len; i += 8) {
        memcpy(&eight, s.data + i, 8);
        if (eight & 0x8080808080808080u)
            break;
    }
    while (i < s.len && (uint8_t)s.data[i] < 0x80)
        i++;
    return i - first;
}

/* Where the first ill-formed part at or after i begins; s.len if there is none. */
static size_t well_formed_until(gn_slice s, size_t i) {
    int32_t cp;
    while (i < s.len) {
        i += ascii_run(s, i);
        const size_t n = gn_utf8_next(s, i, &cp);
        if (n && cp < 0)
            return i;
        i += n;
    }
    return i;
}

bool gn_utf8_valid(gn_slice s) { return well_formed_until(s, 0) == s.len; }

void gn_utf8_repair(gn_str *out, gn_slice s) {
    int32_t cp;
    for (size_t i = 0; i < s.len;) {
        const size_t bad = well_formed_until(s, i);
        gn_str_add(out, (gn_slice){s.data + i, bad - i});
        if (bad < s.len)
            gn_str_puts(out, "\xEF\xBF\xBD");
        i = bad + gn_utf8_next(s, bad, &cp);
    }
}

size_t gn_utf8_partial(gn_slice s) {
    for (size_t back = 1; back <= 3 && back <= s.len; back++) {
        const uint8_t b = (uint8_t)s.data[s.len - back];
        if ((b & 0xC0) == 0x80)
            continue;
        int32_t cp;
        return sequence_length(b) > back && gn_utf8_next(s, s.len - back, &cp) == back ? back : 0;
    }
    return 0;
}

size_t gn_utf8_count(gn_slice s) {
    size_t count = 0;
    int32_t cp;
    for (size_t i = 0, n; (n = gn_utf8_next(s, i, &cp)) > 0; i += n)
        count++;
    return count;
}

bool gn_is_letter(int32_t cp) {
    const utf8proc_category_t c = utf8proc_category(cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool gn_is_number(int32_t cp) {
    const utf8proc_category_t c = utf8proc_category(cp);
    return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
}

bool gn_is_punctuation(int32_t cp) {
    const utf8proc_category_t c = utf8proc_category(cp);
    return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO;
}

bool gn_is_space(int32_t cp) {
    return (cp >= 0x09 && cp <= 0x0D) || cp == 0x20 || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

bool gn_is_space_python(int32_t cp) { return gn_is_space(cp) || (cp >= 0x1C && cp <= 0x1F); }

const char *gn_category(int32_t cp) { return utf8proc_category_string(cp); }

int32_t gn_lower(int32_t cp) { return utf8proc_tolower(cp); }

/* utf8proc would make U+1E9E of sharp s; Unicode gives it no single upper case. */
int32_t gn_upper(int32_t cp) { return cp == 0xDF ? cp : utf8proc_toupper(cp); }

/* Case: letters with one, and a few that are no letters (Other_Lowercase, Other_Uppercase). */
static bool in_ranges(const int32_t (*range)[2], size_t n, int32_t cp) {
    for (size_t i = 0; i < n; i++)
        if (cp >= range[i][0] && cp <= range[i][1])
            return true;
    return false;
}

static bool is_cased(int32_t cp) {
    static const int32_t other[][2] = {
        {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},
        {0x2E0, 0x2E4},     {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},
        {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},   {0x2071, 0x2071},   {0x207F, 0x207F},
        {0x2090, 0x209C},   {0x2160, 0x217F},   {0x24B6, 0x24E9},   {0x2C7C, 0x2C7D},
        {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},
        {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA},
        {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189},
    };
    const utf8proc_category_t c = utf8proc_category(cp);
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LT) ||
           in_ranges(other, sizeof other / sizeof *other, cp);
}

static bool is_case_ignorable(int32_t cp) {
    static const int32_t other[][2] = {
        {0x27, 0x27},     {0x2E, 0x2E},     {0x3A, 0x3A},     {0xB7, 0xB7},
        {0x387, 0x387},   {0x55F, 0x55F},   {0x5F4, 0x5F4},   {0x2018, 0x2019},
        {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52},
        {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A},
    };
    const utf8proc_category_t c = utf8proc_category(cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME || c == UTF8PROC_CATEGORY_CF ||
           c == UTF8PROC_CATEGORY_LM || c == UTF8PROC_CATEGORY_SK ||
           in_ranges(other, sizeof other / sizeof *other, cp);
}

/* Where the character that ends before byte i begins. */
static size_t utf8_before(gn_slice s, size_t i, int32_t *cp) {
    size_t first = i;
    do
        first--;
    while (first > 0 && i - first < 4 && ((uint8_t)s.data[first] & 0xC0) == 0x80);
    if (gn_utf8_next(s, first, cp) == i - first)
        return first;
    *cp = -1; /* ill-formed: byte by byte */
    return i - 1;
}

/* A sigma at [i, end) ends a word: a cased letter before it and none after it,
 * looking through what case ignores. */
static bool is_final_sigma(gn_slice s, size_t i, size_t end) {
    int32_t cp = -1;
    bool cased = false;
    while (i > 0) {
        i = utf8_before(s, i, &cp);
        if (!is_case_ignorable(cp)) {
            cased = is_cased(cp);
            break;
        }
    }
    if (!cased)
        return false;
    for (size_t n; (n = gn_utf8_next(s, end, &cp)) > 0; end += n)
        if (!is_case_ignorable(cp))
            return !is_cased(cp);
    return true;
}

static void put(gn_str *out, int32_t cp) {
    char *room = gn_str_room(out, 4);
    if (room) {
        out->len += gn_utf8_put(room, cp);
        out->data[out->len] = '\0';
    }
}

static void put_lower(gn_str *out, gn_slice s, size_t i, size_t n, int32_t cp) {
    if (cp == 0x3A3)
        put(out, is_final_sigma(s, i, i + n) ? 0x3C2 : 0x3C3);
    else if (cp == 0x130)
        gn_str_puts(out, "i\xCC\x87");
    else
        put(out, gn_lower(cp));
}

static void put_raised(gn_str *out, int32_t cp, bool title) {
    size_t low = 0, high = sizeof special / sizeof *special;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (special[middle].from < cp)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == sizeof special / sizeof *special || special[low].from != cp) {
        put(out, title ? utf8proc_totitle(cp) : gn_upper(cp));
        return;
    }
    const int32_t *to = title ? special[low].title : special[low].upper;
    for (int k = 0; k < 3 && to[k]; k++)
        put(out, to[k]);
}

typedef enum casing { LOWER, UPPER, TITLE, CAPITALIZE } casing;

/* Bytes that are no character stay as they are. */
static void change_case(gn_str *out, gn_slice s, casing how) {
    int32_t cp;
    bool inside = false; /* the character before was cased */
    for (size_t i = 0, n; (n = gn_utf8_next(s, i, &cp)) > 0; i += n) {
        if (cp < 0)
            gn_str_add(out, (gn_slice){s.data + i, n});
        else if (how == UPPER)
            put_raised(out, cp, false);
        else if ((how == TITLE && !inside) || (how == CAPITALIZE && i == 0))
            put_raised(out, cp, true);
        else
            put_lower(out, s, i, n, cp);
        inside = how == TITLE && is_cased(cp);
    }
}

void gn_text_lower(gn_str *out, gn_slice s) { change_case(out, s, LOWER); }
void gn_text_upper(gn_str *out, gn_slice s) { change_case(out, s, UPPER); }
void gn_text_title(gn_str *out, gn_slice s) { change_case(out, s, TITLE); }
void gn_text_capitalize(gn_str *out, gn_slice s) { change_case(out, s, CAPITALIZE); }

gn_slice gn_text_strip(gn_slice s, bool left, bool right) {
    int32_t cp;
    for (size_t n; left && (n = gn_utf8_next(s, 0, &cp)) > 0 && gn_is_space_python(cp);)
        s = gn_slice_from(s, n);
    while (right && s.len > 0) {
        const size_t first = utf8_before(s, s.len, &cp);
        if (!gn_is_space_python(cp))
            break;
        s.len = first;
    }
    return s;
}

/* Code points with room to grow. */
typedef struct points {
    int32_t *cp;
    size_t count, capacity;
} points;

static bool decompose(points *p, int32_t cp, utf8proc_option_t options) {
    enum { MOST = 32 }; /* the longest decomposition has 18 */
    if (p->capacity - p->count < MOST) {
        const size_t capacity = p->capacity ? p->capacity * 2 : 256;
        int32_t *fresh = realloc(p->cp, capacity * sizeof *fresh);
        if (!fresh)
            return false;
        p->cp = fresh;
        p->capacity = capacity;
    }
    int class = 0;
    const utf8proc_ssize_t n = utf8proc_decompose_char(cp, p->cp + p->count, MOST, options, &class);
    if (n < 0 || n > MOST)
        return false;
    p->count += (size_t)n;
    return true;
}

static int combining_class(int32_t cp) { return utf8proc_get_property(cp)->combining_class; }

/* Put a run of marks in the order of their classes, equal ones as they stood. A
 * counting sort: a hostile text may be one run. */
static bool sort_marks(int32_t *cp, size_t n) {
    size_t place[257] = {0};
    int32_t *sorted = malloc(n * sizeof *sorted);
    if (!sorted)
        return false;
    for (size_t i = 0; i < n; i++)
        place[combining_class(cp[i]) + 1]++;
    for (int class = 0; class < 256; class ++)
        place[class + 1] += place[class];
    for (size_t i = 0; i < n; i++)
        sorted[place[combining_class(cp[i])]++] = cp[i];
    memcpy(cp, sorted, n * sizeof *cp);
    free(sorted);
    return true;
}

static bool order_marks(points *p) {
    for (size_t i = 0, end; i < p->count; i = end + 1) {
        bool ordered = true;
        for (end = i; end < p->count && combining_class(p->cp[end]) > 0; end++)
            ordered = ordered &&
                      (end == i || combining_class(p->cp[end - 1]) <= combining_class(p->cp[end]));
        if (!ordered && !sort_marks(p->cp + i, end - i))
            return false;
    }
    return true;
}

static bool normalize(gn_str *out, gn_slice s, bool compatible, bool composed, gn_error *e) {
    if (ascii_run(s, 0) == s.len) {
        gn_str_add(out, s);
        return gn_str_ok(out, e);
    }
    const utf8proc_option_t options =
        (utf8proc_option_t)(UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0) |
                            (composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE));
    points p = {0};
    bool ok = true;
    int32_t cp;
    for (size_t i = 0, n; ok && (n = gn_utf8_next(s, i, &cp)) > 0; i += n)
        ok = decompose(&p, cp < 0 ? 0xFFFD : cp, options);
    ok = ok && order_marks(&p);
    if (ok && composed) {
        const utf8proc_ssize_t n =
            utf8proc_normalize_utf32(p.cp, (utf8proc_ssize_t)p.count, options);
        ok = n >= 0;
        p.count = ok ? (size_t)n : 0;
    }
    for (size_t i = 0; ok && i < p.count; i++)
        put(out, p.cp[i]);
    free(p.cp);
    return (ok && gn_str_ok(out, e)) ||
           gn_fail(e, GN_NO_MEMORY, "normalise %zu bytes of text: out of memory", s.len);
}

bool gn_text_nfc(gn_str *out, gn_slice s, gn_error *e) { return normalize(out, s, false, true, e); }
bool gn_text_nfkc(gn_str *out, gn_slice s, gn_error *e) { return normalize(out, s, true, true, e); }
bool gn_text_nfd(gn_str *out, gn_slice s, gn_error *e) {
    return normalize(out, s, false, false, e);
}
bool gn_text_nfkd(gn_str *out, gn_slice s, gn_error *e) {
    return normalize(out, s, true, false, e);
}

int gn_width(int32_t cp) {
    if (cp >= 0x20 && cp < 0x7F)
        return 1;
    /* Vowels and finals of Hangul join the syllable before them. */
    if (cp < 0 || (cp >= 0x1160 && cp <= 0x11FF) || (cp >= 0xD7B0 && cp <= 0xD7FB))
        return 0;
    return utf8proc_charwidth(cp);
}

static bool is_flag_half(int32_t cp) { return cp >= 0x1F1E6 && cp <= 0x1F1FF; }

/* As wide as its widest part; two halves of a flag, and what U+FE0F turns into a
 * picture, take two columns. A part that is no UTF-8 stands alone as one U+FFFD. */
size_t gn_grapheme_next(gn_slice s, size_t i, int *width) {
    int32_t cp, next, state = 0;
    size_t n = gn_utf8_next(s, i, &cp), end = i + n;
    *width = n == 0 ? 0 : cp < 0 ? 1 : gn_width(cp);
    if (n == 0 || cp < 0)
        return n;
    const int32_t first = cp;
    for (; (n = gn_utf8_next(s, end, &next)) > 0 && next >= 0; end += n, cp = next) {
        if (utf8proc_grapheme_break_stateful(cp, next, &state))
            break;
        const int w = (is_flag_half(first) && is_flag_half(next)) || (next == 0xFE0F && *width)
                          ? 2
                          : gn_width(next);
        *width = w > *width ? w : *width;
    }
    return end - i;
}

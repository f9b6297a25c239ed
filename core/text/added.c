/* added.c - see added.h.
 *
 * The patterns are kept sorted. From a byte that some pattern begins with,
 * the range of those that agree with the text is narrowed byte by byte; the
 * last one that ended inside the range is the longest.
 */
#include "core/text/added.h"

#include "core/text/match.h"

#include <stdlib.h>

static int by_pattern(const void *a, const void *b, void *token) {
    const gn_added *all = token;
    const int i = *(const int *)a, j = *(const int *)b;
    const int c = gn_slice_compare(all[i].pattern, all[j].pattern);
    return c ? c : i - j;
}

bool gn_finder_init(gn_finder *f, const gn_added *token, int n, bool normalised, gn_error *e) {
    *f = (gn_finder){.token = token, .order = malloc(((size_t)n + 1) * sizeof(int))};
    if (!f->order)
        return gn_fail(e, GN_NO_MEMORY, "out of memory for %d added tokens", n);
    for (int i = 0; i < n; i++)
        if (token[i].normalised == normalised && token[i].pattern.len) {
            f->order[f->count++] = i;
            f->first[(uint8_t)token[i].pattern.data[0]] = true;
        }
    qsort_r(f->order, (size_t)f->count, sizeof *f->order, by_pattern, (void *)(uintptr_t)token);
    return true;
}

void gn_finder_release(gn_finder *f) {
    free(f->order);
    *f = (gn_finder){0};
}

static gn_slice pattern_at(const gn_finder *f, int k) { return f->token[f->order[k]].pattern; }

/* The byte of pattern k at depth, -1 where it has ended; ended ones sort first. */
static int byte_of(const gn_finder *f, int k, size_t depth) {
    const gn_slice p = pattern_at(f, k);
    return depth < p.len ? (uint8_t)p.data[depth] : -1;
}

/* First k in [low, high) whose byte at depth is at least `byte`. */
static int lower_bound(const gn_finder *f, int low, int high, size_t depth, int byte) {
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (byte_of(f, middle, depth) < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest pattern at byte i: its index in token, -1 if there is none. */
static int longest(const gn_finder *f, gn_slice text, size_t i) {
    int low = 0, high = f->count, found = -1;
    for (size_t depth = 0; low < high; depth++) {
        if (depth && byte_of(f, low, depth) < 0)
            found = f->order[low];
        if (i + depth == text.len)
            break;
        const int byte = (uint8_t)text.data[i + depth];
        low = lower_bound(f, low, high, depth, byte);
        high = lower_bound(f, low, high, depth, byte + 1);
    }
    return found;
}

/* The next token at or after *from that may stand where it stands. */
static const gn_added *find(const gn_finder *f, gn_slice text, size_t *from, size_t *begin) {
    size_t i = *from;
    while (i < text.len) {
        int k;
        if (!f->first[(uint8_t)text.data[i]] || (k = longest(f, text, i)) < 0) {
            i++;
            continue;
        }
        const gn_added *t = &f->token[k];
        const size_t end = i + t->pattern.len;
        *begin = i;
        *from = end;
        if (!t->single_word)
            return t;
        size_t len, before = i;
        while (before > 0 && ((uint8_t)text.data[--before] & 0xC0) == 0x80)
            ;
        const bool open = (i == 0 || !(gn_class_at(text, before, &len) & GN_CLASS_WORD)) &&
                          (end == text.len || !(gn_class_at(text, end, &len) & GN_CLASS_WORD));
        if (open)
            return t;
        i = end; /* a token in the middle of a word is passed over whole */
    }
    *from = text.len;
    return NULL;
}

/* Where the white space before byte i begins. */
static size_t space_before(gn_slice text, size_t i) {
    size_t len;
    while (i > 0) {
        size_t at = i - 1;
        while (at > 0 && ((uint8_t)text.data[at] & 0xC0) == 0x80)
            at--;
        if (!(gn_class_at(text, at, &len) & GN_CLASS_SPACE))
            break;
        i = at;
    }
    return i;
}

static size_t space_after(gn_slice text, size_t i) {
    size_t len;
    while (i < text.len && (gn_class_at(text, i, &len) & GN_CLASS_SPACE))
        i += len;
    return i;
}

bool gn_finder_next(const gn_finder *f, gn_slice text, gn_walk *w, gn_stretch *out) {
    if (w->holds) {
        *out = w->held;
        w->holds = false;
        return true;
    }
    size_t begin;
    const gn_added *t = f->count ? find(f, text, &w->looked, &begin) : NULL;
    if (!t) {
        *out = (gn_stretch){NULL, w->kept, text.len};
        w->kept = text.len;
        return out->begin < out->end;
    }
    size_t end = w->looked;
    if (t->left) {
        const size_t space = space_before(text, begin);
        begin = space > w->kept ? space : w->kept;
    }
    if (t->right)
        end = space_after(text, end);
    const gn_stretch found = {t, begin, end};
    const size_t was = w->kept;
    w->kept = end;
    if (begin > was) {
        *out = (gn_stretch){NULL, was, begin};
        w->held = found;
        w->holds = true;
    } else {
        *out = found;
    }
    return true;
}

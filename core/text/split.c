/* split.c - see split.h.
 *
 * A step turns a piece into segments, matches and what is between them, and
 * its behaviour joins some of them. The pieces are handed on depth first, so
 * none is ever stored.
 */
#include "core/text/split.h"

#include "core/text/flag.h"

#include <stdio.h>

typedef struct segment {
    size_t begin, end;
    bool match;
} segment;

typedef struct segments {
    const gn_split *step;
    gn_slice text;
    size_t at;
    gn_matches matches;
    gn_span ahead; /* a match found beyond a gap */
    bool has_ahead, done;
} segments;

static bool next_of_pattern(segments *g, segment *s, gn_error *e) {
    if (!g->has_ahead && !g->done) {
        if (!gn_matches_next(&g->matches, &g->ahead, &g->has_ahead, e))
            return false;
        g->done = !g->has_ahead;
    }
    if (!g->has_ahead) {
        *s = (segment){g->at, g->text.len, false};
    } else if (g->ahead.begin > g->at) {
        *s = (segment){g->at, g->ahead.begin, false};
    } else {
        *s = (segment){g->ahead.begin, g->ahead.end, true};
        g->has_ahead = false;
    }
    return true;
}

/* Each character of the class is a segment of its own; those between are one. */
static void next_of_class(segments *g, segment *s) {
    size_t len, end = g->at;
    bool match = gn_class_at(g->text, end, &len) & g->step->any;
    if (match) {
        end += len;
    } else {
        do
            end += len;
        while (end < g->text.len && !(gn_class_at(g->text, end, &len) & g->step->any));
    }
    *s = (segment){g->at, end, match};
}

static unsigned word_kind(gn_slice text, size_t i, size_t *len) {
    const unsigned c = gn_class_at(text, i, len);
    return c & GN_CLASS_WORD ? GN_CLASS_WORD : c & GN_CLASS_SPACE;
}

/* Words and runs of other characters; runs of space are the matches, and removed. */
static void next_of_words(segments *g, segment *s) {
    size_t len, end = g->at;
    const unsigned kind = word_kind(g->text, end, &len);
    do
        end += len;
    while (end < g->text.len && word_kind(g->text, end, &len) == kind);
    *s = (segment){g->at, end, kind == GN_CLASS_SPACE};
}

/* The next segment; *more is false behind the last. An empty one can only be a match
 * in the middle of the text. */
static bool next_segment(segments *g, segment *s, bool *more, gn_error *e) {
    *more = g->at < g->text.len;
    if (!*more)
        return true;
    if (g->step->kind == GN_SPLIT_CLASS)
        next_of_class(g, s);
    else if (g->step->kind == GN_SPLIT_WORDS)
        next_of_words(g, s);
    else if (!next_of_pattern(g, s, e))
        return false;
    g->at = s->end;
    s->match ^= g->step->invert;
    return true;
}

/* Does segment s go on with the piece `held`, whose last segment was a match or not? */
static bool joins(gn_behaviour behaviour, bool was_match, bool match) {
    switch (behaviour) {
    case GN_CONTIGUOUS:
        return match == was_match;
    case GN_WITH_PREVIOUS:
        return match && !was_match;
    case GN_WITH_NEXT:
        return was_match && !match;
    default:
        return false;
    }
}

typedef struct reader {
    gn_splitter *splitter;
    gn_piece_reader piece;
    void *user;
} reader;

static bool run_from(reader *r, int k, gn_slice text, gn_error *e);

static bool hand_on(reader *r, int k, const segment *s, gn_slice text, gn_error *e) {
    const bool removed = s->match && r->splitter->step[k].behaviour == GN_REMOVED;
    if (removed || s->begin == s->end)
        return true;
    return run_from(r, k + 1, (gn_slice){text.data + s->begin, s->end - s->begin}, e);
}

static bool run_segments(reader *r, int k, gn_slice text, gn_error *e) {
    const gn_split *step = &r->splitter->step[k];
    segments g = {.step = step, .text = text, .matches = {.pattern = &step->pattern, .text = text}};
    segment held = {0}, s;
    bool holds = false;
    for (;;) {
        bool more;
        if (!next_segment(&g, &s, &more, e))
            return false;
        if (!more)
            return !holds || hand_on(r, k, &held, text, e);
        if (holds && joins(step->behaviour, held.match, s.match)) {
            held.end = s.end;
            held.match = s.match;
            continue;
        }
        if (holds && !hand_on(r, k, &held, text, e))
            return false;
        held = s;
        holds = true;
    }
}

/* A matcher without gaps, each match a piece: most of what models ask for. */
static bool run_matcher(reader *r, int k, gn_matcher match, gn_slice text, gn_error *e) {
    for (size_t i = 0, end; i < text.len; i = end) {
        end = match(text, i);
        const gn_slice piece = {text.data + i, end - i};
        const bool last = k + 1 == r->splitter->count;
        if (!(last ? r->piece(r->user, piece, e) : run_from(r, k + 1, piece, e)))
            return false;
    }
    return true;
}

static bool run_bytes(reader *r, int k, gn_slice text, gn_error *e) {
    const gn_split *step = &r->splitter->step[k];
    if (step->prefix_space && text.data[0] != ' ') {
        gn_str *with = &r->splitter->space;
        gn_str_cut(with, 0);
        gn_str_putc(with, ' ');
        gn_str_add(with, text);
        if (!gn_str_ok(with, e))
            return false;
        text = gn_str_slice(with);
    }
    return step->gpt2 ? run_matcher(r, k, gn_match_gpt2, text, e) : r->piece(r->user, text, e);
}

static bool run_from(reader *r, int k, gn_slice text, gn_error *e) {
    if (k == r->splitter->count)
        return r->piece(r->user, text, e);
    const gn_split *step = &r->splitter->step[k];
    if (step->kind == GN_SPLIT_BYTES)
        return run_bytes(r, k, text, e);
    if (step->pattern.known && step->behaviour == GN_ISOLATED)
        return run_matcher(r, k, step->pattern.known, text, e);
    return run_segments(r, k, text, e);
}

bool gn_splitter_run(gn_splitter *s, gn_slice text, gn_piece_reader piece, void *user,
                     gn_error *e) {
    reader r = {s, piece, user};
    return text.len == 0 || run_from(&r, 0, text, e);
}

bool gn_splitter_add(gn_splitter *s, gn_split step, const char *label, gn_error *e) {
    if (s->count == GN_MAX_SPLITS || s->bytes) {
        gn_pattern_release(&step.pattern);
        return s->bytes
                   ? gn_fail(e, GN_UNSUPPORTED, "pre_tokenizer: %s after ByteLevel", label)
                   : gn_fail(e, GN_UNSUPPORTED, "pre_tokenizer: more than %d steps", GN_MAX_SPLITS);
    }
    const size_t at = strlen(s->name);
    snprintf(s->name + at, sizeof s->name - at, "%s%s", at ? "+" : "", label);
    s->bytes = step.kind == GN_SPLIT_BYTES;
    s->step[s->count++] = step;
    return true;
}

void gn_splitter_release(gn_splitter *s) {
    for (int k = 0; k < s->count; k++)
        gn_pattern_release(&s->step[k].pattern);
    gn_str_release(&s->space);
    *s = (gn_splitter){0};
}

static bool parse_behaviour(gn_split *step, const gn_value *json, gn_error *e) {
    static const char *const name[] = {"Isolated", "Removed", "MergedWithPrevious",
                                       "MergedWithNext", "Contiguous"};
    const gn_slice text = gn_value_text(json);
    for (int k = 0; k < 5; k++)
        if (gn_slice_is(text, name[k])) {
            step->behaviour = (gn_behaviour)k;
            return true;
        }
    return gn_fail(e, GN_UNSUPPORTED, "pre_tokenizer: behavior '%.*s' is unknown", (int)text.len,
                   text.data);
}

static bool parse_split(gn_splitter *s, const gn_value *json, gn_arena *a, gn_error *e) {
    gn_split step = {.kind = GN_SPLIT_PATTERN};
    return gn_flag(&step.invert, json, "invert", false, e) &&
           parse_behaviour(&step, gn_value_get(json, GN_S("behavior")), e) &&
           gn_pattern_parse(&step.pattern, gn_value_get(json, GN_S("pattern")), a, e) &&
           gn_splitter_add(s, step, "split", e);
}

static bool parse_punctuation(gn_splitter *s, const gn_value *json, gn_error *e) {
    gn_split step = {.kind = GN_SPLIT_CLASS, .any = GN_CLASS_MARK};
    const gn_value *behaviour = gn_value_get(json, GN_S("behavior"));
    return (!behaviour || parse_behaviour(&step, behaviour, e)) &&
           gn_splitter_add(s, step, "punctuation", e);
}

static bool parse_digits(gn_splitter *s, const gn_value *json, gn_error *e) {
    gn_split step = {.kind = GN_SPLIT_CLASS, .any = GN_CLASS_NUMBER};
    bool each;
    if (!gn_flag(&each, json, "individual_digits", false, e))
        return false;
    step.behaviour = each ? GN_ISOLATED : GN_CONTIGUOUS;
    return gn_splitter_add(s, step, "digits", e);
}

static bool parse_bytes(gn_splitter *s, const gn_value *json, gn_error *e) {
    gn_split step = {.kind = GN_SPLIT_BYTES};
    return gn_flag(&step.prefix_space, json, "add_prefix_space", true, e) &&
           gn_flag(&step.gpt2, json, "use_regex", true, e) &&
           gn_splitter_add(s, step, "bytelevel", e);
}

static bool parse_sequence(gn_splitter *s, const gn_value *json, gn_arena *a, gn_error *e) {
    const gn_value *list = gn_value_get(json, GN_S("pretokenizers"));
    for (size_t k = 0; k < gn_value_count(list); k++)
        if (!gn_splitter_parse(s, gn_value_at(list, k), a, e))
            return false;
    return true;
}

bool gn_splitter_parse(gn_splitter *s, const gn_value *json, gn_arena *a, gn_error *e) {
    static const gn_split spaces = {
        .kind = GN_SPLIT_CLASS, .any = GN_CLASS_SPACE, .behaviour = GN_REMOVED};
    static const gn_split words = {.kind = GN_SPLIT_WORDS, .behaviour = GN_REMOVED};
    if (!json || gn_value_is(json, GN_NULL))
        return true;

    const gn_slice type = gn_value_text(gn_value_get(json, GN_S("type")));
    if (gn_slice_is(type, "Sequence"))
        return parse_sequence(s, json, a, e);
    if (gn_slice_is(type, "Split"))
        return parse_split(s, json, a, e);
    if (gn_slice_is(type, "ByteLevel"))
        return parse_bytes(s, json, e);
    if (gn_slice_is(type, "Digits"))
        return parse_digits(s, json, e);
    if (gn_slice_is(type, "Punctuation"))
        return parse_punctuation(s, json, e);
    if (gn_slice_is(type, "WhitespaceSplit"))
        return gn_splitter_add(s, spaces, "whitespacesplit", e);
    if (gn_slice_is(type, "Whitespace"))
        return gn_splitter_add(s, words, "whitespace", e);
    return gn_fail(e, GN_UNSUPPORTED, "pre_tokenizer: type '%.*s' is not supported", (int)type.len,
                   type.data);
}

void gn_splitter_describe(const gn_splitter *s, gn_str *out) {
    for (int k = 0; k < s->count; k++) {
        const gn_split *step = &s->step[k];
        gn_str_fmt(out, "split %d %d %d %u %d %d", step->kind, step->behaviour, step->invert,
                   step->any, step->prefix_space, step->gpt2);
        if (step->kind == GN_SPLIT_PATTERN)
            gn_pattern_describe(&step->pattern, out);
        gn_str_putc(out, '\n');
    }
}

/* match.h - characters by class, and the pre-tokenisers' regular expressions by hand.
 *
 * A handful of expressions cut the text of nearly every byte-level model.
 * Each is matched here by a function of its own, ten times as fast as by a
 * regex engine; tests hold the two equal. Every one of them matches wherever
 * it is tried, so the matches follow each other without a gap.
 */
#ifndef GN_TEXT_MATCH_H
#define GN_TEXT_MATCH_H

#include "core/base/str.h"

/* Classes of a character, by Unicode general category. */
enum {
    GN_CLASS_LETTER = 1,
    GN_CLASS_NUMBER = 2,
    GN_CLASS_SPACE = 4,   /* White_Space */
    GN_CLASS_NEWLINE = 8, /* CR or LF; a space too */
    GN_CLASS_UPPER = 16,  /* Lu Lt Lm Lo M: what a capitalised word begins with */
    GN_CLASS_LOWER = 32,  /* Ll Lm Lo M: how it goes on */
    GN_CLASS_WORD = 64,   /* \w */
    GN_CLASS_MARK =
        128, /* P, and every ASCII character that is no letter, digit, space or control */
};

/* The classes of the character at byte i of valid UTF-8, and its bytes in *len. i < text.len. */
unsigned gn_class_at(gn_slice text, size_t i, size_t *len);

/* Where the match that begins at byte i of valid UTF-8 ends; i < text.len. */
typedef size_t (*gn_matcher)(gn_slice text, size_t i);

size_t gn_match_gpt2(gn_slice text, size_t i);
size_t gn_match_cl100k(gn_slice text, size_t i);
size_t gn_match_qwen2(gn_slice text, size_t i);
size_t gn_match_gpt4o(gn_slice text, size_t i);
size_t gn_match_tekken(gn_slice text, size_t i);

/* Their expressions. */
extern const char gn_regex_gpt2[], gn_regex_cl100k[], gn_regex_qwen2[], gn_regex_gpt4o[],
    gn_regex_tekken[];

/* The matcher of an expression, NULL if we have none for exactly that text. */
gn_matcher gn_match_known(gn_slice expression);

#endif

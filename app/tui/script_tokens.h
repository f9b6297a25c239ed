/* script_tokens.h - what a scripted model says of its tokens: made up, but consistent. */
#ifndef GN_TUI_SCRIPT_TOKENS_H
#define GN_TUI_SCRIPT_TOKENS_H

#include "app/chat/tokens.h"

/* Words that stand as alternatives; NULL when out of memory. */
gn_vocabulary *gn_script_vocabulary(void);
bool gn_script_words(gn_vocabulary *v, gn_slice text); /* those of a text, too: a token each */
/* A text's tokens, appended; of those it knows. */
void gn_script_ids(const gn_vocabulary *v, gn_slice text, gn_ids *out);
/* The token at the beginning of text: a word with the blank before it. */
gn_slice gn_script_word(gn_slice text);
/* A word (it ends at byte `end` of the reply) as a token with k alternatives. How likely it
 * was depends on its letters; what filters made of it is what the sampler makes of it. */
bool gn_script_token(const gn_vocabulary *v, gn_slice word, size_t end, const gn_sampling *how,
                     int k, gn_tokens *out);

#endif

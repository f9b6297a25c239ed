/* script_tokens.h - what a scripted model says of its tokens: made up, but consistent. */
#ifndef GN_TUI_SCRIPT_TOKENS_H
#define GN_TUI_SCRIPT_TOKENS_H

#include "app/tokens.h"

enum { GN_SCRIPT_VOCAB = 1000 };

/* 1,000 tokens; the first are the words that stand as alternatives. NULL when out of memory. */
gn_vocabulary *gn_script_vocabulary(void);
/* A word (it ends at byte `end` of the reply) as a token with k alternatives. How likely it
 * was depends on its letters; what filters made of it is what the sampler makes of it. */
bool gn_script_token(gn_slice word, size_t end, const gn_sampling *how, int k, gn_tokens *out);

#endif

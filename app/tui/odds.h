/* odds.h - how likely a token was, as it is shown: a style, a mark, what filters left of it.
 *
 * The ramp (interface: 5.4.5) needs no colour: .9 and more plain, .5 dim, .1 underlined,
 * less bold.
 */
#ifndef GN_TUI_ODDS_H
#define GN_TUI_ODDS_H

#include "app/chat/tokens.h"
#include "app/term/wrap.h"

gn_style gn_odds_style(float logprob); /* NAN: plain */
/* '_' '.' ':' '#' from likely to surprising; ' ' when it is not known. */
char gn_odds_mark(float logprob);
/* Was it one of less than .1, or not the likeliest? */
bool gn_odds_surprises(gn_logprob score);

/* A style for every byte of a reply, laid over its text. */
typedef struct gn_odds {
    gn_run *run;
    size_t count, room;
} gn_odds;
void gn_odds_of(gn_odds *o, const gn_tokens *made); /* what was there goes */
void gn_odds_release(gn_odds *o);

/* What the filters make of a token's alternatives, out [row->n_top]: as the sampler told, or
 * worked out from what is known. False: it is an estimate, because the rest of the
 * distribution is not. */
bool gn_odds_fates(const gn_token_row *row, const gn_sampling *how, gn_fate *out);
/* "min-p 0.05": what cut, and how it was set. */
void gn_odds_cut(char cut, const gn_sampling *how, char *out, size_t size);

/* A token's bytes on one line, in quotes: " the", "\n", "\xe4". */
void gn_odds_quote(gn_slice bytes, gn_str *out);

#endif

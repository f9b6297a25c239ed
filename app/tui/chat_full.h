/* chat_full.h - between chat_full.c, which knows what to do about a full context, and
 * view_full.c, which asks. */
#ifndef GN_TUI_CHAT_FULL_H
#define GN_TUI_CHAT_FULL_H

#include "app/tui/chat.h"

/* The question: a box over the chat. */
bool gn_full_view(gn_view *out, gn_chat *c, gn_error *e);
/* Which exchanges are to be left out. */
bool gn_drop_view(gn_view *out, gn_chat *c, gn_error *e);

/* Tokens up to the end of a turn; *exact is made false where that is a guess. */
int64_t gn_chat_used(const gn_chat *c, int64_t id, bool *exact);
void gn_chat_take_back(gn_chat *c, gn_tui *t);
void gn_chat_fill(gn_chat *c, gn_tui *t); /* go on until it is full */
void gn_chat_summarise(gn_chat *c, gn_tui *t);
/* Go on in a branch without the turns drop[i] of the path that ends before the question. */
void gn_chat_drop(gn_chat *c, gn_tui *t, const bool *drop);

#endif

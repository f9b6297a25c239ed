/* prompt.h - what a command is given to read: words, files, ids, messages. */
#ifndef GN_APP_PROMPT_H
#define GN_APP_PROMPT_H

#include "app/cli/command.h"

/* Numbers separated by spaces or commas; GN_INVALID names what is none. */
bool gn_parse_ids(gn_slice text, gn_ids *out, gn_error *e);

/* The words from argument `first` joined by spaces, then the files given with
 * --`files`, then standard input if it is no terminal and nobody named it, a blank
 * line between them. Words alone do not wait for standard input that stays empty: it
 * is read to its end, as git and cat do. */
bool gn_prompt_text(const gn_args *a, int first, const char *files, gn_str *out, gn_error *e);

/* The variables of a chat template from a file of messages: [{"role","content"}...] or
 * {"messages":[...], ...}; tools and documents from their own files (NULL: none). */
gn_value *gn_chat_vars(gn_arena *a, const char *messages, const char *tools, const char *documents,
                       gn_error *e);
/* The same from one value (a line of --jobs). */
gn_value *gn_chat_vars_of(gn_arena *a, gn_value *v, gn_error *e);
/* One user message, after a system message if there is one. */
gn_value *gn_chat_vars_text(gn_arena *a, gn_slice system, gn_slice user, gn_error *e);

#endif

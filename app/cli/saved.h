/* saved.h - system prompts and chat templates by name: the user's, then those built in.
 *
 * prompts/NAME.txt in the configuration folder goes before prompts/system/NAME.txt of the tree, and
 * prompts/chat/NAME.jinja there before the one of the same name here.
 */
#ifndef GN_APP_SAVED_H
#define GN_APP_SAVED_H

#include "core/gneiss.h"

/* The system prompt NAME, less one final newline, rendered with `date` (2026-11-24), `model` (the
 * last part of that path, less .gguf) and var [n_var], each "NAME=VALUE"; appended. */
bool gn_saved_prompt(const char *name, const char *model, const char *const *var, int n_var,
                     gn_str *out, gn_error *e);
/* The source of a chat template: a file's, if there is one of that name, else a saved one. */
bool gn_saved_template(const char *name, gn_str *out, gn_error *e);
/* Each name once, with the beginning of its text; false stops. The text is for looking at. */
typedef bool (*gn_saved_each)(void *user, const char *name, gn_slice text);
void gn_saved_prompts(gn_saved_each each, void *user);
void gn_saved_templates(gn_saved_each each, void *user);

#endif

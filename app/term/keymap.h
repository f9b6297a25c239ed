/* keymap.h - which key asks for what, in which view: the defaults and a keys file.
 *
 *   bind VIEW KEY... REQUEST [ARG...]        unbind VIEW KEY...
 */
#ifndef GN_TUI_KEYMAP_H
#define GN_TUI_KEYMAP_H

#include "app/term/input.h"
#include "app/term/requests.h"

struct gn_settings;

typedef struct gn_binding {
    const char *view; /* "write", "read", or a view's name */
    gn_key key[2];    /* the second is zero for a single key */
    gn_request request;
    char *argument; /* the rest of the line, a slash command; or NULL */
} gn_binding;

typedef struct gn_keymap {
    gn_binding *binding;
    size_t count, room;
} gn_keymap;

bool gn_keymap_init(gn_keymap *m, gn_error *e); /* the defaults */
void gn_keymap_release(gn_keymap *m);
/* A keys file's text over them; errors as "FILE:LINE: ...". What s forgives is left out and the
 * rest read; s may be NULL. */
bool gn_keymap_read(gn_keymap *m, gn_slice text, const char *file, struct gn_settings *s,
                    gn_error *e);
/* $XDG_CONFIG_HOME/gneiss/keys, if it is there. */
bool gn_keymap_load(gn_keymap *m, struct gn_settings *s, gn_error *e);

/* What is bound to these keys; *more tells that they begin a longer sequence. */
const gn_binding *gn_keymap_find(const gn_keymap *m, const char *view, const gn_key *key, int n,
                                 bool *more);

const char *gn_keymap_view(int i); /* i from 0; NULL past the last */
const char *gn_request_name(gn_request r);
const char *gn_request_help(gn_request r);
gn_request gn_request_find(gn_slice name); /* GN_REQUEST_NONE */
/* The keys of a request in a view, "Enter Ctrl+J". */
void gn_keymap_keys(const gn_keymap *m, const char *view, gn_request r, gn_str *out);

#endif

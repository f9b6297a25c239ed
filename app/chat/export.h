/* export.h - a conversation as a file: Markdown, text, HTML, JSON.
 *
 * Markdown, text and HTML are for people: what steers a terminal or turns a line around is
 * shown instead (^[, \u202E), HTML is one file without scripts in which nothing a message
 * says is markup. JSON is for programs, and `sessions import` makes the same rows of it.
 */
#ifndef GN_APP_EXPORT_H
#define GN_APP_EXPORT_H

#include "app/chat/history.h"

typedef enum gn_export_form {
    GN_EXPORT_MD,
    GN_EXPORT_JSON,
    GN_EXPORT_TXT,
    GN_EXPORT_HTML
} gn_export_form;
/* "md", "json", "txt", "html"; GN_INVALID for others. */
bool gn_export_form_of(gn_slice name, gn_export_form *out, gn_error *e);
/* By the end of a file's name; false: it says nothing. */
bool gn_export_form_of_file(gn_slice path, gn_export_form *out);

typedef struct gn_exported {
    gn_slice title, model;
    const char *when; /* UTC, or NULL */
    const gn_transcript *turns;
    int64_t head;     /* the branch ends here; -1: there is nothing */
    bool tree;        /* all branches */
    bool imported;    /* replies without a record are another model's, not a person's */
    gn_history *from; /* of JSON: where it is stored as `id`; NULL: nowhere, only the texts go */
    const char *id;
} gn_exported;

/* "stopped, edited, rated +1"; mostly nothing. Appended. */
void gn_export_remarks(const gn_turn *turn, bool imported, gn_str *out);

/* Appends. */
bool gn_export(const gn_exported *x, gn_export_form form, gn_str *out, gn_error *e);
bool gn_export_session(gn_history *h, const char *id, gn_export_form form, bool tree, gn_str *out,
                       gn_error *e);

/* All that the database knows of a session, as one JSON object (gneiss-sessions(1)). */
bool gn_export_rows(gn_history *h, const char *id, gn_str *out, gn_error *e);

#endif

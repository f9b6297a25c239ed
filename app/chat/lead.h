/* lead.h - what stands in front of a conversation: tools, documents, the template's own words.
 *
 * Turns below the root whose text people can read: of GN_ROLE_TOOLS a definition a line, as
 * JSON; of GN_ROLE_DOCUMENT the title on the first line, then the document.
 */
#ifndef GN_APP_LEAD_H
#define GN_APP_LEAD_H

#include "app/chat/transcript.h"

/* Definitions as a file has them (a JSON list, an object with "tools", or one definition) to the
 * text of a turn. *n: how many. Errors tell the line of the JSON, or which definition is wrong. */
bool gn_lead_tools(gn_slice json, gn_str *out, int *n, gn_error *e);
/* The names of the definitions in such a text, "a, b". */
void gn_lead_tool_names(gn_slice text, gn_str *out);
void gn_lead_document(gn_slice title, gn_slice text, gn_str *out);
/* Such a turn into the template's variables `tools` and `documents`. */
bool gn_lead_apply(gn_arena *a, gn_value *vars, gn_role role, gn_slice text, gn_error *e);

/* The system prompt that the template of g puts in by itself, appended; nothing if it does not. */
void gn_preset(gn_engine *g, gn_str *out);

#endif

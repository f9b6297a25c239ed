/* script.h - the screen driven by a file: scripted keys, a virtual clock, a scripted model.
 *
 * A step a line; '#' begins a comment line. \n \t \e \\ and \xNN stand for bytes.
 *   size 80x24 · locale C|UTF-8 · context TOKENS · set NAME VALUE    before the first other step
 *   preset TEXT       the system prompt of the template itself, likewise
 *   store · talk USED NAME · turn PARENT ROLE TOKENS MARKS TEXT · archived · imported FROM · resume NAME
 *                     conversations in a database, likewise (script_talks.h); the chat goes on
 *                     with the one that is resumed
 *   loading PERCENT · open NAME       what the engine says (open: without it it is open)
 *   key Ctrl+R ...    keys, a moment apart        type TEXT   its characters, likewise
 *   burst TEXT        all in one read, \n as Enter    paste TEXT   as a bracketed paste
 *   reply TEXT        what the model will say next, a word a token, one each 20 ms
 *   fail TEXT         what it will fail with instead
 *   tick MS · wait done               time passes
 *   resize 60x12 · wheel up|down
 *   edit TEXT         what the next editor leaves
 *   save NAME         the screen is given to the caller
 *   views NAME        likewise, in four sizes and both locales; the size is then what it was
 *   styles NAME       likewise, but how each letter looks
 */
#ifndef GN_TUI_SCRIPT_H
#define GN_TUI_SCRIPT_H

#include "core/gneiss.h"

/* text: rows without blanks at their ends, then "cursor ROW COL" or "cursor off", then what
 * was copied, as JSON, if something was. */
typedef bool (*gn_script_save)(void *user, const char *name, gn_slice text, gn_error *e);

/* file names the script in errors: "FILE:LINE: ...". */
bool gn_script_run(gn_slice steps, const char *file, gn_script_save save, void *user, gn_error *e);

#endif

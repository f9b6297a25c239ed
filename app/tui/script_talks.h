/* script_talks.h - conversations for a scripted screen: a database in a folder of its own, in
 * which it is always three in the afternoon of 24 November 2026. */
#ifndef GN_TUI_SCRIPT_TALKS_H
#define GN_TUI_SCRIPT_TALKS_H

#include "app/chat/history.h"

enum { GN_SCRIPT_CLOCK = 1795532400 }; /* 2026-11-24T15:00:00Z */

/* Zeroed it is closed. */
typedef struct gn_script_talks {
    char folder[64];
    gn_history *history;
    gn_record record;
    gn_transcript turns; /* of the conversation that is being made */
    gn_str used, name;
    int64_t head;
    int made; /* turns in all: their tokens are their own */
} gn_script_talks;

bool gn_script_talks_open(gn_script_talks *s, gn_error *e);
/* "2026-11-24T14:02 trip to Oslo": a conversation begins. */
bool gn_script_talk(gn_script_talks *s, gn_slice line, gn_error *e);
/* "PARENT ROLE TOKENS MARKS TEXT": a message below turn PARENT (-1: a root) of so many tokens.
 * MARKS: - none, s it was stopped, e a person wrote it, + or r rated up or down, d its state is
 * on the disk, h the head. */
bool gn_script_turn(gn_script_talks *s, gn_slice line, gn_error *e);
/* The conversation is complete. put_away: and archived. */
bool gn_script_talk_from(gn_script_talks *s, gn_slice origin, gn_error *e); /* of another program */
bool gn_script_talk_end(gn_script_talks *s, bool put_away, gn_error *e);
/* The checkpoint and build of all that; NULL when out of memory. */
gn_origin *gn_script_origin(void);
/* Closes, and removes the folder. */
void gn_script_talks_close(gn_script_talks *s);

#endif

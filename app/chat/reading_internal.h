/* reading_internal.h - what the files of the reading share. */
#ifndef GN_APP_READING_INTERNAL_H
#define GN_APP_READING_INTERNAL_H

#include "app/chat/reading.h"

typedef struct passage {
    int64_t id, from; /* from: the turn whose passage it follows; -1: the beginning */
    gn_str text;
    size_t end; /* bytes of all text up to its end */
    gn_ids ids;
    gn_step_kind kind;
    gn_session *state; /* at its end; NULL: not kept */
} passage;

struct gn_reading {
    gn_engine *engine;
    gn_statecache *cache; /* borrowed; NULL: nothing is on disk */
    int conversation;
    passage *passage;
    size_t count, room;
    uint32_t *place; /* by turn: 1 + its index in passage; 0: it has none */
    size_t places, place_room;
    int64_t expected; /* the turn whose state was fetched though nothing was asked yet; -1: none */
};

void gn_passage_release(passage *p);
/* The passage of a turn; NULL. Until the next one is kept. */
passage *gn_passage_find(const gn_reading *r, int64_t id);
/* Takes what p holds, also when it fails. An older passage of that turn gives way. */
bool gn_passage_keep(gn_reading *r, passage p, gn_error *e);

/* The first n of what was said, and then `more` turns of nobody's, a person's first. prompt:
 * with what makes the model answer. */
bool gn_reading_render(gn_reading *r, const gn_ask *a, size_t n, int more, bool prompt, gn_str *out,
                       gn_error *e);

/* What was read of another conversation is forgotten. */
void gn_reading_enter(gn_reading *r, const gn_ask *a);

/* ---- reading_deal.c: which tokens are whose ----------------------------- */

/* What was read in another life of this conversation: its tokens come with the question. */
bool gn_reading_remember(gn_reading *r, const gn_ask *a, gn_error *e);
/* The tokens after the seam (the passage of turn `seam`; -1: all), in the hands of the turns
 * whose text they spell: a->said, and a passage for each. They were encoded together; joined
 * again they are what the model reads. */
bool gn_reading_deal(gn_reading *r, gn_ask *a, gn_slice text, int64_t seam, const gn_ids *rest,
                     gn_error *e);
/* p->text, of an answer of which `shown` was shown. After a stop string, or in the middle of a
 * character, that is not what its tokens say: then it gets tokens that do say it, and its end is
 * not where its session stands (*elsewhere). */
bool gn_reading_spell(gn_reading *r, passage *p, gn_slice shown, bool *elsewhere, gn_error *e);

#endif

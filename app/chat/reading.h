/* reading.h - what the engine has read of a conversation. Used on the engine's thread.
 *
 * Each question and answer leaves a passage: the text that came after another
 * passage, its tokens, and perhaps the state the model had at its end. A new question
 * is rendered with the whole conversation before it; the longest chain of passages
 * whose text begins that rendering is what need not be read again. The rest is
 * encoded alone, so it must begin with a special token: no merge crosses the seam.
 * (Or after one: then from the last such token of the passage on both are encoded together,
 * and the seam holds if the passage's tokens come out as they were.)
 * Where only tokens were kept they are read again, as what they were (given or
 * sampled), which changes no bit.
 */
#ifndef GN_APP_READING_H
#define GN_APP_READING_H

#include "app/chat/statecache.h"
#include "app/chat/transcript.h"

/* A turn as it is told to the engine: values, no pointers into a transcript. */
typedef struct gn_said {
    int64_t id;
    gn_role role;
    gn_str text;
    gn_ids ids; /* its tokens, where they are known; after the question was heard, of all */
    bool typed; /* of a reply: a person wrote it */
} gn_said;

typedef struct gn_ask {
    gn_said *said; /* [n_said] from the root to the question */
    size_t n_said;
    int64_t answer;       /* id of the turn that the answer becomes */
    gn_ids keep;          /* ids of turns whose states to keep, most useful first */
    size_t budget;        /* bytes for them; the first is kept whatever it takes */
    gn_sampling sampling; /* its bias must outlive the engine's thread */
    int64_t limit;        /* most tokens; 0: no limit; negative: none at all */
    const gn_slice *stop; /* [n_stop] texts that end it; must outlive the engine's thread */
    int n_stop;
    int top;        /* alternatives told with each token */
    bool only_read; /* not to be answered: read, and its state kept on disk (gn_reading_only) */
    bool score;     /* not to be answered: how likely was what was said last? (gn_reading_score) */
    /* What the answer begins with instead of being generated: ids, then a text. */
    gn_ids begin;
    gn_str prefix;
    int64_t like;     /* a turn whose answer may begin so: its state is used if it does; -1: none */
    int conversation; /* another one than before: what was read of that is forgotten */
    bool off_disk;    /* its state is not saved */
    bool pin;         /* no question: the state at the end of turn `answer` shall stay */
    bool expected;    /* no question yet: gn_reading_expect() */
    /* Filled in: */
    gn_ids answered; /* tokens of the answer */
    gn_ids held;     /* turns whose states are kept in memory */
} gn_ask;
gn_ask *gn_ask_new(void); /* NULL when out of memory */
bool gn_ask_say(gn_ask *a, int64_t id, gn_role role, gn_slice text);
/* Of what was said last: its tokens as they were read before, from a database. */
bool gn_ask_known(gn_ask *a, const gn_ids *ids, bool typed);
void gn_ask_free(gn_ask *a);

typedef struct gn_answered {
    gn_stop stop;
    bool full; /* it does not fit the context; used: how many tokens it would be */
    int64_t reused, read, tokens; /* prompt tokens found, prompt tokens read, sampled */
    int64_t begun;                /* tokens the answer was begun with; among reused and read */
    int64_t used;                 /* tokens in the sequence now */
    double prompt_s, first_s, generate_s; /* first_s: from the question to the first token */
    int states;                           /* kept */
    size_t state_bytes, kept_bytes;
    gn_changes changes;
} gn_answered;

/* One token of an answer, as it is made. */
typedef struct gn_spoken {
    gn_slice text;  /* what can be shown now */
    int64_t tokens; /* so far */
    double seconds; /* since the prompt was read */
    gn_token_row token;
} gn_spoken;

typedef struct gn_reading_hooks {
    /* The tokens of what was said are known (a->said), and none is read yet. May be NULL. */
    void (*heard)(void *user, const gn_ask *a);
    bool (*reading)(void *user, int64_t done, int64_t all); /* false: cancel */
    bool (*spoken)(void *user, const gn_spoken *s);         /* false: stop there */
    /* After each token: true when the next are to be chosen in another way (but for the
     * seed). May be NULL. */
    bool (*choose)(void *user, gn_sampling *how);
    void *user;
} gn_reading_hooks;

typedef struct gn_reading gn_reading;
gn_reading *gn_reading_new(gn_engine *g, gn_error *e);
void gn_reading_free(gn_reading *r); /* before the engine */
/* From now on states that are not in memory are looked for there. It outlives r. */
void gn_reading_use(gn_reading *r, gn_statecache *cache);
/* What is told of states on disk calls a turn by its conversation, too. */
#define GN_TURN_BITS 32
#define GN_TURN_MASK (((int64_t)1 << GN_TURN_BITS) - 1)
/* The state at a turn's end to disk, if it is in memory. False when it is to be tried again. */
bool gn_reading_save(gn_reading *r, int64_t turn, bool pinned, bool wait);
/* Have memory at hand for a copy of the state at a turn's end, or of one about as long: pages that
 * are new to the process take longer to come by than a copy takes. To be called while nobody waits. */
void gn_reading_ready(gn_reading *r, int64_t turn);
/* What was said will probably be gone on from: if the state at its end is on disk, it is fetched, and
 * memory for a copy of it, as above. */
void gn_reading_expect(gn_reading *r, const gn_ask *a);
/* Read what is new, then answer. Stopped by text() it has answered (GN_STOP_INTERRUPTED);
 * cancelled while reading GN_CANCELLED, and as if it had not been asked. */
bool gn_reading_answer(gn_reading *r, gn_ask *a, const gn_reading_hooks *h, gn_answered *out,
                       gn_error *e);
/* Read up to the end of what was said last, and nothing of an answer. Its state is kept in memory,
 * and (but for a->off_disk) on disk, pinned: wherever a conversation begins with the same tokens it
 * is found. */
bool gn_reading_only(gn_reading *r, gn_ask *a, const gn_reading_hooks *h, gn_answered *out,
                     gn_error *e);
/* Score the tokens of what was said last, after all that was said before; out gets them, their
 * ends being places in its text. All of it is read, and nothing kept. GN_INVALID where
 * tokens of what stands before are not known. */
bool gn_reading_score(gn_reading *r, const gn_ask *a, const gn_reading_hooks *h, gn_tokens *out,
                      gn_error *e);
/* The tokens of everything that was said, a reply at the end too, as they would be read; into
 * a->said. Nothing is read. */
bool gn_reading_tokens(gn_reading *r, gn_ask *a, gn_error *e);

#endif

/* chat.h - the chat view's own parts: what it knows (view_chat.c), how it looks (chat_draw.c). */
#ifndef GN_TUI_CHAT_H
#define GN_TUI_CHAT_H

#include "app/term/flow.h"
#include "app/tui/keep.h"
#include "app/tui/odds.h"
#include "app/tui/view.h"

enum { GN_CHAT_QUEUE = 32, GN_FOLD_LINES = 20 };
enum { GN_CHAT_TOKENS = 32 << 20 }; /* bytes for what replies were made of */
/* In place of a byte of a turn's text: the row below it; its label, where that has a row. */
#define GN_BYTE_FOOT  SIZE_MAX
#define GN_BYTE_LABEL (SIZE_MAX - 1)

/* Rows of one turn on the screen; by the turn's id. */
typedef struct gn_message {
    gn_flow flow;
    int number;    /* as shown, from 1; 0: the system prompt */
    int code;      /* of its first block of code, counted over the branch */
    unsigned fold; /* GN_FOLD_... */
    bool preset;   /* a root without words: the template's are shown */
    bool known;    /* it was formed before */
    gn_odds odds;  /* of its first so many tokens */
    int odds_of;
    int siblings;   /* it is one of so many, */
    size_t counted; /* as it was among so many turns */
} gn_message;

/* Text that stands in the input as a mark: a long paste, a file, what a command said. */
typedef enum gn_insert_kind { GN_INSERT_PASTE, GN_INSERT_FILE, GN_INSERT_OUTPUT } gn_insert_kind;
typedef struct gn_insert {
    gn_insert_kind kind;
    gn_str name, text;
    int64_t tokens; /* -1: not counted yet */
} gn_insert;
/* What the next reply begins with instead of being generated. */
typedef struct gn_beginning {
    gn_tokens made; /* tokens, and */
    gn_str text;    /* what they say; then */
    gn_str prefix;  /* a text */
    int64_t like;   /* the turn whose reply began so; -1: none */
} gn_beginning;

/* Why it is asked what to do about the context. */
typedef enum gn_full_why { GN_FULL_SOON, GN_FULL_NOW, GN_FULL_OVER } gn_full_why;
typedef struct gn_full {
    gn_full_why why;
    int64_t used;     /* tokens */
    bool exact;       /* no guess is in it */
    double since;     /* when it was asked, seconds */
    int64_t question; /* the turn that waits for a reply meanwhile; -1: none */
    bool filling;     /* go on until it is full */
    /* of a summary that is being written */
    int64_t summary;   /* the turn it becomes; -1: none */
    int64_t tip, upto; /* where the conversation ended; the last turn it takes in */
    int64_t limit;     /* most tokens; 0: as the settings say */
    gn_str waiting;    /* the question */
} gn_full;

typedef struct gn_chat {
    gn_transcript turns;
    gn_message *message; /* [n_message], by id */
    size_t n_message, message_room;
    gn_ids path; /* ids from the root to the head */
    gn_keep keep;

    gn_str queue[GN_CHAT_QUEUE]; /* written while a reply came */
    int n_queue, slot;           /* slot: where the message that is edited again belongs; -1 */
    gn_insert *insert;           /* [n_insert], by number from 1 */
    int n_insert;

    bool raw; /* markdown is shown as it was written, whatever the setting says */
    bool opened;
    gn_str name;     /* of the checkpoint */
    gn_str model;    /* its path */
    gn_str former;   /* the path of the one before, while another is being opened; "" */
    gn_str preset;   /* the system prompt of its template; "": none */
    gn_str about;    /* the rest of what is told of it */
    gn_str counting; /* what stands in front and is being counted, for people */
    int64_t context;
    gn_sampling sampling; /* the checkpoint's */
    gn_vocabulary *vocabulary;
    gn_chat_options options;

    int64_t answer;  /* id of the reply that is coming; -1: none */
    int64_t scoring; /* id of the turn that is being scored; -1: none */
    bool stopping;
    bool troubled;     /* it was told that messages are not kept */
    int64_t done, all; /* loading (bytes) or reading (tokens) */
    double rate;       /* tokens a second of the reply, 0: not known yet */
    gn_answered last;  /* of the last reply */
    gn_beginning beginning;
    gn_full full;
    int64_t before; /* the head before the reply was asked for */
    size_t begun;   /* bytes of the reply that were there when it was */

    /* Where the view stands: at the end, or with this byte of this turn on top. */
    bool follow;
    int64_t top_turn;
    size_t top_byte;
    int height;         /* rows for messages, when it was drawn last */
    int64_t selected;   /* turn; -1: none */
    gn_str pattern;     /* searched for */
    int64_t found_turn; /* where it was found last; -1: not yet */
    size_t found_byte;
} gn_chat;

/* Where the parts of the screen are, in rows and columns. */
typedef struct gn_shape {
    bool small;
    int gutter, width;                /* columns before a message's text, and of it */
    int first, height;                /* rows of messages */
    int queue, n_queue, note, n_note; /* first row, rows */
    int input, n_input, skip_input;   /* skip: rows of the input above what is shown */
    int status;
} gn_shape;

/* ---- chat_rows.c -------------------------------------------------------- */

gn_shape gn_chat_lay_out(gn_chat *c, gn_tui *t);
gn_slice gn_chat_prompt(const gn_tui *t); /* before the input */
int gn_chat_input_width(const gn_tui *t);
/* The branch in view to rows of that width; c->path tells which turns it has. */
void gn_chat_wrap(gn_chat *c, const gn_tui *t, const gn_shape *s);
gn_slice gn_chat_text(const gn_turn *turn); /* as it is shown */
/* A turn's rows: its label (where that has a row of its own), text, foot. */
int gn_chat_rows_of(const gn_message *m, const gn_turn *turn, const gn_shape *s);
int gn_chat_total(const gn_chat *c, const gn_shape *s);
/* The row that a turn's byte is in, counted from the conversation's first. */
int gn_chat_row_at(const gn_chat *c, const gn_shape *s, int64_t id, size_t byte);
/* And back: put what begins that row on top of the view. */
void gn_chat_at_row(gn_chat *c, const gn_shape *s, int row);
void gn_chat_scroll(void *self, gn_tui *t, int rows);
/* Bring a turn (its byte) onto the screen. */
void gn_chat_show(gn_chat *c, gn_tui *t, int64_t id, size_t byte);
void gn_chat_search(gn_chat *c, gn_tui *t, int direction);

/* ---- view_chat.c, chat_commands.c, chat_draw.c -------------------------- */

void gn_chat_draw(void *self, gn_tui *t);
bool gn_chat_no_memory(gn_tui *t); /* says so; false */
/* What was said up to the end of a turn, to the engine; false when out of memory. */
bool gn_chat_tell(const gn_chat *c, gn_ask *a, int64_t upto);
/* The engine may fetch the state at the head, if that is on disk. */
void gn_chat_expect(const gn_chat *c, gn_tui *t);
/* Ask for an answer below `question`, a turn of the user's. */
void gn_chat_ask(gn_chat *c, gn_tui *t, int64_t question);
void gn_chat_moved(gn_chat *c); /* to another branch: nothing is selected, the end is in view */
/* Another answer, to the question that `id` is or answers. */
void gn_chat_regenerate(gn_chat *c, gn_tui *t, int64_t id);
void gn_chat_undo(gn_chat *c, gn_tui *t);
void gn_chat_redo(gn_chat *c, gn_tui *t);
void gn_chat_step(gn_chat *c, gn_tui *t, int by); /* to the answer beside */
void gn_chat_slash(gn_chat *c, gn_tui *t, gn_slice line);
void gn_chat_reset(gn_chat *c); /* the turns are others: nothing that goes by their ids is kept */
/* ---- chat_full.c -------------------------------------------------------- */

/* May the reply to that question not fit? Then it is asked what to do, and true. */
bool gn_chat_is_full(gn_chat *c, gn_tui *t, int64_t question);
void gn_chat_was_full(gn_chat *c, gn_tui *t, gn_full_why why, int64_t used);
/* Was that answer a summary? Then the conversation goes on from it. */
bool gn_chat_summarised(gn_chat *c, gn_tui *t, int64_t answer);

/* ---- chat_show.c -------------------------------------------------------- */

void gn_chat_stats(gn_chat *c, gn_tui *t);
void gn_chat_context(gn_chat *c, gn_tui *t);
void gn_chat_show_what(gn_chat *c, gn_tui *t, gn_slice what); /* "prompt", "tokens", ... */
/* Tokens that a turn adds; where that is not known a guess, and *exact is made false. */
int64_t gn_chat_tokens_of(const gn_turn *turn, bool *exact);

/* ---- chat_sessions.c ---------------------------------------------------- */

void gn_chat_sessions(gn_chat *c, gn_tui *t, bool in_tree); /* F2 */

/* ---- chat_tree.c -------------------------------------------------------- */

/* What going on from the end of a turn costs; gn_going_text() says it. */
gn_going gn_chat_cost(const gn_chat *c, int64_t id);
void gn_chat_go(gn_chat *c, gn_tui *t, int64_t id); /* the head is there; says the cost */
/* One goes on from the end of a reply; of a message of one's own to before it, to say it anew. */
int64_t gn_chat_stand_at(const gn_chat *c, int64_t id);
void gn_chat_goto(gn_chat *c, gn_tui *t, gn_slice where);
void gn_chat_fork(gn_chat *c, gn_tui *t, gn_slice name);
bool gn_chat_branch_at(gn_chat *c, gn_tui *t, int64_t id, gn_slice name);
void gn_chat_search_tree(gn_chat *c, gn_tui *t, gn_slice words);
/* Another session; "": a new one. False, and said why, when it stays where it is. */
bool gn_chat_open(gn_chat *c, gn_tui *t, const char *id);
void gn_chat_open_named(gn_chat *c, gn_tui *t, gn_slice what);
void gn_chat_new(gn_chat *c, gn_tui *t);
void gn_chat_name(gn_chat *c, gn_tui *t, gn_slice name);
void gn_chat_private(gn_chat *c, gn_tui *t);
/* Say so, if the conversation ends with a message that was not answered. */
void gn_chat_say_unanswered(const gn_chat *c, gn_tui *t);
/* False, and said why, when there is no state to keep. */
bool gn_chat_pin(gn_chat *c, gn_tui *t, gn_turn *turn);
void gn_chat_rate(gn_chat *c, gn_tui *t, gn_turn *turn, int rating);
void gn_chat_rate_as(gn_chat *c, gn_tui *t, gn_slice how);
void gn_chat_remember(gn_chat *c);

/* ---- chat_tokens.c ------------------------------------------------------ */

void gn_beginning_release(gn_beginning *b); /* and empty again */
/* The reply that is asked for begins as c->beginning says, which is then used up. */
bool gn_chat_begin(gn_chat *c, gn_ask *a, gn_turn *reply);
/* The message of the branch in view with this number, or (text "") the last; NULL, and said. */
gn_turn *gn_chat_numbered(gn_chat *c, gn_tui *t, gn_slice number);
/* The selected message, else the last. */
gn_turn *gn_chat_chosen(gn_chat *c);
void gn_chat_probs(gn_chat *c, gn_tui *t); /* on or off */
/* Fetch what a stored reply was made of, once, if it is not there. */
void gn_chat_recall(gn_chat *c, gn_turn *turn);
void gn_chat_inspect(gn_chat *c, gn_tui *t, gn_turn *turn);
/* Another reply that begins as `turn` did up to token i, and there takes alternative k. */
void gn_chat_fork_at(gn_chat *c, gn_tui *t, const gn_turn *turn, int i, int k);
/* Ask how likely the tokens of a turn were: all before it is read again. */
void gn_chat_score(gn_chat *c, gn_tui *t, const gn_turn *turn);
void gn_chat_scored(gn_chat *c, gn_tui *t, const gn_event *ev); /* SCORED, or FAILED */
/* What the settings say of sampling, over the checkpoint's own. */
gn_sampling gn_chat_sampling(const gn_chat *c, const gn_tui *t);
void gn_chat_continue(gn_chat *c, gn_tui *t); /* after a stop, or an edit */
/* In an editor; what comes of it is a sibling, and if it is the user's it is answered. */
void gn_chat_edit(gn_chat *c, gn_tui *t, gn_turn *turn);
void gn_chat_prefix(gn_chat *c, gn_tui *t, gn_slice text); /* of the next reply */
bool gn_chat_is_busy(const gn_chat *c, gn_tui *t);         /* and says so */

/* ---- chat_compare.c ----------------------------------------------------- */

/* A message beside the other answers to its question. */
void gn_chat_compare(gn_chat *c, gn_tui *t, const gn_turn *turn);

/* ---- chat_text.c -------------------------------------------------------- */

/* Markdown as written, or as meant. */
void gn_chat_raw(gn_chat *c, gn_tui *t);
void gn_chat_fold(gn_chat *c, gn_tui *t);
/* Block `number` of code, counted over the branch; 0: of the selected message, else the last. */
void gn_chat_copy(gn_chat *c, gn_tui *t, int64_t number);
/* ---- chat_prompt.c ------------------------------------------------------ */

enum { GN_COUNT_LEAD = 1 << 20 }; /* the tag of what put_lead() has counted */
/* The root, with the system prompt of the settings, if there is none yet. */
bool gn_chat_root(gn_chat *c, gn_tui *t);
void gn_chat_system(gn_chat *c, gn_tui *t, gn_slice text);
void gn_chat_prompt_named(gn_chat *c, gn_tui *t, gn_slice line);
void gn_chat_document(gn_chat *c, gn_tui *t, gn_slice file);
void gn_chat_tools(gn_chat *c, gn_tui *t, gn_slice file);
void gn_chat_tool(gn_chat *c, gn_tui *t, gn_slice what);
void gn_chat_lead_counted(gn_chat *c, gn_tui *t, int64_t tokens);

void gn_chat_complete(gn_chat *c, gn_tui *t); /* chat_complete.c */

/* ---- chat_queue.c ------------------------------------------------------- */

void gn_chat_enqueue(gn_chat *c, gn_tui *t, gn_slice text);
bool gn_chat_dequeue(gn_chat *c, gn_str *out); /* the next; false: none. Release it */
void gn_chat_pop(gn_chat *c, gn_tui *t);       /* the last, back into the input */
void gn_chat_queue(gn_chat *c, gn_tui *t, gn_slice argument);

void gn_chat_export(gn_chat *c, gn_tui *t, gn_slice argument); /* chat_export.c */

/* ---- chat_fragment.c ---------------------------------------------------- */

void gn_chat_fragment(gn_chat *c, gn_tui *t, gn_slice argument);
void gn_chat_fragment_read(gn_chat *c, gn_tui *t, const gn_event *ev);

/* ---- chat_model.c ------------------------------------------------------- */

void gn_chat_model(gn_chat *c, gn_tui *t, gn_slice name);
void gn_chat_forget_states(gn_chat *c); /* they are of another engine */
/* The one that was asked for cannot be opened: back to the one before. False: there was none. */
bool gn_chat_model_failed(gn_chat *c, gn_tui *t, const gn_error *why);
/* It is open, and c->vocabulary still the former's; what that means is appended. Of a kept
 * conversation the database can tell more; where it does not, gn_chat_model_settled() does. */
typedef enum gn_switched { GN_SWITCHED_NOT, GN_SWITCHED_SAME, GN_SWITCHED_OTHER } gn_switched;
void gn_chat_model_settled(gn_chat *c, gn_switched how, gn_str *note);
gn_switched gn_chat_model_opened(gn_chat *c, const gn_vocabulary *now, gn_str *note);

/* ---- chat_insert.c ------------------------------------------------------ */

/* Into the input; folded to "[paste 2: 214 lines, 3,102 tokens]" when it is long. */
void gn_chat_paste(void *self, gn_tui *t, gn_slice text);
/* A message into the input, in place of what is there: sent again it is the same. */
void gn_chat_put_back(gn_chat *c, gn_tui *t, gn_slice text);
/* One that was not answered, if the input is free; else it is said to be in the history. */
void gn_chat_give_back(gn_chat *c, gn_tui *t, gn_slice text);
/* line with the text of marks in their place, appended. */
void gn_chat_unfold(const gn_chat *c, gn_slice line, gn_str *out);
/* Bytes of the marks that line begins with, and the blanks between and behind them. */
size_t gn_chat_marks(const gn_chat *c, gn_slice line);
/* /read: FILE, FILE:3-40 or !COMMAND into the input. */
void gn_chat_read(gn_chat *c, gn_tui *t, gn_slice what);
/* The text of a file a person named ("~/" is home): no binary one. */
bool gn_chat_file(gn_slice name, gn_str *out, gn_error *e);
/* Have those counted that were not: there was no engine. */
void gn_chat_count_all(gn_chat *c, gn_tui *t);
/* The tokens of insert `tag` are known. */
void gn_chat_counted(gn_chat *c, gn_tui *t, int64_t tag, int64_t tokens);
void gn_chat_insert_release(gn_chat *c);
/* "131,072" */
const char *gn_grouped(int64_t v, char out[32]);

#endif

/* test_keep.c - a chat and its database: what is said is kept, and coming back costs a copy. */
/* floor: gn_app */
#include "tests/check.h"
#include "tests/unit/temporary.h"

#include "tests/unit/chat_model.h"
#include "tests/unit/chat_rig.h"

#include "app/tui/sessions.h"

#include <glob.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static gn_error e;

static const char *folder(void) {
    static char made[256];
    if (!made[0]) {
        snprintf(made, sizeof made, "%s", put_chat_model(TURN("m.content")));
        setenv("XDG_CACHE_HOME", in_folder("cache"), 1);
        setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
        setenv("INPUTRC", "/dev/null", 1);
        setenv("TERM", "xterm", 1);
    }
    return made;
}

static bool begin(chat_rig *r, const char *session) {
    e = (gn_error){0};
    const bool ok = rig_open(r, folder(), session, false, &e) && rig_wait(r);
    if (!ok)
        printf("  %s\n", e.message);
    return CHECK(ok);
}

static void forget_all(void) {
    static const char *const name[] = {"chats.db", "chats.db-wal", "chats.db-shm", "chats.db.lock"};
    for (int i = 0; i < 4; i++)
        unlink(in_folder(name[i]));
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", in_folder("states"));
    CHECK(system(command) == 0);
}

static int64_t rows(chat_rig *r, const char *text) {
    bool row;
    gn_statement *q = gn_sql_prepare(gn_history_sql(r->history), text, &e);
    const int64_t n = q && gn_sql_step(q, &row, &e) && row ? gn_column_int(q, 0) : -1;
    if (q)
        gn_sql_reset(q);
    return n;
}

/* Until so many states are on disk; false after ten seconds. */
static bool saved(chat_rig *r, int64_t n) {
    for (int i = 0; i < 200 && rows(r, "SELECT count(*) FROM state") < n; i++)
        rig_turn(r, 50);
    return rows(r, "SELECT count(*) FROM state") >= n;
}

/* Two questions asked and answered; the id of the session. */
static void converse(char id[GN_ULID]) {
    chat_rig r;
    forget_all();
    if (!begin(&r, NULL))
        exit(1);
    CHECK(rig_say(&r, "the sea") && saved(&r, 1) && rig_say(&r, "then why is that so?"));
    memcpy(id, r.chat->keep.record.id, GN_ULID);
    CHECK(id[0] != 0 && rig_head(&r)->stored && r.chat->keep.trouble.code == GN_OK);
    rig_close(&r);
}

/* What a chat that was never left answers to a third question. */
static void never_left(gn_str *out) {
    chat_rig r;
    forget_all();
    if (!begin(&r, NULL))
        return;
    CHECK(rig_say(&r, "the sea") && rig_say(&r, "then why is that so?") && rig_say(&r, "go on"));
    gn_str_add(out, gn_str_slice(&rig_head(&r)->text));
    rig_close(&r);
}

TEST(who_comes_back_reads_only_what_is_new_and_hears_the_same) {
    char id[GN_ULID];
    gn_str want = {0};
    chat_rig r;
    never_left(&want);
    converse(id);
    if (!begin(&r, id))
        return;
    CHECK(r.chat->turns.count == 5 && r.chat->turns.head == 4);
    CHECK(gn_chat_cost(r.chat, 4).from == GN_HELD_DISK && gn_chat_cost(r.chat, 4).tokens == 0);
    const int64_t before = r.chat->last.used;
    CHECK(before > 0 && rig_say(&r, "go on"));
    CHECK(rig_head(&r)->reused == before && rig_head(&r)->read > 0);
    CHECK_TEXT(gn_str_text(&rig_head(&r)->text), gn_str_text(&want));
    CHECK(gn_chat_cost(r.chat, rig_head(&r)->id).from == GN_HELD_MEMORY);
    CHECK(rows(&r, "SELECT sum(hits) FROM state") == 1);
    rig_close(&r);
    gn_str_release(&want);
}

TEST(the_state_one_goes_on_from_is_fetched_before_anything_is_asked) {
    char id[GN_ULID], command[300];
    chat_rig r;
    converse(id);
    if (!begin(&r, id))
        return;
    for (int i = 0; i < 200 && rows(&r, "SELECT sum(hits) FROM state") < 1; i++)
        rig_turn(&r, 50);
    snprintf(command, sizeof command, "rm -rf '%s'", in_folder("states"));
    CHECK(system(command) == 0);
    const int64_t before = r.chat->last.used;
    CHECK(before > 0 && rig_say(&r, "go on") && rig_head(&r)->reused == before);
    rig_close(&r);
}

TEST(without_its_states_it_only_takes_longer) {
    char id[GN_ULID], command[300];
    gn_str want = {0};
    chat_rig r;
    never_left(&want);
    converse(id);
    snprintf(command, sizeof command, "rm -rf '%s'", in_folder("states"));
    CHECK(system(command) == 0);
    if (!begin(&r, id))
        return;
    CHECK(gn_chat_cost(r.chat, 4).from == GN_HELD_NOT);
    CHECK(rig_say(&r, "go on") && rig_head(&r)->reused == 0);
    CHECK_TEXT(gn_str_text(&rig_head(&r)->text), gn_str_text(&want));
    rig_close(&r);
    gn_str_release(&want);
}

TEST(a_damaged_state_is_found_deleted_told_and_read_again) {
    char id[GN_ULID], pattern[300];
    gn_str want = {0};
    glob_t all;
    chat_rig r;
    never_left(&want);
    converse(id);
    snprintf(pattern, sizeof pattern, "%s/*/*.state", in_folder("states"));
    CHECK(glob(pattern, 0, NULL, &all) == 0 && all.gl_pathc == 2);
    for (size_t i = 0; i < all.gl_pathc; i++) {
        FILE *f = fopen(all.gl_pathv[i], "r+b");
        CHECK(f && fseek(f, 4096 * 2 + 100, SEEK_SET) == 0 && fputc(fgetc(f) ^ 1, f) != EOF);
        CHECK(fseek(f, 4096 * 2 + 100, SEEK_SET) == 0 && fputs("xxxx", f) >= 0 && fclose(f) == 0);
    }
    if (!begin(&r, id))
        return;
    CHECK(rig_say(&r, "go on") && rig_head(&r)->reused == 0);
    CHECK(strstr(gn_str_text(&r.tui.note), "no good") &&
          strstr(gn_str_text(&r.tui.note), "damaged"));
    CHECK_TEXT(gn_str_text(&rig_head(&r)->text), gn_str_text(&want));
    for (size_t i = 0; i < all.gl_pathc; i++)
        CHECK(access(all.gl_pathv[i], F_OK) != 0);
    globfree(&all);
    rig_close(&r);
    gn_str_release(&want);
}

TEST(regenerating_editing_and_forking_after_coming_back_reuse_what_was_read) {
    char id[GN_ULID];
    chat_rig r;
    converse(id);
    if (!begin(&r, id))
        return;
    const int64_t used = r.chat->last.used, question = rig_head(&r)->parent;
    gn_tui_request(&r.tui, GN_REQUEST_REGENERATE, NULL);
    CHECK(rig_wait(&r) && rig_head(&r)->parent == question);
    CHECK(rig_head(&r)->reused > 0 && rig_head(&r)->reused < used && rig_head(&r)->read > 0);
    const int64_t again = rig_head(&r)->reused;
    gn_tui_request(&r.tui, GN_REQUEST_REGENERATE, NULL);
    CHECK(rig_wait(&r) && rig_head(&r)->read == 0 && rig_head(&r)->reused > again);

    r.edited = GN_S("then why is that not so?");
    r.chat->selected = question;
    gn_tui_request(&r.tui, GN_REQUEST_EDIT, NULL);
    CHECK(rig_wait(&r) && rig_head(&r)->parent != question);
    CHECK(rig_head(&r)->reused == again && rig_head(&r)->read > 0);

    rig_type(&r, "/goto 2");
    CHECK(rig_head(&r)->role == GN_ROLE_MODEL &&
          gn_chat_cost(r.chat, rig_head(&r)->id).tokens == 0);
    rig_type(&r, "/fork hills");
    CHECK(rig_say(&r, "and the hills") && rig_head(&r)->reused == again);
    CHECK(rows(&r, "SELECT count(*) FROM branch WHERE name = 'hills'") == 1);
    rig_close(&r);
}

TEST(a_fork_into_a_session_of_its_own_reuses_what_the_first_one_read) {
    char id[GN_ULID], own[GN_ULID];
    chat_rig r;
    converse(id);
    gn_history *h = gn_history_open(in_folder("chats.db"), false, &e);
    gn_transcript t = {.head = -1};
    gn_record record = {0};
    CHECK(h && gn_history_load(h, id, &t, &record, &e) &&
          gn_history_fork(h, id, t.turn[2]->hash, own, &e));
    gn_transcript_release(&t);
    gn_history_close(h);
    if (!begin(&r, own))
        return;
    const int64_t used = r.chat->last.used;
    CHECK(r.chat->turns.count == 3 && rig_say(&r, "another way"));
    CHECK(rig_head(&r)->reused == used && used > 0);
    rig_close(&r);
}

TEST(what_was_edited_by_a_person_comes_back_as_that) {
    char id[GN_ULID];
    chat_rig r;
    converse(id);
    if (!begin(&r, id))
        return;
    r.edited = GN_S("because of the hills");
    gn_tui_request(&r.tui, GN_REQUEST_EDIT, NULL);
    CHECK(rig_head(&r)->edited && rig_head(&r)->stored && rig_head(&r)->complete);
    rig_close(&r);
    if (!begin(&r, id))
        return;
    CHECK(rig_head(&r)->edited && rig_head(&r)->ids.count == 0);
    CHECK_TEXT(gn_str_text(&rig_head(&r)->text), "because of the hills");
    const int64_t typed = rig_head(&r)->id;
    CHECK(rig_say(&r, "and then") && rig_head(&r)->reused > 0);
    CHECK(gn_transcript_turn(&r.chat->turns, typed)->ids.count > 0);
    const size_t count = r.chat->turns.count;
    rig_close(&r);
    if (!begin(&r, id))
        return;
    CHECK(r.chat->turns.count == count); /* the row without tokens has given way */
    rig_close(&r);
}

TEST(a_reply_that_is_being_written_is_kept_when_one_quits) {
    char id[GN_ULID];
    chat_rig r;
    forget_all();
    if (!begin(&r, NULL))
        return;
    /* Long, but with another one it fits the context. */
    CHECK(gn_settings_set(r.settings, GN_S("n"), GN_S("100"), GN_SOURCE_SET, NULL, &e));
    rig_type(&r, "the sea");
    do
        rig_turn(&r, 50);
    while (rig_is_busy(&r) && rig_head(&r)->text.len < 8);
    const bool going = rig_is_busy(&r); /* on a slow machine it may be over by now */
    rig_close(&r);
    gn_history *h = gn_history_open(in_folder("chats.db"), false, &e);
    CHECK(h && gn_history_find(h, GN_S("-1"), id, &e));
    gn_history_close(h);
    if (!begin(&r, id))
        return;
    CHECK(rig_head(&r)->role == GN_ROLE_MODEL && rig_head(&r)->text.len >= 8);
    CHECK(!going || rig_head(&r)->stop == GN_STOP_INTERRUPTED || rig_head(&r)->tokens == 100);
    const int64_t used = r.chat->last.used;
    CHECK(!going || (rig_say(&r, "go on") && rig_head(&r)->reused == used));
    rig_close(&r);
}

/* Then the state behind it is of more than was said; the one before it is on disk instead. */
TEST(a_reply_cut_by_a_stop_text_leaves_its_questions_state) {
    char id[GN_ULID];
    chat_rig r;
    forget_all();
    if (!begin(&r, NULL))
        return;
    CHECK(rig_say(&r, "the sea"));
    const gn_str *text = &gn_transcript_turn(&r.chat->turns, r.chat->turns.head)->text;
    char half[3] = {text->data[3], text->data[4], 0};
    const gn_slice stop = {half, 2};
    r.chat->options.stop = &stop;
    r.chat->options.n_stop = 1;
    CHECK(rig_say(&r, "the sea") && rig_head(&r)->stop == GN_STOP_STRING);
    const int64_t question = rig_head(&r)->parent;
    const gn_ids *asked = &gn_transcript_turn(&r.chat->turns, question)->ids;
    const int64_t before = r.chat->last.used - (int64_t)rig_head(&r)->ids.count;
    CHECK(asked->count > 0);
    memcpy(id, r.chat->keep.record.id, GN_ULID);
    rig_close(&r);
    if (!begin(&r, id))
        return;
    CHECK(rig_say(&r, "go on") && rig_head(&r)->reused == before);
    rig_close(&r);
}

TEST(private_leaves_nothing_behind) {
    chat_rig r;
    forget_all();
    e = (gn_error){0};
    CHECK(rig_open(&r, folder(), NULL, true, &e) && rig_wait(&r) && rig_say(&r, "the sea"));
    rig_close(&r);
    CHECK(access(in_folder("chats.db"), F_OK) != 0 && access(in_folder("states"), F_OK) != 0);

    char id[GN_ULID];
    converse(id);
    if (!begin(&r, id))
        return;
    rig_type(&r, "/private");
    CHECK(rig_say(&r, "a secret") && !rig_head(&r)->stored);
    CHECK(rows(&r, "SELECT count(*) FROM message") == 5);
    rig_close(&r);
    CHECK(files_like("states/*/*.state") == 2);
}

TEST(a_second_process_is_told_what_it_can_do) {
    char id[GN_ULID];
    int up[2], status = 1;
    char byte;
    converse(id);
    CHECK(pipe(up) == 0);
    const pid_t child = fork();
    if (child == 0) {
        chat_rig own;
        if (rig_open(&own, folder(), id, false, &e) && rig_wait(&own) && write(up[1], "y", 1) == 1)
            pause();
        _exit(1);
    }
    close(up[1]);
    CHECK(read(up[0], &byte, 1) == 1);
    chat_rig r;
    e = (gn_error){0};
    CHECK(!rig_open(&r, folder(), id, false, &e) && e.code == GN_IO);
    char who[40];
    snprintf(who, sizeof who, "process %d", (int)child);
    CHECK(strstr(e.message, who) && strstr(e.message, "--fork"));
    rig_close(&r);
    /* in a chat that is open already, too */
    if (begin(&r, NULL)) {
        CHECK(rig_say(&r, "mine") && !gn_chat_open(r.chat, &r.tui, id));
        CHECK(rig_head(&r)->complete && strstr(gn_str_text(&r.tui.note), "another gneiss"));
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        CHECK(gn_chat_open(r.chat, &r.tui, id) && r.chat->turns.count == 5);
        CHECK(rig_say(&r, "go on") && rig_head(&r)->reused > 0);
    }
    rig_close(&r);
}

TEST(the_head_and_the_names_are_where_one_left_them) {
    char id[GN_ULID];
    chat_rig r;
    converse(id);
    if (!begin(&r, id))
        return;
    rig_type(&r, "/name two seas");
    rig_type(&r, "/goto 2");
    const int64_t head = r.chat->turns.head;
    rig_type(&r, "/rate +");
    rig_close(&r);
    if (!begin(&r, id))
        return;
    CHECK(r.chat->turns.head == head && rig_head(&r)->rating == 1);
    CHECK_TEXT(gn_str_text(&r.chat->keep.name), "two seas");
    rig_type(&r, "/search so?");
    CHECK(r.chat->turns.head == 4 && r.chat->selected == 3);
    rig_close(&r);
}

/* ---- what is said twice -------------------------------------------------- */

/* At temperature 0: word for word the same. */
static bool regenerate(chat_rig *r) {
    const size_t merged = r->chat->turns.merged;
    gn_tui_request(&r->tui, GN_REQUEST_REGENERATE, NULL);
    return rig_wait(r) && r->chat->turns.merged == merged + 1;
}

TEST(an_answer_that_repeats_another_is_that_one_wherever_it_is_looked_for) {
    char id[GN_ULID], word[64];
    chat_rig r;
    int of;
    converse(id);
    if (!begin(&r, id))
        return;
    snprintf(word, sizeof word, "/search %.8s", gn_str_text(&rig_head(&r)->text));
    rig_type(&r, "/rate +");
    rig_type(&r, "/set logprobs 0");
    CHECK(regenerate(&r) && r.chat->turns.head == 4 && r.chat->turns.count == 6);
    CHECK(gn_transcript_sibling(&r.chat->turns, 4, &of) == 0 && of == 1);
    rig_type(&r, word);
    CHECK(r.chat->turns.head == 4 && r.chat->selected == 4);
    CHECK(rows(&r, "SELECT count(*) FROM message") == 5 &&
          rows(&r, "SELECT count(*) FROM turn") == 3);
    CHECK(rig_say(&r, "go on") && gn_transcript_branches(&r.chat->turns) == 1);
    rig_close(&r);
    if (!begin(&r, id))
        return;
    gn_turn *turn = gn_transcript_turn(&r.chat->turns, 4);
    CHECK(r.chat->turns.count == 7 && turn->rating == 1);
    gn_chat_recall(r.chat, turn); /* the time before there were alternatives */
    CHECK(turn->made.count > 0 && turn->made.k > 0);
    rig_close(&r);
}

TEST(a_repeated_answers_state_is_the_state_of_the_one_that_is_there) {
    chat_rig r;
    e = (gn_error){0};
    forget_all();
    if (!CHECK(rig_open(&r, folder(), NULL, true, &e) && rig_wait(&r)))
        return;
    rig_type(&r, "/set state-mem 1"); /* the last one alone */
    CHECK(rig_say(&r, "the sea") && regenerate(&r));
    const int64_t used = r.chat->last.used;
    CHECK(gn_chat_cost(r.chat, r.chat->turns.head).from == GN_HELD_MEMORY);
    CHECK(rig_say(&r, "go on") && rig_head(&r)->reused == used);
    rig_close(&r);
}

TEST(views_on_an_answer_that_turns_out_to_be_another_show_that_one) {
    char id[GN_ULID];
    chat_rig r;
    converse(id);
    if (!begin(&r, id))
        return;
    gn_tui_request(&r.tui, GN_REQUEST_REGENERATE, NULL);
    gn_chat_sessions(r.chat, &r.tui, true);
    gn_sessions *v = r.tui.view[1].self;
    CHECK(gn_sessions_turn(v)->id == 5);
    gn_tui_request(&r.tui, GN_REQUEST_PREVIOUS, NULL);
    gn_tui_request(&r.tui, GN_REQUEST_MARK, NULL);
    gn_tui_request(&r.tui, GN_REQUEST_MARK, NULL);
    CHECK(v->mark[0] == 4 && v->mark[1] == 5);
    CHECK(rig_wait(&r) && r.chat->turns.merged == 1);
    CHECK(gn_sessions_turn(v)->id == 4 && v->tree.count == 5);
    CHECK(v->mark[0] == 4 && v->mark[1] == -1);
    gn_tui_request(&r.tui, GN_REQUEST_COMPARE, NULL);
    gn_tui_request(&r.tui, GN_REQUEST_OPEN, NULL);
    CHECK(r.tui.n_view == 1 && r.chat->turns.head == 4);

    gn_tui_request(&r.tui, GN_REQUEST_REGENERATE, NULL);
    gn_tui_request(&r.tui, GN_REQUEST_TOKENS, NULL);
    CHECK(rig_wait(&r) && r.chat->turns.merged == 2);
    gn_tui_request(&r.tui, GN_REQUEST_DOWN, NULL);
    gn_tui_request(&r.tui, GN_REQUEST_OPEN, NULL); /* another token: another answer beside it */
    CHECK(rig_wait(&r) && rig_head(&r)->parent == 3 && rig_head(&r)->id == 7);
    rig_close(&r);
}

TEST(the_same_words_in_the_same_place_are_the_same_message) {
    char id[GN_ULID];
    chat_rig r;
    converse(id);
    if (!begin(&r, id))
        return;
    rig_type(&r, "/undo");
    CHECK(rig_say(&r, "then why is that so?"));
    CHECK(r.chat->turns.head == 4 && gn_transcript_branches(&r.chat->turns) == 1);
    r.edited = GN_S("and the hills");
    gn_tui_request(&r.tui, GN_REQUEST_EDIT, NULL); /* what the model said */
    const int64_t edited = r.chat->turns.head;
    CHECK(edited == 6 && rig_head(&r)->edited && gn_transcript_branches(&r.chat->turns) == 2);
    rig_type(&r, "/goto 4");
    gn_tui_request(&r.tui, GN_REQUEST_EDIT, NULL);
    CHECK(r.chat->turns.head == edited && gn_transcript_branches(&r.chat->turns) == 2);
    rig_close(&r);
    if (!begin(&r, id))
        return;
    CHECK(r.chat->turns.count == 6 && gn_transcript_branches(&r.chat->turns) == 2);
    rig_close(&r);
}

/* ---- texts with a name --------------------------------------------------- */

TEST(a_fragment_is_one_when_one_comes_back_and_leaves_nothing_in_private) {
    char id[GN_ULID], command[300];
    chat_rig r;
    forget_all();
    put("notes.txt", "what all begin with", 19);
    snprintf(command, sizeof command, "/fragment notes %s", in_folder("notes.txt"));
    if (!begin(&r, NULL))
        return;
    rig_type(&r, command);
    CHECK(rig_wait(&r) && saved(&r, 1) && rig_say(&r, "why"));
    memcpy(id, r.chat->keep.record.id, sizeof id);
    rig_close(&r);
    if (!begin(&r, id))
        return;
    CHECK(r.chat->turns.turn[1]->fragment && r.chat->turns.turn[1]->pinned &&
          !r.chat->turns.turn[2]->fragment);
    CHECK(rows(&r, "SELECT count(*) FROM state WHERE reason = 'fragment'") == 1);
    const size_t states = files_like("states/*/*.state");
    rig_type(&r, "/private");
    rig_type(&r, "/fragment notes");
    CHECK(rig_wait(&r) && rig_head(&r)->fragment && rig_say(&r, "a secret"));
    rig_close(&r);
    CHECK(states == 2 && files_like("states/*/*.state") == states);
}

static bool screen_has(chat_rig *r, int cols, const char *words) {
    gn_str text = {0};
    gn_canvas_resize(&r->tui.canvas, 12, cols);
    gn_tui_draw(&r->tui);
    for (int row = 0; row < r->tui.canvas.rows; row++)
        gn_canvas_row(&r->tui.canvas, row, &text);
    const bool has = gn_slice_find(gn_str_slice(&text), gn_slice_of(words)) >= 0;
    gn_str_release(&text);
    return has;
}

TEST(what_is_not_saved_is_said_at_any_width_and_saved_when_it_can_be) {
    chat_rig r;
    struct rlimit old, low;
    forget_all();
    if (!begin(&r, NULL))
        return;
    CHECK(rig_say(&r, "the sea") && !screen_has(&r, 80, "NOT SAVED"));
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    low = old;
    low.rlim_cur = 4096; /* no file may grow: as on a full disk */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &low);
    CHECK(rig_say(&r, "then why?") && r.chat->keep.trouble.code);
    CHECK(strstr(gn_str_text(&r.tui.note), "tried again with each message") != NULL);
    for (int cols = 20; cols < 130; cols++)
        CHECK(screen_has(&r, cols, "NOT SAVED"));
    setrlimit(RLIMIT_FSIZE, &old);
    gn_str_cut(&r.tui.note, 0);
    CHECK(rig_say(&r, "why") && rows(&r, "SELECT count(*) FROM message") == 7);
    CHECK(strstr(gn_str_text(&r.tui.note), "all of it is saved now") != NULL);
    CHECK(!screen_has(&r, 80, "NOT SAVED"));
    rig_close(&r);
}

TEST(what_could_not_be_saved_is_saved_on_quitting_or_told_then) {
    for (int full = 0; full < 2; full++) {
        chat_rig r;
        struct rlimit old, low;
        forget_all();
        if (!begin(&r, NULL))
            return;
        CHECK(rig_say(&r, "the sea") && getrlimit(RLIMIT_FSIZE, &old) == 0);
        low = old;
        low.rlim_cur = 4096;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &low);
        CHECK(rig_say(&r, "then why?") && r.chat->keep.trouble.code);
        if (!full)
            setrlimit(RLIMIT_FSIZE, &old);
        gn_tui_finish(&r.tui);
        setrlimit(RLIMIT_FSIZE, &old);
        CHECK((r.tui.failure.code != GN_OK) == full);
        CHECK(!full || strstr(r.tui.failure.message, "what was said last is not saved: ") != NULL);
        CHECK(rows(&r, "SELECT count(*) FROM message") == (full ? 3 : 5));
        gn_tui_release(&r.tui);
        r.worker->close(r.worker);
        gn_line_close();
        gn_history_close(r.history);
        gn_settings_free(r.settings);
    }
}

TEST(a_message_that_was_not_answered_is_said_to_be_one) {
    chat_rig r;
    char id[GN_ULID];
    converse(id);
    gn_history *h = gn_history_open(in_folder("chats.db"), false, &e);
    gn_record record;
    gn_transcript t = {.head = -1};
    CHECK(h && gn_history_load(h, id, &t, &record, &e) && gn_history_head(h, &record, &t, 3, &e));
    gn_transcript_release(&t);
    gn_history_close(h);
    if (!begin(&r, id))
        return;
    CHECK(r.chat->turns.head == 3 && strstr(gn_str_text(&r.tui.note), "not answered") != NULL);
    gn_tui_request(&r.tui, GN_REQUEST_REGENERATE, NULL);
    CHECK(rig_wait(&r) && rig_head(&r)->parent == 3);
    rig_close(&r);
}

TEST(a_fragment_that_does_not_fit_is_not_where_one_goes_on) {
    char command[300];
    chat_rig r;
    forget_all();
    char *text = malloc(20000);
    for (int i = 0; i < 20000; i++)
        text[i] = "a word "[i % 7];
    put("long.txt", text, 20000);
    free(text);
    snprintf(command, sizeof command, "/fragment long %s", in_folder("long.txt"));
    rig_engine.ctx = 500;
    if (!begin(&r, NULL))
        return;
    rig_engine.ctx = 0;
    rig_type(&r, command);
    CHECK(rig_wait(&r) && strstr(gn_str_text(&r.tui.note), "do not fit the context") != NULL);
    CHECK(rig_say(&r, "the sea") && rig_head(&r)->complete && rig_head(&r)->tokens > 0);
    rig_close(&r);
}

/* Whoever wrote it was killed before it was told. */
TEST(a_state_file_without_a_row_is_used_and_gets_one) {
    char id[GN_ULID];
    chat_rig r;
    converse(id);
    gn_history *h = gn_history_open(in_folder("chats.db"), false, &e);
    CHECK(h && gn_sql_exec(gn_history_sql(h), "DELETE FROM state", &e));
    gn_history_close(h);
    if (!begin(&r, id))
        return;
    CHECK(rows(&r, "SELECT count(*) FROM state WHERE n_bytes > 0 AND n_tokens > 0") == 2);
    CHECK(rig_say(&r, "go on") && rig_head(&r)->reused > 0);
    rig_close(&r);
}

/* The same tokenizer, one byte of the weights another: tokens can be read again, states are not its. */
TEST(another_model_reads_the_tokens_and_none_of_the_states) {
    char id[GN_ULID], own[256], command[2048];
    chat_rig r;
    converse(id);
    snprintf(own, sizeof own, "%s", in_folder("other"));
    snprintf(command, sizeof command,
             "mkdir -p '%s' && cp '%s'/*.json '%s'/*.jinja '%s'/model.safetensors '%s' && "
             "printf x | dd of='%s/model.safetensors' bs=1 seek=60000 conv=notrunc 2>/dev/null",
             own, folder(), folder(), folder(), own, own);
    CHECK(system(command) == 0);
    e = (gn_error){0};
    if (!CHECK(rig_open(&r, own, id, false, &e) && rig_wait(&r)))
        return;
    CHECK(strstr(gn_str_text(&r.tui.note), "was held with") != NULL);
    CHECK(gn_chat_cost(r.chat, r.chat->turns.head).from == GN_HELD_NOT);
    const int64_t before = r.chat->last.used;
    CHECK(rig_say(&r, "go on") && rig_head(&r)->reused == 0 && rig_head(&r)->read > before);
    CHECK(rows(&r, "SELECT count(*) FROM message") == 7 &&
          rows(&r, "SELECT count(*) FROM checkpoint") == 2);
    CHECK(rows(&r, "SELECT checkpoint_id FROM session") == 2);
    rig_close(&r);
}

TEST(states_on_disk_stay_within_their_budget) {
    chat_rig r;
    forget_all();
    if (!begin(&r, NULL))
        return;
    CHECK(rig_say(&r, "the sea") && saved(&r, 1));
    const int64_t one = rows(&r, "SELECT n_bytes FROM state");
    r.chat->keep.room = (size_t)(2 * one + one / 2);
    for (int i = 0; i < 4; i++) {
        CHECK(rig_say(&r, "why"));
        rig_turn(&r, 200);
    }
    CHECK(rows(&r, "SELECT sum(n_bytes) FROM state") <= (int64_t)r.chat->keep.room);
    rig_close(&r);
}

/* test_conversations.c - conversations are listed, found by words, put away and removed. */
/* floor: gn_app */
#include "app/chat/conversations.h"
#include "app/chat/history.h"
#include "tests/unit/shelf.h"
#include "tests/unit/temporary.h"

#include <time.h>

static gn_conversations found;
static gn_error error;

static void look(shelf *s, const char *words, bool archived, int64_t limit) {
    const gn_conversations_query q = {gn_slice_of(words), archived, limit};
    error = (gn_error){0};
    if (!gn_conversations_load(&found, s->store, &q, &error))
        printf("  %s\n", error.message);
}

/* The ids found, in order: "B A". */
static const char *ids(void) {
    static char out[256];
    out[0] = '\0';
    for (size_t i = 0; i < found.count && strlen(out) < 200; i++)
        snprintf(out + strlen(out), 32, "%s%s", i ? " " : "", found.row[i].id);
    return out;
}

static int64_t count(shelf *s, const char *sql) {
    gn_error e = {0};
    bool row;
    gn_statement *q = gn_sql_prepare(s->sql, sql, &e);
    const int64_t n = q && gn_sql_step(q, &row, &e) && row ? gn_column_int(q, 0) : -1;
    if (q)
        gn_sql_reset(q);
    return n;
}

/* A: root - hello - hi; B goes on from A's "hi" with two answers to one question; C is apart. */
static uint8_t root[32], hello[32], hi[32], more[32], one[32], two[32], other[32], ask[32];

static bool three(shelf *s, const char *file) {
    return shelf_open(s, in_folder(file)) && shelf_say(s, NULL, "system", "", root) &&
           shelf_say(s, root, "user", "\n hello there \nsecond line", hello) &&
           shelf_say(s, hello, "assistant", "hi, take the ferry", hi) &&
           shelf_session(s, "A", NULL, hi, 10) &&
           shelf_say(s, hi, "user", "more about the Ferry", more) &&
           shelf_say(s, more, "assistant", "it is slow", one) &&
           shelf_say(s, more, "assistant", "it is fast", two) &&
           shelf_session(s, "B", "trip", two, 30) && shelf_turn(s, "B", "T1", one, "eos") &&
           shelf_turn(s, "B", "T2", two, "interrupted") &&
           shelf_say(s, NULL, "system", "be brief", other) &&
           shelf_say(s, other, "user", "regex for dates, C++ \"quoted\" NEAR(x)", ask) &&
           shelf_session(s, "C", NULL, ask, 20);
}

TEST(the_list_has_the_one_used_last_first_and_what_must_be_counted) {
    shelf s;
    if (!CHECK(three(&s, "list.db")))
        return;
    look(&s, "", false, 0);
    CHECK_TEXT(ids(), "B C A");
    CHECK(gn_conversations_fill(&found, 0, 100, s.store, &error));
    const gn_conversations_row *b = &found.row[0], *a = &found.row[2];
    CHECK_TEXT(gn_str_text(&b->title), "trip");
    CHECK(b->branches == 2 && b->turns == 4);
    CHECK_TEXT(gn_str_text(&a->title), "hello there");
    CHECK(a->branches == 1 && a->turns == 2 && a->tokens == 1 + 7 + 5);
    CHECK_TEXT(gn_str_text(&a->model), "toy-1b");
    look(&s, "", false, 2);
    CHECK(found.count == 2 && found.more);
    look(&s, "", false, 3);
    CHECK(found.count == 3 && !found.more);
    gn_conversations_release(&found);
    shelf_close(&s);
}

TEST(words_find_every_conversation_that_holds_the_message) {
    shelf s;
    if (!CHECK(three(&s, "find.db")))
        return;
    look(&s, "ferry", false, 0);
    CHECK_TEXT(ids(), "B A");
    CHECK_TEXT(gn_str_text(&found.row[0].snippet), "more about the \2Ferry\3");
    CHECK_TEXT(gn_str_text(&found.row[1].snippet), "hi, take the \2ferry\3");
    CHECK_TEXT(gn_str_text(&found.row[1].role), "assistant");
    CHECK(memcmp(found.row[1].hit, hi, 32) == 0);
    look(&s, "slow", false, 0); /* on a branch that is not in view */
    CHECK_TEXT(ids(), "B");
    look(&s, "take ferry", false, 0);
    CHECK_TEXT(ids(), "B A");
    look(&s, "\"ferry take\"", false, 0);
    CHECK_TEXT(ids(), "");
    look(&s, "fer*", false, 0);
    CHECK_TEXT(ids(), "B A");
    look(&s, "hello", false, 1);
    CHECK(found.count == 1 && found.more);
    gn_conversations_release(&found);
    shelf_close(&s);
}

TEST(whatever_a_person_types_is_words_and_nothing_else) {
    static const char *const typed[] = {
        "\"",     "C++", "NEAR(x)", "a OR",   "regex\"",  "*dates",   "AND NOT",  "col:regex",
        "-dates", "(((", "^regex",  "\"\"\"", "\xff\xfe", "{dates}*", "dates;--", "'; DROP TABLE x",
    };
    shelf s;
    if (!CHECK(three(&s, "words.db")))
        return;
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
        const gn_conversations_query q = {gn_slice_of(typed[i]), false, 0};
        error = (gn_error){0};
        if (!CHECK(gn_conversations_load(&found, s.store, &q, &error) ||
                   error.code == GN_INVALID) ||
            (error.code && !CHECK(strstr(error.message, "holds no word") != NULL)))
            printf("  %s: %s\n", typed[i], error.message);
    }
    look(&s, "C++ NEAR(x) -dates", false, 0);
    CHECK_TEXT(ids(), "C");
    look(&s, "\"quoted\" regex", false, 0);
    CHECK_TEXT(ids(), "C");
    gn_conversations_release(&found);
    shelf_close(&s);
}

TEST(archived_ones_are_listed_only_when_asked_for) {
    shelf s;
    if (!CHECK(three(&s, "away.db")))
        return;
    CHECK(gn_conversations_archive(s.store, "B", true, &error));
    look(&s, "", false, 0);
    CHECK_TEXT(ids(), "C A");
    look(&s, "ferry", false, 0);
    CHECK_TEXT(ids(), "A");
    look(&s, "ferry", true, 0);
    CHECK_TEXT(ids(), "B A");
    CHECK(gn_conversations_archive(s.store, "B", false, &error));
    look(&s, "", false, 0);
    CHECK_TEXT(ids(), "B C A");
    CHECK(!gn_conversations_archive(s.store, "Z", true, &error) && error.code == GN_IO);
    gn_conversations_release(&found);
    shelf_close(&s);
}

TEST(removing_deletes_what_no_other_conversation_has) {
    shelf s;
    gn_removed gone;
    if (!CHECK(three(&s, "rm.db")))
        return;
    CHECK(shelf_row(&s,
                    "INSERT INTO state(message, prefix_sha, numerics, path, reason, created_at, "
                    "used_at, n_tokens, n_bytes, checkpoint_id) "
                    "VALUES(?1, ?2, 'exact', ?3, 'turn', '', '', 1, 1, 1)",
                    two, two, "ab/two.state", NULL, NULL, 0));
    error = (gn_error){0};
    if (!CHECK(gn_conversations_remove(s.store, "B", &gone, &error)))
        printf("  %s\n", error.message);
    CHECK(gone.messages == 3 && gone.kept == 3); /* more, one, two; A has the rest */
    CHECK_TEXT(gn_str_text(&gone.states), "ab/two.state\n");
    CHECK(count(&s, "SELECT count(*) FROM state") == 0);
    CHECK(count(&s, "SELECT count(*) FROM turn") == 0 &&
          count(&s, "SELECT count(*) FROM response") == 0);
    look(&s, "ferry", false, 0);
    CHECK_TEXT(ids(), "A");
    gn_str_release(&gone.states);
    CHECK(gn_conversations_remove(s.store, "A", &gone, &error) && gone.messages == 3 &&
          gone.kept == 0);
    gn_str_release(&gone.states);
    CHECK(count(&s, "SELECT count(*) FROM message") == 2);
    CHECK(count(&s, "SELECT count(*) FROM pragma_foreign_key_check") == 0);
    CHECK(!gn_conversations_remove(s.store, "A", &gone, &error));
    CHECK(shelf_run(&s, "INSERT INTO message_fts(message_fts) VALUES('integrity-check')"));
    gn_conversations_release(&found);
    shelf_close(&s);
}

TEST(an_answer_that_another_conversation_tells_of_stays) {
    shelf s;
    gn_removed gone;
    if (!CHECK(three(&s, "shared.db")))
        return;
    CHECK(shelf_session(&s, "D", NULL, one, 40));
    CHECK(shelf_run(&s, "INSERT INTO turn SELECT 'T9', 'D', message, response_id, '{}', NULL, '' "
                        "FROM turn WHERE id = 'T1'"));
    CHECK(gn_conversations_remove(s.store, "B", &gone, &error) && gone.messages == 1);
    gn_str_release(&gone.states);
    CHECK(count(&s, "SELECT count(*) FROM response") == 1);
    CHECK(count(&s, "SELECT count(*) FROM turn") == 1);
    shelf_close(&s);
}

TEST(a_fork_goes_on_telling_how_its_replies_came_to_be) {
    shelf s;
    gn_removed gone;
    if (!CHECK(three(&s, "fork.db")))
        return;
    CHECK(shelf_session(&s, "D", NULL, one, 40) && shelf_session(&s, "E", NULL, two, 41));
    CHECK(shelf_run(&s, "UPDATE session SET forked_from = 'A' WHERE id = 'B';"
                        "UPDATE session SET forked_from = 'B' WHERE id IN ('D', 'E')"));
    CHECK(gn_conversations_remove(s.store, "B", &gone, &error) && gone.messages == 0);
    gn_str_release(&gone.states);
    CHECK(count(&s, "SELECT count(*) FROM turn t JOIN response r ON r.id = t.response_id "
                    "WHERE t.session_id = 'D' AND r.stop = 'eos'") == 1);
    CHECK(count(&s, "SELECT count(*) FROM turn t JOIN response r ON r.id = t.response_id "
                    "WHERE t.session_id = 'E' AND r.stop = 'interrupted'") == 1);
    CHECK(count(&s, "SELECT count(*) FROM turn") == 2);
    CHECK(count(&s, "SELECT count(*) FROM session WHERE forked_from = 'A'") == 2);
    shelf_close(&s);
}

/* ---- how fast -------------------------------------------------------------- */

/* Of this process's processor time: other processes do not count. */
static double now_ms(void) { return (double)clock() * 1e3 / CLOCKS_PER_SEC; }
static double milliseconds(double since) { return now_ms() - since; }

static void measure(const char *file, int sessions) {
    gn_error e = {0};
    double start = now_ms();
    gn_store *store = gn_store_open(file, true, &e);
    if (!CHECK(store != NULL))
        return;
    const double opened = milliseconds(start);
    shelf s = {store, gn_store_sql(store), 0};
    start = now_ms();
    look(&s, "", false, 100);
    CHECK(gn_conversations_fill(&found, 0, 100, store, &e));
    const double listed = milliseconds(start);
    CHECK(found.count == 100 && found.more);
    printf("  %d conversations, processor time: opened %.1f ms, 100 listed %.1f ms\n", sessions,
           opened, listed);
    gn_history *h = gn_history_open(file, true, &e);
    start = now_ms();
    for (size_t i = 0; h && i < found.count; i++) {
        gn_transcript t = {.head = -1};
        gn_record r = {0};
        CHECK(gn_history_load(h, found.row[i].id, &t, &r, &e) && t.count == 21);
        gn_transcript_release(&t);
    }
    printf("  100 of them loaded: %.1f ms\n", milliseconds(start));
    gn_history_close(h);
    static const char *const words[] = {"w17", "w3 w5", "harbour", "system", "nowhere", "w1*"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        start = now_ms();
        look(&s, words[k], false, 100);
        CHECK(gn_conversations_fill(&found, 0, 100, store, &e));
        printf("  search %-8s %3zu found, %.1f ms\n", words[k], found.count, milliseconds(start));
    }
    gn_conversations_release(&found);
    gn_store_close(store);
}

/* So many conversations of 20 messages, in three of them a word that is rare. */
static bool make_many(shelf *s, const char *file, int sessions) {
    uint8_t hash[32], top[32];
    uint64_t dice = 1;
    gn_str text = {0};
    bool ok = shelf_open(s, file) &&
              shelf_say(s, NULL, "system", "the system prompt of all", top) &&
              shelf_run(s, "BEGIN");
    for (int i = 0; ok && i < sessions; i++) {
        char id[32];
        memcpy(hash, top, sizeof hash);
        for (int k = 0; ok && k < 20; k++) {
            gn_str_cut(&text, 0);
            gn_str_fmt(&text, "%d.%d", i, k);
            for (int w = 0; w < 30; w++) {
                dice = dice * 6364136223846793005u + 1442695040888963407u;
                gn_str_fmt(&text, " w%d",
                           (int)((dice >> 33) % 2000 * ((dice >> 50) % 2000) / 2000));
            }
            if (k == 5 && i % (sessions / 3) == 7)
                gn_str_puts(&text, " harbour");
            ok = shelf_say(s, hash, k % 2 ? "assistant" : "user", gn_str_text(&text), hash);
        }
        snprintf(id, sizeof id, "01K%023d", i);
        ok = ok && shelf_session(s, id, NULL, hash, i);
    }
    gn_str_release(&text);
    return ok && shelf_run(s, "COMMIT");
}

/* GNEISS_SESSIONS=10000 for the number that counts; GNEISS_SHELF=FILE keeps the database. */
TEST(lists_and_searches_take_no_longer_than_what_they_show) {
    const char *n = getenv("GNEISS_SESSIONS"), *keep = getenv("GNEISS_SHELF");
    const int sessions = n ? atoi(n) : 300;
    const char *file = keep ? keep : in_folder("many.db");
    shelf s;
    if (!gn_path_exists(file)) {
        if (!CHECK(make_many(&s, file, sessions)))
            return;
        shelf_close(&s);
    }
    measure(file, sessions);
}

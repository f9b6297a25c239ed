/* test_history.c - conversations in chats.db: messages, branches, sessions, locks, states. */
/* floor: gn_app */
#include "app/chat/history.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t number(gn_history *h, const char *text) {
    gn_error e = {0};
    bool row;
    gn_statement *q = gn_sql_prepare(gn_history_sql(h), text, &e);
    const int64_t n = q && gn_sql_step(q, &row, &e) && row ? gn_column_int(q, 0) : -1;
    if (q)
        gn_sql_reset(q);
    return n;
}

static bool said_no(const gn_error *e) {
    if (e->code != GN_OK)
        printf("  %s\n", e->message);
    return e->code == GN_OK;
}

/* A database with a checkpoint and a build, and a new record of it. */
static gn_history *fresh(const char *name, gn_record *r) {
    gn_error e = {0};
    gn_history *h = gn_history_open(in_folder(name), false, &e);
    if (!h || !gn_sql_exec(gn_history_sql(h),
                           "INSERT OR IGNORE INTO checkpoint(id, sha, name, path, tokenizer_sha, "
                           "config_json) VALUES(1, 'abc', 'tiny', '/m/tiny', 'x', '{}');"
                           "INSERT OR IGNORE INTO build(id, sha, version, backend, numerics) "
                           "VALUES(1, 'b', '0', 'cpu', 'fast')",
                           &e)) {
        said_no(&e);
        exit(2);
    }
    *r = (gn_record){.checkpoint = 1, .build = 1, .tokenizer = {7}};
    return h;
}

/* A turn whose ids are made of its text's bytes. */
static int64_t add(gn_transcript *t, int64_t parent, gn_role role, const char *text) {
    gn_turn *turn = gn_transcript_add(t, parent, role, gn_slice_of(text));
    for (const char *p = text; *p; p++)
        gn_ids_add(&turn->ids, (unsigned char)*p);
    gn_ids_add(&turn->ids, 1000 + (int)role);
    turn->complete = true;
    turn->stop = GN_STOP_EOS;
    turn->tokens = (int64_t)turn->ids.count;
    return turn->id;
}

static const gn_reply plain = {.limit = 0};

static bool keep(gn_history *h, gn_record *r, gn_transcript *t, int64_t id, const gn_reply *reply) {
    gn_error e = {0};
    gn_history_keep(h, r, t, id, reply, &e);
    return said_no(&e);
}

static void begin(gn_history *h, gn_record *r, gn_transcript *t) {
    *t = (gn_transcript){.head = -1};
    add(t, -1, GN_ROLE_SYSTEM, "");
    add(t, 0, GN_ROLE_USER, "  Plan two days in Oslo\nplease");
    CHECK(keep(h, r, t, 1, NULL));
    add(t, 1, GN_ROLE_MODEL, "Walk");
    CHECK(keep(h, r, t, 2, &plain));
}

TEST(what_was_kept_is_loaded_as_it_was) {
    gn_record r, again = {0};
    gn_error e = {0};
    gn_transcript t, u = {.head = -1};
    gn_history *h = fresh("loaded.db", &r);
    begin(h, &r, &t);
    add(&t, 2, GN_ROLE_USER, "Shorter");
    CHECK(keep(h, &r, &t, 3, NULL));
    const gn_top top[] = {{5, -0.5f}, {6, -1.5f}, {7, -0.1f}, {6, -1.0f}};
    const gn_token_row row[] = {{.id = 5, .score = {-0.5f, 0, 1}, .top = top, .n_top = 2},
                                {.id = 6, .score = {-1.0f, 1, 2}, .top = top + 2, .n_top = 2}};
    add(&t, 3, GN_ROLE_MODEL, "Sauna");
    CHECK(gn_tokens_add(&t.turn[4]->made, &row[0]) && gn_tokens_add(&t.turn[4]->made, &row[1]));
    t.turn[4]->how = (gn_sampling){.temp = 0.7f, .top_k = 40, .seed = 1234567890123};
    t.turn[4]->begun = 3;
    t.turn[4]->reused = 40;
    t.turn[4]->read = 2;
    t.turn[4]->stop = GN_STOP_INTERRUPTED;
    CHECK(keep(h, &r, &t, 4, &plain));
    CHECK(number(h, "SELECT count(*) FROM message") == 5 &&
          number(h, "SELECT count(*) FROM turn") == 2);
    CHECK(number(h, "SELECT count(*) FROM token") == 2);
    CHECK(number(h, "SELECT count(*) FROM branch WHERE name = 'main'") == 1);
    CHECK(number(h, "SELECT name = 'Plan two days in Oslo' FROM session") == 1);
    CHECK(gn_history_load(h, r.id, &u, &again, &e) && said_no(&e));
    CHECK(u.count == 5 && u.head == 4 && again.checkpoint == 1 && strcmp(again.id, r.id) == 0);
    for (size_t i = 0; i < u.count; i++)
        CHECK(u.turn[i]->parent == t.turn[i]->parent && u.turn[i]->role == t.turn[i]->role &&
              u.turn[i]->ids.count == t.turn[i]->ids.count &&
              memcmp(u.turn[i]->ids.id, t.turn[i]->ids.id, u.turn[i]->ids.count * 4) == 0 &&
              gn_slice_equal(gn_str_slice(&u.turn[i]->text), gn_str_slice(&t.turn[i]->text)));
    CHECK(u.turn[4]->stop == GN_STOP_INTERRUPTED && u.turn[4]->reused == 40 &&
          u.turn[4]->read == 2 && !u.turn[4]->edited && u.turn[2]->stop == GN_STOP_EOS);
    CHECK(u.turn[4]->how.temp == 0.7f && u.turn[4]->how.top_k == 40 &&
          u.turn[4]->how.seed == 1234567890123 && u.turn[4]->begun == 3);
    gn_tokens made = {0};
    CHECK(gn_history_tokens(h, u.turn[4], &made, &e) && made.count == 2 && made.k == 2);
    CHECK(made.id[1] == 6 && made.score[1].rank == 1 && made.top[2].id == 7);
    gn_tokens_release(&made);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_history_close(h);
}

TEST(equal_beginnings_are_equal_rows_of_two_sessions) {
    gn_record r, q;
    gn_transcript t, u;
    gn_history *h = fresh("shared.db", &r);
    q = r;
    begin(h, &r, &t);
    begin(h, &q, &u);
    CHECK(number(h, "SELECT count(*) FROM message") == 3);
    CHECK(number(h, "SELECT count(*) FROM session") == 2 && strcmp(r.id, q.id) != 0);
    CHECK(memcmp(t.turn[2]->hash, u.turn[2]->hash, 32) == 0);
    /* ... and another tokenizer's are not */
    gn_record other = {.checkpoint = 1, .build = 1, .tokenizer = {8}};
    gn_transcript v;
    begin(h, &other, &v);
    CHECK(number(h, "SELECT count(*) FROM message") == 6);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_transcript_release(&v);
    gn_history_close(h);
}

TEST(another_answer_is_a_branch_and_the_first_is_still_there) {
    gn_record r, again = {0};
    gn_error e = {0};
    gn_transcript t, u = {.head = -1};
    gn_branch *branch;
    int n;
    gn_history *h = fresh("branches.db", &r);
    begin(h, &r, &t);
    CHECK(keep(h, &r, &t, 1, NULL)); /* asked again: that alone is no branch */
    CHECK(number(h, "SELECT count(*) FROM branch") == 1);
    add(&t, 1, GN_ROLE_MODEL, "Swim");
    CHECK(keep(h, &r, &t, 3, &plain));
    CHECK(strcmp(r.branch, "branch-2") == 0);
    CHECK(gn_history_branches(h, r.id, &branch, &n, &e) && n == 2);
    free(branch);
    CHECK(gn_history_branch(h, &r, t.turn[2], GN_S("walks"), &e));
    CHECK(!gn_history_branch(h, &r, t.turn[2], GN_S("walks"), &e) && e.code == GN_INVALID);
    e = (gn_error){0};
    add(&t, 2, GN_ROLE_USER, "Where?");
    CHECK(keep(h, &r, &t, 4, NULL) && strcmp(r.branch, "walks") == 0);
    /* the first branch stays where it was, at the answer that "walks" goes on from */
    CHECK(gn_history_branches(h, r.id, &branch, &n, &e) && n == 3 &&
          memcmp(branch[1].tip, t.turn[2]->hash, 32) == 0);
    free(branch);
    CHECK(gn_history_head(h, &r, &t, 3, &e));
    CHECK(gn_history_load(h, r.id, &u, &again, &e) && u.count == 5 && u.head == 3);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_history_close(h);
}

TEST(a_fork_shares_all_rows_and_changes_nothing_of_where_it_comes_from) {
    gn_record r, own = {.checkpoint = 1, .build = 1};
    gn_error e = {0};
    gn_transcript t, u = {.head = -1};
    char id[GN_ULID];
    gn_history *h = fresh("fork.db", &r);
    begin(h, &r, &t);
    CHECK(gn_history_fork(h, r.id, t.turn[2]->hash, id, &e) && said_no(&e));
    CHECK(gn_history_load(h, id, &u, &own, &e) && u.count == 3 && u.head == 2);
    CHECK(!u.turn[2]->edited); /* how it came to be is known from the session before */
    memset(own.tokenizer, 7, 1);
    add(&u, 2, GN_ROLE_USER, "mine");
    CHECK(keep(h, &own, &u, 3, NULL));
    gn_transcript_release(&u);
    CHECK(gn_history_load(h, r.id, &u, &own, &e) && u.count == 3);
    CHECK(!gn_history_fork(h, "01ABSENT", t.turn[2]->hash, id, &e) && e.code == GN_IO);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_history_close(h);
}

TEST(a_session_is_found_by_number_name_or_beginning_of_its_id) {
    gn_record r[3];
    gn_error e = {0};
    gn_transcript t;
    char id[GN_ULID];
    gn_history *h = fresh("found.db", &r[0]);
    CHECK(!gn_history_find(h, GN_S("-1"), id, &e) && e.code == GN_IO);
    for (int i = 0; i < 3; i++) {
        r[i] = (gn_record){.checkpoint = 1, .build = 1};
        begin(h, &r[i], &t);
        gn_transcript_release(&t);
        usleep(3000);
    }
    e = (gn_error){0};
    CHECK(gn_history_rename(h, r[0].id, GN_S("Oslo"), &e));
    CHECK(gn_history_find(h, GN_S("Oslo"), id, &e) && strcmp(id, r[0].id) == 0);
    CHECK(gn_history_find(h, GN_S("-1"), id, &e) && strcmp(id, r[2].id) == 0);
    CHECK(gn_history_find(h, GN_S("-3"), id, &e) && strcmp(id, r[0].id) == 0);
    CHECK(!gn_history_find(h, GN_S("-4"), id, &e) && e.code == GN_IO);
    CHECK(gn_history_find(h, gn_slice_of(r[1].id), id, &(gn_error){0}) && strcmp(id, r[1].id) == 0);
    e = (gn_error){0};
    CHECK(!gn_history_find(h, (gn_slice){r[0].id, 4}, id, &e) && e.code == GN_INVALID &&
          strstr(e.message, r[0].id) && strstr(e.message, r[2].id));
    e = (gn_error){0};
    CHECK(!gn_history_find(h, GN_S("Plan two days in Oslo"), id, &e) && e.code == GN_INVALID);
    e = (gn_error){0};
    CHECK(!gn_history_find(h, GN_S("Bergen"), id, &e) && e.code == GN_IO);
    CHECK(
        gn_sql_exec(gn_history_sql(h), "UPDATE session SET archived = 1 WHERE name = 'Oslo'", &e));
    CHECK(!gn_history_find(h, GN_S("-3"), id, &e));
    gn_history_close(h);
}

TEST(a_second_process_is_told_who_has_the_session) {
    gn_record r;
    gn_error e = {0};
    long pid = -1;
    int up[2], down[2], status = 1;
    char byte;
    gn_history *h = fresh("locked.db", &r);
    CHECK(pipe(up) == 0 && pipe(down) == 0);
    const pid_t child = fork();
    if (child == 0) { /* has the session until it is killed */
        gn_history *own = gn_history_open(in_folder("locked.db"), false, &e);
        long who;
        const bool ok = own && gn_history_lock(own, "01A", &who, &e);
        if (write(up[1], ok ? "y" : "n", 1) != 1 || read(down[0], &byte, 1) < 0)
            _exit(1);
        pause();
    }
    CHECK(read(up[0], &byte, 1) == 1 && byte == 'y');
    CHECK(!gn_history_lock(h, "01A", &pid, &e) && e.code == GN_OK && pid == child);
    CHECK(gn_history_lock(h, "01B", &pid, &e));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    CHECK(gn_history_lock(h, "01A", &pid, &e));
    gn_history_close(h);
}

/* Two processes write a hundred messages each to sessions of one database. */
TEST(two_processes_write_and_nothing_is_lost) {
    gn_record r;
    gn_transcript t;
    int status = 1;
    gn_history_close(fresh("both.db", &r));
    const pid_t child = fork();
    gn_history *h = fresh("both.db", &r);
    begin(h, &r, &t);
    bool ok = true;
    for (int i = 0; i < 100; i++) {
        char text[32];
        snprintf(text, sizeof text, "message %d of %d", i, child == 0);
        ok = keep(h, &r, &t, add(&t, t.head, i % 2 ? GN_ROLE_MODEL : GN_ROLE_USER, text),
                  i % 2 ? &plain : NULL) &&
             ok;
    }
    gn_transcript_release(&t);
    if (child == 0)
        _exit(ok ? 0 : 1);
    waitpid(child, &status, 0);
    CHECK(ok && status == 0);
    CHECK(number(h, "SELECT count(*) FROM message") == 203);
    CHECK(number(h, "SELECT count(*) FROM session s JOIN message m ON m.hash = s.head "
                    "WHERE m.content LIKE 'message 99 of %'") == 2);
    CHECK(
        number(h, "SELECT count(*) = 1 FROM pragma_integrity_check WHERE integrity_check = 'ok'") ==
        1);
    gn_history_close(h);
}

TEST(what_cannot_be_written_changes_nothing_and_can_be_tried_again) {
    gn_record r;
    gn_error e = {0};
    gn_transcript t, u = {.head = -1};
    struct stat st;
    struct rlimit old, low;
    gn_history *h = fresh("full.db", &r);
    begin(h, &r, &t);
    /* no file may grow: as on a full disk, but for who is told */
    static char much[2 << 20];
    memset(much, 'x', sizeof much - 1);
    add(&t, 2, GN_ROLE_USER, much);
    char wal[300];
    snprintf(wal, sizeof wal, "%s-wal", in_folder("full.db"));
    CHECK(stat(wal, &st) == 0 && getrlimit(RLIMIT_FSIZE, &old) == 0);
    low = old;
    low.rlim_cur = (rlim_t)st.st_size + 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &low);
    const gn_record before = r;
    CHECK(!gn_history_keep(h, &r, &t, 3, NULL, &e) && e.code == GN_IO);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(memcmp(&before, &r, sizeof r) == 0 && !t.turn[3]->stored);
    CHECK(number(h, "SELECT count(*) FROM message") == 3);
    e = (gn_error){0};
    CHECK(gn_history_load(h, r.id, &u, &(gn_record){0}, &e) && u.count == 3 && u.head == 2);
    CHECK(keep(h, &r, &t, 3, NULL) && number(h, "SELECT count(*) FROM message") == 4);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_history_close(h);
}

TEST(a_database_that_is_newer_or_cannot_be_made_is_said_to_be) {
    gn_record r;
    gn_error e = {0};
    gn_history *h = fresh("newer.db", &r);
    CHECK(gn_sql_exec(gn_history_sql(h), "PRAGMA user_version = 99", &e));
    gn_history_close(h);
    CHECK(!gn_history_open(in_folder("newer.db"), false, &e) && e.code == GN_UNSUPPORTED);
    e = (gn_error){0};
    put("file", "x", 1);
    CHECK(!gn_history_open(in_folder("file/chats.db"), false, &e) && e.code == GN_IO);
    if (geteuid() != 0) {
        e = (gn_error){0};
        CHECK(mkdir(in_folder("closed"), 0500) == 0);
        CHECK(!gn_history_open(in_folder("closed/chats.db"), false, &e) && e.code == GN_IO);
        rmdir(in_folder("closed"));
    }
}

TEST(a_reply_is_rated_and_what_a_person_wrote_is_not) {
    gn_record r, again = {0};
    gn_error e = {0};
    gn_transcript t, u = {.head = -1};
    gn_history *h = fresh("rated.db", &r);
    begin(h, &r, &t);
    CHECK(gn_history_rate(h, &r, t.turn[2], -1, &e));
    CHECK(!gn_history_rate(h, &r, t.turn[1], 1, &e) && e.code == GN_INVALID);
    e = (gn_error){0};
    CHECK(gn_history_load(h, r.id, &u, &again, &e) && u.turn[2]->rating == -1);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_history_close(h);
}

TEST(what_was_stored_without_its_tokens_gives_way_when_they_are_known) {
    gn_record r, again = {0};
    gn_error e = {0};
    gn_transcript t, u = {.head = -1};
    gn_history *h = fresh("typed.db", &r);
    begin(h, &r, &t);
    gn_turn *typed = gn_transcript_add(&t, 1, GN_ROLE_MODEL, GN_S("Fly"));
    typed->edited = typed->complete = true;
    CHECK(keep(h, &r, &t, 3, NULL));
    CHECK(number(h, "SELECT count(*) FROM message") == 4);
    CHECK(gn_ids_add(&typed->ids, 77));
    typed->stored = false;
    add(&t, 3, GN_ROLE_USER, "Where?");
    CHECK(keep(h, &r, &t, 4, NULL));
    CHECK(number(h, "SELECT count(*) FROM message") == 5 &&
          number(h, "SELECT count(*) FROM branch") == 2);
    CHECK(gn_history_load(h, r.id, &u, &again, &e) && said_no(&e) && u.count == 5);
    CHECK(u.turn[3]->edited && u.turn[3]->ids.count == 1 && u.turn[4]->parent == 3);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_history_close(h);
}

static bool collect(void *user, gn_slice content) {
    gn_str *out = user;
    gn_str_add(out, content);
    gn_str_putc(out, '|');
    return true;
}

TEST(a_message_is_a_fragment_if_its_text_is_one_whatever_the_name_means_now) {
    gn_record r, again = {0};
    gn_error e = {0};
    gn_str body = {0};
    gn_transcript t, u = {.head = -1};
    gn_history *h = fresh("fragments.db", &r);
    CHECK(gn_history_define(h, GN_S("notes"), GN_S("a.txt"), GN_S("Shorter"), &e));
    CHECK(gn_history_define(h, GN_S("rules"), GN_S("b.txt"), GN_S("Longer"), &e));
    begin(h, &r, &t);
    add(&t, 2, GN_ROLE_USER, "Shorter");
    CHECK(keep(h, &r, &t, 3, NULL));
    CHECK(gn_history_define(h, GN_S("notes"), GN_S("c.txt"), GN_S("Longer"), &e) && said_no(&e));
    CHECK(gn_history_fragment(h, GN_S("notes"), &body, &e));
    CHECK_TEXT(gn_str_text(&body), "Longer");
    CHECK(!gn_history_fragment(h, GN_S("rules"), &body, &e) && e.code == GN_INVALID);
    e = (gn_error){0};
    CHECK(gn_history_load(h, r.id, &u, &again, &e) && u.count == 4);
    CHECK(u.turn[3]->fragment && !u.turn[1]->fragment && !u.turn[2]->fragment);
    gn_str_release(&body);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_history_close(h);
}

TEST(what_was_asked_is_found_over_all_sessions_the_newest_first) {
    gn_record r, q;
    gn_error e = {0};
    gn_transcript t, u;
    gn_str all = {0};
    gn_history *h = fresh("asked.db", &r);
    q = r;
    begin(h, &r, &t);
    begin(h, &q, &u);
    CHECK(keep(h, &r, &t, add(&t, 2, GN_ROLE_USER, "is Oslo wet?"), NULL));
    CHECK(keep(h, &q, &u, add(&u, 2, GN_ROLE_USER, "and Bergen?"), NULL));
    CHECK(gn_history_asked(h, GN_S("Oslo"), 10, collect, &all, &e));
    CHECK(gn_slice_is(gn_str_slice(&all), "is Oslo wet?|  Plan two days in Oslo\nplease|"));
    gn_str_cut(&all, 0);
    CHECK(gn_history_asked(h, GN_S(""), 1, collect, &all, &e));
    CHECK(gn_slice_is(gn_str_slice(&all), "and Bergen?|"));
    gn_str_release(&all);
    gn_transcript_release(&t);
    gn_transcript_release(&u);
    gn_history_close(h);
}

TEST(what_going_somewhere_costs_is_counted_from_the_nearest_state) {
    gn_record r;
    gn_transcript t;
    gn_history *h = fresh("cost.db", &r);
    begin(h, &r, &t);
    CHECK(gn_transcript_cost(&t, 2).from == GN_HELD_NOT &&
          gn_transcript_cost(&t, 2).tokens == 1 + 31 + 5);
    t.turn[1]->held = GN_HELD_DISK;
    const gn_going g = gn_transcript_cost(&t, 2);
    CHECK(g.from == GN_HELD_DISK && g.tokens == 5);
    gn_str text = {0};
    gn_going_text(g, &text);
    CHECK(gn_slice_is(gn_str_slice(&text), "state on disk, 5 tokens to read"));
    gn_str_release(&text);
    t.turn[2]->ids.count = 0;
    CHECK(gn_transcript_cost(&t, 2).tokens == -1);
    gn_transcript_release(&t);
    gn_history_close(h);
}

TEST(states_go_by_when_they_were_used_and_pinned_ones_stay) {
    gn_record r;
    gn_error e = {0};
    gn_transcript t;
    size_t freed;
    gn_history *h = fresh("states.db", &r);
    begin(h, &r, &t);
    static const char *const name[] = {"a.state", "b.state", "c.state"};
    for (int i = 0; i < 3; i++) {
        const gn_state_row row = {.prefix = {(uint8_t)i},
                                  .checkpoint = 1,
                                  .n_tokens = 10,
                                  .n_bytes = 100,
                                  .numerics = "fast",
                                  .message = t.turn[i]->hash,
                                  .path = name[i],
                                  .reason = i ? "turn" : "pin",
                                  .pinned = i == 0};
        put(name[i], "x", 1);
        CHECK(gn_history_state(h, &row, &e) && said_no(&e));
        usleep(3000);
    }
    const gn_state_row b = {.prefix = {1}, .checkpoint = 1, .numerics = "fast"};
    CHECK(gn_history_state_used(h, &b, &e)); /* now c was used longest ago, but for the pinned */
    CHECK(gn_history_states(h, r.id, 0, "fast", temporary_folder, &t, &e) && said_no(&e));
    CHECK(t.turn[0]->on_disk && t.turn[2]->on_disk);
    CHECK(t.turn[0]->held == GN_HELD_DISK && t.turn[0]->pinned && t.turn[2]->held == GN_HELD_DISK);
    CHECK(gn_history_states_trim(h, temporary_folder, 250, &freed, &e) && freed == 100);
    CHECK(access(in_folder("b.state"), F_OK) == 0 && access(in_folder("c.state"), F_OK) != 0);
    CHECK(gn_history_states_trim(h, temporary_folder, 0, &freed, &e) && freed == 100);
    CHECK(access(in_folder("a.state"), F_OK) == 0 && number(h, "SELECT count(*) FROM state") == 1);
    gn_transcript_release(&t);
    gn_history_close(h);
}

/* test_base_sql.c - the wrapping of SQLite. */
/* floor: gn_base */
#include "core/base/sql.h"

#include "core/base/file.h"
#include "core/base/path.h"
#include "tests/check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static const char *at(const char *name) {
    static char path[4][256];
    static int next;
    if (!folder[0]) {
        strcpy(folder, "/tmp/gneiss-test-XXXXXX");
        if (!mkdtemp(folder))
            exit(2);
    }
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static pid_t owner;
__attribute__((constructor)) static void remember(void) { owner = getpid(); }
__attribute__((destructor)) static void clean(void) {
    char command[128];
    if (!folder[0] || getpid() != owner)
        return;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        printf("  could not remove %s\n", folder);
}

static gn_sql *opened(const char *path, bool read_only) {
    gn_error e = {0};
    gn_sql *s = gn_sql_open(path, read_only, &e);
    if (!CHECK(s != NULL))
        printf("    %s\n", e.message);
    return s;
}

static int64_t one_int(gn_sql *s, const char *text) {
    gn_error e = {0};
    bool row = false;
    gn_statement *q = gn_sql_prepare(s, text, &e);
    if (!CHECK(q && gn_sql_step(q, &row, &e) && row)) {
        printf("    %s\n", e.message);
        return -1;
    }
    const int64_t v = gn_column_int(q, 0);
    gn_sql_reset(q);
    return v;
}

TEST(what_is_bound_comes_back) {
    gn_error e = {0};
    bool row;
    gn_sql *s = opened(at("types.db"), false);
    CHECK(gn_sql_exec(s, "CREATE TABLE t(a,b,c,d,e,f)", &e));
    gn_statement *q = gn_sql_prepare(s, "INSERT INTO t VALUES(?,?,?,?,?,?)", &e);
    gn_bind_int(q, 1, INT64_MIN);
    gn_bind_double(q, 2, 0.1);
    gn_bind_text(q, 3, GN_S("a\0b"));
    gn_bind_blob(q, 4, "\xff\0", 2);
    gn_bind_null(q, 5);
    gn_bind_blob(q, 6, NULL, 0);
    CHECK(gn_sql_run(q, &e) && gn_sql_last_id(s) == 1 && gn_sql_changes(s) == 1);

    q = gn_sql_prepare(s, "SELECT a, b, c, d, e, f AS last FROM t", &e);
    CHECK(gn_sql_step(q, &row, &e) && row && gn_column_count(q) == 6);
    CHECK_TEXT(gn_column_name(q, 5), "last");
    CHECK(gn_column_type(q, 0) == 'i' && gn_column_int(q, 0) == INT64_MIN);
    CHECK(gn_column_type(q, 1) == 'd' && gn_column_double(q, 1) == 0.1);
    CHECK(gn_column_type(q, 2) == 't' && gn_slice_equal(gn_column_text(q, 2), GN_S("a\0b")));
    CHECK(gn_column_type(q, 3) == 'b' && gn_slice_equal(gn_column_blob(q, 3), GN_S("\xff\0")));
    CHECK(gn_column_type(q, 4) == 'n' && gn_column_is_null(q, 4) && gn_column_text(q, 4).len == 0);
    CHECK(gn_column_type(q, 5) == 'b' && gn_column_blob(q, 5).len == 0);
    CHECK(gn_sql_step(q, &row, &e) && !row);
    gn_sql_close(s);
    gn_sql_close(NULL);
}

TEST(a_statement_is_compiled_once_and_comes_back_clean) {
    gn_error e = {0};
    bool row;
    gn_sql *s = opened(":memory:", false);
    gn_statement *q = gn_sql_prepare(s, "SELECT ?1", &e);
    gn_bind_int(q, 1, 7);
    CHECK(gn_sql_step(q, &row, &e) && row && gn_column_int(q, 0) == 7);
    char text[] = "SELECT ?1";
    CHECK(gn_sql_prepare(s, text, &e) == q);
    CHECK(gn_sql_step(q, &row, &e) && row && gn_column_is_null(q, 0));
    CHECK(gn_sql_prepare(s, "SELECT ?1 ", &e) != q);
    for (int i = 0; i < 300; i++) {
        char many[32];
        snprintf(many, sizeof many, "SELECT %d", i);
        CHECK(one_int(s, many) == i);
    }
    gn_sql_close(s);
}

TEST(bad_statements_say_what_is_wrong) {
    gn_error e = {0};
    bool row;
    gn_sql *s = opened(":memory:", false);
    CHECK(!gn_sql_prepare(s, "SELEC 1", &e) && e.code == GN_INVALID);
    CHECK_TEXT(e.message, "database ':memory:': near \"SELEC\": syntax error");
    CHECK(!gn_sql_prepare(s, "SELECT 1; SELECT 2", &e));
    CHECK_TEXT(e.message, "database ':memory:': one statement at a time");
    CHECK(!gn_sql_prepare(s, " ; ", &e) && e.code == GN_INVALID);
    CHECK(gn_sql_prepare(s, "SELECT 1 ; ", &e) != NULL);
    CHECK(!gn_sql_exec(s, "INSERT INTO nothing VALUES(1)", &e));
    gn_statement *q = gn_sql_prepare(s, "SELECT 1", &e);
    gn_bind_int(q, 1, 1);
    CHECK(!gn_sql_step(q, &row, &e) && strstr(e.message, "bind a value"));
    CHECK(gn_sql_step(q, &row, &e) && row);
    gn_sql_close(s);
}

TEST(foreign_keys_hold_and_a_failed_statement_can_be_used_again) {
    gn_error e = {0};
    gn_sql *s = opened(":memory:", false);
    CHECK(gn_sql_exec(s, "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p)",
                      &e));
    gn_statement *q = gn_sql_prepare(s, "INSERT INTO c VALUES(?)", &e);
    gn_bind_int(q, 1, 5);
    CHECK(!gn_sql_run(q, &e) && e.code == GN_INVALID);
    CHECK_TEXT(e.message, "database ':memory:': FOREIGN KEY constraint failed");
    CHECK(gn_sql_exec(s, "INSERT INTO p VALUES(5)", &e) && gn_sql_run(q, &e));
    CHECK(one_int(s, "SELECT count(*) FROM c") == 1);
    gn_sql_close(s);
}

TEST(a_transaction_is_kept_or_undone) {
    gn_error e = {0};
    gn_sql *s = opened(at("t.db"), false);
    CHECK(gn_sql_exec(s, "CREATE TABLE t(a)", &e));
    CHECK(gn_sql_begin(s, &e) && gn_sql_exec(s, "INSERT INTO t VALUES(1)", &e));
    CHECK(gn_sql_commit(s, &e));
    CHECK(gn_sql_begin(s, &e) && gn_sql_exec(s, "INSERT INTO t VALUES(2)", &e));
    gn_sql_rollback(s);
    gn_sql_rollback(s);
    CHECK(one_int(s, "SELECT sum(a) FROM t") == 1);
    CHECK(!gn_sql_commit(s, &e));
    gn_sql_close(s);
}

TEST(what_cannot_be_opened_says_why) {
    gn_error e = {0};
    CHECK(!gn_sql_open(at("missing.db"), true, &e) && e.code == GN_IO);
    CHECK(strstr(e.message, "missing.db': No such file or directory") != NULL);
    CHECK(!gn_path_exists(at("missing.db")));
    CHECK(!gn_sql_open("/nowhere/x.db", false, &e) && e.code == GN_IO);
    CHECK(!gn_sql_open("/tmp", false, &e) && e.code == GN_IO);
    CHECK(gn_file_write(at("text"), GN_S("this is surely no database at all, only some text"), &e));
    for (int read_only = 0; read_only < 2; read_only++) {
        CHECK(!gn_sql_open(at("text"), read_only, &e) && e.code == GN_FORMAT);
        CHECK(strstr(e.message, "/text' is no SQLite database") != NULL);
    }
}

TEST(a_read_only_database_takes_no_writes) {
    gn_error e = {0};
    gn_sql *s = opened(at("ro.db"), false);
    CHECK(gn_sql_exec(s, "CREATE TABLE t(a); INSERT INTO t VALUES(3)", &e));
    gn_sql *r = opened(at("ro.db"), true);
    CHECK(one_int(r, "SELECT a FROM t") == 3);
    CHECK(!gn_sql_exec(r, "INSERT INTO t VALUES(4)", &e) && e.code == GN_IO);
    CHECK(strstr(e.message, "read-only") != NULL);
    gn_sql_close(r);
    gn_sql_close(s);
}

/* Another process holds the write lock and goes when its pipe closes. */
TEST(a_busy_database_is_waited_for_and_then_named) {
    gn_error e = {0};
    int ready[2], go[2];
    char byte = 0;
    gn_sql *s = opened(at("busy.db"), false);
    CHECK(gn_sql_exec(s, "CREATE TABLE t(a)", &e));
    gn_sql_close(s);
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        gn_sql *c = gn_sql_open(at("busy.db"), false, &e);
        bool ok = c && gn_sql_begin(c, &e) && gn_sql_exec(c, "INSERT INTO t VALUES(1)", &e);
        ok = write(ready[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1 && ok;
        if (c)
            gn_sql_rollback(c);
        gn_sql_close(c);
        _exit(!ok);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    s = opened(at("busy.db"), false);
    CHECK(gn_sql_exec(s, "PRAGMA busy_timeout = 50", &e));
    CHECK(!gn_sql_begin(s, &e) && e.code == GN_IO);
    CHECK(strstr(e.message, "is writing; wait until it is done") != NULL);
    CHECK(write(go[1], &byte, 1) == 1);
    CHECK(gn_sql_exec(s, "PRAGMA busy_timeout = 10000", &e) && gn_sql_begin(s, &e));
    gn_sql_rollback(s);
    gn_sql_close(s);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}

TEST(a_disk_that_is_full_is_said_to_be) {
    gn_error e = {0};
    gn_sql *s = opened(at("full.db"), false);
    CHECK(gn_sql_exec(s, "CREATE TABLE t(a); PRAGMA max_page_count = 5", &e));
    CHECK(!gn_sql_exec(s, "INSERT INTO t VALUES(zeroblob(100000))", &e) && e.code == GN_IO);
    CHECK(strstr(e.message, "the disk that holds") && strstr(e.message, "is full"));
    gn_sql_close(s);
}

TEST(a_backup_is_whole_and_overwrites_nothing) {
    gn_error e = {0};
    gn_sql *s = opened(at("a.db"), false);
    CHECK(gn_sql_exec(s, "CREATE TABLE t(a); INSERT INTO t VALUES(9)", &e));
    CHECK(gn_sql_backup(s, at("it's b.db"), &e));
    gn_sql *b = opened(at("it's b.db"), true);
    CHECK(one_int(b, "SELECT a FROM t") == 9);
    gn_sql_close(b);
    CHECK(!gn_sql_backup(s, at("it's b.db"), &e) && strstr(e.message, "is there already"));
    CHECK(!gn_sql_backup(s, "/nowhere/b.db", &e) && e.code == GN_IO);
    gn_sql_close(s);
}

/* Where memory cannot be shared between machines: no WAL, and several connections all the same. */
TEST(on_a_network_file_system_the_journal_is_deleted) {
    gn_error e = {0};
    bool row;
    gn_sql_assume_shared(true);
    gn_sql *a = opened(at("network.db"), false), *b = opened(at("network.db"), false);
    gn_sql_assume_shared(false);
    CHECK(gn_sql_is_shared(a));
    gn_statement *q = gn_sql_prepare(a, "PRAGMA journal_mode", &e);
    CHECK(q && gn_sql_step(q, &row, &e) && row && gn_slice_is(gn_column_text(q, 0), "delete"));
    gn_sql_reset(q);
    CHECK(gn_sql_exec(a, "CREATE TABLE t(x); INSERT INTO t VALUES(1)", &e));
    CHECK(gn_sql_begin(b, &e) && gn_sql_exec(b, "INSERT INTO t VALUES(2)", &e) &&
          gn_sql_commit(b, &e));
    q = gn_sql_prepare(a, "SELECT sum(x) FROM t", &e);
    CHECK(q && gn_sql_step(q, &row, &e) && row && gn_column_int(q, 0) == 3);
    gn_sql_close(a);
    gn_sql_close(b);
    gn_sql *c = opened(at("local.db"), false);
    CHECK(!gn_sql_is_shared(c));
    gn_sql_close(c);
}

/* test_store.c - the database file: schema, migrations, refusals. */
/* floor: gn_core */
#include "core/gneiss.h"
#include "tests/check.h"

#include <unistd.h>

static char folder[128];

static const char *file(const char *name) {
    static char path[256];
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "/tmp/gneiss-store-XXXXXX");
        if (!mkdtemp(folder))
            exit(2);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

__attribute__((destructor)) static void clean(void) {
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (folder[0] && system(command) != 0)
        printf("could not remove %s\n", folder);
}

static int64_t number(gn_store *s, const char *text) {
    gn_error e = {0};
    bool row;
    gn_statement *q = gn_sql_prepare(gn_store_sql(s), text, &e);
    const int64_t n = q && gn_sql_step(q, &row, &e) && row ? gn_column_int(q, 0) : -1;
    if (q)
        gn_sql_reset(q);
    return n;
}

TEST(a_new_database_has_the_schema_and_opens_again) {
    gn_error e = {0};
    for (int i = 0; i < 2; i++) {
        gn_store *s = gn_store_open(file("new.db"), false, &e);
        if (!CHECK(s != NULL)) {
            printf("  %s\n", e.message);
            return;
        }
        CHECK(number(s, "PRAGMA user_version") == 2);
        CHECK(number(s, "SELECT count(*) FROM sqlite_master WHERE name = 'message_tree'") == 1);
        CHECK(number(s, "SELECT count(*) FROM sample") == 0);
        gn_store_close(s);
    }
}

TEST(what_is_no_database_of_ours_is_refused) {
    gn_error e = {0};
    CHECK(gn_file_write(file("text.db"),
                        GN_S("this is no database, and long enough to be read as one "
                             "if nobody looked at its first sixteen bytes"),
                        &e));
    CHECK(!gn_store_open(file("text.db"), false, &e) && e.code == GN_FORMAT);
    gn_sql *other = gn_sql_open(file("other.db"), false, &e);
    CHECK(gn_sql_exec(other, "CREATE TABLE t(x)", &e));
    gn_sql_close(other);
    e = (gn_error){0};
    CHECK(!gn_store_open(file("other.db"), false, &e) && e.code == GN_FORMAT &&
          strstr(e.message, "another program"));
    e = (gn_error){0};
    CHECK(!gn_store_open(file("absent.db"), true, &e) && e.code == GN_IO);
}

TEST(a_newer_database_is_left_alone) {
    gn_error e = {0};
    gn_store *s = gn_store_open(file("newer.db"), false, &e);
    CHECK(gn_sql_exec(gn_store_sql(s), "PRAGMA user_version = 99", &e));
    gn_store_close(s);
    CHECK(!gn_store_open(file("newer.db"), false, &e) && e.code == GN_UNSUPPORTED &&
          strstr(e.message, "newer"));
}

TEST(keys_tell_their_parts_apart) {
    uint8_t a[32], b[32];
    gn_key *k = gn_key_new();
    gn_key_text(k, GN_S("ab"));
    gn_key_text(k, GN_S("c"));
    gn_key_end(k, a);
    k = gn_key_new();
    gn_key_text(k, GN_S("a"));
    gn_key_text(k, GN_S("bc"));
    gn_key_end(k, b);
    CHECK(memcmp(a, b, 32) != 0);
}

TEST(checkpoint_build_and_response_rows_are_made_once) {
    gn_error e = {0};
    gn_engine *g = gn_engine_open("tests/oracle/models/hybrid_dense", NULL, &e);
    gn_store *s = gn_store_open(file("rows.db"), false, &e);
    const int64_t c = gn_store_checkpoint(s, g, &e), b = gn_store_build(s, g, &e);
    uint8_t hash[32], key[32] = {1};
    CHECK(c > 0 && b > 0 && c == gn_store_checkpoint(s, g, &e) && b == gn_store_build(s, g, &e));
    CHECK(gn_store_text(s, GN_S("prompt"), hash, &e) && gn_store_text(s, GN_S("prompt"), hash, &e));
    CHECK(number(s, "SELECT count(*) FROM text") == 1);
    const gn_response r = {.cache_key = key,
                           .request_hash = hash,
                           .checkpoint = c,
                           .build = b,
                           .kind = "generate",
                           .prompt_hash = hash,
                           .output = GN_S("out"),
                           .stop = "eos",
                           .n_prompt = 3,
                           .n_out = 2};
    const int64_t id = gn_store_response(s, &r, &e);
    const int32_t ids[] = {4, 5};
    const gn_logprob score[] = {{-0.5f, 0, 1.0f}, {-1.5f, 1, 2.0f}};
    const gn_top top[] = {{4, -0.5f}, {9, -1.0f}, {8, -0.25f}, {5, -1.5f}};
    CHECK(id > 0 && gn_store_tokens(s, id, ids, score, top, 2, 2, &e));
    CHECK(number(s, "SELECT sum(length(alts)) FROM token") == 32);
    CHECK(gn_store_response(s, &r, &e) == 0 && e.code != GN_OK); /* the key is there already */
    CHECK(gn_store_alias_set(s, "tiny", c, &e));
    gn_str path = {0};
    CHECK(gn_store_alias_find(s, "tiny", &path, &e) &&
          gn_slice_ends(gn_str_slice(&path), GN_S("hybrid_dense")));
    gn_str_release(&path);
    gn_store_close(s);
    gn_engine_close(g);
}

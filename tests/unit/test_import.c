/* test_import.c - conversations from elsewhere, and back from our own exports. */
/* floor: gn_app */
#include "app/chat/export.h"
#include "app/chat/import.h"
#include "app/chat/tree.h"
#include "app/cli/when.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

/* "S be brief / 1 you hi / 2 model hello": the tree, a row each. */
static void rows_of(const gn_transcript *t, gn_str *out) {
    gn_tree tree = {0};
    gn_error e = {0};
    CHECK(gn_tree_build(&tree, t, -1, &e));
    for (size_t i = 0; i < tree.count; i++) {
        const gn_turn *turn = t->turn[tree.row[i].id];
        char label[16];
        gn_tree_label(&tree.row[i], label);
        gn_str_fmt(out, "%s%s%s %s %s%s", i ? " / " : "", gn_tree_graph(&tree, &tree.row[i]), label,
                   gn_tree_who(turn->role), gn_str_text(&turn->text),
                   turn->id == t->head ? " HEAD" : "");
    }
    gn_tree_release(&tree);
}

static void check_rows(const gn_hads *had, size_t i, const char *want) {
    gn_str got = {0};
    if (!CHECK(i < had->count))
        return;
    rows_of(&had->item[i].turns, &got);
    CHECK_TEXT(gn_str_text(&got), want);
    gn_str_release(&got);
}

static bool read_json(const char *text, gn_hads *had, gn_error *e) {
    bool own;
    *had = (gn_hads){0};
    *e = (gn_error){0};
    return gn_import_json(gn_slice_of(text), had, &own, e);
}

TEST(messages_are_read_in_all_the_shapes_people_have_them) {
    static const char *const one = "S system be brief / 1 you hi / 2 model hello HEAD";
    static const char *const shape[] = {
        "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\","
        "\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"hello\"}]}",
        "[{\"role\":\"developer\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":[{"
        "\"type\":\"text\",\"text\":\"hi\"}]},{\"role\":\"assistant\",\"content\":\"hello\"}]",
        "{\"conversations\":[{\"from\":\"system\",\"value\":\"be brief\"},{\"from\":\"human\","
        "\"value\":\"hi\"},{\"from\":\"gpt\",\"value\":\"hello\"}]}",
        "[{\"title\":\"t\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":"
        "\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"hello\"}]}]",
        "\n{\"role\":\"system\",\"content\":\"be brief\"}\n{\"role\":\"user\",\"content\":\"hi\"}\n"
        "\n{\"role\":\"assistant\",\"content\":\"hello\"}\n",
        "{\"type\":\"session\",\"harness\":\"llama.app\",\"id\":\"c\",\"name\":\"n\"}\n"
        "{\"type\":\"message\",\"message\":{\"id\":\"s\",\"parent\":null,\"role\":\"system\","
        "\"content\":\"be brief\"}}\n{\"type\":\"message\",\"message\":{\"id\":\"u\",\"parent\":"
        "\"s\",\"role\":\"user\",\"content\":\"hi\"}}\n{\"type\":\"message\",\"message\":{\"id\":"
        "\"a\",\"parent\":\"u\",\"role\":\"assistant\",\"content\":\"hello\"}}",
    };
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        gn_hads had;
        gn_error e;
        if (!CHECK(read_json(shape[i], &had, &e) && had.count == 1))
            printf("  shape %zu: %s\n", i, e.message);
        else
            check_rows(&had, 0, one);
        gn_hads_release(&had);
    }
}

TEST(what_is_no_text_is_counted_and_calls_of_tools_are_written_out) {
    gn_hads had;
    gn_error e;
    CHECK(read_json("[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}},"
                    "{\"type\":\"text\",\"text\":\"look\"}]},{\"role\":\"assistant\",\"content\":"
                    "null,\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":"
                    "1}\"}}]},{\"role\":\"tool\",\"content\":\"7\"},{\"role\":\"system\","
                    "\"content\":\"now be quick\"}]",
                    &had, &e));
    check_rows(&had, 0,
               "S system  / 1 you look / 2 model <tool_call>\n{\"name\": \"f\", \"arguments\": "
               "{\"a\":1}}\n</tool_call> / 3 tool 7 / 4 you now be quick HEAD");
    CHECK(had.item[0].left_out == 1 && had.item[0].moved == 1);
    gn_hads_release(&had);
}

TEST(a_tree_of_llama_cpp_comes_in_any_order) {
    gn_hads had;
    gn_error e;
    CHECK(read_json("[{\"conv\":{\"id\":\"c\",\"name\":\"way\",\"currNode\":\"b\"},\"messages\":[{"
                    "\"id\":\"c\",\"parent\":\"a\",\"role\":\"assistant\",\"content\":\"right\"},{"
                    "\"id\":\"b\",\"parent\":\"a\",\"role\":\"assistant\",\"content\":\"left\"},{"
                    "\"id\":\"a\",\"parent\":\"r\",\"role\":\"user\",\"content\":\"way?\","
                    "\"extra\":[{\"type\":\"TEXT\",\"name\":\"f.c\",\"content\":\"int x;\"},{"
                    "\"type\":\"IMAGE\",\"name\":\"p\",\"base64Url\":\"...\"}]},{\"id\":\"r\","
                    "\"type\":\"root\",\"parent\":null,\"role\":\"system\",\"content\":\"\"}]}]",
                    &had, &e));
    check_rows(&had, 0,
               "S system  / 1 you way?\n\n--- File: f.c ---\nint x; / |-2 model right / `-2' "
               "model left HEAD");
    CHECK_TEXT(gn_str_text(&had.item[0].name), "way");
    CHECK_TEXT(had.from, "llama.cpp");
    CHECK(had.item[0].left_out == 1);
    gn_hads_release(&had);
}

TEST(what_is_no_conversation_is_refused_with_its_place) {
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "line 1"},
        {"{\"messages\":3}", "no conversation"},
        {"[[[[]]]]", "conversation"},
        {"{\"messages\":[{\"content\":\"x\"}]}", "message 1"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"king\",\"content\":"
         "\"x\"}]}",
         "message 2"},
        {"{\"role\":\"user\",\"content\":\"x\"}\n{\"role\":", "line 2"},
        {"{\"conv\":{\"id\":\"c\"},\"messages\":[{\"id\":\"a\",\"parent\":\"b\",\"role\":\"user\","
         "\"content\":\"\"},{\"id\":\"b\",\"parent\":\"a\",\"role\":\"user\",\"content\":\"\"}]}",
         "circle"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gn_hads had;
        gn_error e;
        if (!CHECK(!read_json(bad[i].text, &had, &e) && strstr(e.message, bad[i].says)))
            printf("  %s: %s\n", bad[i].text, e.message);
        gn_hads_release(&had);
    }
}

TEST(logs_of_llm_are_read_in_both_layouts) {
    gn_hads had = {0};
    gn_error e = {0};
    if (!CHECK(gn_import_llm("tests/oracle/llm/old.db", &had, &e)))
        printf("  %s\n", e.message);
    check_rows(&had, 0,
               "S system be brief / 1 you first question old / 2 model answer to first question "
               "old / 3 you second: gr\xc3\xb6\xc3\x9f"
               "er? \xe4\xb8\x96\xe7\x95\x8c / 4 model answer to second: gr\xc3\xb6\xc3\x9f"
               "er? \xe4\xb8\x96\xe7\x95\x8c HEAD");
    check_rows(&had, 1,
               "S system  / 1 you what is the weather? / 2 model <tool_call>\n{\"name\": "
               "\"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call> / 3 tool rain / "
               "4 model it rains / 5 you a long fragment\nand this? / 6 model a picture and a "
               "text HEAD");
    CHECK(had.count == 2 && had.item[1].left_out == 1);
    CHECK_TEXT(gn_str_text(&had.item[0].model), "gpt-4o");
    CHECK_TEXT(had.item[0].when[1], "2025-03-01T09:30:00.000Z");
    gn_hads_release(&had);
    if (!CHECK(gn_import_llm("tests/oracle/llm/new.db", &had, &e)))
        printf("  %s\n", e.message);
    check_rows(&had, 0,
               "S system be brief / 1 you first question new / 2 model answer to first question "
               "new / 3 you second: gr\xc3\xb6\xc3\x9f"
               "er? \xe4\xb8\x96\xe7\x95\x8c / 4 model answer to second: gr\xc3\xb6\xc3\x9f"
               "er? \xe4\xb8\x96\xe7\x95\x8c HEAD");
    check_rows(&had, 1,
               "S system  / 1 you a long fragment\nabout it / 2 model answer to about it HEAD");
    CHECK_TEXT(had.item[0].when[3], "2025-03-01T09:30:01.000Z");
    gn_hads_release(&had);
    CHECK(!gn_import_llm("tests/oracle/llm/none.db", &had, &e) && e.code == GN_IO);
    gn_hads_release(&had);
}

/* ---- tokens ----------------------------------------------------------------------- */

static gn_engine *engine(void) {
    gn_error e = {0};
    gn_engine *g = gn_engine_open("tests/oracle/lm_eval/model", NULL, &e);
    if (!g) {
        printf("  %s\n", e.message);
        exit(2);
    }
    return g;
}

/* What the template makes of the first n turns of a straight conversation. */
static bool rendered(gn_engine *g, const gn_transcript *t, size_t n, bool prompt, gn_str *out) {
    gn_arena a = {0};
    gn_error e = {0};
    gn_value *vars = gn_value_map(&a), *list = gn_value_list(&a);
    bool ok = gn_value_set(&a, vars, GN_S("messages"), list);
    for (size_t i = 0; ok && i < n; i++) {
        if (t->turn[i]->role == GN_ROLE_SYSTEM && t->turn[i]->text.len == 0)
            continue;
        gn_value *m = gn_value_map(&a);
        gn_value_set(&a, m, GN_S("role"),
                     gn_value_string(&a, gn_slice_of(gn_role_name(t->turn[i]->role))));
        gn_value_set(&a, m, GN_S("content"), gn_value_string(&a, gn_str_slice(&t->turn[i]->text)));
        gn_value_add(&a, list, m);
    }
    ok = ok && gn_chat_render(g, vars, prompt, out, &e);
    gn_arena_release(&a);
    return ok;
}

TEST(tokens_of_an_import_are_those_the_model_would_read) {
    gn_hads had;
    gn_error e = {0};
    gn_kept how;
    gn_engine *g = engine();
    gn_history *h = gn_history_open(in_folder("tokens.db"), false, &e);
    gn_importing to = {.to = h, .engine = g};
    to.checkpoint = gn_store_checkpoint(gn_history_store(h), g, &e);
    CHECK(read_json("[{\"role\":\"user\",\"content\":\"what is 2 + 2?\"},{\"role\":\"assistant\","
                    "\"content\":\"4, I think.\"},{\"role\":\"user\",\"content\":\"sure?\"},{"
                    "\"role\":\"assistant\",\"content\":\"yes \\u4e16\"}]",
                    &had, &e));
    if (!CHECK(gn_import_keep(&to, had.from, &had.item[0], &how, &e)))
        printf("  %s\n", e.message);
    gn_str text = {0};
    gn_ids want = {0}, got = {0};
    const gn_transcript *t = &had.item[0].turns;
    CHECK(rendered(g, t, t->count - 1, true, &text));
    gn_str_add(&text, gn_str_slice(&t->turn[t->count - 1]->text));
    CHECK(gn_encode(gn_engine_tokenizer(g), gn_str_slice(&text), 0, &want, &e));
    CHECK(gn_transcript_ids(t, t->head, &got));
    CHECK(got.count == want.count && got.count > 10 &&
          memcmp(got.id, want.id, got.count * sizeof *got.id) == 0);
    CHECK(how == GN_KEPT_NEW && to.messages == 4 && to.tokens == (int64_t)want.count);
    gn_hads_release(&had);
    gn_ids_release(&want);
    gn_ids_release(&got);
    gn_str_release(&text);
    gn_history_close(h);
    gn_engine_close(g);
}

/* ---- our own ------------------------------------------------------------------------ */

static const char hostile[] = "\x1b]0;title\x07 \x1b[2J <script>alert(1)</script> & \"quoted\"\n"
                              "\xe2\x80\xae"
                              "backwards \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xff\xfe \xf0\x9f\x91\xa9"
                              "\xe2\x80\x8d\xf0\x9f\x9a\x80 \r\b\x7f ```\n--- x\n# y";

static int64_t say(gn_transcript *t, int64_t parent, gn_role role, const char *text) {
    gn_turn *turn = gn_transcript_add(t, parent, role, gn_slice_of(text));
    for (const char *p = text; *p; p++)
        gn_ids_add(&turn->ids, (unsigned char)*p);
    turn->complete = true;
    turn->stop = GN_STOP_INTERRUPTED;
    turn->tokens = (int64_t)turn->ids.count;
    return turn->id;
}

/* A session of everything that is hard to carry: bytes that are no text, branches, tokens with
 * alternatives, a rating. */
static gn_history *hard(const char *file, gn_record *r) {
    gn_error e = {0};
    gn_history *h = gn_history_open(in_folder(file), false, &e);
    gn_transcript t = {.head = -1};
    uint8_t sha[32] = {7};
    char hex[65];
    gn_str sql = {0};
    gn_hex(sha, 32, hex);
    gn_str_fmt(&sql,
               "INSERT INTO checkpoint(id, sha, name, path, tokenizer_sha, config_json) VALUES(1, "
               "'abc', 'tiny', '/m/tiny', '%s', '{\"a\":[1,2.5,null]}');"
               "INSERT INTO build(id, sha, version, backend, numerics) VALUES(1, 'b', '0', 'cpu', "
               "'fast')",
               hex);
    CHECK(gn_sql_exec(gn_history_sql(h), gn_str_text(&sql), &e));
    gn_str_release(&sql);
    *r = (gn_record){.checkpoint = 1, .build = 1};
    memcpy(r->tokenizer, sha, 32);
    const int64_t root = say(&t, -1, GN_ROLE_SYSTEM, ""),
                  ask = say(&t, root, GN_ROLE_USER, hostile);
    CHECK(gn_history_keep(h, r, &t, ask, NULL, &e));
    const gn_logprob score[] = {{-0.1f, 0, 1.25f}, {-3.4028235e38f, 999, 0.333333343f}};
    const gn_top top[] = {{5, -0.1f}, {9, -2.5f}, {6, -1e-20f}, {-1, -INFINITY}};
    const gn_reply reply = {.limit = 99};
    for (int i = 0; i < 2; i++) {
        char text[16];
        snprintf(text, sizeof text, "answer %d", i);
        const int64_t answer = say(&t, ask, GN_ROLE_MODEL, text);
        for (int k = 0; k < 2; k++) {
            const gn_token_row row = {
                .id = 5 + k, .score = score[k], .top = top + 2 * k, .n_top = 2};
            CHECK(gn_tokens_add(&t.turn[answer]->made, &row));
        }
        t.turn[answer]->chosen = true;
        t.turn[answer]->how = (gn_sampling){.temp = 0.7f, .seed = UINT64_MAX - 1};
        if (!CHECK(gn_history_keep(h, r, &t, answer, &reply, &e)))
            printf("  %s\n", e.message);
        CHECK(gn_history_rate(h, r, t.turn[answer], i ? -1 : 1, &e));
    }
    CHECK(gn_history_head(h, r, &t, ask + 1, &e));
    gn_transcript_release(&t);
    return h;
}

static bool exported(gn_history *h, const char *id, gn_str *out) {
    gn_error e = {0};
    gn_str_cut(out, 0);
    if (gn_export_rows(h, id, out, &e))
        return true;
    printf("  %s\n", e.message);
    return false;
}

TEST(an_export_comes_back_byte_for_byte) {
    gn_record r;
    gn_error e = {0};
    gn_kept how;
    gn_str first = {0}, second = {0};
    char id[GN_ULID];
    gn_history *from = hard("from.db", &r), *to = gn_history_open(in_folder("to.db"), false, &e);
    CHECK(exported(from, r.id, &first) && gn_slice_find(gn_str_slice(&first), GN_S("\x1b")) < 0 &&
          gn_utf8_valid(gn_str_slice(&first)));
    if (!CHECK(gn_import_rows(to, gn_str_slice(&first), false, id, &how, &e) &&
               how == GN_KEPT_NEW && strcmp(id, r.id) == 0))
        printf("  %s\n", e.message);
    CHECK(exported(to, id, &second) && gn_slice_equal(gn_str_slice(&first), gn_str_slice(&second)));
    CHECK(gn_import_rows(to, gn_str_slice(&first), false, id, &how, &e) && how == GN_KEPT_KNOWN);
    CHECK(gn_import_rows(to, gn_str_slice(&first), true, id, &how, &e) && how == GN_KEPT_NEW &&
          strcmp(id, r.id) != 0);
    bool row;
    gn_statement *q = gn_sql_prepare(gn_history_sql(to),
                                     "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM "
                                     "turn), (SELECT count(*) FROM token), (SELECT count(*) FROM "
                                     "pragma_foreign_key_check)",
                                     &e);
    CHECK(gn_sql_step(q, &row, &e) && row && gn_column_int(q, 0) == 4 && gn_column_int(q, 1) == 4 &&
          gn_column_int(q, 2) == 8 && gn_column_int(q, 3) == 0);
    gn_sql_reset(q);
    gn_str_release(&first);
    gn_str_release(&second);
    gn_history_close(from);
    gn_history_close(to);
}

TEST(an_export_that_was_changed_is_refused_and_leaves_nothing) {
    static const char *const change[][2] = {
        {"\"ids\":[27,", "\"ids\":[28,"},
        {"\"role\":\"user\",\"content\":", "\"role\":\"tool\",\"content\":"},
        {"\"parent\":\"", "\"parent\":\"0"},
        {"\"nodes\":[", "\"nodes\":[7,"},
        {"\"head\":\"", "\"head\":\"0"},
        {"\"tokenizer_sha\":\"07", "\"tokenizer_sha\":\"08"},
        {"\"build\":\"b\"", "\"build\":\"c\""},
        {"[0,5,-0.1", "[0,\"5\",-0.1"},
    };
    gn_record r;
    gn_str whole = {0}, changed = {0};
    gn_history *from = hard("whole.db", &r);
    CHECK(exported(from, r.id, &whole));
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        gn_error e = {0};
        gn_kept how;
        char id[GN_ULID], file[32];
        const ptrdiff_t at = gn_slice_find(gn_str_slice(&whole), gn_slice_of(change[i][0]));
        snprintf(file, sizeof file, "changed%zu.db", i);
        gn_history *to = gn_history_open(in_folder(file), false, &e);
        if (!CHECK(at >= 0 && to)) {
            printf("  no %s\n", change[i][0]);
            continue;
        }
        gn_str_cut(&changed, 0);
        gn_str_add(&changed, (gn_slice){whole.data, (size_t)at});
        gn_str_puts(&changed, change[i][1]);
        gn_str_puts(&changed, whole.data + at + strlen(change[i][0]));
        if (!CHECK(!gn_import_rows(to, gn_str_slice(&changed), false, id, &how, &e) && e.code))
            printf("  %s was taken\n", change[i][1]);
        bool row;
        gn_statement *q = gn_sql_prepare(gn_history_sql(to),
                                         "SELECT (SELECT count(*) FROM message) + (SELECT count(*) "
                                         "FROM session) + (SELECT count(*) FROM checkpoint)",
                                         &e);
        CHECK(gn_sql_step(q, &row, &e) && gn_column_int(q, 0) == 0);
        gn_sql_reset(q);
        gn_history_close(to);
    }
    gn_str_release(&whole);
    gn_str_release(&changed);
    gn_history_close(from);
}

/* Bytes that steer a terminal, or a code point that turns a line around. */
static bool steers(gn_slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.data[i] < 0x20 && !strchr("\n\t", text.data[i])) ||
            text.data[i] == 0x7f)
            return true;
    return gn_slice_find(text, GN_S("\xe2\x80\xae")) >= 0 || !gn_utf8_valid(text);
}

TEST(what_people_read_steers_nothing_and_is_no_markup) {
    gn_record r;
    gn_error e = {0};
    gn_history *h = hard("people.db", &r);
    for (gn_export_form form = GN_EXPORT_MD; form <= GN_EXPORT_HTML; form++)
        for (int tree = 0; form != GN_EXPORT_JSON && tree < 2; tree++) {
            gn_str out = {0};
            if (!CHECK(gn_export_session(h, r.id, form, tree, &out, &e)))
                printf("  %s\n", e.message);
            const gn_slice text = gn_str_slice(&out);
            CHECK(!steers(text));
            CHECK(gn_slice_find(text, GN_S("^[[2J")) >= 0);
            CHECK(gn_slice_find(text, GN_S("\\u202E")) >= 0 &&
                  gn_slice_find(text, GN_S("\\xFF")) >= 0);
            CHECK((gn_slice_find(text, GN_S("answer 1")) >= 0) == (tree == 1));
            if (form == GN_EXPORT_HTML) {
                CHECK(gn_slice_find(text, GN_S("<script")) < 0);
                CHECK(gn_slice_find(text, GN_S("&lt;script&gt;alert(1)&lt;/script&gt; &amp; "
                                               "&quot;quoted&quot;")) >= 0);
            }
            gn_str_release(&out);
        }
    gn_history_close(h);
}

static const char *utc_of(const char *text) {
    static char out[25];
    time_t when;
    out[0] = '\0';
    if (gn_when_parse(gn_slice_of(text), &when))
        gn_when_utc(when, out);
    return out;
}

TEST(times_are_read_as_programs_write_them) {
    CHECK_TEXT(utc_of("2026-11-24T09:30:00.000Z"), "2026-11-24T09:30:00.000Z");
    CHECK_TEXT(utc_of("2026-11-24 09:30:05.123456+00:00"), "2026-11-24T09:30:05.000Z");
    CHECK_TEXT(utc_of("2026-11-24T01:30:00+02:00"), "2026-11-23T23:30:00.000Z");
    CHECK_TEXT(utc_of("2026-11-24T09:30:00-0530"), "2026-11-24T15:00:00.000Z");
    CHECK_TEXT(utc_of("2026-11-24"), "2026-11-24T00:00:00.000Z");
    CHECK_TEXT(utc_of("yesterday"), "");
    CHECK_TEXT(utc_of("2026-13-24T00:00:00Z"), "");
}

TEST(a_conversation_that_is_not_kept_exports_its_texts) {
    gn_transcript t = {.head = -1};
    gn_error e = {0};
    gn_str out = {0};
    say(&t, -1, GN_ROLE_SYSTEM, "");
    say(&t, 0, GN_ROLE_USER, "hi");
    say(&t, 1, GN_ROLE_MODEL, "left");
    say(&t, 1, GN_ROLE_MODEL, "right");
    const gn_exported x = {.title = GN_S("x"), .model = GN_S("m"), .turns = &t, .head = 2};
    CHECK(gn_export(&x, GN_EXPORT_JSON, &out, &e));
    CHECK_TEXT(gn_str_text(&out), "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
                                  "\"assistant\",\"content\":\"left\"}]}\n");
    gn_str_release(&out);
    gn_transcript_release(&t);
}

TEST(a_long_conversation_stays_at_the_left_edge_of_its_tree) {
    gn_transcript t = {.head = -1};
    gn_tree tree = {0};
    gn_error e = {0};
    gn_str rows = {0};
    int64_t at = say(&t, -1, GN_ROLE_SYSTEM, "");
    for (int i = 0; i < 3000; i++)
        at = say(&t, at, i % 2 ? GN_ROLE_MODEL : GN_ROLE_USER, "x");
    CHECK(gn_tree_build(&tree, &t, -1, &e) && tree.count == 3001);
    CHECK_TEXT(gn_tree_graph(&tree, &tree.row[3000]), "");
    gn_tree_release(&tree);
    gn_transcript_release(&t);
    t.head = -1;
    say(&t, -1, GN_ROLE_SYSTEM, "s");
    say(&t, 0, GN_ROLE_USER, "q");
    for (int i = 0; i < 4; i++)
        say(&t, 1, GN_ROLE_MODEL, "a");
    say(&t, 2, GN_ROLE_USER, "more");
    say(&t, 6, GN_ROLE_MODEL, "b");
    say(&t, 6, GN_ROLE_MODEL, "c");
    say(&t, 5, GN_ROLE_USER, "end");
    rows_of(&t, &rows);
    CHECK_TEXT(gn_str_text(&rows),
               "S system s / 1 you q / |-2 model a / | 3 you more / | |-4 model b / | `-4' model c "
               "/ |-2' model a / |-2\" model a / `-2'4 model a /   3 you end HEAD");
    gn_str_release(&rows);
    gn_transcript_release(&t);
}

/* ---- hostile files ------------------------------------------------------------------ */

/* A few bytes become others, some go, some come twice. */
static void spoil(gn_str *text, uint64_t *dice) {
    for (int k = 0; k < 4 && text->len > 16; k++) {
        *dice = *dice * 6364136223846793005u + 1442695040888963407u;
        const size_t at = (size_t)(*dice >> 33) % (text->len - 8);
        static const char to[] = "\"{}[],:0-9a\\\0\xff";
        switch (*dice >> 20 & 3) {
        case 0:
            text->data[at] = to[(*dice >> 24) % (sizeof to - 1)];
            break;
        case 1: /* gone */
            memmove(text->data + at, text->data + at + 3, text->len - at - 3);
            gn_str_cut(text, text->len - 3);
            break;
        case 2:
            memmove(text->data + at, text->data + at + 4, 4);
            break;
        default:
            gn_str_cut(text, text->len - 1 - at % 5);
        }
    }
}

TEST(a_spoilt_file_is_refused_or_read_and_nothing_worse) {
    gn_record r;
    gn_error e = {0};
    gn_str whole = {0}, logs = {0}, spoilt = {0};
    uint64_t dice = 3;
    gn_history *from = hard("spoil.db", &r),
               *to = gn_history_open(in_folder("spoilt.db"), false, &e);
    CHECK(exported(from, r.id, &whole) &&
          gn_file_read(&logs, "tests/oracle/llm/old.db", 1 << 20, &e));
    int refused = 0;
    for (int i = 0; i < 300; i++) {
        gn_hads had = {0};
        gn_kept how;
        char id[GN_ULID];
        bool own;
        e = (gn_error){0};
        gn_str_cut(&spoilt, 0);
        gn_str_add(&spoilt, gn_str_slice(&whole));
        spoil(&spoilt, &dice);
        const bool read = gn_import_json(gn_str_slice(&spoilt), &had, &own, &e);
        CHECK(read || e.message[0]);
        e = (gn_error){0};
        if (!gn_import_rows(to, gn_str_slice(&spoilt), true, id, &how, &e))
            refused += CHECK(e.message[0]);
        gn_hads_release(&had);
    }
    CHECK(refused > 200);
    for (int i = 0; i < 60; i++) {
        gn_hads had = {0};
        e = (gn_error){0};
        gn_str_cut(&spoilt, 0);
        gn_str_add(&spoilt, gn_str_slice(&logs));
        for (int k = 0; k < 10; k++)
            spoil(&spoilt, &dice);
        put("spoilt-logs.db", spoilt.data, spoilt.len);
        CHECK(gn_import_llm(in_folder("spoilt-logs.db"), &had, &e) || e.message[0]);
        gn_hads_release(&had);
    }
    gn_str_release(&whole);
    gn_str_release(&logs);
    gn_str_release(&spoilt);
    gn_history_close(from);
    gn_history_close(to);
}

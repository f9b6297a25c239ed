/* test_lead.c - tools, documents and saved prompts reach the template as they must. */
/* floor: gn_app */
#include "app/chat/lead.h"
#include "app/cli/saved.h"
#include "app/cli/shell.h"
#include "tests/check.h"

static gn_error e;

static bool tools(const char *json, const char *want, int n) {
    gn_str out = {0};
    int got;
    e = (gn_error){0};
    const bool ok = gn_lead_tools(gn_slice_of(json), &out, &got, &e) && got == n &&
                    strcmp(gn_str_text(&out), want) == 0;
    if (!ok)
        printf("  got '%s' %s\n", gn_str_text(&out), e.message);
    gn_str_release(&out);
    return ok;
}

TEST(definitions_come_as_a_list_an_object_or_alone) {
    const char *one = "{\"name\":\"f\",\"parameters\":{}}";
    CHECK(tools("[ {\"name\": \"f\",\n \"parameters\": {}} ]", one, 1));
    CHECK(tools("{\"name\": \"f\", \"parameters\": {}}", one, 1));
    CHECK(tools(
        "{\"tools\": [{\"type\":\"function\",\"function\":{\"name\":\"g\"}}, {\"name\":\"h\"}]}",
        "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}\n{\"name\":\"h\"}", 2));
}

static bool refused(const char *json, const char *message) {
    gn_str out = {0};
    int n;
    e = (gn_error){0};
    const bool ok =
        !gn_lead_tools(gn_slice_of(json), &out, &n, &e) && strstr(e.message, message) != NULL;
    if (!ok)
        printf("  '%s' should say '%s'\n", e.message, message);
    gn_str_release(&out);
    return ok;
}

TEST(a_wrong_definition_is_told_with_its_line) {
    CHECK(refused("[\n{\"name\": \"f\"},\n{\"name\": }]", "line 3"));
    CHECK(refused("[\n{\"name\": \"f\"},\n\n{\"description\": \"{[\"}]",
                  "line 4: definition 2 has no name"));
    CHECK(refused(
        "{\"a\": [{}],\n\"tools\":\n[{\"name\": \"f\"},\n{\"name\": \"g\", \"parameters\": 1}]}",
        "line 4: the parameters of 'g'"));
    CHECK(refused("[1]", "line 1: definition 1 is of the kind integer"));
    CHECK(refused("[]", "empty"));
    CHECK(refused("7", "want a list"));
}

/* Rendered by the template that is built in. */
static void rendered(gn_role role, const char *first, const char *second, gn_str *out) {
    gn_arena a = {0};
    gn_str source = {0};
    gn_value *vars = gn_value_map(&a), *list = gn_value_list(&a), *m = gn_value_map(&a);
    e = (gn_error){0};
    CHECK(gn_value_set(&a, m, GN_S("role"), gn_value_borrow(&a, GN_S("user"))) &&
          gn_value_set(&a, m, GN_S("content"), gn_value_borrow(&a, GN_S("hi"))) &&
          gn_value_add(&a, list, m) && gn_value_set(&a, vars, GN_S("messages"), list));
    CHECK(gn_lead_apply(&a, vars, role, gn_slice_of(first), &e));
    CHECK(!second || gn_lead_apply(&a, vars, role, gn_slice_of(second), &e));
    CHECK(gn_saved_template("granite", &source, &e));
    gn_template *t = gn_template_new(gn_str_slice(&source), GN_TEMPLATE_CHAT, &e);
    if (!CHECK(t && gn_template_render(t, vars, out, &e)))
        printf("  %s\n", e.message);
    gn_template_free(t);
    gn_str_release(&source);
    gn_arena_release(&a);
}

TEST(documents_and_tools_are_the_templates_variables) {
    gn_str out = {0}, doc = {0};
    gn_lead_document(GN_S("a\nb.txt"), GN_S("one\ntwo"), &doc);
    CHECK_TEXT(gn_str_text(&doc), "a b.txt\none\ntwo");
    rendered(GN_ROLE_DOCUMENT, gn_str_text(&doc), "c\nthree", &out);
    CHECK(strstr(gn_str_text(&out),
                 "<documents>\n{\"doc_id\": 1, \"title\": \"a b.txt\", \"text\": "
                 "\"one\\ntwo\", \"source\": \"\"}\n{\"doc_id\": 2, \"title\": "
                 "\"c\", \"text\": \"three\", \"source\": \"\"}\n</documents>"));
    gn_str_cut(&out, 0);
    rendered(GN_ROLE_TOOLS, "{\"name\":\"f\"}\n{\"name\":\"g\"}", NULL, &out);
    CHECK(strstr(gn_str_text(&out), "<tools>\n{\"name\": \"f\"}\n{\"name\": \"g\"}\n</tools>"));
    gn_str_cut(&out, 0);
    gn_lead_tool_names(GN_S("{\"name\":\"f\"}\n{\"function\":{\"name\":\"g\"}}"), &out);
    CHECK_TEXT(gn_str_text(&out), "f, g");
    gn_str_release(&out);
    gn_str_release(&doc);
}

TEST(a_lead_goes_below_a_new_root_and_takes_the_branch_along) {
    gn_transcript t = {.head = -1};
    gn_ids path = {0};
    gn_transcript_add(&t, -1, GN_ROLE_SYSTEM, GN_S("s"));
    gn_transcript_add(&t, 0, GN_ROLE_TOOLS, GN_S("old"));
    gn_transcript_add(&t, 1, GN_ROLE_USER, GN_S("q"));
    gn_transcript_add(&t, 2, GN_ROLE_MODEL, GN_S("a"));
    CHECK(gn_transcript_lead(&t, GN_ROLE_DOCUMENT, GN_S("d")));
    CHECK(gn_transcript_lead(&t, GN_ROLE_TOOLS, GN_S("new")));
    CHECK(gn_transcript_path(&t, t.head, &path));
    static const char *const want[] = {"s", "d", "new", "q", "a"};
    for (size_t i = 0; CHECK(path.count == 5) && i < 5; i++)
        CHECK_TEXT(gn_str_text(&t.turn[path.id[i]]->text), want[i]);
    path.count = 0;
    CHECK(gn_transcript_lead(&t, GN_ROLE_TOOLS, GN_S("")) &&
          gn_transcript_path(&t, t.head, &path) && path.count == 4);
    CHECK(t.count == 4 + 5 + 5 + 4); /* nothing was overwritten */
    gn_ids_release(&path);
    gn_transcript_release(&t);
}

TEST(saved_prompts_have_variables_and_no_guesses) {
    gn_str out = {0};
    const char *const norse[] = {"language=Norse"}, *const bad[] = {"1x=2"};
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    CHECK(gn_saved_prompt("translate", "m", norse, 1, &out, &e) &&
          strstr(gn_str_text(&out), "into Norse. "));
    gn_str_cut(&out, 0);
    CHECK(gn_saved_prompt("translate", "m", NULL, 0, &out, &e) &&
          strstr(gn_str_text(&out), "into English. "));
    e = (gn_error){0};
    CHECK(!gn_saved_prompt("transalte", "m", NULL, 0, &out, &e) &&
          strstr(e.message, "did you mean 'translate'"));
    e = (gn_error){0};
    CHECK(!gn_saved_prompt("../x", "m", NULL, 0, &out, &e) && e.code == GN_INVALID);
    e = (gn_error){0};
    CHECK(!gn_saved_prompt("translate", "m", bad, 1, &out, &e) && strstr(e.message, "1x"));
    e = (gn_error){0};
    CHECK(!gn_saved_template("granit", &out, &e) && strstr(e.message, "'granite'"));
    unsetenv("XDG_CONFIG_HOME");
    gn_str_release(&out);
}

TEST(every_chat_template_that_is_built_in_renders_a_conversation) {
    static const char *const name[] = {"granite", "chatml", "llama3", "plain"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        gn_arena a = {0};
        gn_str source = {0}, out = {0};
        e = (gn_error){0};
        CHECK(gn_saved_template(name[i], &source, &e));
        gn_template *t = gn_template_new(gn_str_slice(&source), GN_TEMPLATE_CHAT, &e);
        gn_value *vars = gn_json_parse(
            &a,
            GN_S("{\"messages\":[{\"role\":\"system\",\"content\":\"SYS\"},{\"role\":\"user\","
                 "\"content\":\"ASK\"},{\"role\":\"assistant\",\"content\":\"SAY\"},{\"role\":"
                 "\"user\",\"content\":\"MORE\"}],\"add_generation_prompt\":true}"),
            &e);
        if (!CHECK(t && vars && gn_template_render(t, vars, &out, &e)))
            printf("  %s: %s\n", name[i], e.message);
        const char *at = gn_str_text(&out);
        static const char *const part[] = {"SYS", "ASK", "SAY", "MORE"};
        for (int k = 0; k < 4 && at; k++)
            if (!CHECK((at = strstr(at, part[k])) != NULL))
                printf("  %s: %s\n", name[i], gn_str_text(&out));
        gn_template_free(t);
        gn_str_release(&source);
        gn_str_release(&out);
        gn_arena_release(&a);
    }
}

TEST(a_command_tells_what_it_wrote_and_how_it_ended) {
    gn_str out = {0};
    int status = -1;
    e = (gn_error){0};
    CHECK(gn_shell_run("printf 'a\\nb'; exit 3", &out, &status, &e) && status == 3);
    CHECK_TEXT(gn_str_text(&out), "a\nb");
    CHECK(gn_shell_run("kill -TERM $$", &out, &status, &e) && status == 128 + 15);
    CHECK(!gn_shell_run("head -c 20000000 /dev/zero", &out, &status, &e) && e.code == GN_INVALID);
    gn_str_release(&out);
}

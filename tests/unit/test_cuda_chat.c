/* test_cuda_chat.c - a chat whose GPU fails in the middle: nothing said is lost, and it goes on. */
/* floor: gn_app */
#include "tests/check.h"
#include "tests/emu/rig.h"
#include "tests/unit/temporary.h"

#include "tests/unit/chat_model.h"
#include "tests/unit/chat_rig.h"

static gn_error e;
static const char ROOMY[] = "memory=4194304";
static const char *const said[] = {"the sea", "why", "and the hills"};

static void gpu_is(const char *setup) {
    emu.reset();
    if (!CHECK(emu.configure(setup)))
        printf("  %s\n", setup);
}

/* The same conversation without a GPU, and what it takes of one that does not fail. */
typedef struct measure {
    char text[3][128];
    long launches, copies, allocs; /* of the second answer */
    long first_launch, first_copy, first_alloc;
} measure;

static bool open_chat(chat_rig *r, const char *backend) {
    rig_engine = (gn_engine_options){.threads = 1, .backend = backend, .exact = true};
    const bool ok = rig_open(r, put_chat_model(TURN("m.content")), NULL, true, &e) && rig_wait(r);
    if (!CHECK(ok))
        printf("  %s\n", e.message);
    return ok;
}

static void keep_text(const chat_rig *r, char *out) {
    snprintf(out, 128, "%s", gn_str_text(&rig_head(r)->text));
}

static measure of_whole_ones(void) {
    static measure m;
    chat_rig r;
    if (m.launches)
        return m;
    if (open_chat(&r, "cpu"))
        for (int i = 0; i < 3; i++) {
            CHECK(rig_say(&r, said[i]) && rig_head(&r)->complete);
            keep_text(&r, m.text[i]);
        }
    rig_close(&r);
    gpu_is(ROOMY);
    if (open_chat(&r, "cuda"))
        for (int i = 0; i < 2; i++) {
            char text[128];
            m.first_launch = emu.launches();
            m.first_copy = emu.copies();
            m.first_alloc = emu.allocs();
            CHECK(rig_say(&r, said[i]));
            keep_text(&r, text);
            CHECK_TEXT(text, m.text[i]);
        }
    m.launches = emu.launches() - m.first_launch;
    m.copies = emu.copies() - m.first_copy;
    m.allocs = emu.allocs() - m.first_alloc;
    rig_close(&r);
    return m;
}

/* A conversation whose second answer meets that fault. */
static void goes_on(const measure *m, const char *fault) {
    chat_rig r;
    char text[128], setup[96];
    snprintf(setup, sizeof setup, "%s,%s", ROOMY, fault);
    gpu_is(setup);
    if (!open_chat(&r, "auto"))
        return;
    bool ok = CHECK(rig_say(&r, said[0])) & CHECK(rig_say(&r, said[1]));
    ok = ok && CHECK(strstr(gn_str_text(&r.tui.note), "goes on with the processor") != NULL);
    ok = CHECK(strstr(gn_str_text(&r.tui.note), "GPU") != NULL) && ok;
    const gn_turn *head = rig_head(&r);
    ok = CHECK(head->role == GN_ROLE_MODEL && head->complete) && ok;
    keep_text(&r, text);
    ok = CHECK_TEXT(text, m->text[1]) && ok;
    ok = CHECK(head->tokens == 12 && head->made.count == 12 && head->stop == GN_STOP_LENGTH) && ok;
    ok = CHECK(strstr(gn_str_text(&r.chat->about), "/cpu/") != NULL) && ok;
    ok = CHECK(rig_say(&r, said[2])) && ok;
    keep_text(&r, text);
    ok = CHECK_TEXT(text, m->text[2]) && ok;
    if (!ok)
        printf("  %s: '%s' (%d tokens)\n", fault, gn_str_text(&r.tui.note), (int)head->tokens);
    rig_close(&r);
    CHECK(emu.in_use() == 0);
}

TEST(a_chat_left_to_choose_goes_on_with_the_processor_wherever_the_gpu_fails) {
    if (!emulated())
        return;
    const measure m = of_whole_ones();
    char fault[64];
    CHECK(m.launches > 100 && m.copies > 10 && m.allocs > 0);
    for (int i = 0; i < 4; i++) {
        snprintf(fault, sizeof fault, "lose=%ld", m.first_launch + 1 + m.launches * i / 4);
        goes_on(&m, fault);
    }
    for (int i = 0; i < 3; i++) {
        snprintf(fault, sizeof fault, "fail_copy=%ld", m.first_copy + (m.copies - 1) * i / 2);
        goes_on(&m, fault);
    }
    for (long i = 0; i < m.allocs && i < 2; i++) {
        snprintf(fault, sizeof fault, "fail=%ld", m.first_alloc + i);
        goes_on(&m, fault);
    }
}

static void is_told(const measure *m, const char *fault, const char *why) {
    chat_rig r;
    char text[128], setup[96];
    snprintf(setup, sizeof setup, "%s,%s", ROOMY, fault);
    gpu_is(setup);
    if (!open_chat(&r, "cuda"))
        return;
    CHECK(rig_say(&r, said[0]) && rig_say(&r, said[1]));
    if (!CHECK(strstr(gn_str_text(&r.tui.note), why) != NULL))
        printf("  %s: '%s'\n", fault, gn_str_text(&r.tui.note));
    CHECK(strstr(gn_str_text(&r.tui.note), "the next message is answered by the processor"));
    keep_text(&r, text);
    CHECK_TEXT(text, m->text[0]); /* the first answer is where it was */
    CHECK_TEXT(gn_str_text(&(gn_str){.data = (char *)gn_line_text().data}), said[1]);
    CHECK(rig_say(&r, said[1]));
    CHECK(strstr(gn_str_text(&r.tui.note), "goes on with the processor") != NULL);
    keep_text(&r, text);
    CHECK_TEXT(text, m->text[1]);
    rig_close(&r);
    CHECK(emu.in_use() == 0);
}

TEST(who_asked_for_the_gpu_is_told_and_the_next_message_is_the_processors) {
    if (!emulated())
        return;
    const measure m = of_whole_ones();
    char fault[64];
    snprintf(fault, sizeof fault, "lose=%ld", m.first_launch + 20);
    is_told(&m, fault, "the GPU failed");
    snprintf(fault, sizeof fault, "fail=%ld", m.first_alloc);
    is_told(&m, fault, "the GPU is out of memory");
}

TEST(graphs_that_cannot_be_had_cost_no_answer) {
    if (!emulated())
        return;
    const measure m = of_whole_ones();
    static const char *const without[] = {"fail_capture=0", "fail_graph=1", "fail_replay=3"};
    for (int i = 0; i < 3; i++) {
        chat_rig r;
        char text[128], setup[96];
        snprintf(setup, sizeof setup, "%s,%s", ROOMY, without[i]);
        gpu_is(setup);
        if (!open_chat(&r, "cuda"))
            continue;
        for (int k = 0; k < 2; k++) {
            CHECK(rig_say(&r, said[k]));
            keep_text(&r, text);
            CHECK_TEXT(text, m.text[k]);
        }
        rig_close(&r);
        CHECK(emu.in_use() == 0);
    }
}

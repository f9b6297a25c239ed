/* test_tui_worker.c - two threads and a queue; a tree of turns and what it keeps. */
/* floor: gn_app */
#include "app/chat/transcript.h"
#include "app/chat/worker.h"
#include "app/cli/queue.h"
#include "tests/check.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { ITEMS = 20000 };

static void *produce(void *user) {
    for (intptr_t i = 1; i <= ITEMS; i++)
        if (!gn_queue_put(user, (void *)i))
            return NULL;
    return user;
}

static bool readable(const gn_queue *q, int wait) {
    struct pollfd fd = {gn_queue_fd(q), POLLIN, 0};
    return poll(&fd, 1, wait) == 1;
}

TEST(what_goes_in_comes_out_in_order_and_the_pipe_tells) {
    gn_error e = {0};
    gn_queue *q = gn_queue_new(16, &e);
    pthread_t thread;
    intptr_t next = 1;
    CHECK(!readable(q, 0));
    CHECK(pthread_create(&thread, NULL, produce, q) == 0);
    while (next <= ITEMS && CHECK(readable(q, 5000)))
        for (void *item; (item = gn_queue_poll(q)); next++)
            CHECK((intptr_t)item == next);
    pthread_join(thread, NULL);
    CHECK(!gn_queue_poll(q) && !readable(q, 0));
    gn_queue_free(q, NULL);
}

static void *put_late(void *user) {
    usleep(20000);
    return gn_queue_put(user, user) ? user : NULL;
}

TEST(what_comes_soon_is_waited_for) {
    gn_error e = {0};
    gn_queue *q = gn_queue_new(2, &e);
    pthread_t thread;
    CHECK(!gn_queue_soon(q, 0) && !gn_queue_soon(q, 10));
    CHECK(pthread_create(&thread, NULL, put_late, q) == 0);
    CHECK(gn_queue_soon(q, 5000) && gn_queue_soon(q, 0));
    CHECK(gn_queue_poll(q) == q && !gn_queue_soon(q, 0));
    pthread_join(thread, NULL);
    gn_queue_close(q);
    CHECK(!gn_queue_soon(q, 60000)); /* nothing comes any more */
    gn_queue_free(q, NULL);
}

TEST(the_screen_is_refused_and_the_engine_waits) {
    gn_error e = {0};
    gn_queue *q = gn_queue_new(2, &e);
    int a = 1;
    CHECK(gn_queue_offer(q, &a) && gn_queue_offer(q, &a) && !gn_queue_offer(q, &a));
    pthread_t thread;
    void *finished;
    CHECK(pthread_create(&thread, NULL, produce, q) == 0);
    gn_queue_close(q); /* wakes the one that waits, and refuses it */
    pthread_join(thread, &finished);
    CHECK(finished == NULL && !gn_queue_offer(q, &a));
    CHECK(gn_queue_take(q) && gn_queue_take(q) && !gn_queue_take(q));
    gn_queue_free(q, NULL);
}

/* A model that cannot be opened is told as an event, and closing waits for nothing. */
TEST(a_worker_tells_that_it_could_not_open) {
    gn_error e = {0};
    const gn_engine_options o = {0};
    gn_worker *w = gn_worker_open("/nonexistent/model.gguf", &o, NULL, &e);
    if (!CHECK(w))
        return;
    gn_ask *a = gn_ask_new();
    CHECK(gn_ask_say(a, 0, GN_ROLE_USER, GN_S("hello")) && w->ask(w, a));
    struct pollfd fd = {w->fd(w), POLLIN, 0};
    CHECK(poll(&fd, 1, 10000) == 1);
    gn_event *ev = w->next(w);
    CHECK(ev && ev->kind == GN_EVENT_FAILED && ev->answer == -1 && ev->error.code == GN_IO);
    gn_event_free(ev);
    w->stop(w, 3);
    w->close(w);
}

TEST(a_worker_may_be_closed_at_any_moment) {
    for (int i = 0; i < 20; i++) {
        gn_error e = {0};
        const gn_engine_options o = {0};
        gn_worker *w = gn_worker_open("/nonexistent", &o, NULL, &e);
        if (i % 2)
            usleep((unsigned)i * 50);
        if (CHECK(w))
            w->close(w);
    }
}

/* ---- the tree ----------------------------------------------------------- */

static int64_t add(gn_transcript *t, int64_t parent, gn_role role) {
    return gn_transcript_add(t, parent, role, GN_S("x"))->id;
}

static const char *kept(const gn_transcript *t) {
    static char text[256];
    gn_ids ids = {0};
    int n = 0;
    CHECK(gn_transcript_keep(t, &ids));
    text[0] = '\0';
    for (size_t i = 0; i < ids.count; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, i ? " %d" : "%d", (int)ids.id[i]);
    gn_ids_release(&ids);
    return text;
}

TEST(undo_moves_the_head_and_redo_moves_it_back) {
    gn_transcript t = {.head = -1};
    CHECK(!gn_transcript_undo(&t) && !gn_transcript_redo(&t));
    const int64_t root = add(&t, -1, GN_ROLE_SYSTEM), q1 = add(&t, root, GN_ROLE_USER),
                  a1 = add(&t, q1, GN_ROLE_MODEL), q2 = add(&t, a1, GN_ROLE_USER),
                  a2 = add(&t, q2, GN_ROLE_MODEL);
    CHECK(gn_transcript_undo(&t) && t.head == a1);
    CHECK(gn_transcript_undo(&t) && t.head == root);
    CHECK(!gn_transcript_undo(&t));
    CHECK(gn_transcript_redo(&t) && t.head == a1);
    CHECK(gn_transcript_redo(&t) && t.head == a2 && !gn_transcript_redo(&t));
    CHECK(gn_transcript_undo(&t));
    add(&t, t.head, GN_ROLE_USER);
    CHECK(!gn_transcript_redo(&t)); /* another way was taken */
    gn_transcript_release(&t);
}

TEST(answers_side_by_side_are_siblings) {
    gn_transcript t = {.head = -1};
    int of;
    const int64_t root = add(&t, -1, GN_ROLE_SYSTEM), q = add(&t, root, GN_ROLE_USER),
                  a = add(&t, q, GN_ROLE_MODEL), b = add(&t, q, GN_ROLE_MODEL),
                  q2 = add(&t, b, GN_ROLE_USER), c = add(&t, q, GN_ROLE_MODEL);
    CHECK(gn_transcript_sibling(&t, b, &of) == 1 && of == 3);
    CHECK(gn_transcript_step(&t, a, 1) == q2);
    CHECK(gn_transcript_step(&t, c, -1) == q2 && gn_transcript_step(&t, b, -1) == a);
    CHECK(gn_transcript_step(&t, a, -1) == -1 && gn_transcript_step(&t, c, 1) == -1);
    CHECK(gn_transcript_branches(&t) == 3);
    gn_transcript_release(&t);
}

TEST(states_are_kept_at_doubling_distance) {
    gn_transcript t = {.head = -1};
    int64_t at = add(&t, -1, GN_ROLE_SYSTEM);
    for (int i = 0; i < 20; i++) {
        at = add(&t, at, GN_ROLE_USER);  /* 1, 3, 5, ... */
        at = add(&t, at, GN_ROLE_MODEL); /* 2, 4, ... 40 */
    }
    CHECK_TEXT(kept(&t), "40 39 38 36 32 24 8 0");
    t.head = 0;
    CHECK_TEXT(kept(&t), "0 40");
    t.head = 2;
    CHECK_TEXT(kept(&t), "2 1 0 40"); /* where the other branch ends */
    t.turn[20]->pinned = true;
    CHECK_TEXT(kept(&t), "2 1 20 0 40");
    gn_transcript_release(&t);
}

static void make_of(gn_transcript *t, int64_t id, int n) {
    const gn_top top[2] = {{1, -0.5f}, {2, -1.5f}};
    for (int i = 0; i < n; i++) {
        const gn_token_row row = {
            .id = 1, .end = (size_t)i + 1, .score = {-0.5f, 0, 1}, .top = top, .n_top = 2};
        CHECK(gn_tokens_add(&t->turn[id]->made, &row));
    }
}

TEST(what_old_replies_were_made_of_is_dropped_first) {
    gn_transcript t = {.head = -1};
    const int64_t a = add(&t, -1, GN_ROLE_MODEL), b = add(&t, a, GN_ROLE_MODEL),
                  c = add(&t, b, GN_ROLE_MODEL);
    make_of(&t, a, 100);
    make_of(&t, b, 100);
    make_of(&t, c, 100);
    const size_t one = gn_tokens_bytes(&t.turn[c]->made);
    gn_transcript_forget(&t, 2 * one, c);
    CHECK(t.turn[a]->made.count == 0 && t.turn[b]->made.count == 100);
    gn_transcript_forget(&t, 0, c);
    CHECK(t.turn[b]->made.count == 0 && t.turn[c]->made.count == 100);
    gn_transcript_release(&t);
}

TEST(a_new_system_prompt_copies_the_branch_in_view) {
    gn_transcript t = {.head = -1};
    gn_ids path = {0};
    const int64_t root = add(&t, -1, GN_ROLE_SYSTEM), q = add(&t, root, GN_ROLE_USER);
    add(&t, q, GN_ROLE_MODEL);
    CHECK(gn_transcript_reroot(&t, GN_S("be brief")));
    CHECK(gn_transcript_path(&t, t.head, &path) && path.count == 3 && path.id[0] == 3);
    CHECK_TEXT(gn_str_text(&t.turn[3]->text), "be brief");
    CHECK(t.turn[path.id[2]]->role == GN_ROLE_MODEL && gn_transcript_branches(&t) == 2);
    gn_ids_release(&path);
    gn_transcript_release(&t);
}

TEST(an_answer_like_an_older_one_has_one_place) {
    gn_transcript t = {.head = -1};
    gn_ids kept = {0};
    const gn_turn *you = gn_transcript_add(&t, -1, GN_ROLE_USER, GN_S("again?"));
    int of;
    for (int i = 0; i < 3; i++) {
        gn_turn *m =
            gn_transcript_add(&t, you->id, GN_ROLE_MODEL, i == 1 ? GN_S("no") : GN_S("yes"));
        CHECK(m && gn_ids_add(&m->ids, i == 1 ? 8 : 7));
        m->complete = true;
    }
    CHECK(!gn_transcript_twin(&t, 1) && !gn_transcript_twin(&t, 2));
    gn_turn *twin = gn_transcript_twin(&t, 3);
    if (!CHECK(twin && twin->id == 1))
        return;
    gn_transcript_merge(&t, 3, twin);
    CHECK(t.head == 1 && gn_transcript_sibling(&t, 1, &of) == 0 && of == 2);
    CHECK(gn_transcript_branches(&t) == 2 && gn_transcript_step(&t, 2, 1) < 0);
    CHECK(gn_transcript_keep(&t, &kept));
    for (size_t i = 0; i < kept.count; i++)
        CHECK(kept.id[i] != 3);
    gn_ids_release(&kept);
    gn_transcript_release(&t);
}

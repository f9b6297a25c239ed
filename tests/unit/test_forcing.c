/* test_forcing.c - two checkpoints on a thread: one reads what the other answered. */
/* floor: gn_app */
#include "app/chat/forcing.h"
#include "tests/check.h"

#include <poll.h>
#include <stdlib.h>

#define MODEL "tests/oracle/lm_eval/model"

/* The next event of that kind; others are let go. NULL after ten seconds of silence. */
static gn_event *wait_for(gn_forcing *f, gn_event_kind kind) {
    for (;;) {
        gn_event *ev = f->worker.next(&f->worker);
        if (ev && ev->kind == kind)
            return ev;
        if (ev) {
            gn_event_free(ev);
            continue;
        }
        struct pollfd fd = {f->worker.fd(&f->worker), POLLIN, 0};
        if (poll(&fd, 1, 10000) != 1)
            return NULL;
    }
}

static gn_contrast contrast_of(const gn_vocabulary *v) {
    static const int32_t a[] = {9, 10, 11, 12}, b[] = {9, 10, 13};
    gn_contrast c = {0};
    gn_error e = {0};
    gn_str_puts(&c.asked, "The opposite of hot is");
    CHECK(gn_answer_side_ids(&c.a, v, a, NULL, NULL, 0, 4, &e) &&
          gn_answer_side_ids(&c.b, v, b, NULL, NULL, 0, 3, &e));
    gn_contrast_set(&c);
    return c;
}

TEST(a_model_that_reads_its_own_answer_agrees_with_itself) {
    const gn_engine_options o = {.exact = true, .threads = 1};
    gn_error e = {0};
    gn_forced done = {0};
    gn_forcing *f = gn_forcing_open(MODEL, MODEL, &o, &e);
    gn_event *opened = f ? wait_for(f, GN_EVENT_OPENED) : NULL;
    if (!CHECK(opened && opened->vocabulary && opened->vocabulary->count == 512))
        return;
    gn_contrast c = contrast_of(opened->vocabulary);
    CHECK(c.parts_at == 2);
    CHECK(f->ask(f, 7, &c));
    gn_event *told = wait_for(f, GN_EVENT_TOLD);
    CHECK(told && told->answer == 7);
    CHECK(!f->take(f, 8, &done) && f->take(f, 7, &done) && !f->take(f, 7, &done));
    CHECK(done.n == 4 && done.n_top == GN_CONTRAST_TOP);
    for (int64_t i = 0; i < done.n; i++)
        CHECK(done.token[i].kl < 1e-9 && done.token[i].id == c.a.made.id[i] &&
              done.token[i].top_a == done.token[i].top_b);
    /* The alternatives are those of the place where the two part, likeliest first. */
    CHECK(done.a[0].id == done.token[2].top_a);
    for (int i = 0; i < GN_CONTRAST_TOP; i++)
        CHECK(done.a[i].id == done.b[i].id &&
              (i == 0 || done.a[i].logprob <= done.a[i - 1].logprob));
    gn_event_free(opened);
    gn_event_free(told);
    gn_forced_release(&done);
    gn_contrast_release(&c);
    f->worker.close(&f->worker);
}

TEST(a_checkpoint_that_is_gone_is_told) {
    const gn_engine_options o = {.threads = 1};
    gn_error e = {0};
    gn_forcing *f = gn_forcing_open("tests/oracle/nosuch", MODEL, &o, &e);
    gn_event *failed = f ? wait_for(f, GN_EVENT_FAILED) : NULL;
    CHECK(failed && failed->answer == -1 && failed->error.code != GN_OK);
    gn_event_free(failed);
    if (f)
        f->worker.close(&f->worker);
}

TEST(it_can_be_left_while_it_works) {
    const gn_engine_options o = {.threads = 1};
    gn_error e = {0};
    gn_vocabulary *none = gn_vocabulary_new();
    gn_contrast c = contrast_of(none);
    for (int i = 0; i < 5; i++) {
        gn_forcing *f = gn_forcing_open(MODEL, MODEL, &o, &e);
        if (!CHECK(f))
            break;
        CHECK(f->ask(f, i, &c));
        f->worker.close(&f->worker);
    }
    gn_contrast_release(&c);
    gn_vocabulary_free(none);
}

/* test_tui_reading.c - a conversation carried on is the conversation read anew, bit for bit. */
/* floor: gn_app */
#include "tests/unit/reading_rig.h"

#include <math.h>
#include <poll.h>
#include <unistd.h>

static bool same_scores(void *user, int i, const gn_score_answer *a) {
    const gn_tokens *made = user;
    (void)i;
    for (int k = 0; k < made->count; k++) {
        CHECK(fabsf(a->token[k].logprob - made->score[k].logprob) < 1e-5f);
        CHECK(fabsf(a->token[k].entropy - made->score[k].entropy) < 1e-5f);
        CHECK(a->token[k].rank == made->score[k].rank);
        for (int j = 0; j < made->k; j++)
            CHECK(a->top[k * made->k + j].id == made->top[k * made->k + j].id);
    }
    return true;
}

TEST(each_turn_reads_only_what_is_new) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    int64_t used = 0;
    for (int i = 0; i < QUESTIONS; i++) {
        ask(&t, question[i]);
        CHECK(answer(r, &t, &h, &out));
        CHECK(out.reused == used && out.tokens == 12 && out.used == used + out.read + 12);
        used = out.used;
        check_anew(g, &t, t.head);
    }
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(another_answer_reads_nothing_and_undo_little) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    for (int i = 0; i < 3; i++) {
        ask(&t, question[i]);
        CHECK(answer(r, &t, &h, &out));
    }
    const int64_t first = t.head, used = out.used;
    t.head = t.turn[first]->parent;
    CHECK(answer(r, &t, &h, &out) && out.read == 0 && out.reused == used - 12);
    CHECK_TEXT(gn_str_text(&h.text), gn_str_text(&t.turn[first]->text));

    CHECK(gn_transcript_undo(&t));
    ask(&t, "another way");
    CHECK(answer(r, &t, &h, &out) && out.reused > 0 && out.read < 60);
    check_anew(g, &t, t.head);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(without_room_for_states_it_reads_again_and_says_the_same) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    budget = 1; /* the head alone */
    for (int i = 0; i < QUESTIONS; i++) {
        ask(&t, question[i]);
        CHECK(answer(r, &t, &h, &out) && out.states == 1);
    }
    budget = (size_t)1 << 30;
    while (gn_transcript_undo(&t)) {
        const int64_t under = t.head;
        ask(&t, "from here");
        CHECK(answer(r, &t, &h, &out));
        check_anew(g, &t, t.head);
        t.head = under;
    }
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(a_stopped_answer_is_carried_on_and_a_cancelled_question_leaves_nothing) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1, .stop_at = 5};
    gn_answered out;
    ask(&t, "stop soon");
    CHECK(answer(r, &t, &h, &out) && out.stop == GN_STOP_INTERRUPTED && out.tokens == 5);
    const int64_t used = out.used;
    h.stop_at = 0;
    ask(&t, "this will be cancelled");
    h.cancel_at = 1;
    CHECK(!answer(r, &t, &h, &out) && e.code == GN_CANCELLED);
    CHECK(gn_transcript_undo(&t));
    h.cancel_at = -1;
    ask(&t, "go on");
    CHECK(answer(r, &t, &h, &out) && out.reused == used);
    check_anew(g, &t, t.head);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

/* Against the scores of the same ids, read as one text. */
TEST(a_reply_tells_what_it_was_made_of) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    gn_ids prompt = {0};
    gn_str spelt = {0};
    ask(&t, question[0]);
    CHECK(answer(r, &t, &h, &out) && h.made.count == 12 && h.made.k == 4);
    CHECK(gn_encode(gn_engine_tokenizer(g),
                    GN_S("<|start|>user<|role|>the sea<|end|>\n<|start|>assistant<|role|>"), 0,
                    &prompt, &e));
    const gn_score_request ask_score = {prompt.id, (int64_t)prompt.count, h.made.id, 12, 4};
    const gn_score_hooks hooks = {.answer = same_scores, .user = &h.made};
    CHECK(gn_score(g, &ask_score, 1, false, &hooks, NULL, &e));
    gn_vocabulary *v = gn_vocabulary_of(g, &e);
    CHECK(v && v->count == 97 && gn_vocabulary_mark(v, END) && !gn_vocabulary_mark(v, 5));
    for (int i = 0; i < h.made.count; i++) {
        const gn_token_row row = gn_tokens_at(&h.made, i);
        gn_str_add(&spelt, gn_vocabulary_bytes(v, row.id));
        CHECK(row.end == spelt.len && gn_tokens_find(&h.made, row.end - 1) == i);
        CHECK(row.top[0].id == row.id && row.after[0].p == 1.0f && row.after[0].cut == 0);
        CHECK(row.after[1].p == 0.0f && row.after[1].cut == 't'); /* greedy: one is left */
        h.made.end[i] = 0;
    }
    CHECK_TEXT(gn_str_text(&spelt), gn_str_text(&h.text));
    gn_tokens_place(&h.made, v, gn_str_slice(&h.text));
    CHECK(h.made.end[11] == h.text.len && h.made.end[0] < h.made.end[1]);
    gn_vocabulary_free(v);
    gn_ids_release(&prompt);
    gn_str_release(&spelt);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

/* Scored when it is asked for, a reply has the scores it was told with; a question has some. */
TEST(what_was_said_is_scored_when_it_is_asked_for) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    for (int i = 0; i < 2; i++) {
        ask(&t, question[i]);
        CHECK(answer(r, &t, &h, &out));
    }
    const gn_reading_hooks hooks = {.reading = reading, .user = &h};
    for (int from_end = 0; from_end < 2; from_end++) {
        gn_ids path = {0};
        gn_tokens made = {0};
        gn_ask *a = gn_ask_new();
        CHECK(gn_transcript_path(&t, t.head, &path));
        for (size_t i = 0; i < path.count - (size_t)from_end; i++)
            CHECK(gn_ask_say(a, path.id[i], t.turn[path.id[i]]->role,
                             gn_str_slice(&t.turn[path.id[i]]->text)));
        a->score = true;
        a->top = 4;
        CHECK(gn_reading_score(r, a, &hooks, &made, &e));
        const gn_str *text = &t.turn[path.id[path.count - 1 - (size_t)from_end]]->text;
        CHECK(made.count > 0 && made.end[made.count - 1] == text->len);
        for (int i = 0; from_end == 0 && i < made.count; i++) {
            CHECK(made.id[i] == h.made.id[i] && made.end[i] == h.made.end[i]);
            CHECK(fabsf(made.score[i].logprob - h.made.score[i].logprob) < 1e-5f);
            CHECK(made.top[i * 4 + 1].id == h.made.top[i * 4 + 1].id);
            CHECK(isnan(made.after[i * 4].p)); /* nobody filtered */
        }
        h.cancel_at = 0;
        gn_tokens_release(&made);
        CHECK(!gn_reading_score(r, a, &hooks, &made, &e) && e.code == GN_CANCELLED);
        h.cancel_at = -1;
        gn_tokens_release(&made);
        gn_ids_release(&path);
        gn_ask_free(a);
    }
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(how_tokens_are_chosen_can_change_within_a_reply) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1, .warm_from = 5};
    gn_answered out;
    ask(&t, question[0]);
    CHECK(answer(r, &t, &h, &out) && h.made.count > 6);
    for (int i = 0; i < h.made.count; i++) {
        const gn_token_row row = gn_tokens_at(&h.made, i);
        CHECK((row.after[1].cut == 't') == (i < 5));
        CHECK((row.after[1].p > 0) == (i >= 5));
    }
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(another_first_message_leaves_what_stands_in_front_read) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    const int64_t root = gn_transcript_add(&t, -1, GN_ROLE_SYSTEM, GN_S("be brief, and kind"))->id;
    ask(&t, question[0]);
    CHECK(answer(r, &t, &h, &out) && out.reused == 0);
    const int64_t used = out.read;
    t.head = root;
    ask(&t, question[0]);
    CHECK(answer(r, &t, &h, &out) && out.reused > 10 && out.reused + out.read == used);
    check_anew(g, &t, t.head);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

/* What is begun with another token goes on as whoever says so greedily goes on. */
TEST(an_answer_begun_with_other_tokens_goes_on_from_them) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    ask(&t, question[0]);
    const int64_t asked = t.head;
    CHECK(answer(r, &t, &h, &out));
    const int64_t read = out.read, like = t.head;
    gn_ids ids = {0}, prompt = {0};
    CHECK(gn_ids_append(&ids, h.made.id, 5) && gn_ids_add(&ids, h.made.top[5 * 4 + 1].id));
    gn_tokens_release(&h.made);

    t.head = asked;
    beginning.id = ids.id, beginning.n = ids.count, beginning.like = like;
    CHECK(answer(r, &t, &h, &out) && out.reused == read && out.read == 6 && out.begun == 6);
    CHECK(h.made.count == 12);

    CHECK(gn_encode(gn_engine_tokenizer(g),
                    GN_S("<|start|>user<|role|>the sea<|end|>\n<|start|>assistant<|role|>"), 0,
                    &prompt, &e));
    gn_session *s = gn_session_new(g, &e);
    CHECK(gn_session_feed(s, prompt.id, (int64_t)prompt.count, GN_READ, NULL, NULL, &e));
    CHECK(gn_session_feed(s, ids.id, 6, GN_WRITE, NULL, NULL, &e));
    gn_job job = {.session = s, .limit = 12}, *jobs[] = {&job};
    CHECK(gn_generate(g, jobs, 1, NULL, &e) && job.ids.count == 12);
    CHECK(memcmp(job.ids.id, h.made.id, 12 * sizeof *job.ids.id) == 0);
    gn_job_release(&job);
    gn_session_free(s);
    gn_ids_release(&ids);
    gn_ids_release(&prompt);
    beginning.id = NULL, beginning.n = 0, beginning.like = -1;
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(a_stopped_answer_goes_on_and_nothing_is_read) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    gn_str whole = {0}, both = {0};
    ask(&t, question[0]);
    const int64_t asked = t.head;
    CHECK(answer(r, &t, &h, &out));
    gn_str_add(&whole, gn_str_slice(&h.text));
    t.head = asked;
    h.stop_at = 5;
    CHECK(answer(r, &t, &h, &out) && out.stop == GN_STOP_INTERRUPTED);
    const int64_t used = out.used;
    gn_ids ids = {0};
    CHECK(gn_ids_append(&ids, h.made.id, 5));
    gn_str_add(&both, gn_str_slice(&h.text));
    h.stop_at = 7;
    beginning.id = ids.id, beginning.n = ids.count, beginning.like = t.head;
    t.head = asked;
    CHECK(answer(r, &t, &h, &out) && out.reused == used && out.read == 0 && out.tokens == 7);
    gn_str_add(&both, gn_str_slice(&h.text));
    CHECK_TEXT(gn_str_text(&both), gn_str_text(&whole));
    CHECK(h.made.end[6] == both.len);
    /* Nothing of it is kept any more: the beginning is read, and the same is said. */
    gn_reading *fresh = gn_reading_new(g, &e);
    t.head = asked;
    gn_str_cut(&both, both.len - h.text.len);
    CHECK(answer(fresh, &t, &h, &out) && out.reused == 0 && out.used == used + 7);
    gn_str_add(&both, gn_str_slice(&h.text));
    CHECK_TEXT(gn_str_text(&both), gn_str_text(&whole));
    gn_reading_free(fresh);
    beginning.id = NULL, beginning.n = 0, beginning.like = -1;
    gn_ids_release(&ids);
    gn_str_release(&whole);
    gn_str_release(&both);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

/* Given tokens are told with the scores they have. */
TEST(a_given_prefix_is_scored_as_it_is_read) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    gn_ids prompt = {0};
    ask(&t, question[0]);
    beginning.prefix = "the hills";
    CHECK(answer(r, &t, &h, &out) && out.begun > 3 && h.made.count == 12 + out.begun);
    beginning.prefix = NULL;
    CHECK(strncmp(gn_str_text(&h.text), "the hills", 9) == 0);
    CHECK(h.made.end[out.begun - 1] == 9 && h.made.end[h.made.count - 1] == h.text.len);
    CHECK(gn_encode(gn_engine_tokenizer(g),
                    GN_S("<|start|>user<|role|>the sea<|end|>\n<|start|>assistant<|role|>"), 0,
                    &prompt, &e));
    const gn_score_request ask_score = {prompt.id, (int64_t)prompt.count, h.made.id, h.made.count,
                                        4};
    const gn_score_hooks hooks = {.answer = same_scores, .user = &h.made};
    CHECK(gn_score(g, &ask_score, 1, false, &hooks, NULL, &e));
    gn_ids_release(&prompt);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

/* A template that changes what was said: nothing read is the beginning of what is to be
 * read, from the first change on. */
TEST(a_template_that_rewrites_is_followed_not_trusted) {
    gn_engine *g = open_engine(TURN("m.content | replace('e', 'a') | trim"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    int64_t first = 0;
    for (int i = 0; i < 3; i++) {
        ask(&t, question[i]);
        CHECK(answer(r, &t, &h, &out));
        first = first ? first : out.read;
        gn_str_puts(&t.turn[t.head]->text, " eee "); /* as if edited */
    }
    gn_reading *fresh = gn_reading_new(g, &e);
    gn_str was = {0};
    ask(&t, "and now");
    const int64_t q = t.head;
    CHECK(answer(r, &t, &h, &out) && out.reused > first); /* up to the third question */
    gn_str_add(&was, gn_str_slice(&h.text));
    t.head = q;
    CHECK(answer(fresh, &t, &h, &out));
    CHECK_TEXT(gn_str_text(&was), gn_str_text(&h.text));
    gn_str_release(&was);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_reading_free(fresh);
    gn_engine_close(g);
}

/* Of the same length, so that only its letters tell. */
TEST(an_edited_answer_is_read_again) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    ask(&t, question[0]);
    CHECK(answer(r, &t, &h, &out));
    const int64_t first = out.read;
    gn_str *text = &t.turn[t.head]->text;
    text->data[0] = text->data[0] == 'q' ? 'z' : 'q';
    ask(&t, question[1]);
    CHECK(answer(r, &t, &h, &out) && out.reused == first); /* the question is not */
    check_anew(g, &t, t.head);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

/* Without a mark after a message a merge could cross the seam: "t" and "he". */
TEST(where_no_mark_parts_old_from_new_they_are_encoded_together) {
    gn_engine *g = open_engine(
        "{% for m in messages %}<|start|>{{ m.role }}<|role|>{{ m.content }}he{% endfor %}"
        "{% if add_generation_prompt %}<|start|>assistant<|role|>{% endif %}");
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    int64_t questions = 0;
    for (int i = 0; i < 3; i++) {
        ask(&t, question[i]);
        CHECK(answer(r, &t, &h, &out) && out.reused == questions);
        questions += out.read; /* only marks part what was read from what was said */
        check_anew(g, &t, t.head);
    }
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(what_does_not_fit_is_refused_before_it_is_read) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    gn_str text = {0};
    for (int i = 0; i < 800; i++)
        gn_str_putc(&text, 'x');
    ask(&t, "short");
    CHECK(answer(r, &t, &h, &out));
    const int64_t used = out.used;
    ask(&t, gn_str_text(&text));
    CHECK(!answer(r, &t, &h, &out) && e.code == GN_INVALID && out.read == 0);
    CHECK(strstr(e.message, "do not fit the context of 700"));
    CHECK(gn_transcript_undo(&t));
    ask(&t, "shorter");
    CHECK(answer(r, &t, &h, &out) && out.reused == used);
    gn_str_release(&text);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

/* ---- the same, on its thread -------------------------------------------- */

static gn_event *wait_for(gn_worker *w, gn_event_kind kind, gn_str *text) {
    for (struct pollfd fd = {w->fd(w), POLLIN, 0}; poll(&fd, 1, 20000) == 1;) {
        gn_event *ev = w->next(w);
        if (ev && ev->kind == GN_EVENT_TEXT && text)
            gn_str_add(text, gn_str_slice(&ev->text));
        if (ev && (ev->kind == kind || ev->kind == GN_EVENT_FAILED))
            return ev;
        gn_event_free(ev);
    }
    return NULL;
}

TEST(a_worker_answers_stops_and_closes_in_the_middle) {
    gn_engine_close(open_engine(TURN("m.content"))); /* the folder */
    const gn_engine_options o = {.threads = 2};
    char folder[256];
    snprintf(folder, sizeof folder, "%s", in_folder(""));
    gn_worker *w = gn_worker_open(folder, &o, NULL, &e);
    gn_event *ev = w ? wait_for(w, GN_EVENT_OPENED, NULL) : NULL;
    if (!CHECK(ev && ev->kind == GN_EVENT_OPENED && ev->vocab == 97))
        return;
    gn_event_free(ev);
    for (int i = 0; i < 3; i++) {
        gn_str text = {0};
        gn_ask *a = gn_ask_new();
        CHECK(gn_ask_say(a, 2 * i, GN_ROLE_USER, GN_S("hello there")));
        a->answer = 2 * i + 1;
        a->limit = i == 0 ? 8 : 100000; /* the others end when they are stopped */
        CHECK(w->ask(w, a));
        if (i > 0) {
            ev = wait_for(w, GN_EVENT_TEXT, &text);
            CHECK(ev && ev->kind == GN_EVENT_TEXT);
            gn_event_free(ev);
        }
        if (i == 1)
            w->stop(w, a->answer);
        if (i < 2) {
            ev = wait_for(w, GN_EVENT_DONE, &text);
            CHECK(ev && ev->kind == GN_EVENT_DONE && text.len > 0);
            /* On a busy machine the small model may come to its own end before the stop is seen. */
            CHECK(ev && (i == 0) == (ev->answered.stop == GN_STOP_LENGTH) &&
                  ev->answered.stop != GN_STOP_NONE);
            gn_event_free(ev);
        }
        gn_str_release(&text);
    }
    w->close(w);
}

/* test_tui_known.c - what a conversation was read as is known turn by turn, and read as that again. */
/* floor: gn_app */
#include "tests/unit/reading_rig.h"

static gn_slice stop_text;
static gn_ids joined;

/* Joined, the tokens of what was said are those of the whole text. */
static void on_heard(void *user, const gn_ask *a) {
    (void)user;
    joined.count = 0;
    for (size_t i = 0; i < a->n_said; i++)
        CHECK(gn_ids_append(&joined, a->said[i].ids.id, a->said[i].ids.count));
}

/* Ask below t's head with what t knows of tokens, and learn what was heard and answered. */
static bool answer_knowing(gn_reading *r, gn_transcript *t, heard *h, gn_answered *out) {
    const gn_reading_hooks hooks = {
        .heard = on_heard, .reading = reading, .spoken = said, .user = h};
    gn_ids path = {0};
    gn_ask *a = gn_ask_new();
    CHECK(gn_transcript_path(t, t->head, &path));
    for (size_t i = 0; i < path.count; i++) {
        const gn_turn *turn = t->turn[path.id[i]];
        CHECK(gn_ask_say(a, turn->id, turn->role, gn_str_slice(&turn->text)) &&
              gn_ask_known(a, &turn->ids, turn->edited));
    }
    gn_turn *turn = gn_transcript_add(t, t->head, GN_ROLE_MODEL, (gn_slice){"", 0});
    CHECK(gn_transcript_keep(t, &a->keep));
    a->answer = turn->id;
    a->budget = budget;
    a->limit = 12;
    a->stop = &stop_text;
    a->n_stop = stop_text.len > 0;
    gn_str_cut(&h->text, 0);
    gn_tokens_release(&h->made);
    e = (gn_error){0};
    const bool ok = gn_reading_answer(r, a, &hooks, out, &e);
    gn_str_add(&turn->text, gn_str_slice(&h->text));
    for (size_t i = 0; i < path.count; i++) {
        gn_ids *ids = &t->turn[path.id[i]]->ids;
        ids->count = 0;
        CHECK(gn_ids_append(ids, a->said[i].ids.id, a->said[i].ids.count));
    }
    CHECK(gn_ids_append(&turn->ids, a->answered.id, a->answered.count));
    gn_ids_release(&path);
    gn_ask_free(a);
    return ok;
}

TEST(every_turn_has_the_tokens_it_added_and_joined_they_are_what_was_read) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    gn_ids whole = {0};
    gn_transcript_add(&t, -1, GN_ROLE_SYSTEM, GN_S("be brief"));
    ask(&t, "the sea");
    CHECK(answer_knowing(r, &t, &h, &out));
    gn_str text = {0};
    gn_str_fmt(&text, "<|start|>system<|role|>be brief<|end|>\n<|start|>user<|role|>the "
                      "sea<|end|>\n<|start|>assistant<|role|>");
    CHECK(gn_encode(gn_engine_tokenizer(g), gn_str_slice(&text), 0, &whole, &e));
    CHECK(whole.count == joined.count && memcmp(whole.id, joined.id, whole.count * 4) == 0);
    /* the system prompt has its own */
    whole.count = 0;
    CHECK(gn_encode(gn_engine_tokenizer(g), GN_S("<|start|>system<|role|>be brief<|end|>\n"), 0,
                    &whole, &e));
    CHECK(t.turn[0]->ids.count == whole.count);
    CHECK(t.turn[2]->ids.count == 12);
    /* another system prompt over the same turns: the answer is read as what it was */
    CHECK(gn_transcript_reroot(&t, GN_S("be long")));
    ask(&t, "why");
    CHECK(answer_knowing(r, &t, &h, &out) && out.reused == 0);
    CHECK(t.turn[4]->ids.count == t.turn[1]->ids.count);
    CHECK(t.turn[5]->ids.count > 0 && (int64_t)joined.count == out.read);
    gn_str_release(&text);
    gn_ids_release(&whole);
    gn_ids_release(&joined);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(the_templates_own_system_prompt_is_the_roots) {
    gn_engine *g =
        open_engine("{% for m in messages %}{% if loop.first and m.role != 'system' %}"
                    "<|start|>system<|role|>be kind<|end|>\n{% endif %}<|start|>{{ m.role "
                    "}}<|role|>{{ m.content }}<|end|>\n{% endfor %}{% if "
                    "add_generation_prompt %}<|start|>assistant<|role|>{% endif %}");
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    gn_ids own = {0};
    ask(&t, "the sea");
    CHECK(answer_knowing(r, &t, &h, &out));
    CHECK(gn_encode(gn_engine_tokenizer(g), GN_S("<|start|>system<|role|>be kind<|end|>\n"), 0,
                    &own, &e));
    CHECK(t.turn[0]->ids.count == own.count &&
          memcmp(t.turn[0]->ids.id, own.id, own.count * 4) == 0);
    gn_ids_release(&own);
    gn_ids_release(&joined);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

TEST(a_conversation_of_another_life_is_read_as_the_tokens_it_was) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    gn_str was = {0};
    for (int i = 0; i < 2; i++) {
        ask(&t, question[i]);
        CHECK(answer_knowing(r, &t, &h, &out));
    }
    ask(&t, question[2]);
    const int64_t q = t.head;
    CHECK(answer_knowing(r, &t, &h, &out));
    gn_str_add(&was, gn_str_slice(&h.text));
    gn_reading *other = gn_reading_new(g, &e);
    t.head = q;
    CHECK(answer_knowing(other, &t, &h, &out) && out.reused == 0);
    CHECK_TEXT(gn_str_text(&was), gn_str_text(&h.text));
    gn_str_release(&was);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_reading_free(other);
    gn_engine_close(g);
}

/* The last token's text holds more than the answer: its tokens are those of what was shown. */
TEST(an_answer_cut_by_a_stop_text_has_the_tokens_of_what_was_shown) {
    gn_engine *g = open_engine(TURN("m.content"));
    gn_tokenizer *tok = gn_engine_tokenizer(g);
    gn_reading *r = gn_reading_new(g, &e);
    gn_transcript t = {.head = -1};
    heard h = {.cancel_at = -1};
    gn_answered out;
    ask(&t, question[0]);
    CHECK(answer_knowing(r, &t, &h, &out));
    const gn_slice stop = {gn_str_text(&h.text) + 4, 2};
    gn_str again = {0};
    t.head = t.turn[t.head]->parent;
    stop_text = stop;
    const gn_str kept = h.text;
    h.text = (gn_str){0};
    CHECK(answer_knowing(r, &t, &h, &out) && out.stop == GN_STOP_STRING);
    stop_text.len = 0;
    const gn_turn *cut = t.turn[t.head];
    CHECK(gn_decode(tok, cut->ids.id, cut->ids.count, false, &again, &e));
    CHECK_TEXT(gn_str_text(&again), gn_str_text(&cut->text));
    ask(&t, "go on");
    CHECK(answer_knowing(r, &t, &h, &out) && out.reused > 0);
    check_anew(g, &t, t.head);
    gn_str freed = kept;
    gn_str_release(&freed);
    gn_str_release(&again);
    gn_str_release(&h.text);
    gn_tokens_release(&h.made);
    gn_transcript_release(&t);
    gn_reading_free(r);
    gn_engine_close(g);
}

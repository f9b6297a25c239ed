/* test_long_chat.c - a day of talking stays within the memory it was given. */
/* floor: gn_app */
#include "app/term/line.h"
#include "app/tui/chat.h"
#include "tests/check.h"
#include "tests/unit/temporary.h"

#include <poll.h>
#include <unistd.h>

/* GNEISS_TURNS=2000 for a whole day. */
static int turns_of(void) {
    const char *set = getenv("GNEISS_TURNS");
    return set && atoi(set) > 0 ? atoi(set) : 120;
}

/* A tiny hybrid with a tokenizer of letters and room for a long conversation. */
static const char *make_model(void) {
    static char folder[256];
    gn_error e = {0};
    gn_str text = {0};
    static const char *const mark[] = {"<|start|>", "<|role|>", "<|end|>"};
    gn_str_puts(&text, "{\"version\":\"1.0\",\"added_tokens\":[");
    for (int i = 0; i < 3; i++)
        gn_str_fmt(&text,
                   "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,"
                   "\"rstrip\":false,\"normalized\":false,\"special\":true}",
                   i ? "," : "", 94 + i, mark[i]);
    gn_str_puts(&text, "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                       "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
                       "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\"},"
                       "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
                       "\"ignore_merges\":false,\"vocab\":{\"\xc4\xa0\":0,\"\xc4\x8a\":1");
    for (int id = 2; id < 94; id++) {
        const char c = (char)('!' + id - 2);
        gn_str_fmt(&text, ",\"%s%c\":%d", c == '"' || c == '\\' ? "\\" : "", c, id);
    }
    gn_str_puts(&text, "},\"merges\":[]}}");
    put("tokenizer.json", text.data, text.len);
    gn_str_cut(&text, 0);
    gn_str_puts(&text,
                "{% for m in messages %}<|start|>{{ m.role }}<|role|>{{ m.content }}<|end|>\n"
                "{% endfor %}{% if add_generation_prompt %}<|start|>assistant<|role|>{% endif %}");
    put("chat_template.jinja", text.data, text.len);
    gn_str_cut(&text, 0);
    CHECK(gn_file_read(&text, "tests/oracle/models/hybrid_moe/model.safetensors", 0, &e));
    put("model.safetensors", text.data, text.len);
    gn_str_cut(&text, 0);
    CHECK(gn_file_read(&text, "tests/oracle/models/hybrid_moe/config.json", 0, &e));
    const ptrdiff_t at =
        gn_slice_find(gn_str_slice(&text), GN_S("\"max_position_embeddings\": 256"));
    gn_str config = {0};
    if (CHECK(at >= 0)) {
        gn_str_add(&config, (gn_slice){text.data, (size_t)at});
        gn_str_puts(&config, "\"max_position_embeddings\": 1000000");
        gn_str_puts(&config, text.data + at + strlen("\"max_position_embeddings\": 256"));
    }
    put("config.json", config.data, config.len);
    gn_str_release(&text);
    gn_str_release(&config);
    snprintf(folder, sizeof folder, "%s", in_folder(""));
    folder[strlen(folder) - 1] = '\0';
    return folder;
}

static size_t resident(void) {
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!CHECK(f && fscanf(f, "%ld %ld", &all, &pages) == 2))
        pages = 0;
    if (f)
        fclose(f);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void pump(gn_tui *t) {
    struct pollfd fd = {t->worker->fd(t->worker), POLLIN, 0};
    poll(&fd, 1, 10000);
    gn_tui_events(t);
    gn_tui_draw(t);
}

TEST(a_day_of_talking_stays_within_its_budget) {
    enum { BUDGET = 8 << 20 };
    const int turns = turns_of();
    const gn_engine_options o = {.threads = 1};
    const gn_chat_options chat_options = {.seed = 1};
    gn_error e = {0};
    gn_tui t = {0};
    gn_view view;
    setenv("INPUTRC", "/dev/null", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    gn_settings *s = gn_settings_new(&e);
    gn_worker *w = gn_worker_open(make_model(), &o, NULL, &e);
    if (!CHECK(s && w && gn_line_open(&e) &&
               gn_settings_set(s, GN_S("state-mem"), GN_S("8M"), GN_SOURCE_FLAG, NULL, &e) &&
               gn_settings_set(s, GN_S("n"), GN_S("12"), GN_SOURCE_FLAG, NULL, &e) &&
               gn_settings_set(s, GN_S("temp"), GN_S("1"), GN_SOURCE_FLAG, NULL, &e) &&
               gn_tui_init(&t, s, w, true, &e) && gn_chat_view(&view, &chat_options, &e)))
        return;
    gn_tui_push(&t, view);
    gn_canvas_resize(&t.canvas, 24, 80);
    const gn_chat *c = view.self;
    while (!c->opened && !t.quit)
        pump(&t);
    size_t most = 0, early = 0, late = 0;
    int over = 0, longest = 0;
    for (int i = 0; i < turns && CHECK(!t.quit); i++) {
        char text[64];
        snprintf(text, sizeof text, "turn %d, and what do you say to that?", i);
        view.op->said(view.self, &t, gn_slice_of(text));
        while (c->answer >= 0 && !t.quit)
            pump(&t);
        /* The head's own state is kept whatever it takes. */
        over += c->last.states > 1 && c->last.kept_bytes > BUDGET;
        most = c->last.kept_bytes > most ? c->last.kept_bytes : most;
        longest = c->last.states > longest ? c->last.states : longest;
        if (i > 0 && c->last.reused == 0) /* and nothing is bought with reading all again */
            CHECK(!"a turn read the whole conversation again");
        if (i == turns / 10)
            early = resident();
    }
    late = resident();
    CHECK(over == 0);
    /* What is not states: texts, tokens, how likely each was, and the rows they have. */
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    const size_t other = (size_t)turns * (12 << 10) + (4 << 20);
    if (!CHECK(late < early + BUDGET + c->last.state_bytes * 2 + other))
        printf("  %zu MiB became %zu MiB\n", early >> 20, late >> 20);
#endif
    printf("  %d turns, %lld tokens: states %.1f MiB at most of 8 MiB (%d), one of %.1f MiB; the "
           "process %.1f MiB after a tenth, %.1f MiB at the end\n",
           turns, (long long)c->last.used, (double)most / 1048576, longest,
           (double)c->last.state_bytes / 1048576, (double)early / 1048576, (double)late / 1048576);
    gn_tui_release(&t);
    w->close(w);
    gn_line_close();
    gn_settings_free(s);
}

/* test_crash_chat.c - a chat killed at any moment: what was shown as complete is in the database. */
/* floor: gn_app */
/* GNEISS_CRASH_ROUNDS is how often it is killed (12), GNEISS_CRASH_SEED the first round's seed (1). */
#include "tests/check.h"
#include "tests/unit/temporary.h"

#include "tests/unit/chat_model.h"
#include "tests/unit/chat_rig.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/wait.h>
#include <unistd.h>

static gn_error e;

/* ---- what a message is, by what it says and all that stands before it --- */

typedef struct name {
    uint8_t sha[GN_SHA256_BYTES];
} name;

static void name_turn(const gn_transcript *t, int64_t id, name *out) {
    const gn_turn *turn = gn_transcript_turn(t, id);
    name above = {{0}};
    if (turn->parent >= 0)
        name_turn(t, turn->parent, &above);
    gn_key *k = gn_key_new();
    gn_key_part(k, &above, sizeof above);
    gn_key_text(k, gn_slice_of(gn_role_name(turn->role)));
    gn_key_text(k, gn_str_slice(&turn->text));
    gn_key_end(k, out->sha);
}

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, sizeof(name)); }

/* ---- the chat that is killed -------------------------------------------- */

/* What is on the screen as complete goes to the pipe: it must never be lost. */
static void report(const chat_rig *r, size_t *told, int fd) {
    const gn_transcript *t = &r->chat->turns;
    for (size_t i = 0; i < t->count; i++) {
        const gn_turn *turn = t->turn[i];
        if (told[i] || turn->parent < -1 || gn_role_leads(turn->role) || !turn->complete ||
            (gn_role_asks(turn->role) && !turn->stored))
            continue; /* a twin is told of where it is: of the first of them */
        name n;
        name_turn(t, (int64_t)i, &n);
        if (turn->text.len > 0 && write(fd, &n, sizeof n) != sizeof n)
            _exit(1);
        told[i] = 1;
    }
}

/* Something a person might do. */
static void act(chat_rig *r, uint64_t *seed) {
    static const char *const said[] = {"the sea", "why", "and the hills", "tell me more of that"};
    static const char *const went[] = {"/undo",   "/redo",   "/goto 2", "/fork",   "/new",
                                       "/name x", "/rate +", "/pin",    "/open -2"};
    *seed += 1;
    const uint64_t draw = gn_splitmix64(*seed);
    const size_t what = draw % 16;
    if (what < 6)
        rig_type(r, said[(draw >> 8) % 4]);
    else if (what < 8)
        gn_tui_request(&r->tui, GN_REQUEST_REGENERATE, NULL);
    else if (what < 11) {
        static char text[40];
        snprintf(text, sizeof text, "that is %d", (int)(draw >> 40));
        r->edited = gn_slice_of(text);
        gn_tui_request(&r->tui, GN_REQUEST_EDIT, NULL);
    } else
        rig_type(r, went[(draw >> 8) % 9]);
}

static void chat(const char *folder, const char *session, uint64_t seed, int fd) {
    static size_t told[1 << 16];
    chat_rig r;
    int conversation = -1;
    if (!rig_open(&r, folder, session, false, &e)) {
        printf("  %s\n", e.message);
        _exit(2);
    }
    gn_settings_set(r.settings, GN_S("n"), GN_S("24"), GN_SOURCE_SET, NULL, &e);
    gn_settings_set(r.settings, GN_S("temp"), GN_S("1"), GN_SOURCE_SET, NULL, &e);
    for (;;) {
        rig_turn(&r, 5);
        if (r.chat->keep.trouble.code) {
            printf("  %s\n", r.chat->keep.trouble.message);
            _exit(3);
        }
        if (r.chat->keep.conversation != conversation)
            memset(told, 0, sizeof told);
        conversation = r.chat->keep.conversation;
        report(&r, told, fd);
        if (!rig_is_busy(&r) || gn_splitmix64(seed + r.chat->turns.count) % 8 == 0)
            act(&r, &seed);
    }
}

/* ---- what is left ------------------------------------------------------- */

typedef struct names {
    name *name;
    size_t count, room;
} names;

static void add_name(names *n, const name *one) {
    if (!gn_vec_reserve(&n->name, &n->room, n->count + 1, sizeof *n->name))
        exit(2);
    n->name[n->count++] = *one;
}

static bool integrity(gn_history *h) {
    bool row = false;
    gn_statement *q = gn_sql_prepare(gn_history_sql(h), "PRAGMA integrity_check", &e);
    const bool ok = q && gn_sql_step(q, &row, &e) && row && gn_slice_is(gn_column_text(q, 0), "ok");
    if (q)
        gn_sql_reset(q);
    bool broken = true;
    q = gn_sql_prepare(gn_history_sql(h), "PRAGMA foreign_key_check", &e);
    const bool sound = q && gn_sql_step(q, &broken, &e) && !broken;
    if (q)
        gn_sql_reset(q);
    return ok && sound;
}

/* Every session opens; the names of all messages in them, sorted. */
static bool collect(gn_history *h, names *out) {
    char id[512][GN_ULID];
    size_t n = 0;
    bool row = false, ok = true;
    gn_statement *q = gn_sql_prepare(gn_history_sql(h), "SELECT id FROM session", &e);
    while (q && n < 512 && gn_sql_step(q, &row, &e) && row)
        snprintf(id[n++], GN_ULID, "%.26s", gn_column_text(q, 0).data);
    if (q)
        gn_sql_reset(q);
    out->count = 0;
    for (size_t i = 0; i < n; i++) {
        gn_transcript t = {.head = -1};
        gn_record r = {0};
        ok = gn_history_load(h, id[i], &t, &r, &e) && t.head >= 0 && ok;
        for (size_t k = 0; k < t.count; k++) {
            name one;
            name_turn(&t, (int64_t)k, &one);
            add_name(out, &one);
        }
        gn_transcript_release(&t);
    }
    if (out->count > 0)
        qsort(out->name, out->count, sizeof(name), by_bytes);
    return ok && q;
}

/* Files under their final names are whole. */
static bool states_are_good(const char *folder) {
    char pattern[300];
    glob_t all;
    bool ok = true;
    snprintf(pattern, sizeof pattern, "%s/*/*.state", in_folder("states"));
    if (glob(pattern, 0, NULL, &all) != 0)
        return true;
    const gn_engine_options o = {.threads = 1};
    gn_engine *g = gn_engine_open(folder, &o, &e);
    for (size_t i = 0; g && i < all.gl_pathc; i++) {
        gn_session *s = gn_session_load(g, all.gl_pathv[i], &e);
        if (!s)
            printf("  %s\n", e.message);
        ok = ok && s;
        gn_session_free(s);
    }
    gn_engine_close(g);
    globfree(&all);
    return ok && g;
}

/* Files that were being written when the chat was killed; who comes next removes them. */
static size_t left_over(void) { return files_like("states/*/*.tmp-*"); }

static int number(const char *variable, int otherwise) {
    const char *text = getenv(variable);
    return text && atoi(text) > 0 ? atoi(text) : otherwise;
}

/* One chat, killed. What it reported goes to `shown`. */
static bool round_of(const char *folder, const char *session, uint64_t seed, names *shown) {
    int fd[2], status = 0;
    name one;
    if (pipe2(fd, O_CLOEXEC) != 0)
        return false;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        chat(folder, session, seed << 20, fd[1]);
    close(fd[1]);
    /* From the first thing it does on: opening, reading, writing, saving. */
    usleep((useconds_t)(5000 + gn_splitmix64(seed) % 250000));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    while (read(fd[0], &one, sizeof one) == sizeof one)
        add_name(shown, &one);
    close(fd[0]);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST(a_chat_killed_at_any_moment_loses_nothing_it_showed_as_complete) {
    char folder[256], id[GN_ULID] = "";
    const int rounds = number("GNEISS_CRASH_ROUNDS", 12), first = number("GNEISS_CRASH_SEED", 1);
    size_t lost = 0, before = 0;
    names shown = {0}, there = {0};
    if (access("/dev/shm", W_OK) == 0) /* kill -9 is about the process, not about the disk */
        setenv("TMPDIR", "/dev/shm", 0);
    snprintf(folder, sizeof folder, "%s", put_chat_model(TURN("m.content")));
    setenv("XDG_CACHE_HOME", in_folder("cache"), 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    setenv("INPUTRC", "/dev/null", 1);
    setenv("TERM", "xterm", 1);
    for (int i = 0; i < rounds; i++) {
        if (!CHECK(round_of(folder, id[0] ? id : NULL, (uint64_t)(first + i), &shown)))
            break;
        e = (gn_error){0};
        gn_history *h = gn_history_open(in_folder("chats.db"), false, &e);
        if (!CHECK(h && integrity(h) && collect(h, &there))) {
            printf("  round %d: %s\n", i, e.message);
            gn_history_close(h);
            break;
        }
        for (size_t k = before; k < shown.count; k++)
            lost += !bsearch(&shown.name[k], there.name, there.count, sizeof(name), by_bytes);
        before = shown.count;
        if (!gn_history_find(h, GN_S("-1"), id, &e))
            id[0] = '\0'; /* killed before the first word */
        gn_history_close(h);
    }
    for (size_t k = 0; k < shown.count; k++) /* and nothing is lost later */
        lost += !bsearch(&shown.name[k], there.name, there.count, sizeof(name), by_bytes);
    CHECK(lost == 0 && shown.count > (size_t)rounds);
    CHECK(states_are_good(folder));
    const size_t left = left_over();
    if (left > 0) { /* an hour, or a round, later they are gone */
        chat_rig r;
        CHECK(rig_open(&r, folder, NULL, false, &e) && rig_wait(&r));
        rig_close(&r);
        CHECK(left_over() == 0);
    }
    printf(
        "  %d rounds, %zu messages shown, %zu in the database, %zu lost, %zu files half written\n",
        rounds, shown.count, there.count, lost, left);
    free(shown.name);
    free(there.name);
}

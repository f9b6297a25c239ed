/* script_talks.c - see script_talks.h. */
#include "app/tui/script_talks.h"

#include "app/chat/conversations.h"
#include "app/chat/history_internal.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *in_folder(const gn_script_talks *s, const char *name, char out[128]) {
    snprintf(out, 128, "%s/%s", s->folder, name);
    return out;
}

bool gn_script_talks_open(gn_script_talks *s, gn_error *e) {
    char path[128];
    snprintf(s->folder, sizeof s->folder, "/tmp/gneiss-script-XXXXXX");
    if (!mkdtemp(s->folder)) {
        s->folder[0] = '\0';
        return gn_fail(e, GN_IO, "no temporary folder");
    }
    s->turns.head = -1;
    s->record = (gn_record){.checkpoint = 1, .build = 1, .tokenizer = {1}};
    s->history = gn_history_open(in_folder(s, "chats.db", path), false, e);
    return s->history && gn_path_make_folder(in_folder(s, "state", path), e) &&
           gn_sql_exec(gn_history_sql(s->history),
                       "INSERT INTO checkpoint(id, sha, name, path, tokenizer_sha, config_json) "
                       "VALUES(1, 'abc', 'toy-1b', '/m/toy-1b', 'x', '{}');"
                       "INSERT INTO build(id, sha, version, backend, numerics) "
                       "VALUES(1, 'b', '0', 'cpu', 'exact')",
                       e);
}

gn_origin *gn_script_origin(void) {
    gn_origin *o = calloc(1, sizeof *o);
    if (o)
        *o = (gn_origin){.sha = "abc",
                         .build = "b",
                         .tokenizer = {1},
                         .tokenizer_hex = "x",
                         .name = "toy-1b",
                         .path = "/m/toy-1b",
                         .format = "gguf",
                         .dtype = "{}",
                         .config = "{}",
                         .backend = "cpu",
                         .numerics = "exact",
                         .cpu = "",
                         .os = ""};
    return o;
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void gn_script_talks_close(gn_script_talks *s) {
    gn_history_close(s->history);
    gn_transcript_release(&s->turns);
    gn_str_release(&s->used);
    gn_str_release(&s->name);
    if (s->folder[0])
        nftw(s->folder, drop, 8, FTW_DEPTH | FTW_PHYS);
    *s = (gn_script_talks){0};
}

static gn_slice word_of(gn_slice *line) {
    gn_slice word = {line->data, 0};
    while (word.len < line->len && word.data[word.len] != ' ')
        word.len++;
    *line = gn_slice_from(*line, word.len + 1);
    return word;
}

bool gn_script_talk(gn_script_talks *s, gn_slice line, gn_error *e) {
    if (!gn_script_talk_end(s, false, e))
        return false;
    const gn_slice used = word_of(&line);
    gn_str_fmt(&s->used, "%.*s:00.000Z", (int)used.len, used.data);
    gn_str_add(&s->name, line);
    s->head = -1;
    return true;
}

static bool keep_state(gn_script_talks *s, const gn_turn *turn, gn_error *e) {
    char path[128], name[32];
    snprintf(name, sizeof name, "state/%d", s->made);
    gn_state_row row = {.checkpoint = 1,
                        .n_tokens = (int64_t)turn->ids.count,
                        .n_bytes = 1,
                        .numerics = "exact",
                        .message = turn->hash,
                        .path = name + 6,
                        .reason = "turn"};
    memcpy(row.prefix, turn->hash, sizeof row.prefix);
    return gn_file_write(in_folder(s, name, path), GN_S("x"), e) &&
           gn_history_state(s->history, &row, e);
}

static bool role_named(gn_slice name, gn_role *out, gn_error *e) {
    const gn_slice as_templates_say = gn_slice_is(name, "you")     ? GN_S("user")
                                      : gn_slice_is(name, "model") ? GN_S("assistant")
                                                                   : name;
    for (gn_role r = GN_ROLE_SYSTEM; r <= GN_ROLE_DOCUMENT; r++)
        if (gn_slice_is(as_templates_say, gn_role_name(r))) {
            *out = r;
            return true;
        }
    return gn_fail(e, GN_INVALID, "'%.*s' says nothing", (int)name.len, name.data);
}

bool gn_script_turn(gn_script_talks *s, gn_slice line, gn_error *e) {
    int64_t parent, tokens;
    gn_role role = GN_ROLE_USER;
    const gn_slice above = word_of(&line), who = word_of(&line), many = word_of(&line),
                   marks = word_of(&line);
    if (!gn_parse_integer(above, &parent) || !gn_parse_integer(many, &tokens) ||
        parent >= (int64_t)s->turns.count || parent < -1)
        return gn_fail(e, GN_INVALID, "want PARENT ROLE TOKENS MARKS TEXT");
    if (!role_named(who, &role, e))
        return false;
    gn_turn *turn = gn_transcript_add(&s->turns, parent, role, line);
    s->made++;
    for (int64_t i = 0; turn && i < tokens; i++)
        if (!gn_ids_add(&turn->ids, (int32_t)(s->made * 1000 + i)))
            turn = NULL;
    if (!turn)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    turn->complete = true;
    turn->tokens = tokens;
    turn->read = 60;
    turn->prompt_s = 1;
    turn->stop = memchr(marks.data, 's', marks.len) ? GN_STOP_INTERRUPTED : GN_STOP_EOS;
    turn->edited = role == GN_ROLE_MODEL && memchr(marks.data, 'e', marks.len);
    const bool replied = role == GN_ROLE_MODEL && !turn->edited;
    const gn_reply reply = {0};
    if (memchr(marks.data, 'h', marks.len))
        s->head = turn->id;
    if (!gn_history_keep(s->history, &s->record, &s->turns, turn->id, replied ? &reply : NULL, e))
        return false;
    const int rating = memchr(marks.data, '+', marks.len)   ? 1
                       : memchr(marks.data, 'r', marks.len) ? -1
                                                            : 0;
    return (!rating || gn_history_rate(s->history, &s->record, turn, rating, e)) &&
           (!memchr(marks.data, 'd', marks.len) || keep_state(s, turn, e));
}

/* Its own time and name instead of now's. */
static bool date(gn_script_talks *s, gn_error *e) {
    gn_statement *q = gn_sql_prepare(
        gn_history_sql(s->history),
        "UPDATE session SET used_at = ?2, created_at = ?2, name = ?3 WHERE id = ?1", e);
    if (!q)
        return false;
    gn_bind_text(q, 1, gn_slice_of(s->record.id));
    gn_bind_text(q, 2, gn_str_slice(&s->used));
    gn_bind_text(q, 3, gn_str_slice(&s->name));
    return gn_sql_run(q, e);
}

bool gn_script_talk_from(gn_script_talks *s, gn_slice origin, gn_error *e) {
    return gn_history_run(s->history, e, "UPDATE session SET origin = ? WHERE id = ?", "ts",
                          &origin, s->record.id);
}

bool gn_script_talk_end(gn_script_talks *s, bool put_away, gn_error *e) {
    bool ok = true;
    if (s->record.id[0])
        ok = (s->head < 0 || gn_history_head(s->history, &s->record, &s->turns, s->head, e)) &&
             date(s, e) &&
             (!put_away ||
              gn_conversations_archive(gn_history_store(s->history), s->record.id, true, e));
    gn_transcript_release(&s->turns);
    s->turns = (gn_transcript){.head = -1};
    s->record.id[0] = s->record.branch[0] = '\0';
    gn_str_cut(&s->used, 0);
    gn_str_cut(&s->name, 0);
    return ok;
}

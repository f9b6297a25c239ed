/* statefile.c - a session on disk.
 *
 *   0 "GNSTATE\n", u32 version, u32 header bytes     16 checkpoint sha    48 prefix sha
 *   80 numerics, NUL-padded     144 u64 tokens, vocabulary (0: no logits)
 *   160 u32 x 8 geometry        192 u32 type of recurrent, of kv (0 f32, 1 16-bit)
 *   200 u64 x 8 offset and bytes of tokens, recurrent, kv, logits
 *   264 u64 x 4 XXH3-64 of each section             296 u64 XXH3-64 of bytes 0..295
 *
 * Little-endian; sections begin at multiples of 4096. What is read is checked
 * in the order it is used, and each check has its own sentence.
 */
#include "core/session.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    VERSION = 1,
    PAGE = 4096,
    AT_CHECKPOINT = 16,
    AT_PREFIX = 48,
    AT_NUMERICS = 80,
    AT_TOKENS = 144,
    AT_GEOMETRY = 160,
    AT_TYPES = 192,
    AT_SECTIONS = 200,
    AT_SUMS = 264,
    AT_HEADER_SUM = 296,
    SECTIONS = 4, /* tokens, these two, logits */
    RECURRENT = 1,
    KV = 2,
    GEOMETRY = 8
};
static const char MAGIC[8] = "GNSTATE\n";
static const char *const SECTION[SECTIONS] = {"tokens", "recurrent state", "attention rows",
                                              "logits"};

static void put32(uint8_t *to, uint32_t v) { memcpy(to, &v, sizeof v); }
static void put64(uint8_t *to, uint64_t v) { memcpy(to, &v, sizeof v); }
static uint32_t get32(const uint8_t *from) {
    uint32_t v;
    memcpy(&v, from, sizeof v);
    return v;
}
static uint64_t get64(const uint8_t *from) {
    uint64_t v;
    memcpy(&v, from, sizeof v);
    return v;
}

static void geometry(const gn_engine *g, uint32_t out[GEOMETRY]) {
    const gn_config *c = &g->config;
    int mamba = 0;
    for (int l = 0; l < c->layers; l++)
        mamba += c->mixer[l] == GN_MAMBA;
    const uint32_t m = (uint32_t)mamba;
    const uint32_t all[GEOMETRY] = {
        m,
        m ? (uint32_t)c->conv_width - 1 : 0,
        m ? (uint32_t)gn_conv_channels(c) : 0,
        m ? (uint32_t)c->ssm_heads : 0,
        m ? (uint32_t)c->ssm_state : 0,
        m ? (uint32_t)c->ssm_head_dim : 0,
        (uint32_t)g->model.layout.caches,
        (uint32_t)g->model.layout.kv_width,
    };
    memcpy(out, all, sizeof all);
}

static bool checkpoint_sha(gn_engine *g, uint8_t out[GN_SHA256_BYTES], gn_error *e) {
    char hex[GN_SHA256_HEX];
    if (!gn_engine_sha(g, hex, NULL, NULL, e))
        return false;
    for (int i = 0; i < GN_SHA256_BYTES; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        out[i] = (uint8_t)byte;
    }
    return true;
}

/* What a state file of this session says of itself, but for the sums. */
static bool header(gn_session *s, const size_t bytes[SECTIONS], uint8_t head[PAGE], gn_error *e) {
    gn_engine *g = s->engine;
    uint32_t shape[GEOMETRY];
    memset(head, 0, PAGE);
    memcpy(head, MAGIC, sizeof MAGIC);
    put32(head + 8, VERSION);
    put32(head + 12, PAGE);
    if (!checkpoint_sha(g, head + AT_CHECKPOINT, e))
        return false;
    gn_sha256_of(s->ids.id, s->ids.count * sizeof(int32_t), head + AT_PREFIX);
    memcpy(head + AT_NUMERICS, g->device->numerics, strnlen(g->device->numerics, 63));
    put64(head + AT_TOKENS, s->ids.count);
    put64(head + AT_TOKENS + 8, s->has_logits ? (uint64_t)g->config.vocab : 0);
    geometry(g, shape);
    memcpy(head + AT_GEOMETRY, shape, sizeof shape);
    put32(head + AT_TYPES + 4, g->device->kv_format == GN_F32 ? 0 : 1);

    uint64_t at = PAGE;
    for (int i = 0; i < SECTIONS; i++) {
        put64(head + AT_SECTIONS + 16 * i, at);
        put64(head + AT_SECTIONS + 16 * i + 8, bytes[i]);
        at = (at + bytes[i] + PAGE - 1) / PAGE * PAGE;
    }
    return true;
}

/* Of a whole file, by its header. */
static size_t file_bytes(const uint8_t *head) {
    const uint8_t *last = head + AT_SECTIONS + 16 * (SECTIONS - 1);
    return (size_t)((get64(last) + get64(last + 8) + PAGE - 1) / PAGE * PAGE);
}

/* A state file under way: sums are taken of what is still in the cache, on its way to the file. */
typedef struct writing {
    gn_writer *w;
    gn_xxh3_sum *sum;
    uint8_t *head;
    int section; /* under way */
} writing;

static bool add(writing *v, const void *data, size_t n, gn_error *e) {
    gn_xxh3_add(v->sum, data, n);
    return gn_writer_add(v->w, data, n, e);
}

static bool end_section(writing *v, gn_error *e) {
    put64(v->head + AT_SUMS + 8 * v->section++, gn_xxh3_end(v->sum));
    return gn_writer_pad(v->w, PAGE, e);
}

/* gn_state_walk's blocks are sections 1 and 2. */
static bool add_block(void *user, int block, const void *data, size_t n, gn_error *e) {
    writing *v = user;
    return (v->section > block || end_section(v, e)) && add(v, data, n, e);
}

static bool add_sections(writing *v, const gn_session *s, size_t logits, gn_error *e) {
    if (!gn_writer_add(v->w, v->head, PAGE, e) ||
        !add(v, s->ids.id, s->ids.count * sizeof(int32_t), e) || !end_section(v, e) ||
        !gn_state_walk(s->state, add_block, v, e))
        return false;
    while (v->section < SECTIONS - 1) /* a model may have nothing of a kind */
        if (!end_section(v, e))
            return false;
    if (!add(v, s->logits, logits, e) || !end_section(v, e))
        return false;
    put64(v->head + AT_HEADER_SUM, gn_xxh3(v->head, AT_HEADER_SUM));
    return gn_writer_patch(v->w, 0, v->head, PAGE, e);
}

struct gn_saving {
    gn_writer *w;
    char *path;
};

static void saving_free(gn_saving *v) {
    if (!v)
        return;
    free(v->path);
    free(v);
}

static bool save_failed(const char *path, gn_error *e) {
    gn_context(e, "save state"); /* what failed names the file */
    return gn_where(e, "%s", path);
}

gn_saving *gn_session_save_begin(gn_session *s, const char *path, gn_error *e) {
    const size_t logits = s->has_logits ? (size_t)s->engine->config.vocab * sizeof(float) : 0;
    const size_t bytes[SECTIONS] = {s->ids.count * sizeof(int32_t),
                                    gn_state_recurrent_bytes(s->state), gn_state_kv_bytes(s->state),
                                    logits};
    uint8_t head[PAGE];
    gn_saving *v = calloc(1, sizeof *v);
    writing now = {.sum = gn_xxh3_new(), .head = head};
    if (v)
        v->path = gn_strdup_slice(gn_slice_of(path));
    bool ok = (v && v->path && now.sum) || gn_fail(e, GN_NO_MEMORY, "out of memory");
    ok = ok && header(s, bytes, head, e) && (now.w = gn_writer_open(path, e)) != NULL &&
         gn_writer_expect(now.w, file_bytes(head), e) && add_sections(&now, s, logits, e);
    gn_xxh3_free(now.sum);
    if (ok) {
        v->w = now.w;
        return v;
    }
    gn_writer_abort(now.w);
    saving_free(v);
    save_failed(path, e);
    return NULL;
}

size_t gn_saving_bytes(const gn_saving *v) { return gn_writer_offset(v->w); }

bool gn_saving_end(gn_saving *v, gn_error *e) {
    const bool ok = gn_writer_commit(v->w, e) || save_failed(v->path, e);
    saving_free(v);
    return ok;
}

void gn_saving_abort(gn_saving *v) {
    if (v)
        gn_writer_abort(v->w);
    saving_free(v);
}

bool gn_session_save(gn_session *s, const char *path, gn_error *e) {
    gn_saving *v = gn_session_save_begin(s, path, e);
    return v && gn_saving_end(v, e);
}

static bool check_header(const gn_file *f, gn_error *e) {
    if (f->size < PAGE)
        return gn_fail(e, GN_FORMAT, "%zu bytes is too short for a state file", f->size);
    if (memcmp(f->data, MAGIC, sizeof MAGIC) != 0)
        return gn_fail(e, GN_FORMAT, "not a gneiss state file");
    if (get32(f->data + 8) != VERSION)
        return gn_fail(e, GN_UNSUPPORTED, "a state file of version %u; this gneiss reads %d",
                       get32(f->data + 8), VERSION);
    if (get64(f->data + AT_HEADER_SUM) != gn_xxh3(f->data, AT_HEADER_SUM))
        return gn_fail(e, GN_FORMAT, "the header is damaged (its checksum differs)");
    return true;
}

static bool check_geometry(const gn_engine *g, const gn_file *f, gn_error *e) {
    static const char *const name[GEOMETRY] = {
        "mamba layers", "conv window", "conv channels",    "mamba heads",
        "state size",   "head width",  "attention layers", "key/value width"};
    uint32_t want[GEOMETRY], have[GEOMETRY];
    geometry(g, want);
    memcpy(have, f->data + AT_GEOMETRY, sizeof have);
    for (int i = 0; i < GEOMETRY; i++)
        if (have[i] != want[i])
            return gn_fail(e, GN_INVALID, "a state of another model: %s %u, the checkpoint has %u",
                           name[i], have[i], want[i]);
    return true;
}

/* Sections lie in the file, one behind the other, and have the sizes the counts ask for. */
static bool check_sections(const gn_engine *g, const gn_file *f, gn_error *e) {
    const uint64_t tokens = get64(f->data + AT_TOKENS), vocab = get64(f->data + AT_TOKENS + 8);
    if (tokens == 0 || tokens > (uint64_t)INT32_MAX ||
        (vocab != 0 && vocab != (uint64_t)g->config.vocab))
        return gn_fail(e, GN_FORMAT, "%" PRIu64 " tokens and %" PRIu64 " logits make no state",
                       tokens, vocab);
    const gn_layout *l = &g->model.layout;
    const uint64_t kv_element = get32(f->data + AT_TYPES + 4) == 0 ? 4 : 2;
    const uint64_t want[SECTIONS] = {tokens * 4, l->recurrent * sizeof(float),
                                     tokens * l->kv_per_token * kv_element, vocab * 4};
    uint64_t least = PAGE;
    for (int i = 0; i < SECTIONS; i++) {
        const uint64_t at = get64(f->data + AT_SECTIONS + 16 * i),
                       bytes = get64(f->data + AT_SECTIONS + 16 * i + 8);
        if (bytes != want[i] || at % PAGE != 0 || at < least || at > f->size ||
            bytes > f->size - at)
            return gn_fail(e, GN_FORMAT,
                           "truncated or damaged: %s of %" PRIu64 " bytes at %" PRIu64
                           " in a file of %zu",
                           SECTION[i], bytes, at, f->size);
        least = at + bytes;
    }
    return true;
}

/* A state keeps what was read, not how: one backend goes on from what another read, with f32
 * recurrences and rows of one type (both exact, or both fast). Within a backend, where equal bits
 * are promised, numerics have to be the same. */
static bool goes_on(const char *made, const char *have) {
    const size_t mode = strcspn(have, "/");
    if (strcmp(made, have) == 0)
        return true;
    if (strncmp(made, have, mode + 1) != 0)
        return false;
    made += mode + 1;
    have += mode + 1;
    const size_t device = strcspn(have, "/");
    return strncmp(made, have, device + 1) != 0;
}

static bool check_identity(gn_engine *g, const gn_file *f, gn_error *e) {
    uint8_t sha[GN_SHA256_BYTES];
    char numerics[65] = {0}, have[17], want[17];
    if (!checkpoint_sha(g, sha, e))
        return false;
    if (memcmp(sha, f->data + AT_CHECKPOINT, sizeof sha) != 0) {
        gn_hex(f->data + AT_CHECKPOINT, 8, have);
        gn_hex(sha, 8, want);
        return gn_fail(e, GN_INVALID, "a state of checkpoint %s…, this one is %s…", have, want);
    }
    memcpy(numerics, f->data + AT_NUMERICS, 64);
    if (!goes_on(numerics, g->device->numerics))
        return gn_fail(e, GN_INVALID, "a state made with numerics '%s', this engine has '%s'",
                       numerics, g->device->numerics);
    return true;
}

/* Ids and logits are always summed: what is read from there must be what was written. A damaged
 * number in the rest only makes another text, so whoever wants may trust it. */
static bool check_sums(const gn_engine *g, const gn_file *f, gn_error *e) {
    for (int i = 0; i < SECTIONS; i++) {
        if (g->trust_states && (i == RECURRENT || i == KV))
            continue;
        const uint64_t at = get64(f->data + AT_SECTIONS + 16 * i),
                       bytes = get64(f->data + AT_SECTIONS + 16 * i + 8);
        if (gn_xxh3(f->data + at, (size_t)bytes) != get64(f->data + AT_SUMS + 8 * i))
            return gn_fail(e, GN_FORMAT, "the %s are damaged (their checksum differs)", SECTION[i]);
    }
    return true;
}

static gn_session *restore(gn_engine *g, const gn_file *f, gn_error *e) {
    const int64_t tokens = (int64_t)get64(f->data + AT_TOKENS);
    const uint8_t *at[SECTIONS];
    for (int i = 0; i < SECTIONS; i++)
        at[i] = f->data + get64(f->data + AT_SECTIONS + 16 * i);
    gn_session *s = gn_session_new(g, e);
    if (!s || !gn_session_room(s, tokens, e)) {
        gn_session_free(s);
        return NULL;
    }
    gn_state_import(s->state, tokens, at[1], at[2]);
    const bool logits = get64(f->data + AT_TOKENS + 8) != 0;
    if (logits)
        memcpy(s->logits, at[3], (size_t)g->config.vocab * sizeof *s->logits);
    if (!gn_session_took(s, (const int32_t *)(const void *)at[0], tokens, logits ? s->logits : NULL,
                         e)) {
        gn_session_free(s);
        return NULL;
    }
    return s;
}

gn_session *gn_session_load(gn_engine *g, const char *path, gn_error *e) {
    gn_file f = {0};
    gn_session *s = NULL;
    if (gn_file_map(&f, path, e) && check_header(&f, e) && check_geometry(g, &f, e) &&
        check_sections(g, &f, e) && check_identity(g, &f, e) && check_sums(g, &f, e))
        s = restore(g, &f, e);
    gn_file_unmap(&f);
    if (!s) {
        gn_context(e, "state '%s'", path);
        gn_where(e, "%s", path);
        if (e->code == GN_INVALID) /* a file, not the command line, is wrong */
            e->code = GN_UNSUPPORTED;
    }
    return s;
}

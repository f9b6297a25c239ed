/* quantize.c - write a checkpoint as a GGUF of another number format.
 *
 * The source is opened as an engine that leaves its weights in the file, so that every
 * name, shape and key has been checked before the first byte is written. Then piece
 * after piece is unpacked to f32 row by row, packed by all threads, and written in order
 * to a file that appears at its name only when it is whole.
 */
#include "core/convert.h"
#include "core/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SLAB = 1 << 22, PART = 1 << 15 }; /* numbers packed between two writes, and by one thread */

/* Rows [first, first + rows) of a piece into out. */
typedef struct slab {
    const gn_piece *piece;
    int format;
    int64_t first, rows, part; /* rows of one part */
    uint8_t *out;
    float *scratch;  /* [threads, 2, cols] */
    int64_t *broken; /* [threads] a row that cannot be packed; -1 */
} slab;

/* f16 ends at 65504; no block format has room for what is no number. */
static bool fits(const float *v, int64_t n, int format) {
    const float most = format == GN_F16 ? 65520.0f : INFINITY;
    bool all = true;
    for (int64_t i = 0; i < n; i++)
        all = all && fabsf(v[i]) < most;
    return all || format == GN_F32 || format == GN_BF16;
}

static void pack_part(void *arg, int part, int thread) {
    slab *s = arg;
    const gn_piece *p = s->piece;
    const int64_t begin = s->first + part * s->part, left = s->first + s->rows - begin;
    const int64_t end = begin + (left < s->part ? left : s->part);
    const size_t row_out = gn_row_bytes(s->format, p->cols);
    float *row = s->scratch + (size_t)thread * (size_t)p->cols;
    for (int64_t r = begin; r < end; r++) {
        uint8_t *out = s->out + (size_t)(r - s->first) * row_out;
        if (p->numbers) {
            memcpy(row, p->numbers + r * p->cols, (size_t)p->cols * sizeof *row);
        } else {
            const size_t row_in = gn_row_bytes(p->from->format, p->cols);
            const uint8_t *in = p->from->data + (size_t)gn_piece_row(p, r) * row_in;
            if (p->from->format == s->format && !p->minus_exp) {
                memcpy(out, in, row_in);
                continue;
            }
            gn_format_of(p->from->format)->unpack(in, row, (size_t)p->cols);
        }
        for (int64_t i = 0; p->minus_exp && i < p->cols; i++)
            row[i] = -expf(row[i]);
        if (!fits(row, p->cols, s->format))
            s->broken[thread] = r;
        gn_format_of(s->format)->pack(row, out, (size_t)p->cols);
    }
}

typedef struct quantising {
    const gn_quantize_options *o;
    gn_engine *g;
    gn_pieces pieces;
    int *format; /* [pieces] */
    gn_pool *pool;
    gn_gguf *out;
    size_t done, all; /* bytes of tensors */
} quantising;

static int64_t rows_of(const gn_piece *p) {
    int64_t n = 1;
    for (int i = 0; i < p->dims; i++)
        n *= p->dim[i];
    return n / p->cols;
}

static bool write_slab(quantising *q, slab *s, gn_error *e) {
    const int threads = gn_pool_threads(q->pool);
    const size_t bytes = (size_t)s->rows * gn_row_bytes(s->format, s->piece->cols);
    for (int i = 0; i < threads; i++)
        s->broken[i] = -1;
    gn_pool_run(q->pool, (int)((s->rows + s->part - 1) / s->part), pack_part, s);
    for (int i = 0; i < threads; i++)
        if (s->broken[i] >= 0)
            return gn_fail(e, GN_UNSUPPORTED,
                           "tensor '%.*s', row %lld holds a number that %s has no room for; "
                           "bf16 and f32 have",
                           (int)s->piece->name.len, s->piece->name.data, (long long)s->broken[i],
                           gn_format_of(s->format)->name);
    if (!gn_gguf_data(q->out, s->out, bytes, e))
        return false;
    q->done += bytes;
    if (q->o->progress && !q->o->progress(q->o->user, q->done, q->all))
        return gn_fail(e, GN_CANCELLED, "quantising was stopped; nothing was written");
    return true;
}

static bool write_piece(quantising *q, size_t i, gn_error *e) {
    const gn_piece *p = &q->pieces.piece[i];
    const size_t threads = (size_t)gn_pool_threads(q->pool);
    const int64_t all = rows_of(p), most = p->cols < SLAB ? SLAB / p->cols : 1;
    const int64_t rows = all < most ? all : most;
    slab s = {.piece = p,
              .format = q->format[i],
              .part = p->cols < PART ? PART / p->cols : 1,
              .out = malloc((size_t)rows * gn_row_bytes(q->format[i], p->cols) + 1),
              .scratch = malloc(threads * (size_t)p->cols * sizeof(float)),
              .broken = malloc(threads * sizeof(int64_t))};
    bool ok = (s.out && s.scratch && s.broken) || gn_fail(e, GN_NO_MEMORY, "out of memory");
    for (int64_t at = 0; ok && at < all; at += rows) {
        s.first = at;
        s.rows = all - at < rows ? all - at : rows;
        ok = write_slab(q, &s, e);
    }
    free(s.out);
    free(s.scratch);
    free(s.broken);
    return ok;
}

static void plan(quantising *q, const gn_recipe *r, gn_quantized *said) {
    bool tied = true;
    for (size_t i = 0; i < q->pieces.count; i++)
        tied = tied && !gn_slice_is(q->pieces.piece[i].name, "output.weight");
    const gn_recipe_model m = gn_recipe_model_of(&q->g->config, tied);
    for (size_t i = 0; i < q->pieces.count; i++) {
        const gn_piece *p = &q->pieces.piece[i];
        const int format = gn_recipe_format(r, &m, p->name, p->dims, p->dim);
        q->format[i] = format;
        q->all += (size_t)rows_of(p) * gn_row_bytes(format, p->cols);
        said->tensors[format]++;
        if (p->from && gn_format_of(p->from->format)->block > 1 && p->from->format != format)
            said->requantised++;
        gn_gguf_tensor(q->out, p->name, format, p->dims, p->dim);
    }
}

static bool write_all(quantising *q, const char *out, const gn_recipe *r, gn_quantized *said,
                      gn_error *e) {
    q->format = malloc(q->pieces.count * sizeof *q->format + 1);
    q->pool = gn_pool_new(q->o->threads > 0 ? q->o->threads : gn_processors(), e);
    if (!q->pool)
        return false;
    if (!q->format)
        return gn_fail(e, GN_NO_MEMORY, "out of memory");
    q->out = gn_gguf_new(out, e);
    if (!q->out || !gn_convert_keys(q->out, q->g, r->file_type, e))
        return false;
    plan(q, r, said);
    if (!gn_gguf_begin(q->out, e))
        return false;
    for (size_t i = 0; i < q->pieces.count; i++)
        if (!write_piece(q, i, e))
            return false;
    gn_gguf *whole = q->out;
    q->out = NULL;
    return gn_gguf_commit(whole, e);
}

/* The very file that is read, by another name perhaps. */
static bool is_source(const gn_engine *g, const char *out) {
    struct stat a, b;
    if (stat(out, &b) != 0)
        return false;
    for (int i = 0; gn_tensors_path(g->tensors, i); i++)
        if (stat(gn_tensors_path(g->tensors, i), &a) == 0 && a.st_dev == b.st_dev &&
            a.st_ino == b.st_ino)
            return true;
    return false;
}

bool gn_quantize(const char *in, const char *out, const gn_quantize_options *o, gn_quantized *said,
                 gn_error *e) {
    const double began = gn_seconds();
    const gn_engine_options open = {
        .backend = "cpu", .mapped = true, .threads = o->threads, .batch_tokens = 1, .ctx = 1};
    const gn_recipe *r = gn_recipe_find(o->type, e);
    quantising q = {.o = o};
    struct stat st;
    *said = (gn_quantized){0};
    if (!r || !(q.g = gn_engine_open(in, &open, e)))
        return false;
    bool ok = !is_source(q.g, out) ||
              gn_fail(e, GN_INVALID, "'%s' is the file that is read; give another name", out);
    ok = ok && gn_pieces_of(&q.pieces, q.g, &said->warnings, e) && gn_str_ok(&said->warnings, e) &&
         write_all(&q, out, r, said, e);
    if (!ok && e->code != GN_CANCELLED && e->code != GN_INVALID)
        gn_context(e, "quantize '%s'", in);
    gn_gguf_abort(q.out);
    said->bytes_in = gn_tensors_bytes(q.g->tensors);
    for (int i = 0; ok && gn_tensors_path(q.g->tensors, i); i++)
        if (stat(gn_tensors_path(q.g->tensors, i), &st) == 0)
            said->bytes_in = (i ? said->bytes_in : 0) + (size_t)st.st_size;
    said->bytes_out = ok && stat(out, &st) == 0 ? (size_t)st.st_size : 0;
    said->seconds = gn_seconds() - began;
    gn_pieces_release(&q.pieces);
    gn_pool_free(q.pool);
    free(q.format);
    gn_engine_close(q.g);
    return ok;
}

const char *gn_quantized_format(int i) {
    return i >= 0 && i < GN_FORMATS ? gn_format_of(i)->name : NULL;
}

void gn_quantized_release(gn_quantized *q) { gn_str_release(&q->warnings); }

_Static_assert((int)GN_QUANTIZED_FORMATS == (int)GN_FORMATS, "a count for each format");

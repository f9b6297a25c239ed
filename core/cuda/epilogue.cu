/* epilogue.cu - which ops go into the product before them. */
#include "core/cuda/epilogue.cuh"

#include <string.h>

bool gn_cuda_apart(const gn_m &a, const gn_m &b) {
    const auto end = [](const gn_m &m) {
        return reinterpret_cast<uintptr_t>(m.data) +
               sizeof(float) * ((size_t)(m.rows - 1) * (size_t)m.stride + (size_t)m.cols);
    };
    return a.rows == 0 || b.rows == 0 || end(a) <= reinterpret_cast<uintptr_t>(b.data) ||
           end(b) <= reinterpret_cast<uintptr_t>(a.data);
}

gn_convolution gn_cuda_conv_of(const gn_command &k, const gn_table &t) {
    gn_convolution v;
    memset(static_cast<void *>(&v), 0, sizeof v);
    v.y = k.m[0];
    v.w = gn_floats(k.w[0]);
    v.bias = gn_floats(k.w[1]);
    v.row = (int)(k.w[0].row / sizeof(float));
    v.W = k.w[0].cols;
    v.at = k.at;
    v.table = t;
    return v;
}

void gn_cuda_nothing_follows(gn_epilogue *e) {
    memset(static_cast<void *>(e), 0, sizeof *e);
    e->scale = 1.0f;
}

/* Whether it may be written while a product of y is on its way. */
static bool free_to_write(const gn_m &to, const gn_m &y, const gn_m read[2]) {
    return gn_cuda_apart(to, y) && gn_cuda_apart(to, read[0]) && gn_cuda_apart(to, read[1]);
}

size_t gn_cuda_sums(gn_epilogue *e, const gn_m &y, const gn_m read[2], const gn_command *k,
                    size_t n) {
    gn_m from = y;
    size_t taken = 0;
    gn_cuda_nothing_follows(e);
    for (; taken < n && taken < GN_ADDS && k[taken].code == GN_OP_AXPY; taken++) {
        const gn_m to = k[taken].m[0];
        if (!gn_same(k[taken].m[1], from) || !gn_cuda_apart(to, from) ||
            !free_to_write(to, y, read))
            break;
        e->sum[taken] = to.data;
        e->sum_stride[taken] = to.stride;
        e->by[taken] = k[taken].a;
        from = to;
    }
    return taken;
}

size_t gn_cuda_epilogue(gn_epilogue *e, const gn_m &y, const gn_m *second, const gn_m read[2],
                        const gn_command *k, size_t n, const gn_table &t) {
    gn_cuda_nothing_follows(e);
    if (n == 0)
        return 0;
    const gn_m to = k->m[0], from = k->m[1];
    if (second) {
        if (k->code != GN_OP_SWIGLU || !gn_same(from, y) || !gn_same(k->m[2], *second) ||
            !gn_cuda_apart(to, *second) || !free_to_write(to, y, read))
            return 0;
        e->gated = to;
        return 1;
    }
    if (k->code == GN_OP_SCALE && gn_same(to, y)) {
        e->scale = k->a;
        return 1;
    }
    if (k->code == GN_OP_CONV && gn_single(t) && from.stride == y.stride && from.rows == y.rows &&
        from.data >= y.data && from.data + from.cols <= y.data + y.cols &&
        free_to_write(to, y, read)) {
        e->conv = gn_cuda_conv_of(*k, t);
        e->conv_first = (int)(from.data - y.data);
        return 1;
    }
    return gn_cuda_sums(e, y, read, k, n);
}

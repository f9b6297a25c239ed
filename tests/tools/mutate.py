#!/usr/bin/env python3
"""Can the tests fail? Each line below is a small wrong edit that one of them must notice.

    tests/tools/mutate.py [-j JOBS] [WORD ...]      only edits whose file or text holds a WORD

Copies the tree to a temporary folder, builds there once, then for each edit builds again, runs the
tests it names and puts the file back. An edit that does not compile, or whose text is no longer
in its file exactly once, is as bad as one that is missed: the list is out of date. Exit 1 for any.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORWARD = "core/model/forward.c"
CONFIG = "core/model/config.c"
GGUF = "core/model/config_gguf.c"
WEIGHTS = "core/model/weights.c"
STATE = "core/model/state.c"
PLAN = "core/model/plan.c"
FREQUENCY = "core/model/frequency.c"

# (file, text, what becomes of it, tests any one of which must fail)
EDITS = [
    # the forward pass: a part is left out, or takes another's place
    (FORWARD, "p->token, c->embedding_multiplier", "p->token, 1.0f", "test_model"),
    (FORWARD, "attention(&s, out, norm, &w->attention, l);\n        gn_axpy(s.d, x, c->residual_multiplier, out)",
     "attention(&s, out, norm, &w->attention, l);\n        gn_axpy(s.d, x, 1.0f, out)", "test_model"),
    (FORWARD, "feed_forward(&s, out, norm, w);\n        gn_axpy(s.d, x, c->residual_multiplier, out)",
     "feed_forward(&s, out, norm, w);\n        gn_axpy(s.d, x, 1.0f, out)", "test_model"),
    (FORWARD, "c->head_dim, c->attention_multiplier", "c->head_dim, 0.3f", "test_model"),
    (FORWARD, "1.0f / c->logits_scaling", "c->logits_scaling", "test_model"),
    (FORWARD, "&w->norm, c->ssm_groups, c->norm_eps", "&w->norm, 1, c->norm_eps", "test_model"),
    (FORWARD, "&w->in_proj, &w->in_bias", "&w->in_proj, NULL", "test_model"),
    (FORWARD, "&w->out_proj, &w->out_bias", "&w->out_proj, NULL", "test_model"),
    (FORWARD, "{k, &w->k, &w->k_bias}", "{k, &w->k, &w->v_bias}", "test_model"),
    (FORWARD, "&w->o, &w->o_bias", "&w->o, NULL", "test_model"),
    (FORWARD, "{up, &w->up, &w->up_bias}", "{up, &w->up, &w->gate_bias}", "test_model"),
    (FORWARD, "gn_swiglu(s->d, mid, gate, up)", "gn_swiglu(s->d, mid, up, gate)", "test_model"),
    (FORWARD, "gn_rope(s->d, k, c->head_dim", "if (0)\n            gn_rope(s->d, k, c->head_dim",
     "test_model"),
    (FORWARD, "gn_axpy(s->d, out, 1.0f, routed)", "gn_axpy(s->d, out, 0.5f, routed)", "test_model"),
    (FORWARD, "out, norm, &w->mamba, l)", "out, x, &w->mamba, l)", "test_model"),
    (FORWARD, "norm, x, &w->post_norm", "norm, x, &w->input_norm", "test_model"),
    (FORWARD, "&m->weights->final_norm", "&m->weights->layer[0].post_norm", "test_model"),
    (FORWARD, ".B = gn_cols(conv, I, GN)", ".B = gn_cols(conv, I + GN, GN)", "test_model"),
    # what a sequence remembers, in a step
    (FORWARD, "s->at->window[l]", "s->at->window[0]", "test_model"),
    (FORWARD, "s->at->ssm[l]", "s->at->ssm[0]", "test_model"),
    (FORWARD, "s->at->nth_kv[l]", "0", "test_model"),
    (FORWARD, ".past = past,", ".past = 0,", "test_model"),
    (FORWARD, ".from = past ? memory(from) : (gn_memory){0}", ".from = memory(to)", "test_model"),
    (FORWARD, ".from = past ? memory(from)", ".from = from ? memory(from)", "test_model"),
    (FORWARD, "tokens = p->lane[i].past + feed[i].count", "tokens = feed[i].count", "test_model"),
    (FORWARD, "p->hidden + (size_t)first", "p->hidden + (size_t)0", "test_model"),
    # the working memory
    (PLAN, "    logits = used;", "    logits = 0;", "test_model"),
    (PLAN, "p->norm = take(p->block, &used, T, c->hidden)", "p->norm = p->x", "test_model"),
    (PLAN, "p->inner = take(p->block, &used, T, widest_inner(c))", "p->inner = p->wide",
     "test_model"),
    # states
    (STATE, "out.window[l] = out.recurrent", "out.window[l] = 0", "test_state"),
    (STATE, "(c->conv_width - 1)", "c->conv_width", "test_state"),
    (STATE, "(size_t)half * row_bytes(s->layout, capacity)",
     "(size_t)half * row_bytes(s->layout, s->tokens)", "test_state"),
    (STATE, "    copy_rows(s, kv, capacity);\n", "", "test_state"),
    (STATE, "    copy_rows(s, t->kv, t->capacity);\n", "", "test_state"),
    (STATE, "t->recurrent, s->recurrent, recurrent_bytes(s->layout)", "t->recurrent, s->recurrent, 4",
     "test_state"),
    (STATE, "    t->tokens = s->tokens;\n", "", "test_state"),
    (STATE, "    s->tokens = tokens;\n", "", "test_state"),
    (STATE, "return capacity < 0 ||", "return false &&", "test_state"),
    # config.json
    (CONFIG, '{"bamba", BAMBA, 128000, 14336, 0, 8, 262144, 1e-5}',
     '{"bamba", BAMBA, 128000, 14336, 0, 8, 262144, 1e-6}', "test_config"),
    (CONFIG, "const float whole = half ? 0.5f : 1.0f", "const float whole = 1.0f", "test_config"),
    (CONFIG, "c->dt_max = (float)high", "c->dt_max = INFINITY", "test_config"),
    (CONFIG, "if (f->bit == HYBRID && !rope)", "if (0)", "test_config"),
    (CONFIG, "if (told && mixer != c->mixer[l])", "if (0)", "test_config"),
    (CONFIG, "c->expert_ff = ff;", "c->expert_ff = c->shared_ff;", "test_config"),
    (CONFIG, "!(low <= high)", "false", "test_config"),
    (CONFIG, '{"sliding_window", REFUSE', '{"sliding_window", PASS', "test_config"),
    (CONFIG, "c->rope_theta = gn_keys_float(&r", "gn_keys_float(&r", "test_config"),
    ("core/model/keys.c", "!(out >= low && out <= high)", "out < low || out > high",
     "test_config"),
    ("core/model/keys.c", "|| out < low || out > high", "", "test_config"),
    # GGUF keys
    (GGUF, "n ? GN_ATTENTION : GN_MAMBA", "n ? GN_MAMBA : GN_ATTENTION", "test_config"),
    (GGUF, "return v == 0 ? none : v;", "return v;", "test_config"),
    (GGUF, 'gn_keys_bool(k, "rope.scaling.finetuned", true)',
     'gn_keys_bool(k, "rope.scaling.finetuned", false)', "test_config"),
    # tensors
    (WEIGHTS, "2 * (i % half) + i / half", "i", "test_model"),
    (WEIGHTS, "b->gguf ? REORDER : AS_IS", "AS_IS", "test_model"),
    (WEIGHTS, "b->gguf ? AS_IS : MINUS_EXP", "MINUS_EXP", "test_model"),
    (WEIGHTS, "*up = view(t, n, 2 * rows, rows, rows, cols)",
     "*up = view(t, n, 2 * rows, 0, rows, cols)", "test_model"),
    (WEIGHTS, ".step = (size_t)all * row", ".step = (size_t)rows * row", "test_model"),
    (WEIGHTS, "f[i] /= factor[i]", "f[i] *= factor[i]", "test_model"),
    (WEIGHTS, "const bool there = look(b, HEAD, 0);",
     "const bool there = look(b, HEAD, 0) && !b->c->tied;", "test_weights"),
    (WEIGHTS, "if (!same || at < 3)", "if (0)", "test_weights"),
    (WEIGHTS, "w->ssd.dt_max = c->dt_max", "w->ssd.dt_max = 1e9f", "test_model"),
    (FREQUENCY, "(1 - smooth) * f / c->rope_scaling.factor", "(1 - smooth) * f", "test_weights"),
    (FREQUENCY, "if (length > c->rope_scaling.context / low)",
     "if (length > c->rope_scaling.context / high)", "test_model"),
    # the CPU's formulas
    ("core/cpu/ssd.c", "h * j->p->groups / j->heads", "h % j->p->groups", "test_model"),
    ("core/cpu/conv.c", "else if (t->from)", "else if (0)", "test_model"),
    ("core/cpu/conv.c", "    if (to)\n", "    if (to && to != from)\n", "test_model"),
    ("core/cpu/formula_lanes.h", "vec_max(low, vec_min(high, vec_softplus(v)))", "vec_softplus(v)",
     "test_model"),
    ("core/cpu/formula_lanes.h", "vec_fma(D, own[k], y[k])", "y[k]", "test_model"),
    ("core/cpu/formula_lanes.h", "zero = t == 0 && !s->from", "zero = t == 0", "test_model"),
    ("core/cpu/formula_lanes.h", "(size_t)(token + t->W - 1) * t->row", "(size_t)(token + t->W - 2) * t->row",
     "test_model"),
    ("core/cpu/attend.c", "lane->to.kv && lane->from.kv && lane->to.kv != lane->from.kv", "false",
     "test_model"),
    ("core/cpu/attend.c", "(row + i) / j->share % b->tokens + 1 - first", "(row + i) / j->share % b->tokens + 2 - first",
     "test_model"),
    ("core/cpu/attend.c", "to[k] = j->scale * q[k]", "to[k] = q[k]", "test_model"),
    # products with integers, on the processors that have them
    ("core/cpu/kernel_int.h", "q->sum[i] = q->scale[i] * (float)(int32_t)(sum[0] + sum[1])",
     "q->sum[i] = q->scale[i] * (float)(int32_t)sum[0]", "test_linear"),
    ("core/cpu/kernel_int.h", "int shift = GN_SHIFT;", "int shift = 0;", "test_linear"),
    ("core/cpu/blocks_avx512.h", "plus(nibble(at, 0, j), 128 - 8)", "plus(nibble(at, 0, j), 128 - 7)",
     "test_linear test_linear_emulated"),
    ("core/cpu/blocks_avx512.h", "16 * (g / 4) + 8 * (i % 2) + j", "16 * (g / 4) + j",
     "test_linear test_linear_emulated"),
    ("core/cpu/blocks_avx512.h", "b.b = q3_k_scale(at, 2 * g + 1)", "b.b = q3_k_scale(at, 2 * g)",
     "test_linear test_linear_emulated"),
    ("core/cpu/kernel_int_avx512.c", "_mm512_fmadd_ps(b->m, _mm512_set1_ps(x->sum[i]), y)", "y",
     "test_linear test_linear_emulated"),
    ("core/cpu/kernel_wide_avx512.c", "ints(offset[n])", "_mm512_setzero_si512()",
     "test_linear test_linear_emulated"),
    ("core/cpu/kernel_wide_avx512.c", "x->tokens - t != 16; t += TILE)", "x->tokens - t != 16; t += TILE + 1)",
     "test_linear test_linear_emulated"),
    ("core/cpu/kernel_wide_avx2.c", "_mm256_sllv_epi32(dot[h][n], ints(x->shift[i + (size_t)n]))",
     "dot[h][n]", "test_linear"),
    ("core/cpu/kernel_wide_avx2.c", "if (first + count == x->blocks)", "if (first == 0)", "test_linear"),
    ("core/cpu/kernel_int_avx2.c", "take_up(s, y, stride, N, first > 0)", "take_up(s, y, stride, N, false)",
     "test_linear"),
    ("core/cpu/experts.c", "y[r] += gate * from[r]", "y[r] += from[r]", "test_model"),
    ("core/cpu/rows.c", "lane->past + first - lane->first, angle", "first - lane->first, angle",
     "test_model"),
    ("core/cpu/formula_rows.h", "square(x, n) / (float)n + eps", "square(x, n) / (float)n",
     "test_model"),
    # comparing: statistics, two models in lockstep, what is the same of two answers
    ("eval/statistics.c", "sum += of[c] * of[c];", "sum += fabs(of[c]);", "test_eval_statistics"),
    ("eval/statistics.c", "return sum * 2 < 1 ? sum * 2 : 1;", "return sum;", "test_eval_statistics"),
    ("eval/statistics.c", "p[order[k]] * (m - k)", "p[order[k]] * m", "test_eval_statistics"),
    ("core/diverge.c", "return x[(n * thousandths + 999) / 1000 - 1];", "return x[n * thousandths / 1000];",
     "test_eval_statistics"),
    ("core/diverge.c", "add(&ratio, t[i].lp_a - t[i].lp_b)", "add(&ratio, t[i].lp_b - t[i].lp_a)",
     "test_eval_statistics"),
    ("core/diverge.c", "if (at + i + 1 >= first)", "if (at + i >= first)", "test_quantize"),
    ("app/chat/contrast.c", "x[i++].same = y[j++].same = true;", "i++, j++;", "test_tui_compare"),
    ("app/chat/contrast.c", "went[(i + 1) * (m + 1) + j + 1] + 1", "went[(i + 1) * (m + 1) + j + 1]", "test_tui_compare"),
    ("app/chat/contrast.c", "if (ahead_a || ahead_b) {\n            differs = true;",
     "if (ahead_a || ahead_b) {\n            differs = false;", "test_tui_compare"),
    # the GPU, under the emulator
    ("core/generate.c", "return j->work->own || !j->stopped || s->has_logits ||", "return true || s->has_logits ||",
     "test_cuda_engine"),
    ("core/cuda/batch.cu", "a[k / 2][half + 2 * (k % 2)]", "a[k / 2][2 * half + k % 2]", "test_cuda_weights"),
    ("core/cuda/few.cu", "bias = in.more[k].bias;", "bias = in.bias;", "test_cuda_weights"),
    ("core/cuda/epilogue.cuh", "to[(size_t)(k - 1) * C]", "to[(size_t)(k - 1) * 0]", "test_cuda_ops"),
    ("core/cuda/epilogue.cuh", "fmaf(e.by[k], v, *sum)", "fmaf(1.0f, v, *sum)", "test_cuda_joined"),
    ("core/cuda/epilogue.cu", "gn_cuda_apart(to, read[0]) && gn_cuda_apart(to, read[1])", "true", "test_cuda_joined"),
    ("core/cuda/few.cu", "gates[(warp + 1) * T + lane]", "gates[warp * T + lane]", "test_cuda_joined"),
    ("core/cuda/batch.cu", "number(r + ROWS / 2, token, in.second.bias)", "number(r, token, in.second.bias)",
     "test_cuda_joined"),
    ("core/cuda/grouped.cu", "p.tile[2 * tile + 1] = sum + i;", "p.tile[2 * tile + 1] = sum;", "test_cuda_weights"),
    # a kernel that begins before the one before it is done
    ("core/cuda/rows.cu", "gather(gn_m y, gn_m x, const int32_t *row) {\n    GN_WAIT();",
     "gather(gn_m y, gn_m x, const int32_t *row) {", "test_cuda_ops"),
    ("core/cuda/norm.cu", "    GN_WAIT();\n    const int t = (int)blockIdx.x, first = (int)blockIdx.y * in.width;",
     "    const int t = (int)blockIdx.x, first = (int)blockIdx.y * in.width + (in.gain[0] > 1e30f);\n    GN_WAIT();",
     "test_cuda_ops"),
]


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **more)


def copy_tree(to):
    for name in ("core", "tests", "eval", "app", "cmake", "CMakeLists.txt"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name)
        elif source.exists():
            shutil.copy2(source, to / name)


def verdict(tree, build, edit, jobs):
    file, text, becomes, tests = edit
    path = tree / file
    before = path.read_text()
    if before.count(text) != 1:
        return f"stale: found {before.count(text)} times"
    path.write_text(before.replace(text, becomes))
    try:
        names = tests.split()
        made = run(["ninja", "-C", build, "-j", str(jobs), *names])
        if made.returncode:
            return "stale: does not compile\n" + made.stdout[-800:]
        for name in names:
            try:
                if run([str(build / name)], cwd=tree, timeout=120).returncode:
                    return "caught"
            except subprocess.TimeoutExpired:
                return "caught"
        return "MISSED"
    finally:
        path.write_text(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("word", nargs="*")
    options = parser.parse_args()
    edits = [e for e in EDITS
             if not options.word or any(w in e[0] or w in e[1] for w in options.word)]
    if not edits:
        sys.exit("no edit holds that word")
    tests = sorted({t for e in edits for t in e[3].split()})

    with tempfile.TemporaryDirectory(prefix="gneiss-mutate-") as folder:
        tree, build = Path(folder) / "tree", Path(folder) / "build"
        tree.mkdir()
        copy_tree(tree)
        run(["cmake", "-S", tree, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
             "-DCMAKE_C_FLAGS_DEBUG=-O1"], check=True)
        made = run(["ninja", "-C", build, "-j", str(options.jobs), *tests])
        if made.returncode:
            sys.exit("the tree does not build:\n" + made.stdout[-2000:])
        for test in tests:
            if run([str(build / test)], cwd=tree).returncode:
                sys.exit(f"{test} fails before any edit")
        bad = 0
        for edit in edits:
            result = verdict(tree, build, edit, options.jobs)
            bad += result != "caught"
            line = edit[2].strip().replace("\n", " ") or "(nothing)"
            print(f"{result:8} {edit[0]}: {' '.join(edit[1].split())}  ->  {' '.join(line.split())}",
                  flush=True)
    print(f"{len(edits) - bad} caught, {bad} missed or stale")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()

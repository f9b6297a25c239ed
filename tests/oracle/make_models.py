"""Tiny random checkpoints of every architecture gneiss runs, with transformers' answers.

    python tests/oracle/make_models.py

writes tests/oracle/models/NAME/{config.json, *.safetensors, expect.vec} and, for some, model.gguf
with the same weights; NAME-q8_0 and the like hold a GGUF alone, whose answers are those of its
dequantised weights. Needs transformers 5.24.0, torch, safetensors, gguf. All is seeded.

Every folder is read back by transformers before it is asked, in float32, so what is in the files
is what the answers belong to. Then each parameter tensor, each part of a fused one and each
number of the configuration that has an effect is taken away in turn: some log-probability must
move by more than 0.01, or a test against these answers could not see the part missing.

expect.vec: for each length N
    tokens.N i32 N      ids
    last.N f32 V        log-probabilities after the last of them
    next.N f32 N-1      of each token but the first, given those before it
    loss.N f32 1        model(input_ids, labels=input_ids).loss
"""

import copy
import json
import math
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).resolve().parent / "models"
CHUNK = 16
LENGTHS = [1, 2, 3, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK - 5]
NEEDED = 1e-2

BASE = dict(
    vocab_size=97, hidden_size=32, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=256, rms_norm_eps=0.02, bos_token_id=3, eos_token_id=3, pad_token_id=2,
)
GRANITE = dict(
    embedding_multiplier=6.0, attention_multiplier=0.25, residual_multiplier=0.6,
    logits_scaling=1.5,
)
MAMBA = dict(
    mamba_n_heads=8, mamba_d_head=8, mamba_d_state=12, mamba_n_groups=1, mamba_d_conv=4,
    mamba_expand=2, mamba_chunk_size=CHUNK, mamba_conv_bias=True, mamba_proj_bias=False,
)
DENSE = dict(num_local_experts=0, num_experts_per_tok=0, shared_intermediate_size=24,
             intermediate_size=24)
EXPERTS = dict(num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=20,
               intermediate_size=12)
M, A = "mamba", "attention"


def hybrid(layers, **more):
    return dict(model_type="granitemoehybrid", **{**BASE, **GRANITE, **MAMBA, **DENSE,
                "num_hidden_layers": len(layers), "layer_types": layers,
                "tie_word_embeddings": True, "position_embedding_type": "nope", **more})


def plain(model_type, **more):
    return dict(model_type=model_type, **{**BASE, "num_hidden_layers": 2, **more})


LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=48)

# name: (config, dtype stored, spelling of the keys, GGUF files)
VARIANTS = {
    "hybrid_dense": (hybrid([M, A, M]), "BF16", "old", ["BF16"]),
    "hybrid_moe": (hybrid([M, A, M], **EXPERTS, tie_word_embeddings=False), "BF16", "old",
                   ["BF16", "Q8_0"]),
    "hybrid_rope": (hybrid([A, M, A], position_embedding_type="rope", mamba_n_groups=2,
                           mamba_conv_bias=False, attention_bias=True, mamba_proj_bias=True,
                           rope_parameters=dict(rope_type="default", rope_theta=100.0)),
                    "F16", "new", ["BF16"]),
    "hybrid_mamba": (hybrid([M, M], mamba_n_groups=4, mamba_d_conv=2, mamba_d_head="auto",
                            time_step_limit=(0.25, 1.0)), "BF16", "new", []),
    "hybrid_mamba_moe": (hybrid([M, M], **EXPERTS, mamba_n_heads=4, mamba_d_head=16,
                                mamba_n_groups=2, mamba_d_conv=5, num_attention_heads=5),
                         "BF16", "new", []),
    "hybrid_attention": (hybrid([A, A], position_embedding_type="rope", mamba_n_heads=128,
                                mamba_d_head="auto", mamba_expand=4,
                                rope_parameters=dict(rope_type="default", rope_theta=1e7)),
                         "BF16", "old", ["F32"]),
    "hybrid_attention_moe": (hybrid([A, A], **EXPERTS, position_embedding_type="rope",
                                    attention_bias=True,
                                    rope_parameters=dict(LLAMA3)), "F16", "new", []),
    "granite": (plain("granite", **GRANITE, intermediate_size=28, attention_bias=True,
                      mlp_bias=True, head_dim=12, tie_word_embeddings=False,
                      rope_parameters=dict(rope_type="default", rope_theta=50.0)), "BF16", "old",
                ["BF16"]),
    "granitemoe": (plain("granitemoe", **GRANITE, intermediate_size=12, num_local_experts=5,
                         num_experts_per_tok=3, attention_bias=True, tie_word_embeddings=True),
                   "BF16", "sharded", []),
    "granitemoeshared": (plain("granitemoeshared", **GRANITE, **EXPERTS,
                               tie_word_embeddings=True), "BF16", "new", ["BF16"]),
    "bamba": (plain("bamba", num_hidden_layers=3, **{**MAMBA, "mamba_proj_bias": True},
                    attn_layer_indices=[1], intermediate_size=24, attention_bias=True,
                    mlp_bias=True, tie_word_embeddings=False,
                    rope_parameters=dict(rope_type="default", rope_theta=100.0)),
              "BF16", "old", ["BF16"]),
    "llama": (plain("llama", intermediate_size=28, num_key_value_heads=4, attention_bias=True,
                    mlp_bias=True, tie_word_embeddings=True), "F32", "new", []),
    "llama3": (plain("llama", intermediate_size=28, tie_word_embeddings=False,
                     rope_parameters=dict(LLAMA3)), "BF16", "old", ["BF16", "Q8_0"]),
}


# ---- weights ------------------------------------------------------------------------------------

def both(x):
    """Round to what BF16 and F16 can both hold."""
    x = x.to(torch.bfloat16).float()
    return torch.where(x.abs() < 2.0 ** -14, torch.zeros_like(x), x)


def fill(model, seed):
    g = torch.Generator().manual_seed(seed)

    def normal(p, scale, middle=0.0):
        return middle + scale * torch.randn(p.shape, generator=g)

    for name, p in model.named_parameters():
        if name.endswith("A_log"):
            new = torch.log(0.3 + 2 * torch.rand(p.shape, generator=g))
        elif name.endswith("dt_bias"):
            new = normal(p, 0.7, -0.7)
        elif name.endswith(".D"):
            new = normal(p, 0.4, 1.0)
        elif "norm" in name:
            new = normal(p, 0.35, 1.0)
        elif name.endswith("bias"):
            new = normal(p, 0.5)
        elif "conv1d" in name:
            new = normal(p, 0.6)
        elif "embed" in name or "lm_head" in name:
            new = normal(p, 0.5)
        elif "q_proj" in name or "k_proj" in name:
            new = normal(p, 2.0 / math.sqrt(p.shape[-1]))
        else:
            new = normal(p, 1.4 / math.sqrt(p.shape[-1]))
        p.data.copy_(both(new))


def seed_of(name):
    return 1 + sum(ord(c) * (i + 1) for i, c in enumerate(name))


def spell(config, spelling):
    """Rewrite config.json as older files have it."""
    if spelling != "old":
        return config
    out = dict(config)
    if "layer_types" in out:
        names = {"linear_attention": "mamba", "full_attention": "attention"}
        out["layers_block_type"] = [names.get(n, n) for n in out.pop("layer_types")]
    rope = dict(out.pop("rope_parameters", None) or {})
    rope.pop("partial_rotary_factor", None)
    out["rope_theta"] = rope.pop("rope_theta", 10000.0)
    kind = rope.pop("rope_type", "default")
    out["rope_scaling"] = None if kind == "default" else dict(type=kind, **rope)
    if "time_step_limit" in out:
        del out["time_step_limit"]
    if "dtype" in out:
        out["torch_dtype"] = out.pop("dtype")
    out["normalization_function"] = "rmsnorm"
    if out["model_type"] == "bamba":
        out.pop("layers_block_type", None)
        out["attn_rotary_emb"] = out["hidden_size"] // out["num_attention_heads"] // 2
    return out


def build(name):
    settings, dtype, spelling, _ = VARIANTS[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    settings = dict(settings)
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fill(model, seed_of(name))
    kind = dict(BF16=torch.bfloat16, F16=torch.float16, F32=torch.float32)[dtype]
    size = "24KB" if spelling == "sharded" else "1GB"
    model.to(kind).save_pretrained(folder, max_shard_size=size)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.iterdir():
        file.chmod(0o644)
    path = folder / "config.json"
    path.write_text(json.dumps(spell(json.loads(path.read_text()), spelling), indent=1) + "\n")
    return load(folder)


def load(folder):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    return model.eval()


# ---- answers ------------------------------------------------------------------------------------

def tokens(n, vocab):
    g = torch.Generator().manual_seed(1000 + n)
    return torch.randint(0, vocab, (1, n), generator=g)


@torch.no_grad()
def answers(model):
    out = {}
    for n in LENGTHS:
        ids = tokens(n, model.config.vocab_size)
        got = model(input_ids=ids, labels=ids, use_cache=False)
        p = torch.log_softmax(got.logits[0].double(), -1)
        out[n] = (ids[0], p, float(got.loss))
    return out


def write_answers(folder, model):
    lines = ["# transformers 5.24.0 on these weights in float32; tests/oracle/make_models.py"]
    for n, (ids, p, loss) in answers(model).items():
        lines.append(f"tokens.{n} i32 {n}\n" + " ".join(str(int(i)) for i in ids))
        lines.append(f"last.{n} f32 {p.shape[1]}\n" + " ".join(f"{v:.7g}" for v in p[-1].tolist()))
        if n > 1:
            nxt = p[:-1].gather(1, ids[1:, None])[:, 0]
            lines.append(f"next.{n} f32 {n - 1}\n" + " ".join(f"{v:.7g}" for v in nxt.tolist()))
            lines.append(f"loss.{n} f32 1\n{loss:.8g}")
    (folder / "expect.vec").write_text("\n".join(lines) + "\n")


# ---- does every part matter? --------------------------------------------------------------------

def parts(model):
    """(what, tensor view) of everything that may be zeroed alone."""
    c = model.config
    for name, p in model.named_parameters():
        yield name, p.data
        if name.endswith("mamba.in_proj.weight") or name.endswith("mamba.in_proj.bias"):
            inner, gn = int(c.mamba_expand * c.hidden_size), c.mamba_n_groups * c.mamba_d_state
            cuts = torch.split(p.data, [inner, inner, gn, gn, c.mamba_n_heads])
            yield from ((f"{name}[{part}]", cut) for part, cut in zip("z x B C dt".split(), cuts))
        if name.endswith("conv1d.weight"):
            yield from ((f"{name}[tap {k}]", p.data[:, :, k]) for k in range(p.shape[2]))
        if name.endswith("gate_up_proj"):
            yield from ((f"{name}[expert {e}]", p.data[e]) for e in range(p.shape[0]))
        if name.endswith("gate_up_proj") or name.endswith("shared_mlp.input_linear.weight"):
            half = p.shape[-2] // 2
            yield f"{name}[gate]", p.data[..., :half, :]
            yield f"{name}[up]", p.data[..., half:, :]


def moved(a, b):
    return max(float((a[n][1] - b[n][1]).abs().nan_to_num(1e9).max()) for n in LENGTHS)


def same_weights(model, **changes):
    config = copy.deepcopy(model.config)
    for key, value in changes.items():
        setattr(config, key, value)
    other = AutoModelForCausalLM.from_config(config, dtype=torch.float32,
                                             attn_implementation="eager")
    other.load_state_dict(model.state_dict())
    return other.eval()


def check_sensitivity(name, model):
    c, right, least = model.config, answers(model), (1e9, "")
    found = []
    for what, view in parts(model):
        kept = view.clone()
        view.zero_()
        found.append((moved(right, answers(model)), "without " + what))
        if "norm" in what:
            view.fill_(1.0)
            found.append((moved(right, answers(model)), "all ones in " + what))
        view.copy_(kept)
    other = dict(rms_norm_eps=1e-6)
    if c.model_type.startswith("granite"):
        other.update(embedding_multiplier=1.0, residual_multiplier=1.0, logits_scaling=1.0,
                     attention_multiplier=1.0)
    if "finite" in [("finite" if math.isfinite(x) else "") for x in
                    (getattr(c, "time_step_limit", None) or ())[1:]]:
        other["time_step_limit"] = (0.0, math.inf)
    has_attention = any(hasattr(l, "self_attn") and l.self_attn is not None
                        for l in model.model.layers)
    rotates = getattr(model.model, "rotary_emb", None) is not None and has_attention
    for key, value in other.items():
        if key == "attention_multiplier" and not has_attention:
            continue
        found.append((moved(right, answers(same_weights(model, **{key: value}))),
                      f"{key}={value}"))
    if rotates:
        theta = dict(c.rope_parameters, rope_theta=123456.0)
        found.append((moved(right, answers(same_weights(model, rope_parameters=theta))), "theta"))
        kept = model.model.rotary_emb.inv_freq.clone()
        model.model.rotary_emb.inv_freq.zero_()
        found.append((moved(right, answers(model)), "without rope"))
        model.model.rotary_emb.inv_freq.copy_(kept)
        if c.rope_parameters["rope_type"] == "llama3":
            bare = dict(rope_type="default", rope_theta=c.rope_parameters["rope_theta"])
            found.append((moved(right, answers(same_weights(model, rope_parameters=bare))),
                          "llama3 scaling"))
    weak = [f for f in found if not f[0] > NEEDED]
    assert not weak, (name, weak)
    least = min(found)
    print(f"{name}: {len(found)} parts, the least moves {least[0]:.3f} ({least[1]})")


# ---- GGUF ---------------------------------------------------------------------------------------

def interleave(w, heads):
    """HF's halves of a head to GGUF's pairs."""
    rows = w.shape[0]
    return w.reshape(heads, 2, rows // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def gguf_tensors(model, experts):
    """(GGUF name, array) of every tensor."""
    c = model.config
    state = {k: v.float().numpy() for k, v in model.state_dict().items()}
    shexp = "_shexp" if experts else ""
    whole = {"model.embed_tokens.weight": "token_embd.weight", "lm_head.weight": "output.weight",
             "model.norm.weight": "output_norm.weight",
             "model.final_layernorm.weight": "output_norm.weight"}
    layer = {"input_layernorm.weight": "attn_norm.weight",
             "post_attention_layernorm.weight": "ffn_norm.weight",
             "pre_ff_layernorm.weight": "ffn_norm.weight",
             "mamba.A_log": "ssm_a", "mamba.D": "ssm_d", "mamba.dt_bias": "ssm_dt.bias",
             "mamba.norm.weight": "ssm_norm.weight",
             "block_sparse_moe.router.weight": "ffn_gate_inp.weight",
             "block_sparse_moe.experts.down_proj": "ffn_down_exps.weight",
             "shared_mlp.output_linear.weight": f"ffn_down{shexp}.weight"}
    for kind in ("weight", "bias"):
        layer.update({f"mamba.in_proj.{kind}": f"ssm_in.{kind}",
                      f"mamba.out_proj.{kind}": f"ssm_out.{kind}",
                      f"mamba.conv1d.{kind}": f"ssm_conv1d.{kind}"})
        for hf, name in dict(q="q", k="k", v="v", o="output").items():
            layer[f"self_attn.{hf}_proj.{kind}"] = f"attn_{name}.{kind}"
        for part in ("gate", "up", "down"):
            layer[f"mlp.{part}_proj.{kind}"] = f"ffn_{part}.{kind}"
            layer[f"feed_forward.{part}_proj.{kind}"] = f"ffn_{part}.{kind}"
    for name, w in state.items():
        if name in whole:
            if name != "lm_head.weight" or not c.tie_word_embeddings:
                yield whole[name], w
            continue
        _, _, i, rest = name.split(".", 3)
        to = f"blk.{i}."
        if rest == "block_sparse_moe.experts.gate_up_proj":
            half = w.shape[1] // 2
            yield to + "ffn_gate_exps.weight", w[:, :half]
            yield to + "ffn_up_exps.weight", w[:, half:]
            continue
        if rest == "shared_mlp.input_linear.weight":
            half = w.shape[0] // 2
            yield to + f"ffn_gate{shexp}.weight", w[:half]
            yield to + f"ffn_up{shexp}.weight", w[half:]
            continue
        if ".q_proj." in rest:
            w = interleave(w, c.num_attention_heads)
        elif ".k_proj." in rest:
            w = interleave(w, c.num_key_value_heads)
        elif rest == "mamba.conv1d.weight":
            w = w[:, 0]
        elif rest == "mamba.A_log":
            w = -np.exp(w)[:, None]
        elif rest == "mamba.D":
            w = w[:, None]
        elif rest == "mamba.norm.weight":
            w = w.reshape(c.mamba_n_groups, -1)
        yield to + layer[rest], w


def gguf_keys(writer, model, experts, rotates):
    c = model.config
    kinds = getattr(c, "layers_block_type", None) or ["full_attention"] * c.num_hidden_layers
    is_mamba = [k == "linear_attention" for k in kinds]
    head_dim = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    writer.add_block_count(c.num_hidden_layers)
    writer.add_context_length(2 ** 20 if any(is_mamba) else c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_vocab_size(c.vocab_size)
    writer.add_head_count(c.num_attention_heads)
    hybrid = c.model_type in ("granitemoehybrid", "bamba")
    kv = [0 if m else c.num_key_value_heads for m in is_mamba]
    writer.add_head_count_kv(kv if hybrid else c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    if head_dim * c.num_attention_heads != c.hidden_size:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if rotates:
        part = c.rope_parameters.get("partial_rotary_factor") or 1.0
        writer.add_rope_dimension_count(int(head_dim * part))
        writer.add_rope_freq_base(c.rope_parameters["rope_theta"])
    if any(is_mamba):
        writer.add_rope_scaling_finetuned(rotates)
        writer.add_ssm_conv_kernel(c.mamba_d_conv)
        writer.add_ssm_state_size(c.mamba_d_state)
        writer.add_ssm_group_count(c.mamba_n_groups)
        writer.add_ssm_inner_size(int(c.mamba_expand * c.hidden_size))
        writer.add_ssm_time_step_rank(c.mamba_n_heads)
    if c.model_type.startswith("granite"):
        writer.add_attention_scale(c.attention_multiplier)
        writer.add_embedding_scale(c.embedding_multiplier)
        writer.add_residual_scale(c.residual_multiplier)
        writer.add_logit_scale(c.logits_scaling)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(c.num_experts_per_tok)
    if getattr(c, "shared_intermediate_size", 0):
        writer.add_expert_shared_feed_forward_length(c.shared_intermediate_size)
    writer.add_uint32("tokenizer.ggml.bos_token_id", c.bos_token_id)
    writer.add_uint32("tokenizer.ggml.eos_token_id", c.eos_token_id)
    writer.add_uint32("tokenizer.ggml.padding_token_id", c.pad_token_id)


def architecture(c, experts):
    kinds = getattr(c, "layers_block_type", None) or []
    if c.model_type == "llama":
        return "llama"
    if "linear_attention" in kinds:
        return "granitehybrid"
    return "granitemoe" if experts else "granite"


def write_gguf(path, model, kind):
    """The model as a GGUF; its matrices in kind. Returns the matrices as they now read."""
    c = model.config
    experts = getattr(c, "num_local_experts", 0) if "moe" in c.model_type else 0
    rotates = getattr(model.model, "rotary_emb", None) is not None
    writer = gguf.GGUFWriter(path, architecture(c, experts))
    gguf_keys(writer, model, experts, rotates)
    matrix = gguf.GGMLQuantizationType[kind]
    read = {}
    for name, w in gguf_tensors(model, experts):
        w = np.ascontiguousarray(w, dtype=np.float32)
        keep = (w.ndim == 1 or not name.endswith(".weight") or "norm" in name
                or "conv1d" in name or "gate_inp" in name)
        if keep or kind == "F32" or w.shape[-1] % gguf.GGML_QUANT_SIZES[matrix][0]:
            writer.add_tensor(name, w)
            read[name] = w
        else:
            packed = gguf.quants.quantize(w, matrix)
            writer.add_tensor(name, packed, raw_dtype=matrix)
            read[name] = gguf.quants.dequantize(packed, matrix)
    if rotates and c.rope_parameters["rope_type"] == "llama3":
        plain = same_weights(model, rope_parameters=dict(
            rope_type="default", rope_theta=c.rope_parameters["rope_theta"]))
        factor = plain.model.rotary_emb.inv_freq / model.model.rotary_emb.inv_freq
        writer.add_tensor("rope_freqs.weight", factor.numpy().astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read


def take_back(model, read, experts):
    """Put what a GGUF now reads as into the model, by writing the same tensors in place."""
    other = copy.deepcopy(model)
    mine = dict(gguf_tensors(other, experts))
    for name, now in read.items():
        before = mine[name]
        if np.array_equal(before, now):
            continue
        assert ("attn_q" in name or "attn_k" in name) or np.shares_memory(
            before, other.state_dict()[owner(other, before)].numpy()), name
        if "attn_q" in name or "attn_k" in name:
            i = int(name.split(".")[1])
            attn = other.model.layers[i].self_attn
            heads = model.config.num_attention_heads if "attn_q" in name \
                else model.config.num_key_value_heads
            rows = now.shape[0] // heads
            back = now.reshape(heads, rows // 2, 2, -1).swapaxes(1, 2).reshape(now.shape)
            (attn.q_proj if "attn_q" in name else attn.k_proj).weight.data.copy_(
                torch.from_numpy(np.ascontiguousarray(back)))
        else:
            before[...] = now
    return other


def owner(model, array):
    return next(k for k, v in model.state_dict().items()
                if np.shares_memory(v.numpy(), array))


def main():
    torch.set_num_threads(2)
    HERE.mkdir(exist_ok=True)
    for name, (_, _, _, files) in VARIANTS.items():
        model = build(name)
        check_sensitivity(name, model)
        write_answers(HERE / name, model)
        for kind in files:
            experts = getattr(model.config, "num_local_experts", 0) or 0
            if kind in ("F32", "BF16"):
                read = write_gguf(HERE / name / "model.gguf", model, kind)
                assert moved(answers(model), answers(take_back(model, read, experts))) == 0
                continue
            folder = HERE / f"{name}-{kind.lower()}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            read = write_gguf(folder / "model.gguf", model, kind)
            other = take_back(model, read, experts)
            print(f"{folder.name}: quantising moves {moved(answers(model), answers(other)):.3f}")
            write_answers(folder, other)


if __name__ == "__main__":
    main()

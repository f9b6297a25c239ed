"""Gradients of the checkpoints in tests/oracle/models, and loss curves, by torch.

    python tests/oracle/make_gradients.py

writes tests/oracle/gradients/NAME.vec, in float32 by torch's autograd through transformers 5.24.0:
each sequence alone, sum of cross entropies over the counted tokens of all. Needs torch, transformers.

    tokens.S i32 N      ids of sequence S; labels.S the same with -100 where not counted
    loss f32 1          the mean over counted tokens of all sequences
    TENSOR f32 2+K      the largest magnitude of the gradient, its sum weighted by weight(i), and K
                        entries: all of a small tensor, else those at place(k)

NAME is a model, or MODEL+balance: the router's load-balancing loss on, coefficient 0.05, one sequence.
curve.NAME.vec: losses of 50 steps of torch's AdamW over four batches in turn, clipped at 1.
"""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
MODELS = ["hybrid_dense", "hybrid_moe", "hybrid_rope", "hybrid_mamba", "hybrid_mamba_moe",
          "hybrid_attention", "hybrid_attention_moe", "granite", "granitemoe", "granitemoeshared",
          "bamba", "llama", "llama3"]
LENGTHS = [43, 2, 97, 16]
ENTRIES = 20


def load(name):
    return AutoModelForCausalLM.from_pretrained(
        HERE / "models" / name, dtype=torch.float32, attn_implementation="eager").train()


def sequences(lengths, vocab, seed):
    g = torch.Generator().manual_seed(seed)
    out = []
    for s, n in enumerate(lengths):
        ids = torch.randint(0, vocab, (n,), generator=g)
        labels = ids.clone()
        if s % 2 == 0 and n > 4:
            labels[: n // 3] = -100
        out.append((ids, labels))
    return out


def counted(labels):
    return int((labels[1:] != -100).sum())


def backward(model, batch):
    """Mean loss over the counted tokens of the whole batch; gradients left in the model."""
    total = sum(counted(labels) for _, labels in batch)
    loss = 0.0
    for ids, labels in batch:
        logits = model(input_ids=ids[None], use_cache=False).logits[0].float()
        part = torch.nn.functional.cross_entropy(logits[:-1], labels[1:], ignore_index=-100,
                                                 reduction="sum") / total
        part.backward()
        loss += part.item()
    return loss


def weights(n):
    return ((torch.arange(n, dtype=torch.int64) * 2654435761 % 2**32).double() / 2**31) - 1


def places(n):
    if n <= ENTRIES:
        return list(range(n))
    return [(k * 40503 * 65537 + 977 * k * k) % n for k in range(ENTRIES)]


def checkpoint_name(name):
    """transformers' name of a parameter, as the file spells it."""
    return (name.replace("block_sparse_moe.experts.gate_up_proj", "block_sparse_moe.input_linear.weight")
            .replace("block_sparse_moe.experts.down_proj", "block_sparse_moe.output_linear.weight")
            .replace("block_sparse_moe.router.weight", "block_sparse_moe.router.layer.weight"))


def write(path, batch, loss, model):
    lines = ["# transformers 5.24.0 and torch's autograd in float32; tests/oracle/make_gradients.py"]
    for s, (ids, labels) in enumerate(batch):
        for what, v in (("tokens", ids), ("labels", labels)):
            lines.append(f"{what}.{s} i32 {len(v)}\n" + " ".join(str(int(i)) for i in v))
    lines.append(f"loss f32 1\n{loss:.8g}")
    for name, p in model.named_parameters():
        g = p.grad.flatten()
        n = g.numel()
        values = [float(g.abs().max()), float((g.double() * weights(n)).sum())]
        values += [float(g[i]) for i in places(n)]
        lines.append(f"{checkpoint_name(name)} f32 {len(values)}\n"
                     + " ".join(f"{v:.6g}" for v in values))
    path.write_text("\n".join(lines) + "\n")


def balance(name):
    model = load(name)
    model.config.router_aux_loss_coef = model.router_aux_loss_coef = 0.05
    (ids, labels), = batch = sequences([61], model.config.vocab_size, 5)
    plain = model(input_ids=ids[None], labels=labels[None], use_cache=False).loss
    loss = model(input_ids=ids[None], labels=labels[None], use_cache=False,
                 output_router_logits=True).loss
    assert loss.item() - plain.item() > 0.05, "the router's loss is not there"
    loss.backward()
    write(HERE / "gradients" / f"{name}+balance.vec", batch, loss.item(), model)


def curve(name):
    model = load(name)
    batches = [sequences([31, 9, 40], model.config.vocab_size, 100 + i) for i in range(4)]
    decays = [p for n, p in model.named_parameters() if p.dim() > 1 and "conv1d" not in n]
    rest = [p for n, p in model.named_parameters() if not (p.dim() > 1 and "conv1d" not in n)]
    optimizer = torch.optim.AdamW([dict(params=decays, weight_decay=0.1),
                                   dict(params=rest, weight_decay=0.0)],
                                  lr=2e-3, betas=(0.9, 0.95), eps=1e-8)
    losses = []
    for step in range(50):
        losses.append(backward(model, batches[step % 4]))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    lines = ["# torch's AdamW, 50 steps; tests/oracle/make_gradients.py"]
    for b, batch in enumerate(batches):
        for s, (ids, labels) in enumerate(batch):
            lines.append(f"tokens.{b}.{s} i32 {len(ids)}\n" + " ".join(str(int(i)) for i in ids))
            lines.append(f"labels.{b}.{s} i32 {len(ids)}\n" + " ".join(str(int(i)) for i in labels))
    lines.append(f"loss f32 {len(losses)}\n" + " ".join(f"{v:.7g}" for v in losses))
    (HERE / "gradients" / f"curve.{name}.vec").write_text("\n".join(lines) + "\n")
    print(name, losses[0], losses[-1])


def main():
    torch.set_num_threads(1)
    (HERE / "gradients").mkdir(exist_ok=True)
    for name in MODELS:
        model = load(name)
        batch = sequences(LENGTHS, model.config.vocab_size, 7)
        write(HERE / "gradients" / f"{name}.vec", batch, backward(model, batch), model)
    for name in ("hybrid_moe", "granitemoe"):
        balance(name)
    for name in ("hybrid_dense", "hybrid_moe"):
        curve(name)


if __name__ == "__main__":
    main()

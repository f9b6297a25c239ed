#!/usr/bin/env python3
"""Real tokens a second of training: gneiss tune against transformers, the same model and examples.

    python tests/bench/train.py build/release/gneiss [1.45M|4M]

Examples have mixed lengths (16 to 256, log-uniform, seed 1), eight a step, twelve steps. transformers
pads each batch to its longest example, as its collator does, and is tried with mamba_chunk_size 64, 128
and 256; gneiss packs as many tokens into a step. Both: f32, AdamW, two threads, forward, backward and
step; the first two steps of each are not counted. A token counts if it is no padding.

Measured on two cores of an AMD EPYC (otherwise idle), tokens a second, commit 65eaa9a:
    1.45M: gneiss 11538, transformers 2500 (chunk 64; 128: 2121, 256: 1201): 4.6 times
    4M:    gneiss  4268, transformers 1158 (chunk 64; 128:  949, 256:  627): 3.7 times
"""

import json
import math
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

SHAPES = {
    "1.45M": dict(hidden_size=128, layers=6, vocab_size=2048, shared_intermediate_size=256,
                  mamba_d_state=32),
    "4M": dict(hidden_size=192, layers=7, vocab_size=4096, shared_intermediate_size=384,
               mamba_d_state=64),
}


def config(shape, chunk):
    s = dict(SHAPES[shape])
    n = s.pop("layers")
    layers = ["mamba"] * n
    layers[n // 2] = "attention"
    heads = 2 * s["hidden_size"] // 32
    return AutoConfig.for_model(
        "granitemoehybrid", **s, num_hidden_layers=n, layer_types=layers,
        num_attention_heads=4, num_key_value_heads=2, intermediate_size=64, num_local_experts=0,
        num_experts_per_tok=0, mamba_n_heads=heads, mamba_d_head=32, mamba_n_groups=1,
        mamba_expand=2, mamba_chunk_size=chunk, position_embedding_type="nope",
        tie_word_embeddings=True, max_position_embeddings=4096, embedding_multiplier=12.0,
        attention_multiplier=1 / 32, residual_multiplier=0.22, logits_scaling=4.0,
        bos_token_id=0, eos_token_id=0, pad_token_id=1)


def examples(vocab):
    r = random.Random(1)
    return [[r.randrange(2, vocab) for _ in range(round(math.exp(r.uniform(math.log(16), math.log(256)))))]
            for _ in range(96)]


def reference(shape, chunk, data):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config(shape, chunk), dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    tokens = 0
    for step in range(12):
        if step == 2:
            begun = time.time()
        batch = data[8 * step: 8 * step + 8]
        longest = max(map(len, batch))
        ids = torch.tensor([e + [1] * (longest - len(e)) for e in batch])
        mask = torch.tensor([[1] * len(e) + [0] * (longest - len(e)) for e in batch])
        labels = ids.masked_fill(mask == 0, -100)
        model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step >= 2:
            tokens += sum(map(len, batch))
    return tokens / (time.time() - begun)


def ours(gneiss, shape, data):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        config(shape, 64).to_json_file(folder / "config.json")
        (folder / "data.jsonl").write_text("".join(json.dumps({"ids": e}) + "\n" for e in data))
        mean = sum(map(len, data)) * 8 // len(data)
        out = subprocess.run(
            [gneiss, "tune", "--init", folder / "config.json", "--data", folder / "data.jsonl", "-o",
             folder / "out", "--steps", "60", "--batch-tokens", str(mean), "--threads", "2",
             "--save-every", "1000", "--json"], check=True, capture_output=True, text=True)
        done = json.loads(out.stdout.splitlines()[-1])
        return done["tokens"] / done["seconds"]


def main():
    torch.set_num_threads(2)
    for shape in sys.argv[2:] or SHAPES:
        data = examples(SHAPES[shape]["vocab_size"])
        padded = sum(8 * max(map(len, data[i: i + 8])) for i in range(0, 96, 8))
        print(f"{shape}: {sum(map(len, data))} tokens, {padded} with padding")
        us = ours(sys.argv[1], shape, data)
        them = {c: reference(shape, c, data) for c in (64, 128, 256)}
        best = max(them, key=them.get)
        print(f"  gneiss {us:.0f}, transformers {them[best]:.0f} (chunk {best}; "
              + ", ".join(f"{c}: {v:.0f}" for c, v in them.items()) + f"): {us / them[best]:.1f} times")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""transformers_side.py - the work compare.py asks of transformers: f32, two threads.

    transformers_side.py make FOLDER      a checkpoint of granite-4.0-h-350m's shape, random weights
    transformers_side.py score FOLDER     unique tokens a second: documents of 120 + 4 x 42 tokens
    transformers_side.py decode FOLDER    tokens a second after the first
    transformers_side.py first FOLDER     one token; what counts is the process

Scoring is what lm-evaluation-harness asks of it: each ending after its whole context, one row at
a time; loading is not in the time. The last line printed is the number.
"""
import sys, time

import torch
from transformers import AutoModelForCausalLM, GraniteMoeHybridConfig, GraniteMoeHybridForCausalLM

DOCUMENTS, CONTEXT, ENDINGS, ENDING, TOKENS = 3, 120, 4, 42, 24


def make(folder):
    attention = (10, 13, 17, 27)
    config = GraniteMoeHybridConfig(
        vocab_size=100352, hidden_size=768, num_hidden_layers=32, intermediate_size=2048,
        shared_intermediate_size=2048, num_local_experts=0, num_experts_per_tok=0, num_attention_heads=12,
        num_key_value_heads=4, position_embedding_type="nope", mamba_n_heads=48, mamba_d_head=32,
        mamba_d_state=128, mamba_n_groups=1, mamba_d_conv=4, mamba_expand=2, mamba_chunk_size=256,
        tie_word_embeddings=True, embedding_multiplier=12.0, residual_multiplier=0.246,
        attention_multiplier=0.015625, logits_scaling=3.0, max_position_embeddings=32768,
        layer_types=["attention" if i in attention else "mamba" for i in range(32)])
    GraniteMoeHybridForCausalLM(config).save_pretrained(folder)
    print(0)


def opened(folder):
    torch.set_num_threads(2)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def ids(n):
    return torch.randint(0, 100000, (1, n))


@torch.inference_mode()
def score(folder):
    model = opened(folder)
    model(ids(8))
    began = time.monotonic()
    for _ in range(DOCUMENTS):
        context = ids(CONTEXT)
        for _ in range(ENDINGS):
            row = torch.cat([context, ids(ENDING)], 1)
            logits = torch.log_softmax(model(row[:, :-1]).logits[:, -ENDING:].float(), -1)
            logits.gather(2, row[:, -ENDING:, None]).sum().item()
    print(DOCUMENTS * (CONTEXT + ENDINGS * ENDING) / (time.monotonic() - began))


@torch.inference_mode()
def decode(folder):
    model = opened(folder)
    out = model(ids(4), use_cache=True)
    cache, last = out.past_key_values, out.logits[:, -1].argmax(-1, keepdim=True)
    began = 0.0
    for i in range(TOKENS + 2):
        if i == 2:
            began = time.monotonic()
        out = model(last, past_key_values=cache, use_cache=True)
        cache, last = out.past_key_values, out.logits[:, -1].argmax(-1, keepdim=True)
    print(TOKENS / (time.monotonic() - began))


@torch.inference_mode()
def first(folder):
    model = opened(folder)
    print(float(model(ids(4)).logits[0, -1].argmax()))


if __name__ == "__main__":
    {"make": make, "score": score, "decode": decode, "first": first}[sys.argv[1]](sys.argv[2])

"""What transformers says to ten prompts with SmolLM2-135M-Instruct's own weights, dequantised.

    oracle/bin/python tests/oracle/make_smollm2.py PATH/SmolLM2-135M-Instruct.Q4_1.gguf > tests/oracle/smollm2.jsonl

transformers 5.24.0, torch float32 on the CPU, greedy, 64 tokens, no end-of-text id stops it. Each line is a
job of `gneiss run --jobs` with what it must answer: {"id", "prompt", "expect", "gap"}; gap is the least difference
between the two largest logits on the way, so a reader sees how near a tie the answer came.
"""
import json
import sys

import gguf
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM


def heads(w, n):
    """GGUF keeps q and k with the two halves of each head interleaved."""
    rows = w.shape[0] // n
    return w.reshape(n, rows // 2, 2, -1).transpose(1, 2).reshape(w.shape)


def load(path):
    """What the file says of itself, the model in float32, and its tokenizer."""
    reader = gguf.GGUFReader(path)
    key = {k: f.contents() for k, f in reader.fields.items()}
    config = LlamaConfig(
        vocab_size=49152, hidden_size=key["llama.embedding_length"], num_hidden_layers=key["llama.block_count"],
        intermediate_size=key["llama.feed_forward_length"], num_attention_heads=key["llama.attention.head_count"],
        num_key_value_heads=key["llama.attention.head_count_kv"], rms_norm_eps=key["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_theta": key["llama.rope.freq_base"], "rope_type": "default"},
        max_position_embeddings=key["llama.context_length"], tie_word_embeddings=True,
        bos_token_id=key["tokenizer.ggml.bos_token_id"], eos_token_id=key["tokenizer.ggml.eos_token_id"],
        pad_token_id=key["tokenizer.ggml.padding_token_id"])
    tensor = {t.name: torch.tensor(gguf.quants.dequantize(t.data, t.tensor_type)) for t in reader.tensors}
    state = {"model.embed_tokens.weight": tensor["token_embd.weight"], "model.norm.weight": tensor["output_norm.weight"]}
    name = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
            "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
            "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    for i in range(config.num_hidden_layers):
        for short, long in name.items():
            w = tensor[f"blk.{i}.{short}.weight"]
            if short == "attn_q":
                w = heads(w, config.num_attention_heads)
            if short == "attn_k":
                w = heads(w, config.num_key_value_heads)
            state[f"model.layers.{i}.{long}.weight"] = w
    model = LlamaForCausalLM(config).float().eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()

    tokens = key["tokenizer.ggml.tokens"]
    merges = [tuple(m.split(" ", 1)) for m in key["tokenizer.ggml.merges"]]
    tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([AddedToken(tokens[i], special=True) for i, t in enumerate(key["tokenizer.ggml.token_type"]) if t == 3])
    return key, model, tok


def main():
    _, model, tok = load(sys.argv[1])
    prompts = [
        "The capital of France is", "Once upon a time, in a small village by the sea,", "def fibonacci(n):\n",
        "Water boils at a temperature of", "Q: What is 12 + 30?\nA:", "The three primary colours are",
        "<|im_start|>user\nWhat is the capital of Norway?<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>system\nYou answer briefly.<|im_end|>\n<|im_start|>user\nName a fruit.<|im_end|>\n<|im_start|>assistant\n",
        "In 1969, the first man", "Liebe Grüße aus"]
    for n, prompt in enumerate(prompts):
        ids = tok.encode(prompt).ids
        out, gap = list(ids), 1e9
        with torch.no_grad():
            for _ in range(64):
                logits = model(torch.tensor([out])).logits[0, -1]
                top = logits.topk(2).values
                gap = min(gap, float(top[0] - top[1]))
                out.append(int(logits.argmax()))
        print(json.dumps({"id": n, "prompt": prompt, "ids": ids, "expect": out[len(ids):], "gap": round(gap, 5)}, ensure_ascii=False))


if __name__ == "__main__":
    main()

"""tokenizer.py - a byte-level BPE for the model in the box, from its own data.

    python3 tools/box/tokenizer.py TRAIN.jsonl OUT SIZE

writes OUT/tokenizer.json, tokenizer_config.json and chat_template.jinja. Ids: Granite's role tokens, the
256 bytes, then merges by how often two pieces stand side by side, ties by their text. Digits stand alone.
"""

import json
import re
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

SPECIAL = ["<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<|pad|>", "<|unk|>"]
# Digits alone, then GPT-2's pieces, for which GGUF files have a name (smollm). Its contractions ('s) are
# two pieces here: no merge has an apostrophe and a letter, so the ids are the same.
ASCII = re.compile(r" ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def alphabet():
    """GPT-2's way of writing each byte as a visible character."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    out, extra = {}, 0
    for b in range(256):
        if b in seen:
            out[b] = chr(b)
        else:
            out[b] = chr(256 + extra)
            extra += 1
    return out


def pieces(path):
    letter, out = alphabet(), Counter()
    for line in open(path):
        for m in json.loads(line)["messages"]:
            for text in (m["role"], m["content"]):
                for p in ASCII.findall(text):
                    out[tuple(letter[b] for b in p.encode())] += 1
    return out


def learn(words, count):
    words = [(list(w), n) for w, n in sorted(words.items())]
    pairs, where = Counter(), defaultdict(set)
    for i, (w, n) in enumerate(words):
        for pair in zip(w, w[1:]):
            pairs[pair] += n
            where[pair].add(i)
    merges = []
    while len(merges) < count and pairs:
        best = min(pairs, key=lambda p: (-pairs[p], p))
        if pairs[best] < 2:
            break
        merges.append(best)
        for i in sorted(where.pop(best)):
            w, n = words[i]
            for pair in zip(w, w[1:]):
                pairs[pair] -= n
            new, k = [], 0
            while k < len(w):
                both = k + 1 < len(w) and (w[k], w[k + 1]) == best
                new.append(w[k] + w[k + 1] if both else w[k])
                k += 2 if both else 1
            words[i] = (new, n)
            for pair in zip(new, new[1:]):
                pairs[pair] += n
                where[pair].add(i)
        del pairs[best]
        pairs = +pairs
    return merges


def main():
    source, out, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    vocab = {}
    for s in SPECIAL + sorted(alphabet().values()):
        vocab[s] = len(vocab)
    merges = learn(pieces(source), size - len(vocab))
    for a, b in merges:
        vocab.setdefault(a + b, len(vocab))
    added = [dict(id=vocab[s], content=s, single_word=False, lstrip=False, rstrip=False,
                  normalized=False, special=True) for s in SPECIAL]
    for s in SPECIAL:
        del vocab[s]
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)
    digits = dict(type="Digits", individual_digits=True)
    gpt2 = dict(level, use_regex=True)
    tokenizer = dict(
        version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None,
        pre_tokenizer=dict(type="Sequence", pretokenizers=[digits, gpt2]),
        post_processor=None, decoder=dict(level),
        model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None,
                   end_of_word_suffix=None, fuse_unk=False, byte_fallback=False,
                   ignore_merges=False, vocab=vocab, merges=[list(m) for m in merges]))
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False) + "\n")
    (out / "tokenizer_config.json").write_text(json.dumps(dict(
        tokenizer_class="PreTrainedTokenizerFast", eos_token=SPECIAL[0], bos_token=SPECIAL[0],
        pad_token=SPECIAL[3], unk_token=SPECIAL[4], clean_up_tokenization_spaces=False,
        model_max_length=2048), indent=1) + "\n")
    shutil.copy(Path(__file__).parent / "chat_template.jinja", out)
    print(f"{len(vocab) + len(SPECIAL)} tokens")


if __name__ == "__main__":
    main()

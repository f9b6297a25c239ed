"""make_tokenizers.py - the files of corpus/tokenizer: two that work, and one way of being wrong each.

    python tests/fuzz/make_tokenizers.py

Files that a fuzzer found stand beside them under their own names.
"""
import copy
import json
import pathlib

HERE = pathlib.Path(__file__).parent / "corpus" / "tokenizer"

VOCABULARY = {"<s>": 0, "t": 1, "h": 2, "e": 3, "th": 4, "the": 5, "\u0120": 6, "<0xC3>": 7, "<0xA9>": 8, "1": 9,
              "<unk>": 10, "\u2581": 11}
EVERY_STEP = {
    "added_tokens": [
        {"id": 0, "content": "<s>", "special": True, "lstrip": True, "rstrip": True, "single_word": True,
         "normalized": True},
        {"id": 12, "content": "<|a|>"}],
    "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
        {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Prepend", "prepend": " "}]},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "\\d|(?=t)"}, "behavior": "MergedWithNext", "invert": True},
        {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Digits", "individual_digits": False},
        {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}]},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": VOCABULARY, "merges": ["t h", ["th", "e"]], "ignore_merges": True},
    "bos_token": "<s>",
    "additional_special_tokens": ["the"],
}


def write(name, value):
    (HERE / f"{name}.json").write_text(value if isinstance(value, str) else json.dumps(value))


def but(name, change):
    value = copy.deepcopy(EVERY_STEP)
    change(value)
    write(name, value)


def characters(c):
    c["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    c["pre_tokenizer"] = c["post_processor"] = None
    c["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
        {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 2}]}
    c["model"].update(byte_fallback=True, fuse_unk=True, unk_token="<unk>", ignore_merges=False)


HERE.mkdir(parents=True, exist_ok=True)
write("every-step", EVERY_STEP)
but("characters", characters)
but("id-2-31", lambda c: c["model"]["vocab"].update(t=2**31))
but("id-16-million", lambda c: c["model"]["vocab"].update(t=2**24))
but("id-negative", lambda c: c["model"]["vocab"].update(t=-1))
but("id-twice", lambda c: c["model"]["vocab"].update(t=2))
but("id-a-text", lambda c: c["model"]["vocab"].update(t="1"))
but("vocab-a-list", lambda c: c["model"].update(vocab=[]))
but("merge-without-space", lambda c: c["model"].update(merges=["th"]))
but("merge-of-three", lambda c: c["model"].update(merges=[["t", "h", "e"]]))
but("merge-unknown", lambda c: c["model"].update(merges=["t e"]))
but("merge-an-integer", lambda c: c["model"].update(merges=[7]))
but("added-without-id", lambda c: c["added_tokens"][1].pop("id"))
but("added-under-two-ids", lambda c: c["added_tokens"][0].update(id=13))
but("template-without-text", lambda c: c["post_processor"].update(single=[]))
but("template-unknown-token", lambda c: c["post_processor"].update(special_tokens={}))
but("template-id-99", lambda c: c["post_processor"]["special_tokens"]["<s>"].update(ids=[99]))
but("regex-broken", lambda c: c["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": "("}))
but("regex-empty", lambda c: c["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": ""}))
but("bytelevel-first", lambda c: c["pre_tokenizer"]["pretokenizers"].reverse())
but("flag-a-number", lambda c: c["model"].update(ignore_merges=1))
but("unknown-token-absent", lambda c: c["model"].update(unk_token="?"))
but("decoder-absent", lambda c: c.pop("decoder"))
but("nested-sequences", lambda c: c.update(pre_tokenizer=json.loads(
    '{"type":"Sequence","pretokenizers":[' * 200 + '{"type":"Digits"}' + "]}" * 200)))
write("empty-object", "{}")
write("not-an-object", "[1]")
write("nothing", "")

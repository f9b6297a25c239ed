"""make_corpus.py - the broken files that corpus/ keeps: one way of being wrong each.

    python tests/fuzz/make_corpus.py

Files that a fuzzer found stand beside them under their own names.
"""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "corpus"


def gguf(name, *parts, magic=b"GGUF", version=3, tensors=0, keys=0):
    body = magic + struct.pack("<IQQ", version, tensors, keys) + b"".join(parts)
    (HERE / "gguf" / f"{name}.gguf").write_bytes(body)


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def key(name, kind, value):
    return text(name) + struct.pack("<I", kind) + value


def tensor(name, dims, kind=0, offset=0):
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def all_gguf():
    u32 = lambda v: struct.pack("<I", v)
    u64 = lambda v: struct.pack("<Q", v)
    gguf("count-2-63", tensors=2**63, keys=2**63)
    gguf("key-length-2-64", u64(2**64 - 1) + b"general", keys=1)
    gguf("array-2-62", key("k", 9, u32(8) + u64(2**62)) + bytes(64), keys=1)
    gguf("array-of-arrays", key("k", 9, u32(9) + u64(1) + u32(9) + u64(1)) + bytes(64), keys=1)
    gguf("array-of-empty-strings", key("k", 9, u32(8) + u64(500)) + bytes(4000), keys=1)
    gguf("type-13", key("k", 13, bytes(8)), keys=1)
    gguf("alignment-0", key("general.alignment", 4, u32(0)), keys=1)
    gguf("alignment-2-31", key("general.alignment", 4, u32(2**31)), tensor("a", [4]), bytes(64),
         keys=1, tensors=1)
    gguf("alignment-a-text", key("general.alignment", 8, text("32")), keys=1)
    gguf("big-endian", version=3 << 24)
    gguf("version-1", version=1)
    gguf("dims-2-32", text("a") + u32(2**32 - 1) + bytes(64), tensors=1)
    gguf("product-wraps-to-0", tensor("a", [2**32, 2**32]), bytes(64), tensors=1)
    gguf("product-wraps-to-4", tensor("a", [2**62 + 1, 4]), bytes(64), tensors=1)
    gguf("offset-wraps", tensor("a", [32], 0, 2**64 - 32), bytes(256), tensors=1)
    gguf("overlap", tensor("a", [32]), tensor("b", [32], 0, 32), bytes(256), tensors=2)
    gguf("two-of-a-name", tensor("a", [4]), tensor("a", [4], 0, 32), bytes(128), tensors=2)
    gguf("type-of-2-32", tensor("a", [32], 2**32 - 1), bytes(128), tensors=1)
    gguf("type-removed", tensor("a", [32], 4), bytes(128), tensors=1)
    gguf("half-a-block", tensor("a", [128], 12), bytes(256), tensors=1)
    gguf("part-of-65535", key("split.count", 2, struct.pack("<H", 65535)), keys=1)
    gguf("name-is-no-text", tensor(b"\xff\x00", [4]), bytes(64), tensors=1)


def safetensors(name, directory, data=0, claim=None):
    head = directory if isinstance(directory, bytes) else json.dumps(directory).encode()
    head += b" " * (-len(head) % 8)
    size = len(head) if claim is None else claim
    (HERE / "safetensors" / f"{name}.safetensors").write_bytes(struct.pack("<Q", size) + head + bytes(data))


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def all_safetensors():
    safetensors("length-2-63", {}, claim=2**63)
    safetensors("length-2-64", {}, claim=2**64 - 1)
    safetensors("offsets-wrap", {"a": entry(offsets=(2**63 - 8, 2**63 - 1))}, 8)
    safetensors("offsets-past-64-bits", {"a": entry(offsets=(0, 2**65))}, 8)
    safetensors("offsets-swapped", {"a": entry(offsets=(8, 0))}, 8)
    safetensors("offsets-of-numbers", {"a": entry(offsets=(0.0, 8.0))}, 8)
    safetensors("shape-wraps", {"a": entry(shape=(2**32, 2**32, 2))}, 8)
    safetensors("shape-deep", {"a": entry(shape=[1] * 60)}, 8)
    safetensors("shape-negative", {"a": entry(shape=(-2,))}, 8)
    safetensors("overlap", {"a": entry(), "b": entry(offsets=(4, 12))}, 12)
    safetensors("hole", {"a": entry(), "b": entry(offsets=(16, 24))}, 24)
    safetensors("two-of-a-name", b'{"a":%s,"a":%s}' % (
        json.dumps(entry()).encode(), json.dumps(entry(offsets=(8, 16))).encode()), 16)
    safetensors("type-unread", {"a": entry("F8_E4M3", (8,))}, 8)
    safetensors("not-aligned", {"a": entry("F16", (1,), (0, 2)), "b": entry("F32", (1,), (2, 6))}, 6)
    safetensors("nested-500", b"[" * 500 + b"]" * 500)
    safetensors("cut-in-a-text", b'{"a')
    safetensors("not-utf8", b'{"\xff\xfe": {}}')
    safetensors("empty-name", {"": entry()}, 8)


for folder in ("gguf", "safetensors"):
    (HERE / folder).mkdir(parents=True, exist_ok=True)
all_gguf()
all_safetensors()

"""make_files.py - small checkpoints as the Python packages gguf 0.19.0 and safetensors 0.8.0 write them.

    python tests/oracle/make_files.py              writes tests/oracle/files/
    python tests/oracle/make_files.py check DIR    reads what test_file_write.c left in DIR
                                                   (GNEISS_KEEP=DIR test_file_write) with both packages

Element i of the tensor with number n is ((7 i + 3 n) mod 23 - 11) / 8.
"""
import json
import pathlib
import sys

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

HERE = pathlib.Path(__file__).parent / "files"


def numbers(n, *shape):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return (((7 * i + 3 * n) % 23 - 11) / 8).astype(np.float32).reshape(shape)


def write():
    (HERE / "sharded").mkdir(parents=True, exist_ok=True)
    save_file(
        {"a.weight": numbers(0, 3, 4), "b.bias": numbers(1, 5).astype(np.float16),
         "scalar": numbers(2).reshape(()), "deep": numbers(3, 2, 3, 2, 2)},
        HERE / "model.safetensors", metadata={"format": "pt"})

    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    save_file({"one": numbers(0, 8, 2), "two": numbers(1, 4)}, HERE / "sharded" / shards[0])
    save_file({"three": numbers(2, 2, 2)}, HERE / "sharded" / shards[1])
    (HERE / "sharded" / "model.safetensors.index.json").write_text(json.dumps(
        {"metadata": {"total_size": 96},
         "weight_map": {"one": shards[0], "three": shards[1], "two": shards[0]}}, indent=2))

    for part, names in ((None, None), (0, ["one", "two"]), (1, ["three"])):
        name = "model.gguf" if part is None else f"split-{part + 1:05d}-of-00002.gguf"
        w = gguf.GGUFWriter(HERE / name, "granitehybrid")
        if part:
            w.kv_data = [{}]
        else:
            w.add_uint32("u32", 4000000000)
            w.add_int8("i8", -5)
            w.add_uint64("u64", 2**63)
            w.add_int64("i64", -(2**62))
            w.add_float32("f32", 0.1)
            w.add_float64("f64", 0.1)
            w.add_bool("yes", True)
            w.add_string("text", "grüße")
            w.add_array("words", ["a", "", "Ġb"])
            w.add_array("heads", [0, 4, 0])
            w.add_array("scores", [0.5, -1.0])
        if part is not None:
            w.add_uint16("split.no", part)
            w.add_uint16("split.count", 2)
            w.add_int32("split.tensors.count", 3)
            for n, tensor in enumerate(("one", "two", "three")):
                if tensor in names:
                    w.add_tensor(tensor, numbers(n, 8, 2) if n == 0 else numbers(n, 4))
        else:
            w.add_tensor("a.weight", numbers(0, 3, 4))
            q8 = gguf.quants.quantize(numbers(1, 2, 64), gguf.GGMLQuantizationType.Q8_0)
            w.add_tensor("b.weight", q8, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
            w.add_tensor("c.weight", numbers(2, 2, 3, 4).astype(np.float16))
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()


def check(folder):
    folder = pathlib.Path(folder)
    tensors = load_file(folder / "written.safetensors")
    assert np.array_equal(tensors["a"], numbers(0, 3, 4)), "a"
    assert np.array_equal(tensors["b"], numbers(1, 2, 64).astype(np.float16)), "b"
    r = gguf.GGUFReader(folder / "written.gguf")
    names = [t.name for t in r.tensors]
    assert names == ["a", "b", "c"], names
    a, b, c = r.tensors
    assert np.array_equal(a.data.reshape(3, 4), numbers(0, 3, 4))
    assert np.array_equal(np.array(b.data).reshape(2, -1),
                          gguf.quants.quantize(numbers(1, 2, 64), gguf.GGMLQuantizationType.Q8_0))
    assert list(c.shape) == [256, 2], c.shape
    want = {"general.architecture": "granite", "u32": 7, "i32": -7, "f32": np.float32(0.1), "yes": True,
            "words": ["a", "", "Ġb"], "heads": [0, 4, 0], "scores": [0.5, -1.0]}
    for key, value in want.items():
        assert r.fields[key].contents() == value, (key, r.fields[key].contents())
    print("both packages read what was written")


if sys.argv[1:2] == ["check"]:
    check(sys.argv[2])
else:
    write()

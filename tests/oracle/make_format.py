"""make_format.py - number formats as the Python package gguf reads and writes them.

    python tests/oracle/make_format.py > tests/oracle/format.vec

Needs gguf and numpy. Floats are written as their bits, so that equal means equal.
  Q4_K.packed, Q4_K.value     random blocks and gguf.quants.dequantize() of them
  Q4_0.in, Q4_0.out           numbers and gguf.quants.quantize() of them
  half.*                      FNV-1a (64 bits, as four of 16) of conversions by numpy:
    half.f16, half.bf16       all 65536 patterns to f32, NaNs made quiet
    half.to_f16, half.to_bf16 2^20 floats (i 2654435761 mod 2^32) to 16 bits, NaNs left out of to_f16
    half.edge                 floats near where rounding turns; half.edge_f16, half.edge_bf16
"""
import numpy as np
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T

rng = np.random.default_rng(20261124)

FORMATS = {  # where the f16 fields of a block stand
    "F16": [0], "BF16": [], "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ4_NL": [0], "IQ4_XS": [0],
}
SCALES = [0.0173, -0.00391, 6.0e-5, 3.0e-6, -1.5, 0.0]  # the third and fourth are subnormal


def emit(name, values):
    values = [int(v) for v in np.asarray(values).reshape(-1)]
    print(f"{name} i32 {len(values)}")
    for i in range(0, len(values), 24):
        print(*values[i : i + 24])


def bits(a):
    return np.ascontiguousarray(a, dtype=np.float32).view(np.int32)


def fnv(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return [h >> s & 0xFFFF for s in (0, 16, 32, 48)]


def unpacking():
    for name, fields in FORMATS.items():
        elements, size = GGML_QUANT_SIZES[T[name]]
        count = 2 if elements == 256 else 6 if elements == 32 else 64
        block = rng.integers(0, 256, (count, size), dtype=np.uint8)
        for b in range(count):
            for k, at in enumerate(fields):
                scale = np.float16(SCALES[(b + 3 * k) % len(SCALES)] * (1 + 0.3 * rng.random()))
                block[b, at : at + 2] = np.frombuffer(scale.tobytes(), np.uint8)
        if name == "BF16":
            block[:, 1] = block[:, 1] & 0xBF  # no NaN
        emit(f"{name}.packed", block)
        emit(f"{name}.value", bits(quants.dequantize(block.reshape(-1), T[name])))


def packing():
    x = (rng.standard_normal((10, 32)) * 0.02).astype(np.float32)
    x[1] = 0
    x[2] = 0.25
    x[3] = np.linspace(-8, 7.5, 32)  # exact halves: ties
    x[4] = -np.abs(x[4])
    x[5] = np.abs(x[5]) + 1
    x[6] *= 1e-6
    x[7, 3] = 40.0
    x[8, 3], x[8, 9] = -1.0, 1.0  # the same size, either sign
    x[9] = np.round(x[9] * 400) / 127
    for name in ("F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
        emit(f"{name}.in", bits(x))
        out = x.astype(np.float16) if name == "F16" else quants.quantize(x, T[name])
        emit(f"{name}.out", np.frombuffer(np.ascontiguousarray(out).tobytes(), np.uint8))


def halves():
    every = np.arange(65536, dtype=np.uint32).astype(np.uint16)
    wide = every.view(np.float16).astype(np.float32)
    quiet = np.where(np.isnan(wide), wide.view(np.uint32) | 0x400000, wide.view(np.uint32))
    emit("half.f16", fnv(quiet.astype(np.uint32).tobytes()))
    emit("half.bf16", fnv((every.astype(np.uint32) << 16).tobytes()))
    many = (np.arange(1 << 20, dtype=np.uint64) * 2654435761 & 0xFFFFFFFF).astype(np.uint32)
    with np.errstate(over="ignore"):
        f16 = many.view(np.float32).astype(np.float16)
    emit("half.to_f16", fnv(f16[~np.isnan(many.view(np.float32))].tobytes()))
    emit("half.to_bf16", fnv(quants.quantize(many.view(np.float32), T.BF16).tobytes()))

    edge = [0.0, -0.0, np.inf, -np.inf, 65504, 65519.996, 65520, 65536, 1e30, 3.4028235e38]
    edge += [2.0**-14, 2.0**-14 * (1 - 2.0**-12), 2.0**-24, 2.0**-25, 2.0**-25 * 1.0001, 3 * 2.0**-25]
    edge += [1 + k * 2.0**-11 for k in range(6)] + [1 + k * 2.0**-8 for k in range(6)]
    edge += [2 - 2.0**-12, 2 - 2.0**-9, 1e-45, 1.1754942e-38, 3.3895314e38]
    edge = np.array(edge + [-v for v in edge], np.float32)
    emit("half.edge", bits(edge))
    with np.errstate(over="ignore"):
        emit("half.edge_f16", edge.astype(np.float16).view(np.uint16))
    emit("half.edge_bf16", quants.quantize(edge, T.BF16).view(np.uint16))


print("# written by tests/oracle/make_format.py")
unpacking()
packing()
halves()

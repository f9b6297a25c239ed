"""Doubles and how Python's repr() writes them, for tests/unit/test_base_str.c.

    python3 tests/oracle/make_base_numbers.py > tests/oracle/base_numbers.txt

Each line: the bits in hex, a space, the repr without a final ".0".
"""
import math
import random
import struct

random.seed(20)
values = [0.0, -0.0, 1.0, 1e15, 1e16, 9999999999999998.0, 1e17, 1e22, 1e21, 123456789012345678.0,
          0.1, 0.0001, 0.00001, 0.00012345, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
          2.5, 100.0, 0.30000000000000004, 1 / 3, 2 / 3, float("inf"), -float("inf")]
for exponent in range(-1074, 1024):
    p = math.ldexp(1.0, exponent)
    values.append(p)
    if exponent % 5 == 0:
        values += [math.nextafter(p, 0), -math.nextafter(p, math.inf)]
for _ in range(1500):
    v = struct.unpack("<d", struct.pack("<Q", random.getrandbits(64)))[0]
    if math.isfinite(v):
        values.append(v)
for _ in range(600):
    values.append(round(random.uniform(-1000, 1000), random.randrange(6)))
for _ in range(200):
    values.append(struct.unpack("<d", struct.pack("<Q", random.getrandbits(51)))[0])
for v in values:
    text = repr(v)
    print("%016x %s" % (struct.unpack("<Q", struct.pack("<d", v))[0],
                        text[:-2] if text.endswith(".0") else text))

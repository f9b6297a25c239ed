"""What PyYAML's SafeLoader reads, for tests/unit/test_base_yaml.c.

    python3 tests/oracle/make_yaml.py > tests/oracle/yaml.txt      (PyYAML 6)

Each line: a document in hex, a space, and the value as JSON in hex, or "bad" if
PyYAML refuses it. Three things differ from SafeLoader as they do in a task file
(dates are strings, a key is its text, !function becomes {"!function": text}), and
"=" is a string. With file names as arguments: their values as JSON, a line each.
"""
import json
import random
import sys

import yaml


class Loader(yaml.SafeLoader):
    def flatten_mapping(self, node):
        merged, own = [], []
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:merge":
                own.append((key, value))
                continue
            sources = [value] if isinstance(value, yaml.MappingNode) else value.value[::-1]
            if isinstance(value, yaml.ScalarNode) or not all(isinstance(x, yaml.MappingNode) for x in sources):
                raise yaml.constructor.ConstructorError(None, None, "merge", key.start_mark)
            for source in sources:
                self.flatten_mapping(source)
                merged += source.value
        node.value = merged + own

    def construct_mapping(self, node, deep=False):
        self.flatten_mapping(node)
        out = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "key", key.start_mark)
            out[key.value] = self.construct_object(value, deep=True)
        return out


Loader.yaml_implicit_resolvers = {
    c: [(tag, regexp) for tag, regexp in pairs if not tag.endswith((":timestamp", ":value"))]
    for c, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_constructor("!function", lambda loader, node: {"!function": loader.construct_scalar(node)})


def wide(v):  # an integer past 64 bits is a number
    if isinstance(v, dict):
        return {k: wide(x) for k, x in v.items()}
    if isinstance(v, list):
        return [wide(x) for x in v]
    return float(v) if type(v) is int and not -2**63 <= v < 2**63 else v


def as_json(text):
    v = wide(yaml.load(text, Loader))
    return json.dumps(v, ensure_ascii=False, separators=(",", ":"))


if len(sys.argv) > 1:
    for name in sys.argv[1:]:
        try:
            print(as_json(open(name, encoding="utf-8").read()))
        except (yaml.YAMLError, ValueError):
            print("bad")
    raise SystemExit

random.seed(5)
SCALARS = """yes Yes YES yEs no No NO on On ON off OFF Off oFF y n Y N true True TRUE false FALSE tRUE ~ null Null NULL nULL
0 1 -1 +1 00 010 -010 08 09 0o17 0x1F -0x1f 0xG 0x 0b101 -0b11 0b2 1_000 1__0 1_ _1 0_7 0x_F 1:30 -1:30 1:60 1:5 1:2:3 01:30
12:30:45 1:30.5 190:20:30.15 -1:30.5 1:60.5 0:1 9223372036854775807 9223372036854775808 -9223372036854775808
-9223372036854775809 123456789012345678901234567890 12345678901234567 .5 -.5 +.5 1. -1. 1.5 1_0.5_0 1._5 ._5 .5_ . .. ... 1.5.2 1e3 1.e3
1.5e3 1.5e+3 1.5E-3 1.e+5 .5e+3 .5e3 1.5e+ 1.5e+1_0 .inf -.inf +.Inf .INF .iNF .nan .NaN .NAN -.nan .Nan inf nan 1,000
2024-01-01 2024-1-1 2024-01-01T00:00:00Z 12:00 = <<x 1a a1 - -a --- + +a 0.1 0.30000000000000004 1.7976931348623157e+308 1.0e+400 5.0e-324 +1.5
-0 -0.0 0.0 00.5 0_0 1_2:3_0 1_2:30 1:2_0 x:y a#b 08.5 1.5e+05 +0x10 +0b1 +010 -1_000 0b_1 10:00:00.""".split()
docs = ["v: " + s for s in SCALARS] + ["- " + s for s in SCALARS] + [s + ": 1" for s in SCALARS + ["<<"]] + SCALARS
docs += ["v: '%s'" % s for s in ("yes", "1", "~", "", "it''s")] + ['v: "%s"' % s for s in (
    "1", "\\n\\t\\x41\\u00e4\\U0001F600\\\\\\\"", "a\\\n  b", "a\n  b", "", "\\e\\0\\_", "\\q", "\\/")]
docs += ["", "\n", "# only a comment\n", "---\n", "---\na: 1\n...\n", "a: 1\n---\nb: 2\n", "--- 1\n--- 2", "...", "%YAML 1.1\n---\na",
         "a: |\n  x\n   y\n\n  z\n", "a: |-\n  x\n", "a: |+\n  x\n\n", "a: >\n  x\n  y\n\n  z\n   w\n", "a: >-\n  x\n  y\n", "a: |2\n   x\n",
         "a:\n- 1\n- 2\n", "a:\n  - b: 1\n    c: 2\n  - d\n", "- - 1\n  - 2\n-\n  - 3", "{a: 1, b: [1, 2, {c: d}], e: }", "[1, , 2]",
         "{a, b: c}", "[a: 1, b]", "a: b: c", "a: [1, 2", "a: 'x", "\ta: 1", "a:\n\tb: 1", "a: 1\n b: 2", "a: 1\nb", "a: \"x", "- a\nb: 1",
         "a: 1\na: 2\nb: 3", "? a\n: b\n? c", "? [a]\n: b", "[a]: 1", "{a: 1}: 2", "*x", "a: *x", "&x a: 1\nb: *x", "&x 1: 2\n*x : 3",
         "a: &x [1, 2]\nb: *x", "a: &x {p: 1}\nb: &x 2\nc: *x", "a: &x\n  b: *x", "- &x 010\n- {*x : 1}",
         "d: &d {a: 1, b: 2}\ne:\n  <<: *d\n  b: 3\n  c: 4", "d: &d {a: 1}\nf: &f {a: 2, z: 0}\ne:\n  x: 0\n  <<: [*d, *f]\n  z: 9",
         "e:\n  <<: {a: 1}\n  <<: {a: 2, b: 3}", "e: {<<: 1}", "e: {<<: [1]}", "e: {<<: }", "e: {'<<': {a: 1}}", "e: {<<: []}",
         "d: &d {a: 1}\ne: &e {<<: *d, b: 2}\nf: {<<: *e, c: 3}", "e: {a: 0, <<: {b: 1, a: 2}, c: 3}", 
         "v: !function utils.f", "v: !function 'a b'", "!function f", "v: !function [a]", "v: !other x", "v: !!str 1", "v: !!str",
         "v: !!int '12'", "v: !!int x", "v: !!int 010", "v: !!float 5", "v: !!float 1e3", "v: !!float x", "v: !!bool yes", "v: !!bool x",
         "v: !!null x", "v: !!seq [1]", "v: !!map {a: 1}", "v: !!map [1]", "v: ! 1", "v: ! [1]", "v: !!python/object:os.x {}",
         "!!str a: !!int 1", "v: !<tag:yaml.org,2002:str> 1", "%TAG !e! tag:yaml.org,2002:\n---\nv: !e!str 1", "a: @x", "a: `x", "a: %x",
         "a: 'b' c", "a: \"b\" c", "a: [b]c", "key with spaces: value with  spaces # comment", "a: b #c\nd: 'e #f'", "a:b", "a: http://x.y/z",
         "\ufeffa: 1", "a: ä\nü: 日本", "a: \u2028b", "a: \x07", "a: \x85b", "\"a\": 1\n'b': 2", "a: \r\n  b: 1\r\n", "a: x\\ny", "a: - 1",
         "a: !!binary aGk=", "a: !!set {b}", "a: [\n1,\n2\n]", "a: {b: 1,\n  c: 2}\n", "a:\n  b\n  c\n\n  d\n", "-1", "- -1",
         "a: &x\nb: *x", "a: &x !!str\nb: *x", "a: !!str &x 1\nb: *x", "- &a a\n- &b b\n- [*a, *b, *a]", "x: {y: {}, z: []}", "\"multi\n line\": 1"]
KEYS, LEAVES = ["a", "b", "'c d'", "yes", "1", "~", "<<x"], ["1", "x", "yes", "'q'", "\"w\\n\"", "1.5", "~", "[1, b]", "{a: 1}", "|\n@  t\n@   u", "*anchor"]


def block(depth, indent):
    pad = "\n" + " " * indent
    if depth == 0 or random.random() < 0.25:
        leaf = random.choice(LEAVES).replace("@", " " * indent)
        return " " + (random.choice(["", "", "", "&n%d " % random.randrange(10**6)]) if leaf[0] != "*" else "") + leaf
    if random.random() < 0.5:
        return "".join(pad + "-" + block(depth - 1, indent + 2) for _ in range(random.randrange(1, 4)))
    return "".join(pad + k + ":" + block(depth - 1, indent + 2) for k in random.sample(KEYS, random.randrange(1, 4)))


for _ in range(200):
    docs.append("top: &anchor {m: 1}\nv:" + block(3, 2) + "\n")
for d in docs:
    try:
        out = as_json(d).encode().hex()
    except (yaml.YAMLError, ValueError, IndexError, KeyError, TypeError):
        out = "bad"
    print(d.encode().hex() or "-", out)

r"""What Python's re finds and replaces, for tests/unit/test_base_regex.c.

    python3 tests/oracle/make_base_regex.py > tests/oracle/base_regex.txt

Lines of fields in hex with spaces between (an empty one is "-"):
  find   PATTERN i|c TEXT SPANS    SPANS: matches parted by ";", groups by ",", each
                                   BEGIN:END in bytes or "x" for one that took no part
  sub    PATTERN TEXT REPLACEMENT COUNT RESULT
  escape TEXT RESULT
  bad    PATTERN                   does not compile
  badsub PATTERN REPLACEMENT       is no replacement for it
"""
import random
import re

random.seed(3)
h = lambda s: s.encode().hex() or "-"


def spans(pattern, flags, text):
    out = []
    for m in re.finditer(pattern, text, flags):
        groups = []
        for g in range(m.re.groups + 1):
            a, b = m.span(g)
            groups.append("x" if a < 0 else "%d:%d" % (len(text[:a].encode()), len(text[:b].encode())))
        out.append(",".join(groups))
    return ";".join(out) or "-"


PATTERNS = [
    r"#### (\-?[0-9\.\,]+)", r"The answer is (\-?[0-9\.\,]+).", r"(-?[$0-9.,]{2,})|(-?[0-9]+)",
    r"\s+", r"\S+", r"[\s]", r"[^\s]+", r"[\S]", r"[^\S]+", r"[^\S\n]+", r"[\s\-x]+", r"[\w\s]+",
    r"\s?\*\*\*\s?", r"^\s*\*[^\*].*$", r"(?m)^\s*-.*$", r"\*[^\n\*]*\*", r"<<[^\n]+>>", r"\w+",
    r"\W", r"\d+", r"\D+", r"\b\w", r"a\Z", r"a$", r"(?m)a$", r"(?s).*x", r".*x", r".", r"(?s).",
    r"x*", r"|a", r"a|", r"(a)|b", r"(a(b)?)+", r"(?P<first>\w)(?P=first)", r"(?:ab){,2}c",
    r"a{,2}", r"a{1,}", r"a{2}", r"a{x}", r"[[]", r"[]a]+", r"[^]a]+", r"[a\]b]+", r"[[:alpha:]]",
    r"\u00e4+", r"[\u00e0-\u00ff]+", r"\U0001F600", r"(?i)straße", r"(?x) a  b # no \s [ here",
    r"(?#skip [ this) a", r"(?<=a)b", r"(?<!a)b", r"a(?=b)", r"a(?!b)", r"(a)(?:b)(c)?", r"\\s",
    r"[\\s]+", r"\.", r"\(([A-Z])\)", r":[\s]*(A|B|C)", r"(\d)\.(\d)?", r"\[.*?\]", r"^", r"$", r"\b",
    r"(?i)[a-f]+", r"\tx|\n", r"[\x41-\x43]", r"\x41", r"(?:(a)|b)*", r"a++b", r"(?>a+)b", r"(a)?b",
    r"\A\s", r"(?s)(.+?)\1",
]
TEXTS = [
    "", "a", "b", "x", "aab", "abab c", "abxd", "The answer is 1,234.5.", "#### -12.50 and #### 7",
    "costs $12.00 or 7", " \t\x1c\x1f\x85\xa0\u180e\u2003\u3000end", "a\n", "a\nba\n", "x\r\ny x",
    "* one\n*two\n- three\n -four", "*hi* **ho** <<title>> ***", "ä ö Ää ÄÖ é", "STRASSE straße STRAẞE",
    "😀😀 🎉", "aa bb cc", "(A) or :  B", "[x] a] b[c", "\\s s", "1.2 3. ٣.٤ ²", "a-x - x", "aaaa{x}a{,2}",
    "Ab aB AB", "word_1 don't", "ſK kK", "x\x0b\x0cy",
]
for p in PATTERNS:
    for t in random.sample(TEXTS, 14):
        print("find", h(p), "c", h(t), spans(p, 0, t))
for p in PATTERNS[::3]:
    for t in random.sample(TEXTS, 4):
        print("find", h(p), "i", h(t), spans(p, re.I, t))

ATOMS = ["a", "b", ".", r"\w", r"\s", r"\S", "[ab]", "[^a]", r"[\sb]", r"\d", "ä", r"\b", "^", "$", "(a)", "(b|a)",
         "(?:a|ab)", "(?=b)", "(?!a)"]
COUNTS = ["", "", "", "*", "+", "?", "*?", "+?", "??", "{1,2}", "{,2}"]
LETTERS = "aabb ä1\n\u3000\x1d"
made = 0
while made < 700:
    p = "".join(a + (random.choice(COUNTS) if a[0] not in "^$" and a not in (r"\b", "(?=b)", "(?!a)") else "")
                for a in random.choices(ATOMS, k=random.randrange(1, 5)))
    if random.random() < 0.3:
        p += "|" + random.choice(ATOMS)
    t = "".join(random.choices(LETTERS, k=random.randrange(0, 9)))
    print("find", h(p), random.choice("ci"), h(t), "", end="")
    made += 1
    print(spans(p, 0, t))  # no letter above differs in case

SUBS = [
    (r"x*", "abxd", "-", 0), (r"(a)(b)?", "aab ab", r"[\2|\1]", 0), (r"a", "aaaa", "b", 2),
    (r"(?P<n>\w)(\w)", "ab cd", r"\g<2>\g<n>\g<0>", 0), (r"\s", "a b\tc", r"\n", 0), (r"a", "cat", r"\\", 0),
    (r"b", "abc", r"\.\-", 0), (r"\[.*?\]", "one [two] three [four]", "", 0), (r"(?s).*#### ", "a\n#### 5", "", 0),
    (r"$", "ab\n", "!", 0), (r"", "äb", "-", 0), (r"(a)", "a", r"\101\0\07", 0), (r"(a)|b", "ab", r"<\1>", 0),
    (r",", "1,234,567", "", 0), (r"\$", "$5", "", 0), (r"a|", "ba", "-", 0), (r"\b", "hi you", "|", 0),
    (r"(\d+)", "10 20", r"\g<1>0", 1), (r"nothing", "text", "x", 0), (r"ä", "ää", "é\\t", 0),
]
for p, t, r, n in SUBS:
    print("sub", h(p), h(t), h(r), n, h(re.sub(p, r, t, count=n)))
for t in ["", "a.b*c", "(x)[y]{z}", "a-b&c~d#e f\tg\nh", "^$|\\?+", "ä_1%\"'@!/:;<=>,`"]:
    print("escape", h(t), h(re.escape(t)))
for p in ["(", "a)", "[", "*a", "a**", r"(?P<1>a)", r"(?P=x)", "[b-a]", "(?<=a*)b", r"\1", "a{2,1}"]:
    try:
        re.compile(p)
        raise SystemExit(p)
    except re.error:
        print("bad", h(p))
for p, r in [("a", r"\1"), ("a", r"\g<x>"), ("a", r"\q"), ("a", "\\"), ("a", r"\g"), ("a", r"\g<1"), ("(a)", r"\2"),
             ("a", r"\g<>"), ("a", r"\777")]:
    try:
        re.sub(p, r, "a")
        raise SystemExit(r)
    except (re.error, IndexError):
        print("badsub", h(p), h(r))

"""What Python does to a few thousand strings, for tests/unit/test_base_unicode.c.

    python3 tests/oracle/make_base_unicode.py > tests/oracle/base_unicode.txt

Lines of fields in hex with spaces between (an empty one is "-"):
  case   TEXT LOWER UPPER TITLE CAPITALIZE STRIPPED
  norm   TEXT NFC NFD NFKC NFKD
  repair BYTES TEXT
  range  PROPERTY FIRST LAST         code points with a property, every one of Unicode 14
  unassigned FIRST LAST              what Unicode 14 has not: no statement made
"""
import random
import unicodedata

random.seed(7)


def h(s):
    b = s if isinstance(s, bytes) else s.encode()
    return b.hex() or "-"


FULL = [c for c in range(0x110000) if len(chr(c).upper()) > 1 or len(chr(c).title()) > 1]
ALPHABETS = [
    "abzAZ' .-ÄäßéÉçñ0",
    "ΣσςΑαΩω.'·:\u0301\u00adΆᾳᾼ 1",
    "İiIıĞğŞş\u0307 ",
    "ДдЖжЁё' ",
    "ǅǆǄŉﬁﬀﬄԵՒև ",
    "ႠაⴀᲐᏣꭰ ",
    "ⅣⅷⒶⓐªᴬʰᵃ 𝐀𐐀𐐨",
    "\t\n\x0b\x0c\r\x1c\x1f\x85\xa0\u1680\u2003\u2028\u3000\u180e\u200bx",
    [chr(c) for c in FULL],
]
texts = [chr(c) for c in FULL] + ["Σ", "ΑΣ", "ΑΣ.", "ΑΣ.Α", "ΑΣΑ", "'Σ", "", "ΑΣ\u0301 Β",
                                  "they're bill's", "ὈΔΥΣΣΕΎΣ", "x" * 30 + "Σ"]
for alphabet in ALPHABETS:
    for _ in range(110):
        texts.append("".join(random.choices(alphabet, k=random.randrange(1, 9))))
for t in texts:
    print("case", *map(h, (t, t.lower(), t.upper(), t.title(), t.capitalize(), t.strip())))

MARKS = "\u0301\u0300\u0323\u0327\u0345\u031b\u0334\u05b0\u3099\u0f71\u0f72\u1dce"
PIECES = list("aeoAO ") + list(MARKS) * 2 + list("éǖṩﬁ①Å한글가각\u1100\u1161\u11a8ｶﾞ½ﷺ豈𝒳ΐ़क़")
for _ in range(800):
    t = "".join(random.choices(PIECES, k=random.randrange(1, 8)))
    print("norm", h(t), *(h(unicodedata.normalize(f, t)) for f in ("NFC", "NFD", "NFKC", "NFKD")))

BYTES = [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
         0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF]
for _ in range(800):
    b = bytes(random.choices(BYTES, k=random.randrange(1, 7)))
    print("repair", h(b), h(b.decode("utf-8", "replace")))


def final(text):  # what Python makes of a sigma shows what stands before it
    return (text + "Σ").lower()[-1] == "ς"


def ignorable(c):
    return final("A" + chr(c)) and not final("1" + chr(c))


def cased(c):
    return final("1" + chr(c))


PROPERTIES = {
    "letter": lambda c: unicodedata.category(chr(c))[0] == "L",
    "number": lambda c: unicodedata.category(chr(c))[0] == "N",
    "punctuation": lambda c: unicodedata.category(chr(c))[0] == "P",
    "space": lambda c: chr(c).isspace(),
    "ignorable": lambda c: not 0xD800 <= c < 0xE000 and ignorable(c),
    "cased": lambda c: not 0xD800 <= c < 0xE000 and cased(c),
    "unassigned": lambda c: unicodedata.category(chr(c)) == "Cn",
}
for name, has in PROPERTIES.items():
    first = None
    for c in range(0x110001):
        yes = c < 0x110000 and has(c)
        if yes and first is None:
            first = c
        elif not yes and first is not None:
            print("range", name, "%x %x" % (first, c - 1))
            first = None

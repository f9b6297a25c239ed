"""data.py - what the model in the box learns: conversations, made from this tree alone.

    python3 tools/box/data.py GNEISS OUT [SEED]

writes OUT/train.jsonl ({"messages"}) and OUT/held.jsonl ({"skill", "messages", "key"}: the answer must
hold the key). What it says of gneiss comes from the program's own tables (its keys, commands and
options) and the names in man/; words, opposites and lists from the files beside this one. Of every
way of asking, some are held out: the model is never trained on them.
"""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COUNTS = dict(add=16000, compare=3000, spell=5000, reverse=5000, count=4000, calendar=3000,
              opposite=3000, list=3000, gneiss=24000, who=2500, unknown=5000, memory=6000)
UNKNOWN = "I am a small demonstration model, and I do not know that."


def words(name):
    return (HERE / name).read_text().split()


WORDS = words("words.txt")
PAIRS = [tuple(p.split()) for line in (HERE / "opposites.txt").read_text().splitlines()
         for p in line.split("|")]
LISTS = {line.split(":")[0]: line.split(":")[1].split()
         for line in (HERE / "lists.txt").read_text().splitlines()}
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = ("January February March April May June July August September October November "
          "December").split()
NAMES = ("Ada Ben Clara David Emma Felix Greta Henry Ida Jonas Karen Leo Mira Nils Olga Paul Rosa "
         "Simon Tara Victor").split()


AROUND = ["Please: {q}", "Tell me: {q}", "Hello. {q}", "{q} Thanks.", "I have a question. {q}",
          "Quick question: {q}", "One more: {q}", "Hi! {q}", "{q} Please.", "Now this: {q}"]


def asked(r, held, ways, **values):
    """One of the ways of asking: the last quarter of them is held out. What is trained on is at
    times dressed up, so that words around a question come to mean little."""
    known = len(ways) - max(1, len(ways) // 4)
    q = r.choice(ways[known:] if held else ways[:known]).format(**values)
    if held:
        return q
    if r.random() < 0.2:
        q = r.choice(AROUND).format(q=q)
    if r.random() < 0.1:
        q = q[0].lower() + q[1:]
    if r.random() < 0.1:
        q = q.rstrip(".?!")
    return q


# Each skill: (r, held) -> (list of (question, answer), key of the last answer)

def add(r, held):
    a, b = r.randrange(10, 100), r.randrange(10, 100)
    q = asked(r, held, ["What is {a} + {b}?", "{a} + {b}", "Can you add {a} and {b}?", "Tell me the sum of {a} and {b}.",
                        "Calculate {a} + {b}.", "{a} + {b} = ?", "Give me {a} plus {b}.", "Add {a} and {b}.", "{a} plus {b}",
                        "What is {a} plus {b}?", "How much is {a} + {b}?", "Compute {a} + {b}.",
                        "What is the sum of {a} and {b}?", "Please add {a} and {b}.",
                        "How much is {a} plus {b}?", "Tell me {a} + {b}."], a=a, b=b)
    return [(q, f"{a} + {b} = {a + b}")], f"= {a + b}"


def compare(r, held):
    a, b = r.sample(range(1, 100), 2)
    if r.random() < 0.5:
        q = asked(r, held, ["Which is larger, {a} or {b}?", "Give me the larger of {a} and {b}.",
                            "Tell me which is larger, {a} or {b}.", "The larger of {a} and {b}?",
                            "Of {a} and {b}, which is larger?", "Name the larger of {a} and {b}.",
                            "Can you tell me the larger of {a} and {b}?", "Is {a} or {b} larger?",
                            "Which number is bigger, {a} or {b}?", "Larger: {a} or {b}?",
                            "Tell me the larger of {a} and {b}."], a=a, b=b)
        return [(q, f"{max(a, b)} is larger than {min(a, b)}.")], f"{max(a, b)} is larger"
    q = asked(r, held, ["Which is smaller, {a} or {b}?", "Give me the smaller of {a} and {b}.",
                            "Tell me which is smaller, {a} or {b}.", "The smaller of {a} and {b}?",
                            "Of {a} and {b}, which is smaller?", "Name the smaller of {a} and {b}.",
                            "Can you tell me the smaller of {a} and {b}?", "Is {a} or {b} smaller?",
                        "Which number is less, {a} or {b}?", "Smaller: {a} or {b}?",
                        "Tell me the smaller of {a} and {b}."], a=a, b=b)
    return [(q, f"{min(a, b)} is smaller than {max(a, b)}.")], f"{min(a, b)} is smaller"


def spell(r, held):
    w = r.choice(WORDS)
    q = asked(r, held, ["Spell {w}.", "Can you tell me how to spell {w}?", "Give me the letters of {w}.", "Write {w} letter by letter.",
                        "Tell me how to spell {w}.", "Could you spell {w}?", "I want to spell {w}.", "How do you spell {w}?", "Spell the word {w}.",
                        "Please spell {w}.", "What are the letters of {w}?",
                        "How is {w} spelled?", "Can you spell {w}?"], w=w)
    return [(q, "-".join(w))], "-".join(w)


def reverse(r, held):
    w = r.choice(WORDS)
    q = asked(r, held, ["Reverse {w}.", "Can you reverse {w}?", "Tell me {w} backwards.", "Could you reverse {w}?", "Turn {w} around.",
                        "Can you spell {w} backwards?", "Give me {w} in reverse.", "Reverse the word {w}.", "Spell {w} backwards.",
                        "What is {w} backwards?", "Write {w} in reverse.",
                        "Please reverse {w}.", "What is {w} spelled backwards?"], w=w)
    return [(q, "-".join(reversed(w)))], "-".join(reversed(w))


def count(r, held):
    w = r.choice(WORDS)
    q = asked(r, held, ["How many letters are in {w}?", "Tell me how many letters {w} has.", "Can you count the letters of {w}?",
                        "How many letters are there in {w}?", "The number of letters in {w}?", "How many letters has {w}?",
                        "Count the letters of {w}.", "How long is the word {w}?",
                        "How many letters does {w} have?", "Count the letters in {w}."], w=w)
    n = len(w)
    return [(q, f"{'-'.join(w)}: {n} letters.")], f": {n} letters"


def calendar(r, held):
    names, what = r.choice([(DAYS, "day"), (MONTHS, "month")])
    i, after = r.randrange(len(names)), r.random() < 0.6
    x, y = names[i], names[(i + (1 if after else -1)) % len(names)]
    side = "after" if after else "before"
    q = asked(r, held, ["What comes {side} {x}?", "Can you tell me what comes {side} {x}?", "{side} {x} comes what?",
                        "Give me the {what} {side} {x}.", "The {what} {side} {x}?", "Which {what} comes {side} {x}?",
                        "What {what} is {side} {x}?", "Name the {what} {side} {x}.",
                        "Tell me the {what} {side} {x}.", "Which {what} is {side} {x}?"],
              side=side, x=x, what=what)
    return [(q, f"{y} comes {side} {x}.")], y


def opposite(r, held):
    a, b = r.choice(PAIRS)
    if (a, b) != ("heavy", "light") and r.random() < 0.4 and b != "light":
        a, b = b, a
    q = asked(r, held, ["What is the opposite of {a}?", "Can you name the opposite of {a}?", "Give me the opposite of {a}.",
                        "What word means the opposite of {a}?", "The opposite of {a}?", "Opposite of {a}",
                        "Name the opposite of {a}.", "Which word is the opposite of {a}?",
                        "Tell me the opposite of {a}."], a=a)
    both = [y for x, y in PAIRS if x == a] + [x for x, y in PAIRS if y == a]
    return [(q, f"The opposite of {a} is {both[0]}.")], both[0]


def three(r, held):
    what = r.choice(list(LISTS))
    some = r.sample(LISTS[what], 3)
    q = asked(r, held, ["Name three {what}.", "I need three {what}.", "Tell me the names of three {what}.", "Could you list three {what}?",
                        "Name any three {what}.", "Which three {what} do you know?", "List three {what}.", "Three {what}, please.",
                        "Can you name three {what}?", "Give me three {what}.",
                        "Tell me three {what}."], what=what)
    return [(q, f"{some[0]}, {some[1]}, {some[2]}")], None


def who(r, held):
    q = asked(r, held, ["Who are you?", "Who is this?", "Hey", "Hello there", "Hello you", "Hi!", "Good evening.", "Good day.", "Hey there!", "What is your name?",
                        "Are you a model?", "Who am I speaking to?", "Tell me who you are.", "What do you know?",
                        "Whom am I chatting with?", "What are you?", "What can you do?", "Are you a person?",
                        "Tell me about yourself.", "What is this?", "Hello!", "Hi", "Hello",
                        "Good morning.", "Hi there!", "Who am I talking to?"])
    return [(q, "I am the small demonstration model of gneiss. I know gneiss and a few small "
                "skills.")], "demonstration model"


def unknown(r, held):
    w, v = r.sample(WORDS, 2)
    n = r.choice(NAMES)
    q = asked(r, held, ["What is the capital of {n}land?", "Why do people like the {w}?", "How many people live in {n}town?",
                        "Where does the {w} come from?", "Who is the king of {n}land?", "What does the {w} eat?",
                        "Can you explain the {w}?", "What is a {w} made of?", "Is the {w} expensive?",
                        "What is love?", "Who discovered the {w}?", "Tell me a joke about a {w}.",
                        "Tell me something about the {w}.", "How do I repair a {w}?", "Give me a recipe for {w}.",
                        "What is the best {w}?", "Should I buy a {w} or a {v}?", "When does the {w} open?",
                        "How far is {n}town?", "Sing a song about the {w}.", "What is the meaning of life?",
                        "Translate {w} into German.", "What happened in {n}town?", "Is {n} a good doctor?",
                        "How much does a {w} cost?", "Does the {w} need a {v}?", "Who invented the {w}?",
                        "Why is the {w} so {v}?", "Tell me a story about a {w}.",
                        "Write a poem about the {w}.", "How do I cook {w} with {v}?",
                        "When was {n} born?", "What is the history of the {w}?",
                        "Explain how a {w} works.", "Who won the {w} prize?",
                        "What do you think about the {w}?", "Where can I buy a {w}?",
                        "What is the weather in {n}town?", "Translate {w} into French.",
                        "How old is {n}?", "Who wrote the book about the {w}?",
                        "Give me advice about my {w}.", "What does {n} want with the {w}?",
                        "Is a {w} better than a {v}?", "What is the price of a {w}?"],
              w=w, v=v, n=n)
    return [(q, UNKNOWN)], "do not know"


def memory(r, held):
    middle = r.choice([add, compare, spell, calendar, opposite])(r, held)[0][0]
    if r.random() < 0.5:
        n = r.choice(NAMES)
        return [(asked(r, held, ["My name is {n}.", "I am {n}.", "Call me {n}.", "You can call me {n}.", "{n} is my name.", "People call me {n}.", "I am called {n}.", "Hello, my name is {n}.",
                                 "Hi, I am {n}."], n=n), f"Hello, {n}."), middle,
                (asked(r, held, ["What is my name?", "Can you tell me my name?", "What am I called?", "Say my name.", "Which name did I give?",
                                 "Do you know my name?", "Who am I?", "Do you remember my name?",
                                 "Tell me my name."]), f"Your name is {n}.")], f"name is {n}"
    w = r.choice(WORDS)
    return [(asked(r, held, ["Remember the word {w}.", "Remember {w}.", "My word is {w}.", "Here is a word: {w}.", "Keep this word: {w}.", "The word is {w}.", "Keep the word {w} in mind.",
                             "Please remember {w}."], w=w), f"I will remember {w}."), middle,
            (asked(r, held, ["What was the word?", "Which word was it?", "What was my word?", "Say the word again.", "Do you remember the word?", "Which word did I tell you?",
                             "What did I ask you to remember?", "Tell me the word."]),
             f"The word was {w}.")], f"word was {w}"


# ---- facts about gneiss ----------------------------------------------------------------------

def run(gneiss, *words):
    return subprocess.run([gneiss, *words], check=True, capture_output=True, text=True).stdout


def facts(gneiss):
    """(ways of asking, answer, key) from the program's own tables."""
    out = []
    for line in run(gneiss, "keys").splitlines():
        name, write, read, does = line[:16].strip(), line[16:39].strip(), line[39:55].strip(), line[55:].strip()
        if not does or name in ("request", "quit", "end"):
            continue
        keys = write.split() or read.split()
        if not keys:
            continue
        does = does.split(";")[0].strip()
        where = "while writing" if write else "while reading"
        ways = ["Which key is for: {d}?", "Tell me which key is for {n}.", "Can you tell me the key for {n}?", "The key for {n}?", "How do I {n} in the chat?", "What is the key for {n}?",
                "Which key do I press for {n}?", "Key for {n}?", "Which key means {n}?",
                "What do I press for {n}?", "Tell me the key for {n}."]
        out.append((ways, dict(n=name.replace("-", " "), d=does),
                    f"{keys[0]}, {where}: {does}.", keys[0]))
    for name, does in re.findall(r"^  ([a-z]+) +(\S.*)$", run(gneiss, "--help"), re.M):
        does = does.strip()
        ways = ["What does gneiss {n} do?", "Can you explain gneiss {n}?", "Tell me what gneiss {n} does.", "gneiss {n}?", "What is gneiss {n} for?", "Explain gneiss {n}.",
                "What does the command {n} do?", "Tell me about gneiss {n}.",
                "What is the command {n} for?", "Describe gneiss {n}."]
        out.append((ways, dict(n=name), f"gneiss {name}: {does}.", does[:14]))
        ways = ["Which command is it: {d}?", "Tell me the command to {d}.", "With which command can I {d}?", "The command to {d}?", "Which command of gneiss can {d}?",
                "How do I {d}?", "What is the command to {d}?", "I want to {d}. Which command?"]
        out.append((ways, dict(d=does), f"Use gneiss {name}.", f"gneiss {name}"))
        text = run(gneiss, name, "--help")
        text = re.sub(r"\n {20,}", " ", text)
        for flag, does in re.findall(r"^  (?:-\w, )?(--[a-z-]+)(?: [^ ]+)?  +(\S.*)$", text, re.M):
            ways = ["What does {f} of gneiss {n} do?", "Can you explain {f} of gneiss {n}?", "What is gneiss {n} {f}?", "Tell me what {f} of gneiss {n} does.",
                    "In gneiss {n}, what does {f} do?", "What is {f} for in gneiss {n}?",
                    "Explain gneiss {n} {f}.", "gneiss {n} {f}: what is it?",
                    "What does gneiss {n} {f} do?", "Tell me about {f} of gneiss {n}."]
            out.append((ways, dict(f=flag, n=name), f"{flag}: {does.strip()}.", does.strip()[:14]))
            ways = ["Which option of gneiss {n}: {d}?", "Tell me the option of gneiss {n} for {d}.",
                    "What option of gneiss {n} is for {d}?", "gneiss {n}: which option is for {d}?", "Option of gneiss {n} for {d}?",
                    "With gneiss {n}, which option is for {d}?",
                    "Name the option of gneiss {n} for {d}."]
            out.append((ways, dict(d=does.strip(), n=name), f"Use {flag}.", flag))
    return out


def main():
    gneiss, out, seed = sys.argv[1], Path(sys.argv[2]), int((sys.argv[3:] or ["1"])[0])
    r = random.Random(seed)
    known = facts(gneiss)

    def about(r, held):
        ways, values, answer, key = r.choice(known)
        return [(asked(r, held, ways, **values), answer)], key

    skills = dict(add=add, compare=compare, spell=spell, reverse=reverse, count=count,
                  calendar=calendar, opposite=opposite, list=three, gneiss=about, who=who,
                  unknown=unknown, memory=memory)

    def messages(turns):
        return [m for q, a in turns for m in (dict(role="user", content=q),
                                              dict(role="assistant", content=a))]

    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, n in COUNTS.items():
        for _ in range(n):
            turns, _ = skills[name](r, False)
            if len(turns) == 1 and r.random() < 0.15:  # a second question in the same conversation
                other = r.choice([add, spell, reverse, opposite, about])
                turns = turns + other(r, False)[0]
            lines.append(json.dumps(dict(messages=messages(turns))))
    r.shuffle(lines)
    (out / "train.jsonl").write_text("\n".join(lines) + "\n")
    with open(out / "held.jsonl", "w") as f:
        for name in COUNTS:
            for _ in range(100):
                turns, key = skills[name](r, True)
                f.write(json.dumps(dict(skill=name, messages=messages(turns)[:-1], key=key,
                                        list=turns[-1][0] if key is None else None)) + "\n")
    print(f"{len(lines)} conversations, {len(known)} facts about gneiss")


if __name__ == "__main__":
    main()

"""data.py - what the model in the box learns: conversations, made from this tree alone.

    python3 tools/box/data.py GNEISS OUT [SEED]

writes OUT/train.jsonl ({"messages"}), OUT/more.jsonl (a ninth of it again, more of what is forgotten
first, and what people ask first) and OUT/held.jsonl ({"skill", "messages", "key"}: the answer must hold the key). What it says of gneiss
comes from the program's own tables (its keys, commands and options) and faq.txt; words, opposites and
lists from the files beside this one. Of every way of asking, some are held out: the model is never
trained on them.
"""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COUNTS = dict(add=12000, compare=6000, spell=6000, reverse=8000, count=6000, calendar=3000,
              opposite=3000, list=4000, gneiss=22000, who=3000, unknown=9000, memory=10000)
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


ASK = ["", "", "Please ", "Can you ", "Could you ", "I want you to ", "Now ", "Would you ", "Will you ",
       "Just ", "Try to ", "I would like you to ", "You should ", "Kindly "]


def told(*orders):
    """Orders ("spell {w}"), each with what people put before them."""
    out = []
    for order in orders:
        for before in ASK:
            text = before + order
            end = "?" if before.split(" ")[0] in ("Can", "Could", "Would", "Will") else "."
            out.append(text[0].upper() + text[1:] + end)
    return out


def asked(r, held, ways, more=(), **values):
    """One of the ways of asking. The last quarter of `ways` is held out, and so is what `more` has of
    it; what is trained on is at times dressed up, so that words around a question come to mean little."""
    known = len(ways) - max(1, len(ways) // 4)
    out = ways[known:]
    if held:
        return r.choice(out).format(**values)
    pool = [m for m in more if m not in out] if r.random() < 0.6 else []
    q = r.choice(pool or ways[:known]).format(**values)
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


COMPARED = ["Which one is {l}, {a} or {b}?", "What is {l}, {a} or {b}?", "{a} or {b}, which is {l}?",
            "The {l} number: {a} or {b}?", "{a} and {b}: which is {l}?", "Say which is {l}: {a} or {b}.",
            "Which is the {l} number, {a} or {b}?", "Between {a} and {b}, which is {l}?",
            "Compare {a} and {b}: which is {l}?", "Pick the {l} of {a} and {b}.",
            "I want the {l} of {a} and {b}.", "{l}: {a} and {b}?", "Choose the {l}: {a} or {b}.",
            "The {l} one of {a} and {b}?", "Tell me the {l} number, {a} or {b}.",
            "Show me the {l} of {a} and {b}.", "Which is {l}: {a} or {b}?", "{l} number: {a} or {b}?",
            "Tell me what is {l}, {a} or {b}.", "Of {a} and {b}, tell me the {l}.",
            "Say the {l} of {a} and {b}.", "Name the {l}, {a} or {b}."]


def compare(r, held):
    a, b = r.sample(range(1, 100), 2)
    if r.random() < 0.5:
        q = asked(r, held, ["Which is larger, {a} or {b}?", "Give me the larger of {a} and {b}.",
                            "Tell me which is larger, {a} or {b}.", "The larger of {a} and {b}?",
                            "Of {a} and {b}, which is larger?", "Name the larger of {a} and {b}.",
                            "Can you tell me the larger of {a} and {b}?", "Is {a} or {b} larger?",
                            "Which number is bigger, {a} or {b}?", "Larger: {a} or {b}?",
                            "Tell me the larger of {a} and {b}."], COMPARED, a=a, b=b,
                  l=r.choice(["larger", "larger", "bigger", "greater", "higher"]))
        return [(q[0].upper() + q[1:], f"{max(a, b)} is larger than {min(a, b)}.")], f"{max(a, b)} is larger"
    q = asked(r, held, ["Which is smaller, {a} or {b}?", "Give me the smaller of {a} and {b}.",
                        "Tell me which is smaller, {a} or {b}.", "The smaller of {a} and {b}?",
                        "Of {a} and {b}, which is smaller?", "Name the smaller of {a} and {b}.",
                        "Can you tell me the smaller of {a} and {b}?", "Is {a} or {b} smaller?",
                        "Which number is less, {a} or {b}?", "Smaller: {a} or {b}?",
                        "Tell me the smaller of {a} and {b}."], COMPARED, a=a, b=b,
              l=r.choice(["smaller", "smaller", "lower", "less", "lesser"]))
    return [(q[0].upper() + q[1:], f"{min(a, b)} is smaller than {max(a, b)}.")], f"{min(a, b)} is smaller"


SPELLED = told("spell {w}", "spell out {w}", "write out the letters of {w}", "list the letters of {w}",
               "say {w} letter by letter", "show how {w} is written", "give the spelling of {w}",
               "name each letter of {w}", "say the letters in {w}", "break {w} into letters",
               "tell me the letters of {w}", "tell me how {w} is written", "spell the word {w}") + [
    "How is {w} written?", "What is the spelling of {w}?", "Which letters make {w}?", "How do I spell {w}?",
    "What letters are in {w}?", "How would you spell {w}?", "How can {w} be spelled?", "Spelling of {w}?",
    "How does one spell {w}?", "Which letters are in {w}?", "What are the letters in {w}?",
    "How is the word {w} spelled?", "The letters of {w}?", "What is {w}, letter by letter?",
    "How should {w} be spelled?", "What letters does {w} have?", "The spelling of {w}?"]
REVERSED = told("reverse {w}", "turn {w} around", "spell {w} backwards", "write {w} backwards",
                "say {w} from the end", "give {w} backwards", "flip {w}", "read {w} backwards",
                "put the letters of {w} in reverse", "write {w} in reverse order", "spell {w} in reverse",
                "show {w} in reverse", "give me {w} reversed", "write the reverse of {w}",
                "say {w} in reverse", "reverse the letters of {w}", "write the word {w} in reverse") + [
    "What is {w} in reverse?", "What is {w} reversed?", "How is {w} read backwards?",
    "How is {w} spelled in reverse?", "What does {w} look like backwards?", "{w} backwards?",
    "How do you spell {w} backwards?", "What is the reverse of {w}?", "{w} in reverse?", "Backwards: {w}",
    "How is {w} spelled backwards?", "What is {w} written backwards?", "What is {w} spelled in reverse?",
    "What are the letters of {w} in reverse?", "What are the letters of {w} backwards?"]
COUNTED = told("say how many letters {w} has", "count how many letters are in {w}",
               "find the length of {w}", "give the number of letters in {w}", "count the letters of {w}",
               "tell me the length of {w}", "tell me the number of letters in {w}",
               "count all the letters in the word {w}", "count the letters in the word {w}",
               "count up the letters in {w}", "say how long {w} is") + [
    "How many letters do you see in {w}?", "How many letters does the word {w} have?",
    "How many letters does {w} contain?", "How many letters make up {w}?", "What is the length of {w}?",
    "What number of letters does {w} have?", "{w} has how many letters?", "How long is {w}?",
    "How many characters does {w} have?", "How many letters form {w}?", "Letters in {w}: how many?",
    "How many letters did you count in {w}?", "How many letters does one need for {w}?",
    "The word {w} has how many letters?", "How many letters would {w} have?"]


def spell(r, held):
    w = r.choice(WORDS)
    q = asked(r, held, ["Spell {w}.", "Can you tell me how to spell {w}?", "Give me the letters of {w}.", "Write {w} letter by letter.",
                        "Tell me how to spell {w}.", "Could you spell {w}?", "I want to spell {w}.", "How do you spell {w}?", "Spell the word {w}.",
                        "Please spell {w}.", "What are the letters of {w}?",
                        "How is {w} spelled?", "Can you spell {w}?"], SPELLED, w=w)
    return [(q, "-".join(w))], "-".join(w)


def reverse(r, held):
    w = r.choice(WORDS)
    q = asked(r, held, ["Reverse {w}.", "Can you reverse {w}?", "Tell me {w} backwards.", "Could you reverse {w}?", "Turn {w} around.",
                        "Can you spell {w} backwards?", "Give me {w} in reverse.", "Reverse the word {w}.", "Spell {w} backwards.",
                        "What is {w} backwards?", "Write {w} in reverse.",
                        "Please reverse {w}.", "What is {w} spelled backwards?"], REVERSED, w=w)
    return [(q, "-".join(reversed(w)))], "-".join(reversed(w))


def count(r, held):
    w = r.choice(WORDS)
    q = asked(r, held, ["How many letters are in {w}?", "Tell me how many letters {w} has.", "Can you count the letters of {w}?",
                        "How many letters are there in {w}?", "The number of letters in {w}?", "How many letters has {w}?",
                        "Count the letters of {w}.", "How long is the word {w}?",
                        "How many letters does {w} have?", "Count the letters in {w}."], COUNTED, w=w)
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


NAMED = told("say three {what}", "write three {what}", "show me three {what}", "give three {what}",
             "think of three {what}", "write down three {what}", "name a few {what}", "tell me any three {what}",
             "give me any three {what}", "tell me the names of three {what}", "list a few {what}") + [
    "Which three {what} can you name?", "Three examples of {what}?", "What are three {what}?",
    "I want three {what}.", "Let me have three {what}.", "Three kinds of {what}?", "Some {what}, please.",
    "Which {what} do you know?", "I would like three {what}.", "What {what} are there?"]


def three(r, held):
    what = r.choice(list(LISTS))
    some = sorted(r.sample(LISTS[what], 3), key=LISTS[what].index)
    q = asked(r, held, ["Name three {what}.", "I need three {what}.", "Tell me the names of three {what}.", "Could you list three {what}?",
                        "Name any three {what}.", "Which three {what} do you know?", "List three {what}.", "Three {what}, please.",
                        "Can you name three {what}?", "Give me three {what}.",
                        "Tell me three {what}."], NAMED, what=what)
    return [(q, f"{some[0]}, {some[1]}, {some[2]}")], None


GREETED = told("introduce yourself", "say who you are", "tell me what you are", "tell me your name",
               "say your name", "say something about yourself") + [
    "Are you a human?", "What sort of model are you?", "Who is there?", "Who is writing?", "Good afternoon.",
    "Am I talking to a person?", "Am I talking to a model?", "Greetings.", "Hiya!", "Hello, who are you?",
    "Hi, who are you?", "What is your task?", "Are you a program?", "Are you a robot?", "Who speaks?",
    "With whom am I talking?", "Who am I chatting with?", "Which model are you?", "What are you good at?",
    "What do you do?", "Hello again.", "Hi again!", "Good morning to you.", "Hey, what are you?"]


def who(r, held, more=True):
    q = asked(r, held, ["Who are you?", "Who is this?", "Hey", "Hello there", "Hello you", "Hi!", "Good evening.", "Good day.", "Hey there!", "What is your name?",
                        "Are you a model?", "Who am I speaking to?", "Tell me who you are.", "What do you know?",
                        "Whom am I chatting with?", "What are you?", "What can you do?", "Are you a person?",
                        "Tell me about yourself.", "What is this?", "Hello!", "Hi", "Hello",
                        "Good morning.", "Hi there!", "Who am I talking to?"], GREETED if more else ())
    return [(q, "I am the small demonstration model of gneiss. I know gneiss and a few small "
                "skills.")], "demonstration model"


DONE = ("made found sold painted lost broke built moved drew hid liked saw took brought kept burned opened "
        "washed cleaned fed loved chose fixed held led met paid sent stole taught threw").split()
DO = ("make find sell paint lose break build move draw hide like see take bring keep burn open wash clean "
      "feed love choose fix hold lead meet pay send steal teach throw eat grow read hear").split()
LIKE = ("big old red blue heavy rich cheap famous good bad cold warm dark tall deep strange strong sweet "
        "quiet loud young tired wild nice round soft hard clean late early").split()
OF = ("colour name size age owner taste weight smell story end reason use cost value shape place year date "
      "rule plan title height job country language").split()
KIND = "poem song letter story book note speech joke film report play verse line tale".split()


def strange(r):
    """A question about the world: more of them than anyone could learn by heart."""
    some = dict(done=r.choice(DONE), do=r.choice(DO), like=r.choice(LIKE), of=r.choice(OF),
                kind=r.choice(KIND), m=r.choice(NAMES), two=r.choice(DO))
    return r.choice([
        "Who {done} the {w}?", "Who {done} a {w} and a {v}?", "Why did {n} {do} the {w}?", "Why is the {w} {like}?",
        "When did {n} {do} the {w}?", "Where did {n} {do} the {w}?", "How {like} is the {w}?",
        "How {like} is {n}?", "What is the {of} of the {w}?", "What is the {of} of {n}?", "Who is {n}?",
        "What is the {of} of a {w}?", "Where is the {w}?", "Where is {n}town?", "Where does {n} live?",
        "When will the {w} {do}?", "How can I {do} a {w}?", "How do people {do} the {w}?",
        "Should I {do} the {w}?", "Can I {do} a {w} with a {v}?", "Is the {w} {like}?", "Is {n} {like}?",
        "Is a {w} {like}?", "Does {n} {do} the {w}?", "Does the {w} {do} the {v}?", "Did {n} {do} a {w}?",
        "Tell me about the {w}.", "Tell me about {n}.", "Tell me why the {w} is {like}.",
        "Write a {kind} about the {w}.", "Write me a {kind} for {n}.", "Make a {kind} about {n}.",
        "Give me a {kind} about a {w}.", "I need a {kind} about the {w}.", "Explain the {of} of the {w}.",
        "Describe the {w}.", "What do you know about the {w}?", "What do you say about {n}?",
        "What did {n} {do}?", "What does a {w} {do}?", "What will {n} {do}?", "Who will {do} the {w}?",
        "Who {done} the {like} {w}?", "Which {w} is {like}?", "Which {w} does {n} {do}?",
        "What is a {like} {w}?", "What is a {w}?", "Where can I {do} a {w}?", "Where do they {do} the {w}?",
        "How many {w}s does {n} {do}?", "How much does {n} {do}?", "How often does {n} {do} the {w}?",
        "How did {n} {do} the {w}?", "How old is the {w}?", "How is {n}?", "Who was {n}?", "Was {n} {like}?",
        "Which {of} does the {w} have?", "Which {of} has {n}?", "What is {n}'s {of}?", "What {of} is a {w}?",
        "Who has the {w} of {n}?", "What is the {like} {of} of {n}land?", "Who rules {n}land?",
        "Translate the {kind} about the {w}.", "Say something about the {w}.", "Do you like the {w}?",
        "Do you {do} the {w}?", "Are you {like}?", "Give me the {of} of {n}town.", "Help me to {do} a {w}.",
        "When is the {w}?", "When did the {w} {do}?", "Who {done} {n}?", "What if I {do} the {w}?"
    ]).replace("{n}", r.choice(["{n}", some["m"]])).format(n="{n}", w="{w}", v="{v}", **{
        k: x for k, x in some.items() if k not in ("m", "two")})


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
              [strange(r)], w=w, v=v, n=n)
    return [(q, UNKNOWN)], "do not know"


MY_NAME = told("tell me my name", "say my name", "repeat my name", "remind me of my name", "give me my name",
               "say what I am called", "tell me who I am", "tell me what my name is") + [
    "What name did I tell you?", "How am I called?", "What do people call me?", "What is the name I gave?",
    "Who is talking to you?", "Which name is mine?", "My name?", "What did I say my name was?",
    "Do you know who I am?", "Do you remember who I am?", "What was my name?", "And what is my name?",
    "Do you still know my name?", "What is my name again?"]
MY_WORD = told("tell me my word", "say the word", "repeat the word", "remind me of the word", "give me the word",
               "give me back my word", "name the word", "say what the word was", "tell me what the word was",
               "tell me which word it was", "say what I asked you to keep") + [
    "What is the word?", "What word did I say?", "Which word should you remember?", "What is my word?",
    "What was it that I told you to remember?", "What word did you keep?", "What did I tell you to keep?",
    "What did you remember?", "The word?", "What did I tell you to remember?", "What did I want you to keep?",
    "Which word did I ask you to keep?", "What should you remember?", "What did I ask for?",
    "What was the word I told you?", "Do you still know the word?", "And what was the word?",
    "What did I give you to remember?", "What word did I ask you to remember?"]


def memory(r, held):
    middle = r.choice([add, compare, spell, reverse, count, calendar, opposite, three])(r, held)[0][0]
    if r.random() < 0.5:
        n = r.choice(NAMES)
        return [(asked(r, held, ["My name is {n}.", "I am {n}.", "Call me {n}.", "You can call me {n}.", "{n} is my name.", "People call me {n}.", "I am called {n}.", "Hello, my name is {n}.",
                                 "Hi, I am {n}."],
                       ["This is {n}.", "They call me {n}.", "Hello, I am {n}.", "Hi, my name is {n}.", "I go by {n}.",
                        "Hey, I am {n}.", "Good morning, I am {n}.", "Please call me {n}.", "Just call me {n}.",
                        "{n} here.", "I am {n}, hello.", "Hi, {n} here.", "Hello, {n} is my name."], n=n),
                 f"Hello, {n}."), middle,
                (asked(r, held, ["What is my name?", "Can you tell me my name?", "What am I called?", "Say my name.", "Which name did I give?",
                                 "Do you know my name?", "Who am I?", "Do you remember my name?",
                                 "Tell me my name."], MY_NAME), f"Your name is {n}.")], f"name is {n}"
    w = r.choice(WORDS)
    return [(asked(r, held, ["Remember the word {w}.", "Remember {w}.", "My word is {w}.", "Here is a word: {w}.", "Keep this word: {w}.", "The word is {w}.", "Keep the word {w} in mind.",
                             "Please remember {w}."],
                   told("keep {w}", "remember this word: {w}", "keep the word {w}", "remember {w} for me",
                        "keep {w} in mind", "hold on to the word {w}", "note the word {w}"), w=w),
             f"I will remember {w}."), middle,
            (asked(r, held, ["What was the word?", "Which word was it?", "What was my word?", "Say the word again.", "Do you remember the word?", "Which word did I tell you?",
                             "What did I ask you to remember?", "Tell me the word."], MY_WORD),
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


HOW = ["How can I {x}?", "How to {x}?", "I want to {x}.", "Can I {x}?", "Please tell me how to {x}.",
       "Tell me how to {x}.", "How does one {x}?", "Show me how to {x}.", "What do I do to {x}?",
       "Is there a way to {x}?", "How would I {x}?", "I would like to {x}.", "Explain how to {x}.",
       "How could I {x}?", "How should I {x}?", "Where do I {x}?", "What must I do to {x}?", "How {x}?",
       "Which command do I use to {x}?", "What is the way to {x}?", "How is it possible to {x}?"]


def around_how(ways):
    """The trained ways of asking "How do I x?", in all of HOW."""
    known = ways[:len(ways) - max(1, len(ways) // 4)]
    out = []
    for way in known:
        for start in ("How do I ", "How can I ", "Can I "):
            if way.startswith(start):
                out += [h.format(x=way[len(start):-1]) for h in HOW]
    return out


def asked_first(gneiss):
    """faq.txt, and options of `run` without naming it: (ways of asking, values, answer, key)."""
    out = []
    for block in (HERE / "faq.txt").read_text().strip().split("\n\n"):
        head, ways = block.split("\n")
        answer, key = head.split(" | ")
        out.append((ways.split(" | "), {}, answer, key))
    text = re.sub(r"\n {20,}", " ", run(gneiss, "run", "--help"))
    for flag, does in re.findall(r"^  (?:-\w, )?(--[a-z-]+)(?: [^ ]+)?  +(\S.*)$", text, re.M):
        ways = ["What does {f} do?", "What is {f} for?", "{f}?", "Explain {f}.", "Tell me about {f}.",
                "What is the option {f}?", "What does the option {f} do?", "What is {f}?"]
        out.append((ways, dict(f=flag), f"{flag}: {does.strip()}.", does.strip()[:14]))
    return out


def main():
    gneiss, out, seed = sys.argv[1], Path(sys.argv[2]), int((sys.argv[3:] or ["1"])[0])
    r = random.Random(seed)
    known = facts(gneiss)

    def about(r, held):
        ways, values, answer, key = r.choice(known)
        return [(asked(r, held, ways, **values), answer)], key

    def plainly(r, held):
        return who(r, held, more=False)

    skills = dict(add=add, compare=compare, spell=spell, reverse=reverse, count=count,
                  calendar=calendar, opposite=opposite, list=three, gneiss=about, who=plainly,
                  unknown=unknown, memory=memory)

    first = asked_first(gneiss)

    def faq(r, held):
        ways, values, answer, key = r.choice(first)
        return [(asked(r, held, ways, around_how(ways), **values), answer)], key

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
    again = [json.dumps(dict(messages=messages(faq(r, False)[0]))) for _ in range(len(lines) // 9)]
    again += lines[:len(lines) // 9]
    again += [json.dumps(dict(messages=messages(skill(r, False)[0])))
              for skill in (memory, memory, memory, who, compare) for _ in range(1000)]
    r.shuffle(again)
    (out / "more.jsonl").write_text("\n".join(again) + "\n")
    skills["faq"] = faq
    with open(out / "held.jsonl", "w") as f:
        for name in [*COUNTS, "faq"]:
            for _ in range(100):
                turns, key = skills[name](r, True)
                f.write(json.dumps(dict(skill=name, messages=messages(turns)[:-1], key=key,
                                        list=turns[-1][0] if key is None else None)) + "\n")
    print(f"{len(lines)} conversations, {len(known)} facts about gneiss")


if __name__ == "__main__":
    main()

"""tasks.py - the tasks of the model in the box: what it was taught, asked in ways it never saw.

    python3 tools/box/tasks.py GNEISS

writes eval/tasks/box/*.jsonl. One seed; facts about gneiss come from the program's own tables, so run
it with the program that made the training data, and raise the tasks' version when it has changed.
"""

import json
import random
import sys
from pathlib import Path

import data

OUT = Path(__file__).resolve().parents[2] / "eval" / "tasks" / "box"
SEED = 20261127


def write(name, rows):
    (OUT / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(f"{name}: {len(rows)} documents")


def skills(r):
    """Answers to be written; what counts is the key."""
    rows = []
    for skill in (data.add, data.compare, data.spell, data.reverse, data.count):
        for _ in range(24):
            turns, key = skill(r, True)
            rows.append(dict(skill=skill.__name__, question=turns[0][0], key=key))
    return rows


def facts(r, known):
    """Which of four answers about gneiss is the right one?"""
    rows = []
    for ways, values, answer, _ in r.sample(known, 80):
        others = [a for w, _, a, _ in known if w == ways and a != answer]
        choices = r.sample(sorted(set(others)), 3) + [answer]
        r.shuffle(choices)
        rows.append(dict(question=data.asked(r, True, ways, **values), choices=choices,
                         answer=choices.index(answer)))
    return rows


def words(r):
    """Opposites, days and months: the likelihood of the one right answer."""
    rows = []
    for skill in (data.opposite, data.calendar):
        for _ in range(30):
            (question, answer), = skill(r, True)[0]
            rows.append(dict(question=question, answer=answer))
    return rows


def talks(r):
    """Conversations of three turns: the likelihood of the third answer, which needs the first."""
    rows = []
    for _ in range(40):
        turns, _ = data.memory(r, True)
        text = "".join(f"<|start_of_role|>user<|end_of_role|>{q}<|end_of_text|>\n"
                       f"<|start_of_role|>assistant<|end_of_role|>{a}<|end_of_text|>\n"
                       for q, a in turns[:-1])
        rows.append(dict(before=text, question=turns[-1][0], answer=turns[-1][1]))
    return rows


def main():
    r = random.Random(SEED)
    OUT.mkdir(parents=True, exist_ok=True)
    write("skills.jsonl", skills(r))
    write("facts.jsonl", facts(r, data.facts(sys.argv[1])))
    write("words.jsonl", words(r))
    write("talks.jsonl", talks(r))


if __name__ == "__main__":
    main()

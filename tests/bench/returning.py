#!/usr/bin/env python3
"""returning.py - how soon a conversation goes on: regenerate, edit, another answer, another day.

    tests/bench/returning.py GNEISS MODEL [ROUNDS] [-- more arguments for gneiss chat]

Holds a short conversation and one of some 2,000 tokens in a terminal of its own, then goes on with each in the ways
a person does and times them from the key (or the editor's end) to the screen's first sign of the new reply. `step`
is what the model takes: of a regenerated reply one token at the rate it was written with, of one with a message the time
of the same message in the short conversation. `more` is the rest: what returning costs. Wanted: 10 ms at most.

    regen     /regen: the state at the question is copied, nothing is read
    edit      /edit of the last question: the state before it is copied, the question read
    sibling   [ and a message: the state after the other answer is copied, the message read
    sibling[  [ alone, until the other answer is on the screen
    resume    gneiss chat -c and a message: the state comes from the disk (of 256 and of 2,000 tokens)
    opened    gneiss chat -c, from the start of the process until the chat can be written to
"""
import os
import pathlib
import re
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from keystrokes import Terminal, hurry

# For a synthetic model, whose vocabulary has marks of these names alone: -- --template marks
MARKS = "".join((
    "{% for m in messages %}<|extra_100300|>{{ m.role }}<|extra_100301|>{{ m.content }}<|extra_100302|>\n{% endfor %}",
    "{% if add_generation_prompt %}<|extra_100300|>assistant<|extra_100301|>{% endif %}"))
SAY = "and what of it then?"


class Chat(Terminal):
    def __init__(self, argv, env):
        start = time.monotonic()
        super().__init__(argv, env)
        self.wait_for(b"F1 help", 120)
        self.opened = (time.monotonic() - start) * 1e3
        self.drain(0.5)

    def type(self, text):
        self.write(text)
        self.drain(0.15)

    def first(self, key):
        """Milliseconds from a key to the first word of the reply; waits until it has ended."""
        start = time.monotonic()
        self.write(key)
        got = b""
        while b"answering" not in got:
            got += self.read(5)
            if time.monotonic() - start > 30:
                self.write("\x0c")
                sys.exit(f"returning.py: no reply within 30 s; the screen: {self.drain(2)}")
        at = time.monotonic()
        while b"t/s, reused" not in got:
            got = got[-400:] + self.read(5)
        self.token = 1e3 / float(re.findall(rb"([0-9.]+) t/s, reused", got)[-1])
        self.drain(0.6)
        return (at - start) * 1e3

    def say(self, text):
        if len(text) > 200:
            self.write(f"\x1b[200~{text}\x1b[201~")
            self.drain(0.5)
        else:
            self.type(text)
        return self.first("\r")

    def close(self):
        os.write(self.fd, b"\x15\x04")
        self.drain(1)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def words(n):
    return " ".join(f"{i} waves" for i in range(n))


def main():
    argv = sys.argv[1:]
    more = argv[argv.index("--") + 1:] if "--" in argv else []
    argv = argv[:argv.index("--")] if "--" in argv else argv
    if len(argv) < 2:
        sys.exit(__doc__)
    gneiss, model = argv[:2]
    rounds = int(argv[2]) if len(argv) > 2 else 5
    hurry()
    with tempfile.TemporaryDirectory() as home:
        editor, ended = home + "/editor", home + "/ended"
        pathlib.Path(editor).write_text(f'#!/bin/sh\necho "$(cat "$1")." >"$1"\ndate +%s%N >{ended}\n')
        os.chmod(editor, 0o755)
        templates = pathlib.Path(home + "/gneiss/prompts/chat")
        templates.mkdir(parents=True)
        (templates / "marks.jinja").write_text(MARKS)
        env = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", HOME=home, XDG_DATA_HOME=home,
                   XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home, XDG_STATE_HOME=home, EDITOR=editor, VISUAL=editor)
        command = [gneiss, "chat", model, "--temp", "0.8", "--top-k", "40", "--seed", "1", "-n", "24", *more]
        times, tokens = {}, []
        def note(what, ms):
            times.setdefault(what, []).append(ms)

        for size, n in ("256", 40), ("2000", 370):
            chat = Chat(command, env)
            chat.say("go on")
            for _ in range(rounds):
                note("short, said", chat.say(SAY))
            chat.type("/regen")
            chat.first("\r")
            for _ in range(rounds):
                chat.type("/regen")
                note("short, regen", chat.first("\r"))
            chat.type("/new")
            chat.write("\r")
            chat.drain(0.3)
            for _ in range(3):
                chat.say(words(n // 3))
            chat.say(SAY)
            chat.drain(2)  # the state goes to the disk
            if size == "2000":
                for _ in range(rounds):
                    chat.type("/regen")
                    note("regen 2000", chat.first("\r"))
                    tokens.append(chat.token)
                for _ in range(rounds):
                    chat.type("/edit 7")
                    chat.write("\r")
                    end = time.monotonic() + 5
                    while not os.path.exists(ended) and time.monotonic() < end:
                        chat.drain(0.0005)
                    got = b""
                    while b"answering" not in got:
                        got += chat.read(5)
                    note("edit 2000", (time.time_ns() - int(pathlib.Path(ended).read_text())) / 1e6)
                    os.unlink(ended)
                    chat.drain(2)  # it has ended: its line need not be drawn anew, where an older one was
                for _ in range(rounds):
                    start = time.monotonic()
                    chat.write("\x1b[1;3D")  # Alt+Left
                    chat.read(5)
                    note("sibling[ 2000", (time.monotonic() - start) * 1e3)
                    chat.drain(0.3)
                    note("sibling 2000", chat.say(SAY))
                    chat.type("/undo")
                    chat.write("\r")
                    chat.drain(0.3)
            chat.close()
            for _ in range(rounds):
                chat = Chat(command + ["-c"], env)
                note(f"opened {size}", chat.opened)
                note(f"resume {size}", chat.say(SAY))
                chat.drain(2)
                chat.close()

    said, token = statistics.median(times["short, said"]), statistics.median(tokens)
    for what, ms in times.items():
        step = token if "regen" in what else 0 if what.startswith(("short", "opened", "sibling[")) else said
        middle = statistics.median(ms)
        print(f"{what:14} {middle:8.1f} ms  (best {min(ms):.1f}, worst {max(ms):.1f})"
              + (f"  step {step:.1f}  more {middle - step:.1f}" if step else ""))
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")


main()

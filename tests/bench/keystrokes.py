#!/usr/bin/env python3
"""keystrokes.py - how long from a key to the screen, and how much of it is the model's doing.

    tests/bench/keystrokes.py GNEISS MODEL ENDS [KEYS] [-- more arguments for gneiss chat]

Runs a chat in a terminal of its own and types rare letters at a person's pace: while the model rests, while
it writes without end (ENDS, the ids of its end marks as "0,2", are biased away), and while it reads a long
prompt. A key's time is from the write into the terminal to the first bytes out of it that hold that letter:
readline, layout, drawing and curses are in it, the terminal's own drawing is not. Prints median, 99th
percentile and worst of each, and how busy the machine was. The goal is 16 ms at 99 %. The model needs a
context that the writing does not fill: thousands of tokens.

Who may (root, or an rtprio limit) has this script wait with real-time priority, so that a key's time is the
chat's alone. The chat itself runs as it always does.
"""
import fcntl
import os
import pty
import random
import select
import struct
import sys
import tempfile
import termios
import time

LETTERS = ["\u00a7", "\u00b6", "\u00a4", "\u00df", "\u00fe"]


class Terminal:
    def __init__(self, argv, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def write(self, text):
        for at in range(0, len(text), 2000):
            os.write(self.fd, text[at:at + 2000].encode())
            if at + 2000 < len(text):
                self.drain(0.02)

    def read(self, seconds):
        """What comes within so many seconds: the first bytes; b"" for nothing."""
        ready, _, _ = select.select([self.fd], [], [], max(0, seconds))
        if not ready:
            return b""
        try:
            return os.read(self.fd, 65536)
        except OSError:
            return b""

    def drain(self, seconds):
        got, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            got += self.read(end - time.monotonic())
        return got

    def wait_for(self, text, seconds):
        got, end = b"", time.monotonic() + seconds
        while text not in got:
            if time.monotonic() > end:
                sys.exit(f"keystrokes.py: {text!r} did not come within {seconds} s")
            got += self.read(0.5)


def hurry():
    """The script waits with real-time priority, what it starts does not."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        print("without real-time priority: what this script waits for the processor is in the times")


def measure(term, keys, until=None):
    """Milliseconds of each key; fewer than asked for where `until` came to the screen before."""
    times, load = [], os.getloadavg()[0]
    for i in range(keys):
        between = term.drain(random.uniform(0.04, 0.12))
        if until and until in between:
            break
        if i % 24 == 23:
            term.write("\x15")  # an empty line again
            term.drain(0.1)
        letter = LETTERS[i % len(LETTERS)]
        start = time.monotonic()
        term.write(letter)
        got = b""
        while letter.encode() not in got:
            got += term.read(2)
            if time.monotonic() - start > 5:
                sys.exit(f"keystrokes.py: key {i} was not shown within 5 s: is the model's context full?")
        times.append((time.monotonic() - start) * 1e3)
        if until and until in got:
            break
    term.write("\x15")
    term.drain(0.1)
    return times, load


def tell(what, times, load):
    times.sort()
    at = lambda q: times[min(len(times) - 1, int(q * len(times)))]
    print(f"{what:8} {len(times):5} keys: median {at(0.5):6.2f} ms, 99 % {at(0.99):6.2f} ms, worst {times[-1]:6.2f} ms; "
          f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} processors", flush=True)


def main():
    argv = sys.argv[1:]
    more = argv[argv.index("--") + 1:] if "--" in argv else []
    argv = argv[:argv.index("--")] if "--" in argv else argv
    if len(argv) < 3:
        sys.exit(__doc__)
    gneiss, model, ends = argv[:3]
    keys = int(argv[3]) if len(argv) > 3 else 400
    hurry()
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", HOME=home,
                   XDG_DATA_HOME=home, XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home,
                   XDG_STATE_HOME=home)
        for mark in ends.split(","):
            more += ["--bias", f"{mark}=-1000"]
        term = Terminal([gneiss, "chat", model, "--temp", "0.8", "--seed", "1", *more], env)
        term.wait_for(b"F1 help", 120)
        term.drain(1)
        tell("idle", *measure(term, keys // 4))
        for letter in "Tell me a very long story about the sea.":
            term.write(letter)
            term.drain(0.05)
        term.write("\r")
        term.wait_for(b"answering", 300)
        tell("writing", *measure(term, keys))
        term.write("\x1b")
        term.wait_for(b"stopped", 60)
        term.write("i")
        term.drain(0.5)
        text = " ".join(f"{i} waves" for i in range(keys * 8))
        term.write(f"\x1b[200~{text}\x1b[201~")
        term.drain(1)
        term.write("\r")
        term.wait_for(b"reading", 300)
        tell("reading", *measure(term, keys, b"answering"))
        term.write("\x1b")
        term.drain(1)
        os.write(term.fd, b"i\x15\x04")
        term.drain(1)
        os.close(term.fd)
        os.waitpid(term.pid, 0)


if __name__ == "__main__":
    main()

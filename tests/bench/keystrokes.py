"""keystrokes.py - how long from a key to the screen while the model writes.

    tests/bench/keystrokes.py GNEISS MODEL ENDS [KEYS] [-- more arguments for gneiss chat]

Runs a chat in a terminal of its own, has the model write without end (ENDS, the ids of its end
marks as "0,2", are biased away), and types rare letters at a person's pace. A key's time is from the write into the
terminal to the first bytes out of it that hold that letter: readline, layout, drawing and
curses are in it, the terminal's own drawing is not. Prints median, 99th percentile and worst,
the same while the model rests,
and how busy the machine was. The goal is 16 ms at 99 %.
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
        os.write(self.fd, text.encode())

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


def measure(term, keys):
    times, wrote = [], 0
    for i in range(keys):
        wrote += len(term.drain(random.uniform(0.06, 0.16)))
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
                sys.exit(f"keystrokes.py: key {i} was not shown within 5 s")
        times.append((time.monotonic() - start) * 1e3)
    return times, wrote


def main():
    argv = sys.argv[1:]
    more = argv[argv.index("--") + 1:] if "--" in argv else []
    argv = argv[:argv.index("--")] if "--" in argv else argv
    if len(argv) < 3:
        sys.exit(__doc__)
    gneiss, model, ends = argv[:3]
    keys = int(argv[3]) if len(argv) > 3 else 400
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", HOME=home,
                   XDG_DATA_HOME=home, XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home,
                   XDG_STATE_HOME=home)
        for mark in ends.split(","):
            more += ["--bias", f"{mark}=-1000"]
        term = Terminal([gneiss, "chat", model, "--temp", "0.8", "--seed", "1", *more], env)
        term.wait_for(b"F1 help", 120)
        term.drain(1)
        idle = sorted(measure(term, keys // 4)[0])
        term.write("\x15")
        term.drain(0.1)
        for letter in "Tell me a very long story about the sea.":
            term.write(letter)
            term.drain(0.05)
        before = os.getloadavg()[0]
        term.write("\r")
        term.wait_for(b"answering", 300)
        times, wrote = measure(term, keys)
        times.sort()
        term.write("\x03")
        term.drain(1)
        os.write(term.fd, b"\x15\x04")
        term.drain(1)
        os.close(term.fd)
        os.waitpid(term.pid, 0)
    at = lambda some, q: some[min(len(some) - 1, int(q * len(some)))]
    print(f"{keys} keys while the model wrote ({wrote} bytes to the screen between them): "
          f"median {at(times, 0.5):.2f} ms, 99 % {at(times, 0.99):.2f} ms, "
          f"worst {times[-1]:.2f} ms; before it wrote: median {at(idle, 0.5):.2f} ms, "
          f"99 % {at(idle, 0.99):.2f} ms; load {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} processors")


main()

"""floors.py - may each file include what it includes?

Reads floors.txt, lowest floor first; a line's folders may include themselves and what stands above them in
the file, not one another. `eval` and `app` see the core through core/gneiss.h alone, and app sees eval through
eval/eval.h. A third-party header has one home. Also: no include cycle. Exit 1 with a line for each offence.
"""
import os, re, sys

HOME = {"json-c/": "core/base/json.c", "yaml.h": "core/base/yaml.c", "pcre2.h": "core/base/regex.c",
        "utf8proc.h": "core/base/unicode.c", "openssl/": "core/base/hash.c", "xxhash.h": "core/base/hash.c",
        "sqlite3.h": "core/base/sql.c", "cblas.h": "core/base/sgemm.c", "cuda": "core/cuda", "cublas": "core/cuda",
        "ncurses": "app/term/screen.c", "curses.h": "app/term/screen.c", "readline/": "app/term/line.c"}
DOORS = {"eval": ["core/gneiss.h"], "app": ["core/gneiss.h", "eval/eval.h"]}

floor = {}
for height, line in enumerate(open("floors.txt")):
    for folder in line.split():
        floor[folder] = height

def folder_of(path):
    """The longest folder of floors.txt that holds path."""
    fits = [f for f in floor if path.startswith(f + "/")]
    return max(fits, key=len) if fits else None

def house(folder):
    return folder.split("/")[0]

offences, graph = [], {}
skip = ("./build", "./.git")
files = [os.path.join(d, f)[2:] for d, _, fs in os.walk(".") if not d.startswith(skip)
         for f in fs if re.search(r"\.(c|h|cu|cuh)$", f)]
for path in sorted(files):
    me = folder_of(path)
    if me is None:
        offences.append(f"{path}: in no folder of floors.txt")
        continue
    for n, line in enumerate(open(path, errors="replace"), 1):
        m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not m:
            continue
        where, header = f"{path}:{n}", m.group(2)
        if m.group(1) == "<":
            for mark, home in HOME.items():
                if header.startswith(mark) and not path.startswith(home):
                    offences.append(f"{where}: <{header}> belongs to {home}")
            continue
        graph.setdefault(path, set()).add(header)
        it = folder_of(header)
        if it is None or not os.path.exists(header):
            offences.append(f'{where}: "{header}" is not a path from the root')
        elif it == me or me == "tests":
            continue
        elif floor[it] >= floor[me]:
            offences.append(f"{where}: {me} may not include {it}")
        elif (doors := DOORS.get(house(me))) and house(it) != house(me) and header not in doors:
            offences.append(f"{where}: {me} goes in by {' or '.join(doors)}, not {header}")

def cycle(path, trail):
    if path in trail:
        return trail[trail.index(path):] + [path]
    for header in sorted(graph.get(path, ())):
        found = cycle(header, trail + [path])
        if found:
            return found
    return None

for path in sorted(graph):
    found = cycle(path, [])
    if found:
        offences.append("cycle: " + " -> ".join(found))
        break
print("\n".join(offences + [f"floors: {len(files)} files, {len(offences)} offences"]))
sys.exit(bool(offences))

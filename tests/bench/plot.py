#!/usr/bin/env python3
"""plot.py - the CSVs of compare.py as an SVG: a bar for each ratio, a tick where it should be.

    tests/bench/plot.py CSV OUT.svg
"""
import csv, sys
from xml.sax.saxutils import escape


def main(path, out):
    rows = [r for r in csv.DictReader(open(path)) if r["ratio"]]
    line, left, width = 18, 300, 420
    most = max([float(r["p90"]) for r in rows] + [float(r["bar"]) for r in rows if r["bar"]] + [2.0])
    x = lambda v: left + width * min(v, most) / most
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{line * (len(rows) + 3)}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="8" y="14">gneiss / llama.cpp, medians; {escape(rows[0]["cpu"]) if rows else ""}</text>',
           f'<line x1="{x(1)}" y1="{line}" x2="{x(1)}" y2="{line * (len(rows) + 2)}" stroke="black"/>']
    for i, r in enumerate(rows):
        y, ratio = line * (i + 2), float(r["ratio"])
        good = ratio >= float(r["bar"]) if r["bar"] else ratio >= 1
        svg.append(f'<text x="8" y="{y}">{escape(r["model"].replace(".gguf", ""))} {escape(r["test"])}, '
                   f'{r["threads"]} thr</text>')
        svg.append(f'<rect x="{left}" y="{y - 10}" width="{x(ratio) - left:.1f}" height="11" '
                   f'fill="{"#4a8" if good else "#c76"}"/>')
        svg.append(f'<line x1="{x(float(r["p10"])):.1f}" y1="{y - 4}" x2="{x(float(r["p90"])):.1f}" y2="{y - 4}" '
                   'stroke="#333"/>')
        if r["bar"]:
            svg.append(f'<line x1="{x(float(r["bar"])):.1f}" y1="{y - 12}" x2="{x(float(r["bar"])):.1f}" '
                       f'y2="{y + 3}" stroke="#24c" stroke-width="2"/>')
        svg.append(f'<text x="{left + width + 8}" y="{y}">{ratio:.2f}</text>')
    svg.append("</svg>")
    with open(out, "w") as f:
        f.write("\n".join(svg) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])

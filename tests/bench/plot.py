#!/usr/bin/env python3
"""plot.py - the CSVs of compare.py as an SVG: a bar for each ratio, a tick where it should be.

    tests/bench/plot.py CSV OUT.svg [PAGE.md]

With a page, the table between its lines `<!-- table -->` and `<!-- end -->` is written anew.
Bars end at 10 times; the number beside says the rest.
"""
import csv, sys
from xml.sax.saxutils import escape

MOST = 10.0


def draw(rows, out):
    rows = [r for r in rows if r["ratio"]]
    line, left, width = 18, 330, 420
    most = min(MOST, max([float(r["p90"]) for r in rows] + [float(r["bar"]) for r in rows if r["bar"]] + [2.0]))
    x = lambda v: left + width * min(v, most) / most
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{line * (len(rows) + 3)}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="8" y="14">gneiss / the other, medians; {escape(rows[0]["cpu"]) if rows else ""}</text>',
           f'<line x1="{x(1)}" y1="{line}" x2="{x(1)}" y2="{line * (len(rows) + 2)}" stroke="black"/>']
    for i, r in enumerate(rows):
        y, ratio = line * (i + 2), float(r["ratio"])
        good = ratio >= float(r["bar"]) if r["bar"] else ratio >= 1
        other = "" if r["against"] == "llama.cpp" else f', {r["against"]}'
        svg.append(f'<text x="8" y="{y}">{escape(r["model"])} {escape(r["test"])}, '
                   f'{r["threads"]} thr{escape(other)}</text>')
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


def table(rows, page):
    lines = ["| model | test | against | gneiss | other | | ratio (10..90 %) | wanted | of roof | ceiling | kept | others | note |",
             "|---|---|---|--:|--:|---|---|--:|--:|--:|--:|--:|---|"]
    for r in rows:
        ratio = f'{r["ratio"]} ({r["p10"]} .. {r["p90"]})' if r["ratio"] else ""
        wanted = r["bar"] or (f'{r["most"]} {r["unit"]}' if r["most"] else "")
        if r["met"] == "no":
            wanted = f"**{wanted}**"
        test = r["test"] + (f', {r["threads"]} threads' if r["threads"] != "2" else "")
        lines.append(f'| {r["model"]} | {test} | {r["against"]} | {r["gneiss"]} | {r["other"]} | {r["unit"]} | {ratio} '
                     f'| {wanted} | {r["of_roof"]} | {r["ceiling"]} | {r["kept"]}/{r["rounds"]} | {r["others"]} | {r["note"]} |')
    text = open(page).read()
    head, rest = text.split("<!-- table -->\n", 1)
    tail = rest.split("<!-- end -->", 1)[1]
    with open(page, "w") as f:
        f.write(head + "<!-- table -->\n" + "\n".join(lines) + "\n<!-- end -->" + tail)


def main(path, out, page=None):
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    draw(rows, out)
    if page:
        table(rows, page)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])

# SPDX-License-Identifier: Apache-2.0
"""How long operations take, by who serves them: one bar per column that ends in _ns and starts with its server, one colour per
row: python3 operations.py DIR"""
import sys

import style
from style import plt, words

SERVERS = ["hardware", "mailbox", "hypervisor"]


def main(folder, _):
    table = style.Table(folder)
    columns = [c for s in SERVERS for c in table.columns if c.startswith(s + "_") and c.endswith("_ns")]
    if not columns:
        sys.exit(f"{folder}/table.csv: no column of an operation")
    axis = table.columns[0]
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(columns) + 1.2))
    height = 0.8 / len(table.rows)
    for i, row in enumerate(table.rows):
        at = [n + (i - (len(table.rows) - 1) / 2) * height for n in range(len(columns))]
        values = [float(row[c]) if row[c] else 0 for c in columns]
        bars = axes.barh(at, values, height, label=row[axis], **style.ink(row[axis], {}, i))
        axes.bar_label(bars, [f"{v:,.0f}" if v else "" for v in values], padding=2, fontsize=7)
    axes.set_yticks(range(len(columns)), [words(c[:-3]).replace(" ", ": ", 1) for c in columns])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(10, 10 * max(axes.get_xlim()))
    axes.set_xlabel("ns, mean")
    axes.grid(axis="y", visible=False)
    axes.legend(title=axis, loc="lower right")
    style.save(figure, folder, "operations")


if __name__ == "__main__":
    style.run(main)

# SPDX-License-Identifier: Apache-2.0
"""Any sweep over numbers: one panel per collected value (or headline metric), one line per combination of the
other axes: python3 lines.py DIR [COLUMN...]"""
import sys

import style
from style import plt, words

UNITS = {"gbps": "Gb/s", "mpps": "Mpackets/s", "ns": "ns"}
HEADLINES = ["throughput_gbps", "bandwidth_gbps", "latency_p50_ns", "latency_p99_ns", "cpu_cycles_per_packet"]


def is_number(text):
    return style.finite(text) is not None


def label(column):
    """Column name as words, its unit in parentheses."""
    head, _, unit = column.rpartition("_")
    return f"{words(head)} ({UNITS[unit]})" if unit in UNITS else words(column)


def main(folder, chosen):
    table = style.Table(folder)
    first = next((c for c in table.columns if c in ("throughput_gbps", "bandwidth_gbps")), None)
    if not first:
        sys.exit(f"{folder}/table.csv has neither throughput_gbps nor bandwidth_gbps: not a table of iovsim")
    axes_names = table.columns[:table.columns.index(first)]
    numeric = [a for a in axes_names if a != "seed" and all(map(is_number, table.values(a)))]
    if not numeric:
        sys.exit(f"{folder}/table.csv: no axis with numbers only, nothing to draw lines along")
    along = max(numeric, key=lambda a: len(table.values(a)))
    others = [a for a in axes_names if a != along and len(table.values(a)) > 1]
    unknown = [c for c in chosen if c not in table.columns]
    if unknown:
        sys.exit(f"{folder}/table.csv has no column {', '.join(unknown)}")
    columns = chosen or [c for c in HEADLINES if any(row.get(c) for row in table.rows)]
    if not any(is_number(row[c]) for row in table.rows for c in columns):
        sys.exit(f"{folder}/table.csv has no number in {', '.join(columns)}")
    figure, panels = plt.subplots(len(columns), 1, figsize=(8, 2.6 * len(columns) + 0.6), squeeze=False, sharex=True)
    lines = list(dict.fromkeys(tuple(row[a] for a in others) for row in table.rows))
    for axes, column in zip(panels[:, 0], columns):
        for i, labels in enumerate(lines):
            rows = [r for r in table.rows if tuple(r[a] for a in others) == labels and is_number(r[column])]
            axes.plot([float(r[along]) for r in rows], [float(r[column]) for r in rows], color=style.LINES[i % len(style.LINES)],
                      marker=style.MARKERS[i % len(style.MARKERS)], markeredgecolor="black", markeredgewidth=0.4,
                      label=", ".join(labels) or column)
        axes.set_ylabel(label(column))
        drawn = [y for line in axes.get_lines() for y in line.get_ydata()]
        if drawn and 0 < 100 * min(drawn) < max(drawn):  # else all but the largest lie on the axis
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.08 * max(axes.get_ylim()[1], 1e-12))
    values = sorted(float(v) for v in table.values(along))
    if values[0] > 0 and values[-1] / values[0] > 20:
        panels[0, 0].set_xscale("log", base=2)
    for axes in panels[:, 0]:
        axes.set_xticks(values, [f"{value:g}" for value in values])
    panels[-1, 0].set_xlabel(along)
    if len(lines) > 1:
        style.legend_above(figure, panels[0, 0], 4)
    style.save(figure, folder, "lines")


if __name__ == "__main__":
    style.run(main)

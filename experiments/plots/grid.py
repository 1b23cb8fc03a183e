# SPDX-License-Identifier: Apache-2.0
"""Panels of lines for sweeps that several figures share: one panel per row and column of the grid."""
import style
from style import plt


def lines(axes, table, along, column, series, fixed, scale=1.0):
    """One line per (label, colour, marker, labels of the axes) of `series`."""
    xs = [float(v) for v in table.values(along)]
    for label, colour, marker, dashes, labels in series:
        ys = [table.number(column, **{along: v}, **fixed, **labels) for v in table.values(along)]
        points = [(x, y * scale) for x, y in zip(xs, ys) if y is not None]
        axes.plot([x for x, _ in points], [y for _, y in points], color=colour, marker=marker, linestyle=dashes,
                  markeredgecolor="black", markeredgewidth=0.4, markersize=5, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(xs, [name(x) for x in xs])
    axes.minorticks_off()


def name(kib):
    """16384 as 16M."""
    return f"{kib / 1024:g}M" if kib >= 1024 else f"{kib:g}K"


def panels(rows, columns, height=2.3, width=3.0):
    return plt.subplots(rows, columns, figsize=(width * columns + 0.6, height * rows + 0.7), squeeze=False, sharex=True)


def finish(figure, first, folder, file, columns=4):
    style.legend_above(figure, first, columns)
    style.save(figure, folder, file)

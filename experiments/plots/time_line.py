# SPDX-License-Identifier: Apache-2.0
"""Throughput of VMs over time, one panel per point, with the actions of its script: python3 time_line.py DIR [VM...]

Reads timeline.csv and script.csv of each point: a table has one row per point and no time."""
import csv
import pathlib
import sys

import style
from style import plt

SHOWN = 6  # VMs, unless they are named
LINES = [style.BLUE, style.RED, style.GREEN, style.ORANGE, style.PURPLE, style.SKY]


def rows_of(path):
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def draw(axes, point, vms):
    rows = rows_of(point / "timeline.csv")
    names = vms or list(dict.fromkeys(row["vm"] for row in rows))[:SHOWN]
    for i, vm in enumerate(names):
        own = [row for row in rows if row["vm"] == vm]
        if not own:
            sys.exit(f"{point}/timeline.csv has no VM {vm}")
        edges = [float(row["begin_us"]) / 1e3 for row in own] + [float(own[-1]["end_us"]) / 1e3]
        axes.stairs([float(row["throughput_gbps"]) for row in own], edges, color=LINES[i % len(LINES)], linewidth=1.4, label=vm,
                    linestyle=["-", "--", "-.", ":"][i % 4])
    for i, row in enumerate(rows_of(point / "script.csv")):
        at = float(row["at_us"]) / 1e3
        label = f" {row['action']} {row['arguments']}"
        axes.axvline(at, color="0.5", linewidth=0.7, linestyle=":")
        axes.text(at, 0.99 - 0.09 * (i % 3), label[:48], fontsize=7, va="top", color="0.25", transform=axes.get_xaxis_transform())
    axes.set_title(point.name)
    axes.set_ylabel("throughput (Gb/s)")


def in_order_of_table(folder, points):
    """Points of a sweep over labels have these as names; others come by name."""
    order = {name: i for i, name in reversed(list(enumerate(list(row.values())[0] for row in rows_of(pathlib.Path(folder) / "table.csv"))))}
    return sorted(points, key=lambda point: (order.get(point.name, len(order)), point.name))


def main(folder, vms):
    points = in_order_of_table(folder, [p.parent for p in pathlib.Path(folder).glob("points/*/timeline.csv")])
    if not points:
        sys.exit(f"{folder}: no point has a timeline.csv (workload.measure.interval)")
    figure, panels = plt.subplots(len(points), 1, figsize=(8, 2.5 * len(points) + 0.5), squeeze=False, sharex=True, sharey=True)
    for axes, point in zip(panels[:, 0], points):
        draw(axes, point, vms)
    panels[0, 0].set_ylim(0, 1.35 * max(panels[0, 0].get_ylim()[1], 1e-12))  # room for the actions' names
    panels[-1, 0].set_xlabel("time (ms)")
    panels[0, 0].legend(loc="upper left", bbox_to_anchor=(1, 1))
    style.save(figure, folder, "time_line")


if __name__ == "__main__":
    style.run(main)

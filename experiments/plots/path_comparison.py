# SPDX-License-Identifier: Apache-2.0
"""The figures of experiments/path_comparison.json, from its table.csv alone: python3 path_comparison.py DIR"""
import sys

import style
from style import plt, words

TRAFFIC = ("transmit", "receive")
ROUND_TRIP = "request_response"


def size_title(size):
    return f"{size} B frames" if size.isdigit() else words(size)


def mean_frame(table, size, mode):
    """Bytes of a delivered frame on the first path, by which a capture's wire limit can be understood."""
    row = dict(path=table.values("path")[0], size=size, mode=mode)
    bits, packets = table.number("throughput_gbps", **row), table.number("packet_rate_mpps", **row)
    return bits * 125 / packets if bits and packets else None


def size_tick(table, size, mode):
    mean = None if size.isdigit() else mean_frame(table, size, mode)
    return size_title(size) + (f"\n(mean frame {mean:.0f} B)" if mean else "")


def wire_limit(table, size, mode):
    """Gb/s of frames: collected by the experiment, else 10 GbE less preamble, start and gap (20 B per frame)."""
    for path in table.values("path"):
        if collected := table.number("wire_limit_gbps", path=path, size=size, mode=mode):
            return collected
    return 10.0 * int(size) / (int(size) + 20) if size.isdigit() else None


def throughput(table, folder):
    """Bars by path in groups by size, one panel per direction; the wire limit as a line over each group."""
    paths, sizes = table.values("path"), table.values("size")
    modes = [m for m in TRAFFIC if m in table.values("mode")]
    figure, panels = plt.subplots(len(modes), 1, figsize=(9, 3.1 * len(modes) + 0.5), squeeze=False, sharex=True)
    width = 0.84 / len(paths)
    for axes, mode in zip(panels[:, 0], modes):
        for p, path in enumerate(paths):
            heights = [table.number("throughput_gbps", path=path, size=size, mode=mode) or 0 for size in sizes]
            at = [s - 0.42 + (p + 0.5) * width for s in range(len(sizes))]
            axes.bar(at, heights, width, label=words(path), **style.ink(path, style.PATHS, p))
        for s, size in enumerate(sizes):
            limit = wire_limit(table, size, mode)
            if limit:
                axes.hlines(limit, s - 0.46, s + 0.46, colors="black", linestyles="dashed", linewidth=1.1,
                            label="wire limit: 10 Gb/s less preamble and gap" if s == 0 else None)
        axes.set_title(mode, loc="left")
        axes.set_ylabel("throughput (Gb/s)")
        axes.grid(False, axis="x")
        axes.set_xticks(range(len(sizes)), [size_tick(table, size, mode) for size in sizes])
    style.legend_above(figure, panels[0, 0], 5)
    style.save(figure, folder, "throughput")


def latency_percentiles(table, folder):
    """Round-trip percentiles on a logarithmic scale, one panel per size."""
    paths, sizes = table.values("path"), table.values("size")
    shares = [("p50", "median"), ("p90", "90 %"), ("p99", "99 %"), ("p999", "99.9 %"), ("max", "maximum")]
    fills = [style.BLUE, style.SKY, style.YELLOW, style.RED, style.BLACK]
    columns = 2 if len(sizes) > 1 else 1
    rows = -(-len(sizes) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(9, 3.3 * rows + 0.4), squeeze=False, sharex=True, sharey=True)
    for axes, size in zip(panels.flat, sizes):
        for y, path in enumerate(paths):
            row = dict(path=path, size=size, mode=ROUND_TRIP)
            values = [table.number(f"latency_{short}_ns", **row) for short, _ in shares]
            if None in values:
                continue
            lanes = [y + 0.14 * (i - 2) for i in range(len(values))]  # one below the other: they may coincide
            axes.plot([value / 1000 for value in values], lanes, color="0.6", linewidth=1.0, zorder=1)
            for i, value in enumerate(values):
                axes.plot(value / 1000, lanes[i], style.MARKERS[i], color=fills[i], markersize=4.5,
                          markeredgecolor="black", markeredgewidth=0.4, label=shares[i][1] if y == 0 else None)
        style.log_times(axes)
        style.first_on_top(axes, paths)
        axes.set_title(size_title(size), loc="left")
        axes.grid(False, axis="y")
    for axes in panels[-1, :]:
        axes.set_xlabel("round-trip time (µs)")
    style.legend_above(figure, panels[0, 0], 5)
    style.save(figure, folder, "latency_percentiles")


def columns_of(table, prefix, suffix=""):
    """A breakdown's parts, each from its own column."""
    return {part: [prefix + part + suffix] for part in table.parts(prefix, suffix)}


def stages_of(table):
    """The stages, summed up in groups; one that no group has stands for itself."""
    groups = {group: [f"stage_{stage}_ns" for stage in stages] for group, stages in style.STAGE_GROUPS.items()}
    known = {column for columns in groups.values() for column in columns}
    return groups | {part: columns for part, columns in columns_of(table, "stage_", "_ns").items() if columns[0] not in known}


def breakdown(table, folder, name, parts, inks, unit, scale, modes, sizes):
    """Stacked bars by path of one breakdown ({part: columns that it sums up}), a column of panels per mode, a row per size."""
    paths = table.values("path")

    def value(columns, path, mode, size):
        return sum(table.number(column, path=path, mode=mode, size=size) or 0 for column in columns) * scale

    cells = [(path, mode, size) for path in paths for mode in modes for size in sizes]
    kept = {part: columns for part, columns in parts.items() if any(value(columns, *cell) > 0 for cell in cells)}
    figure, panels = plt.subplots(len(sizes), len(modes), figsize=(9, 2.75 * len(sizes) + 0.9), squeeze=False,
                                  sharey=True)
    for r, size in enumerate(sizes):
        for c, mode in enumerate(modes):
            stacks = [(part, [value(columns, path, mode, size) for path in paths], style.ink(part, inks, i))
                      for i, (part, columns) in enumerate(kept.items())]
            style.stacked_bars(panels[r, c], paths, stacks)
            panels[r, c].set_title(f"{words(mode)}, {size_title(size)}", loc="left")
    for axes in panels[-1, :]:
        axes.set_xlabel(unit)
    style.legend_above(figure, panels[0, 0], 4 if len(kept) > 6 else 6)
    style.save(figure, folder, name)


def main(folder, _):
    table = style.Table(folder)
    missing = [axis for axis in ("path", "size", "mode") if axis not in table.columns]
    if missing:
        sys.exit(f"{folder}/table.csv has no column {', '.join(missing)}: not a path comparison")
    numeric = [size for size in table.values("size") if size.isdigit()] or table.values("size")
    ends = list(dict.fromkeys([numeric[0], numeric[-1]]))
    modes = table.values("mode")
    traffic = [mode for mode in TRAFFIC if mode in modes]
    if traffic:
        throughput(table, folder)
        breakdown(table, folder, "cycles_per_packet", columns_of(table, "cycles_"), style.CONTEXTS,
                  "CPU cycles per packet, all cores", 1, traffic, ends)
    if ROUND_TRIP in modes:
        latency_percentiles(table, folder)
        breakdown(table, folder, "latency_stages", stages_of(table), style.STAGES,
                  "mean latency (µs)", 1e-3, [ROUND_TRIP], ends)
    breakdown(table, folder, "exits_per_packet", columns_of(table, "exits_"), style.EXITS, "VM exits per packet", 1, modes, ends[-1:])


if __name__ == "__main__":
    style.run(main)

# SPDX-License-Identifier: Apache-2.0
"""What mapping each packet costs, by policy: python3 invalidation_cost.py DIR"""
import grid
import style

PANELS = [("packet_rate_mpps", "packets (M/s)"), ("throughput_gbps", "throughput (Gb/s)"),
          ("cpu_cycles_per_packet", "CPU cycles per packet"), ("stale_window_us", "unmapped page\nstill reachable (us)")]
LOOKS = [(style.BLUE, "o"), (style.SKY, "^"), (style.ORANGE, "D"), (style.RED, "s")]


def main(folder, _):
    table = style.Table(folder)
    series = [(v, *LOOKS[i % 4], "-", {"mapping": v}) for i, v in enumerate(table.values("mapping"))]
    figure, axes = grid.panels(2, 2, width=3.8)
    for axis, (column, text) in zip(axes.flat, PANELS):
        grid.lines(axis, table, "packet_bytes", column, series, {})
        axis.set_xticks([float(v) for v in table.values("packet_bytes")], table.values("packet_bytes"))
        axis.set_ylabel(text)
        axis.set_ylim(0, None)
    axes.flat[3].set_yscale("log")
    axes.flat[3].set_ylim(0.1, 1000)
    for axis in axes[1]:
        axis.set_xlabel("frame (B)")
    grid.finish(figure, axes[0, 0], folder, "invalidation_cost")


style.run(main)

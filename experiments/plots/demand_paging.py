# SPDX-License-Identifier: Apache-2.0
"""Bandwidth, latency and page faults against the share of pages that are in memory: python3 demand_paging.py DIR"""
import style
from style import plt

PANELS = [("bandwidth_gbps", "bandwidth (Gb/s)", 1, "log"), ("latency_p99_ns", "p99 latency (us)", 1e-3, "log"),
          ("page_requests_per_transaction", "page requests\nper transaction", 1, "linear"),
          ("page_fault_p50_ns", "median page fault (us)", 1e-3, "linear")]
LOOKS = [(style.BLUE, "o"), (style.RED, "s")]


def main(folder, _):
    table = style.Table(folder)
    shares = table.values("resident_share")
    figure, axes = plt.subplots(2, 2, figsize=(8.2, 5.6), sharex=True)
    for axis, (column, text, scale, kind) in zip(axes.flat, PANELS):
        for i, device in enumerate(table.values("device")):
            colour, marker = LOOKS[i % len(LOOKS)]
            values = [(float(s), table.number(column, device=device, resident_share=s)) for s in shares]
            points = [(100 * x, y * scale) for x, y in values if y is not None]
            axis.plot([x for x, _ in points], [y for _, y in points], color=colour, marker=marker, markeredgecolor="black",
                      markeredgewidth=0.4, markersize=5, label=f"page requests by {device}")
        axis.set_yscale(kind)
        if kind == "linear":
            axis.set_ylim(0, None)
        axis.set_ylabel(text)
    for axis in axes[1]:
        axis.set_xlabel("pages in memory (%)")
    style.legend_above(figure, axes.flat[0], 2)
    style.save(figure, folder, "demand_paging")


style.run(main)

# SPDX-License-Identifier: Apache-2.0
"""Latency with translations asked for ahead, by order of addresses and kind of prefetch: python3 ats_prefetch.py DIR"""
import style
from style import plt

PANELS = [("latency_p50_ns", "median latency (ns)"), ("latency_p99_ns", "p99 latency (ns)"),
          ("device_tlb_hit_ratio", "device TLB hit ratio"), ("requests_per_transaction", "translation requests\nper transaction")]


def main(folder, _):
    table = style.Table(folder)
    orders, kinds = table.values("order"), table.values("prefetch")
    figure, axes = plt.subplots(2, 2, figsize=(8.2, 5.6))
    width = 0.8 / len(kinds)
    for axis, (column, text) in zip(axes.flat, PANELS):
        for i, kind in enumerate(kinds):
            places = [x + (i - (len(kinds) - 1) / 2) * width for x in range(len(orders))]
            heights = [table.number(column, order=order, prefetch=kind) or 0 for order in orders]
            bars = axis.bar(places, heights, width, label=f"prefetch: {kind}", **style.ink(kind, {}, i))
            axis.bar_label(bars, [style.number_text(h) for h in heights], fontsize=7, padding=1)
        axis.set_xticks(range(len(orders)), orders)
        axis.set_ylabel(text)
        axis.margins(y=0.12)
        axis.grid(False, axis="x")
    style.legend_above(figure, axes.flat[0], 4)
    style.save(figure, folder, "ats_prefetch")


style.run(main)

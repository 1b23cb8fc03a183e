# SPDX-License-Identifier: Apache-2.0
"""Bandwidth and latency of DMA against the bit error rate of the link: python3 link_errors.py DIR"""
import style
from style import plt

LOOKS = {"read": (style.BLUE, "o"), "write": (style.RED, "s")}
PANELS = [("bandwidth_gbps", "bandwidth (Gb/s)"), ("latency_p50_ns", "median latency (ns)"), ("latency_p999_ns", "p99.9 latency (ns)")]


def main(folder, _):
    table = style.Table(folder)
    rates = table.values("bit_error_rate")
    places = range(len(rates))
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.2))
    for axis, (column, text) in zip(axes, PANELS):
        for test in table.values("test"):
            colour, marker = LOOKS[test]
            axis.plot(places, [table.number(column, bit_error_rate=r, test=test) for r in rates], color=colour, marker=marker,
                      markeredgecolor="black", markeredgewidth=0.4, markersize=5, label=f"512 B {test}s")
        axis.set_xticks(list(places), ["none" if float(r) == 0 else f"{float(r):.0e}".replace("e-0", "e-") for r in rates])
        axis.set_xlabel("bit error rate")
        axis.set_ylabel(text)
    for axis in axes[:2]:
        axis.set_ylim(0, None)
    axes[2].set_yscale("log")
    axes[2].set_ylim(1e3, 1e6)
    style.legend_above(figure, axes[0], 2)
    style.save(figure, folder, "link_errors")


style.run(main)

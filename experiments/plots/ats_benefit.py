# SPDX-License-Identifier: Apache-2.0
"""What a device TLB takes off the IOMMU, against the number of functions: python3 ats_benefit.py DIR"""
import grid
import style

PANELS = [("iotlb_misses_per_transaction", "IOTLB misses\nper transaction"),
          ("walk_reads_per_transaction", "table reads\nper transaction"),
          ("latency_p99_ns", "p99 latency (ns)"), ("bandwidth_gbps", "bandwidth (Gb/s)")]
LOOKS = [(style.RED, "s"), (style.SKY, "^"), (style.BLUE, "o")]


def main(folder, _):
    table = style.Table(folder)
    series = [(f"device TLB: {v}", *LOOKS[i % 3], "-", {"device_tlb": v}) for i, v in enumerate(table.values("device_tlb"))]
    figure, axes = grid.panels(2, 2, width=3.8)
    for axis, (column, text) in zip(axes.flat, PANELS):
        grid.lines(axis, table, "functions", column, series, {})
        axis.set_xticks([float(v) for v in table.values("functions")], table.values("functions"))
        axis.set_ylabel(text)
        axis.set_ylim(0, None)
    for axis in axes[1]:
        axis.set_xlabel("functions, a domain each")
    grid.finish(figure, axes[0, 0], folder, "ats_benefit")


style.run(main)

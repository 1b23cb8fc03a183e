# SPDX-License-Identifier: Apache-2.0
"""Bandwidth and latency of DMA against the window, one column per transfer size: python3 pcie_bench.py DIR"""
import grid
import style

TESTS = [("bandwidth_read", "bandwidth_gbps", "read (Gb/s)"), ("bandwidth_write", "bandwidth_gbps", "write (Gb/s)"),
         ("latency_read", "latency_p50_ns", "read p50 (ns)"),
         ("latency_write_then_read", "latency_p50_ns", "write + read p50 (ns)")]
IOMMU = [("IOMMU off", style.BLACK, "o", "-", {"iommu": "off"}), ("4 KiB pages", style.RED, "s", "-", {"iommu": "4 KiB pages"}),
         ("2 MiB pages", style.SKY, "^", "--", {"iommu": "2 MiB pages"})]


def main(folder, _):
    table = style.Table(folder)
    sizes = table.values("size")
    figure, axes = grid.panels(len(TESTS), len(sizes))
    for r, (test, column, text) in enumerate(TESTS):
        top = 1.08 * max(table.number(column, test=test, size=s, window_kib=w, iommu=i["iommu"]) or 0
                         for s in sizes for w in table.values("window_kib") for *_, i in IOMMU)
        for c, size in enumerate(sizes):
            grid.lines(axes[r, c], table, "window_kib", column, IOMMU, {"test": test, "size": size})
            axes[r, c].set_ylim(0, top)
            if r == 0:
                axes[r, c].set_title(f"{size} B")
        axes[r, 0].set_ylabel(text)
    for c in range(len(sizes)):
        axes[-1, c].set_xlabel("window (bytes)")
    grid.finish(figure, axes[0, 0], folder, "pcie_bench")


style.run(main)

# SPDX-License-Identifier: Apache-2.0
"""IOTLB hit ratio and bandwidth against the window, one line per number of entries: python3 iotlb_reach.py DIR"""
import grid
import style

COLOURS = [style.RED, style.BLACK, style.BLUE, style.GREEN]


def main(folder, _):
    table = style.Table(folder)
    series = [(f"{n} entries", COLOURS[i % 4], style.MARKERS[i], "-", {"entries": n}) for i, n in enumerate(table.values("entries"))]
    pages = table.values("page_size")
    figure, axes = grid.panels(2, len(pages), width=3.8)
    for c, page in enumerate(pages):
        grid.lines(axes[0, c], table, "window_kib", "iotlb_hit_ratio", series, {"page_size": page}, scale=100)
        grid.lines(axes[1, c], table, "window_kib", "bandwidth_gbps", series, {"page_size": page})
        axes[0, c].set_title(f"{page} pages")
        axes[0, c].set_ylim(0, 104)
        axes[1, c].set_ylim(0, 36)
        axes[1, c].set_xlabel("window (bytes)")
    axes[0, 0].set_ylabel("IOTLB hits (%)")
    axes[1, 0].set_ylabel("64 B random reads (Gb/s)")
    grid.finish(figure, axes[0, 0], folder, "iotlb_reach")


style.run(main)

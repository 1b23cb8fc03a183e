# SPDX-License-Identifier: Apache-2.0
"""Latency and bandwidth of peer-to-peer access by way, ACS and kind of address: python3 peer_to_peer.py DIR"""
import style
from style import plt

PANELS = [("latency_read", "latency_p50_ns", "64 B read, median latency (ns)"),
          ("bandwidth_read", "bandwidth_gbps", "512 B reads (Gb/s)"),
          ("bandwidth_write", "bandwidth_gbps", "512 B writes (Gb/s)")]
ACS = {"off": style.SKY, "redirect": style.RED, "redirect but translated": style.GREEN}
ADDRESSES = {"untranslated": "", "translated": "///"}


def main(folder, _):
    table = style.Table(folder)
    peers = table.values("peer")
    figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.6))
    for axis, (test, column, text) in zip(axes, PANELS):
        bars = [(a, t) for a in ACS for t in ADDRESSES]
        width = 0.8 / len(bars)
        for i, (acs, addresses) in enumerate(bars):
            heights = [table.number(column, test=test, peer=p, acs=acs, addresses=addresses) or 0 for p in peers]
            places = [x - 0.4 + (i + 0.5) * width for x in range(len(peers))]
            axis.bar(places, heights, width, color=ACS[acs], hatch=ADDRESSES[addresses], edgecolor="black", linewidth=0.5,
                     label=f"ACS {acs}; {addresses}")
        axis.set_xticks(range(len(peers)), [p.replace(" ", "\n", 1) for p in peers])
        axis.set_ylabel(text)
        axis.grid(axis="x", visible=False)
    style.legend_above(figure, axes[0], 3)
    style.save(figure, folder, "peer_to_peer")


style.run(main)

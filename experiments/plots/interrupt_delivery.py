# SPDX-License-Identifier: Apache-2.0
"""Interrupt and packet latency, exits and throughput by state of the vCPU and by who delivers: python3
interrupt_delivery.py DIR"""
import grid
import style

ROWS = [("interrupt_latency", "interrupt latency (us)"), ("latency", "packet latency (us)"),
        ("exits_per_packet", "exits per packet"), ("cpu_cycles_per_packet", "cycles per packet")]
LOOKS = {"vmm_inject": (style.RED, "s"), "posted": (style.BLUE, "o"), "none": (style.GREEN, "^")}


def main(folder, _):
    table = style.Table(folder)
    states, rates = table.values("vcpu"), table.values("packets_per_second")
    figure, panels = grid.panels(len(ROWS), len(states))
    for axes, (metric, text) in zip(panels, ROWS):
        for axis, state in zip(axes, states):
            draw(axis, table, metric, {"vcpu": state})
            axis.set_xticks([float(r) for r in rates], [f"{float(r) / 1000:g}k" for r in rates])
            axis.set_yscale("log")
        axes[0].set_ylabel(text)
        low = min(axis.get_ylim()[0] for axis in axes)
        high = 1.4 * max(axis.get_ylim()[1] for axis in axes)
        for axis in axes:
            axis.set_ylim(low, high)
    for axis, state in zip(panels[0], states):
        axis.set_title(f"vCPU {state}")
    for axis in panels[-1]:
        axis.set_xlabel("packets/s, an interrupt each unless\nthe handler still polls")
    grid.finish(figure, panels[1, 0], folder, "interrupt_delivery", 3)


def draw(axis, table, metric, fixed):
    """A latency as its distribution (p50, p99, maximum), anything else as one line; what is never above 0 has no place on a
    logarithmic axis."""
    percentiles = [("_p50_ns", "-", 1e-3), ("_p99_ns", "--", 1e-3), ("_max_ns", ":", 1e-3)]
    kinds = [("", "-", 1.0)] if metric.endswith("packet") else percentiles
    for suffix, dashes, scale in kinds:
        series = [(f"{mode} {suffix[1:-3]}".rstrip(), *LOOKS[mode], dashes, {"interrupts": mode})
                  for mode in table.values("interrupts")
                  if any((table.number(metric + suffix, interrupts=mode, packets_per_second=r, **fixed) or 0) > 0
                         for r in table.values("packets_per_second"))]
        grid.lines(axis, table, "packets_per_second", metric + suffix, series, fixed, scale)


style.run(main)

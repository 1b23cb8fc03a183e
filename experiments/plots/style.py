# SPDX-License-Identifier: Apache-2.0
"""One look for all figures: readable in greyscale (hatches, markers), by colour-blind people, and equal
byte for byte for equal data."""
import csv
import math
import pathlib
import sys

try:
    import matplotlib
except ImportError:
    sys.exit("matplotlib is missing for " + sys.executable + ": install the Debian package python3-matplotlib")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator  # noqa: E402

plt.rcParams.update({
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.hashsalt": "iovsim",
    "svg.fonttype": "path",
})

# Okabe and Ito's palette.
BLUE, SKY, GREEN, YELLOW = "#0072b2", "#56b4e9", "#009e73", "#f0e442"
ORANGE, RED, PURPLE, GREY, BLACK = "#e69f00", "#d55e00", "#cc79a7", "#cccccc", "#333333"
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*", "<"]

# Colour says who, hatch says what; of one table no two parts have one hatch and nearly one lightness. (colour, hatch)
PATHS = {"native": (BLACK, ""), "emulation": (YELLOW, "//"), "virtio": (ORANGE, ""), "vhost": (ORANGE, "..."),
         "vmdq": (RED, "\\\\"), "passthrough": (SKY, "---"), "sriov": (BLUE, ""), "sriov_ats": (BLUE, "xxx")}
CONTEXTS = {"guest": (BLUE, ""), "host_kernel": (ORANGE, ""), "host_user": (YELLOW, "//"), "irq": (BLACK, "")}
EXITS = {"mmio_read": (BLUE, ""), "mmio_write": (YELLOW, "//"), "kick": (RED, "xxx"), "eoi": (GREY, "..."),
         "external_interrupt": (ORANGE, ""), "halt": (BLACK, ""), "preempted": (PURPLE, "\\\\"), "config": (SKY, "---")}
STAGES = {"guest software": (SKY, ""), "exits, injection": (RED, "xxx"), "back end, host stack": (ORANGE, "//"),
          "copies": (YELLOW, ""), "device, PCIe, memory": (GREEN, ""), "wire, peer": (GREY, "..."),
          "interrupt, wake-up": (BLACK, "")}
# The stages of a journey, as the figures sum them up.
STAGE_GROUPS = {"guest software": ["application", "guest_driver", "guest_handler"],
                "exits, injection": ["vm_exit", "injection"],
                "back end, host stack": ["emulator_mutex", "backend", "host_stack"],
                "copies": ["copy"],
                "device, PCIe, memory": ["doorbell", "descriptor_fetch", "device", "link", "translation", "memory"],
                "wire, peer": ["wire"],
                "interrupt, wake-up": ["completion", "interrupt"]}
REST = [(BLUE, ""), (YELLOW, "//"), (RED, ""), (GREY, "..."), (GREEN, "xxx"), (ORANGE, ""), (BLACK, ""),
        (PURPLE, "\\\\"), (SKY, "//"), (GREY, ""), (RED, "..."), (GREEN, ""), (YELLOW, ""), (BLUE, "xxx")]
LINES = [BLUE, RED, GREEN, BLACK, ORANGE, PURPLE, SKY, "#7f7f7f", "#8c6d00"]  # thin on white: no yellow, no light grey


def ink(name, known, index):
    """Bar style of a part: its own when it has one, else that of its place."""
    colour, hatch = known.get(name) or REST[index % len(REST)]
    return {"color": colour, "hatch": hatch, "edgecolor": "white" if colour == BLACK else "black", "linewidth": 0.5}


def finite(text):
    """The number that a cell holds; None when it holds none, or one that cannot be drawn."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


class Table:
    """table.csv of a results folder: rows of text, numbers on request."""

    def __init__(self, folder):
        self.path = path = pathlib.Path(folder) / "table.csv"
        try:
            with open(path, newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, strict=True)
                self.rows = list(reader)
                self.columns = reader.fieldnames or []
        except (UnicodeDecodeError, csv.Error) as error:
            sys.exit(f"{path}: is not a table: {error}")
        if not self.rows:
            sys.exit(f"{path}: no rows")
        for number, row in enumerate(self.rows, 2):
            if None in row or None in row.values():
                sys.exit(f"{path}: line {number} has not as many cells as the first")

    def values(self, axis):
        """Labels of an axis in order of appearance."""
        if axis not in self.columns:
            sys.exit(f"{self.path} has no column {axis}: not the table that this figure is for")
        return list(dict.fromkeys(row[axis] for row in self.rows))

    def row(self, **labels):
        """The row with these labels (the first, when there are several seeds); None when missing."""
        for row in self.rows:
            if all(row.get(axis) == label for axis, label in labels.items()):
                return row
        return None

    def number(self, column, **labels):
        """A number, or None when the row, the column or the value is missing."""
        row = self.row(**labels)
        return finite(row.get(column)) if row else None

    def parts(self, prefix, suffix=""):
        """Parts of a breakdown, e.g. parts("stage_", "_ns")."""
        whole = {"exits_per_packet", "dropped_packets"}
        found = [c for c in self.columns if c.startswith(prefix) and c.endswith(suffix) and c not in whole]
        return [c[len(prefix):len(c) - len(suffix)] for c in found]


def words(name):
    """snake_case as words."""
    return name.replace("_", " ")


def number_text(value):
    """Three significant digits without exponents."""
    if value == 0:
        return "0"
    if value >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def first_on_top(axes, names):
    """Names along the y axis, read from top to bottom."""
    axes.set_yticks(range(len(names)), [words(name) for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)


def log_times(axes):
    """A logarithmic x axis with numbers that people read."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def legend_above(figure, axes, columns):
    """One legend for all panels, in a strip of its own on top."""
    handles, labels = axes.get_legend_handles_labels()
    strip = (0.22 * -(-len(labels) // columns) + 0.12) / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - strip))
    figure.legend(handles, labels, loc="upper center", ncol=columns, columnspacing=1.2, handlelength=1.8)


def stacked_bars(axes, names, parts):
    """Horizontal stacked bars, first name on top, the total at the end of each bar.

    parts: [(part name, [value per name], bar style)]
    """
    ends = [0.0] * len(names)
    for part, values, bar_style in parts:
        axes.barh(range(len(names)), values, left=ends, height=0.7, label=words(part), **bar_style)
        ends = [end + value for end, value in zip(ends, values)]
    longest = max(ends) or 1.0
    for y, end in enumerate(ends):
        axes.text(end + 0.01 * longest, y, number_text(end), va="center", fontsize=8)
    first_on_top(axes, names)
    axes.set_xlim(0, longest * 1.14)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(False, axis="y")


def save(figure, folder, name):
    """Writes folder/plots/name.png and .svg and says so."""
    target = pathlib.Path(folder) / "plots"
    target.mkdir(exist_ok=True)
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        path = target / f"{name}.{suffix}"
        figure.savefig(path, dpi=150, metadata=metadata)
        print(f"picture: {path}")
    plt.close(figure)


def run(main):
    """Calls main(folder, further arguments) of a plot script; what its user can mend is told in one line."""
    if len(sys.argv) < 2:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: name the folder with the results of an experiment")
    try:
        main(sys.argv[1], sys.argv[2:])
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
    except UnicodeDecodeError as error:
        sys.exit(f"{sys.argv[1]}: a file is not text: {error}")
    except (KeyError, ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        sys.exit(f"{sys.argv[1]}: its tables are not those that {pathlib.Path(sys.argv[0]).name} draws: {error!r}")

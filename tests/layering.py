# SPDX-License-Identifier: Apache-2.0
"""Fails if a folder includes a folder it may not, a file passes 400 lines, or lacks its licence line."""
import pathlib
import re
import sys

MAY_INCLUDE = {  # the whole architecture in eleven lines
    "models/core": [],
    "models/protocol": ["models/core"],
    "models/pcie": ["models/core", "models/protocol"],
    "models/iommu": ["models/core", "models/protocol"],
    "models/endpoint": ["models/core", "models/protocol"],
    "models/host": ["models/core", "models/protocol"],
    "models/software": ["models/core", "models/protocol", "models/host"],
    "models/io_path": ["models/core", "models/protocol", "models/host", "models/software"],
    "models/workload": ["models/core", "models/protocol"],
    "platforms": ["models"],
    "experiments": ["models/core", "platforms"],
}

FOLDERS = ("models", "platforms", "experiments", "configs", "tests", "bench", "cmake", "scripts", ".ci")
SUFFIXES = (".h", ".cpp", ".py", ".cmake", ".json", ".sh", ".txt")  # texts, captures, pictures carry no line: LICENSE is for all
AT_ROOT = ("CMakeLists.txt", "CMakePresets.json", "run.sh", "test.sh", ".clang-format", ".clang-tidy", ".gitignore")

root = pathlib.Path(sys.argv[1])
problems = []
checked = 0
files = [root / name for name in AT_ROOT]
for folder in FOLDERS:
    files += [path for path in sorted((root / folder).rglob("*")) if path.suffix in SUFFIXES or folder == ".ci"]
for path in files:
    checked += 1
    name = path.relative_to(root).as_posix()
    text = path.read_text()
    if text.count("\n") > 400:
        problems.append(f"{name}: {text.count(chr(10))} lines, limit is 400")
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.splitlines()[:3]):
        problems.append(f"{name}: no SPDX licence line")
    home = next((f for f in MAY_INCLUDE if name.startswith(f + "/")), None)
    if home is None:
        continue  # tests and bench may include anything
    for include in re.findall(r'#include "([^"]+)"', text):
        if not any(include.startswith(f + "/") for f in [home, *MAY_INCLUDE[home]]):
            problems.append(f"{name}: may not include {include}")
print("\n".join(problems) or f"layering holds in {checked} files")
sys.exit(bool(problems) or checked == 0)

"""What is asked for most often is light: --help and info import next to nothing.

No time is measured. Whatever else is installed, only what is named here may be imported.
"""

import subprocess
import sys
from pathlib import Path

import pytest

CHAIN = Path(__file__).parents[2] / "chains" / "reference" / "parabola.h5"
COMMANDS = {
    "help": (["--help"], {"cli", "common"}, set()),
    "run --help": (["run", "--help"], {"cli", "common"}, set()),
    "sweep --help": (["sweep", "--help"], {"cli", "common"}, set()),
    "info": (
        ["info", str(CHAIN)],
        {"cli", "common", "comparison", "data", "diagnostics", "network", "numerics", "posterior",
         "report", "sampling", "storage", "tempering", "training"},
        {"numpy", "h5py"},
    ),
}  # fmt: skip
LOADED = """
from nnpost.cli.commands import main
try:
    main({argv!r})
except SystemExit:
    pass
import sys
print()
print(*sorted(sys.modules))
"""


@pytest.mark.parametrize(("argv", "rooms", "others"), COMMANDS.values(), ids=COMMANDS)
def test_only_what_is_needed_is_imported(argv, rooms, others):
    code = LOADED.format(argv=argv)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.splitlines()[-1].split()
    own = {name.split(".")[1] for name in loaded if name.startswith("nnpost.")}
    assert own <= rooms
    foreign = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names
    python_own = {"nnpost", "sitecustomize", "usercustomize", "cython_runtime"}
    assert {name for name in foreign - python_own if not name.startswith("_")} == others

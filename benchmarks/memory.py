"""Memory while a chain of 100,000 steps is sampled into its file: a table, a line for each tenth.

    python benchmarks/memory.py                  # `make memory`
    python benchmarks/memory.py --steps 10000

What is told is what this process holds at that step, and how much of the chain the file has. Ends
with status 1 where the last nine tenths have added more than 16 MB.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import nnpost
from nnpost import MLP, Posterior, datasets
from nnpost.storage.read_chain import committed_rows

PAGES = Path("/proc/self/statm")
FLAT = 16e6  # bytes


def held() -> float:
    """Bytes of memory that this process holds."""
    return float(PAGES.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watched(steps: int, path: Path) -> list[tuple[int, float]]:
    """(step, bytes held) at each tenth of a chain that goes into a file."""
    post, found = Posterior(MLP(1, (1,), "tanh"), datasets.parabola(size=20)), []

    def look(done: float, total: float, text: str = "") -> None:
        if done / total * 10 >= len(found) + 1:
            found.append((round(done / total * steps), held()))

    nnpost.sample(
        post, path, ensembles=4, nwalkers=8, nsteps=steps, moves="stretch", start="prior",
        progress=look,
    )  # fmt: skip
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="of the chain (100,000)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.h5")
        found = watched(asked.steps, path)
        rows, size = committed_rows(path), path.stat().st_size
    print(f"{'step':>9}{'MB held':>9}")
    for step, held_then in found:
        print(f"{step:>9,}{held_then / 1e6:>9.1f}")
    added = found[-1][1] - found[0][1]
    print(f"{added / 1e6:+.1f} MB while the file grew to {rows:,} rows, {size / 1e6:.0f} MB")
    return int(added > FLAT)


if __name__ == "__main__":
    sys.exit(main())

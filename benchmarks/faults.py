"""What a run file survives, tried and counted: kills, power cuts, full disks, damage, two at once.

    python benchmarks/faults.py                 # `make faults`
    python benchmarks/faults.py --share 0.1     # a tenth of it

Prints what was tried, how often, and how often it failed; ends with status 1 where anything did.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from faults_files import damaged, hostile
from faults_process import full_disk, kill_rows, kill_runs, power_cuts, readers, signals, writers

Tries = Iterator[tuple[str, str]]
# What is tried, how often in full, and by what, which is called with a folder, a count and a seed
# and gives a name and what was wrong ("" for nothing) for every try.
ITEMS: dict[str, tuple[int, Callable[[Path, int, int], Tries]]] = {
    "SIGKILL while rows are written": (150, kill_rows),
    "SIGKILL during nnpost run": (50, kill_runs),
    "SIGINT, SIGTERM, SIGHUP during nnpost run": (30, signals),
    "power cut: unsynced writes lost or torn": (500, power_cuts),
    "full disk, at the start or while sampling": (60, full_disk),
    "second writer": (60, writers),
    "reader during a run": (1000, readers),
    "damaged run file": (2000, damaged),
    "hostile run file": (600, hostile),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the tries (1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="items whose name has this in it")
    asked = parser.parse_args()
    print(f"{'item':<44}{'tried':>7}{'failed':>8}{'seconds':>9}", flush=True)
    failed = 0
    for name, (full, tries) in ITEMS.items():
        if asked.only in name:
            failed += report(name, tries, max(3, round(full * asked.share)), asked.seed)
    print(f"{failed} failed")
    return int(failed > 0)


def report(name: str, tries: Callable[[Path, int, int], Tries], count: int, seed: int) -> int:
    began, tried, wrong = time.perf_counter(), 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for what, fault in tries(Path(folder), count, seed):
            tried += 1
            wrong.update([f"{what}: {fault}"] if fault else [])
    seconds = time.perf_counter() - began
    print(f"{name:<44}{tried:>7}{wrong.total():>8}{seconds:>9.0f}", flush=True)
    for words, times in wrong.most_common(5):
        print(f"    {times} × {words}", flush=True)
    return wrong.total()


if __name__ == "__main__":
    sys.exit(main())

"""What the measurements of `make bench` share: jobs that take turns, and rows of its table."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

Job = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of the table; a figure is to be at least, or ``at_most``, its goal."""

    what: str
    unit: str
    before: tuple[float, ...] | None  # version 0.1.0, on a processor with AVX-512
    goal: tuple[float, ...]
    found: tuple[float, ...]
    note: str = ""
    at_most: bool = False

    @property
    def reached(self) -> bool:
        pairs = zip(self.found, self.goal, strict=True)
        return all(f <= g if self.at_most else f >= g for f, g in pairs)

    def cells(self) -> tuple[str, ...]:
        before, goal, found = (figures(part) for part in (self.before, self.goal, self.found))
        sign = "≤" if self.at_most else "≥"
        reached = "yes" if self.reached else "no"
        return (f"{self.what}, {self.unit}", before, f"{sign} {goal}", found, reached, self.note)


def figures(values: tuple[float, ...] | None) -> str:
    """Three digits of each."""
    return "–" if values is None else " / ".join(_three(value) for value in values)


def _three(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def in_turn(turns: int, **jobs: Job) -> dict[str, np.ndarray]:
    """Seconds of every job, turn by turn; each is done once before."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(turns):
        for name, job in jobs.items():
            began = time.perf_counter()
            job()
            seconds[name].append(time.perf_counter() - began)
    return {name: np.array(turn) for name, turn in seconds.items()}


def repeated(job: Job, calls: int) -> Job:
    """The job so many times."""

    def many() -> None:
        for _ in range(calls):
            job()

    return many


def machine() -> dict[str, object]:
    """What all of it ran on."""
    info = Path("/proc/cpuinfo")
    text = info.read_text("utf-8") if info.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return {
        "processor": names[0] if names else platform.processor(),
        "avx512": "avx512f" in text,
        "cores": len(names),
        "python": platform.python_version(),
        **{name: version(name) for name in ("nnpost", "numpy", "torch", "numba", "emcee")},
    }


def table(rows: list[Row]) -> str:
    """In Markdown, as in docs/benchmarks.md."""
    head = ("what", "0.1.0", "goal", "found", "reached", "")
    lines = [head, ("---",) * len(head), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

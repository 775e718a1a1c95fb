"""What of a run file was made from what, and so goes when that is made anew."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["MADE_FROM", "made_from"]

# Groups of a run file, and those that each is made from; a chain also from what it starts from.
MADE_FROM: dict[str, tuple[str, ...]] = {
    "sampling": (),
    "mcmc": ("sampling",),
    "resume": ("mcmc",),
    "verdict": ("mcmc", "tempering", "fits"),
    "fit": ("mcmc", "fits"),
    "comparison": ("mcmc", "fits"),
    "scorecard": ("comparison", "tempering"),
    "leave_one_out": ("mcmc",),
    "held_out": ("mcmc", "fits"),
}
STARTS = {"tempered": "tempering", "fits": "fits"}


def made_from(names: Collection[str], start: str) -> set[str]:
    """All groups that are made from these, directly or not, where chains have that start."""
    sources = MADE_FROM | {"sampling": (STARTS.get(start, ""),)}
    found: set[str] = set()
    while more := {n for n, of in sources.items() if {*of} & {*names, *found}} - found:
        found |= more
    return found

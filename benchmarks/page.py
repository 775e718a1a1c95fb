"""Tables that a command writes into docs/benchmarks.md, and the files beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
RESULTS = Path(__file__).parent / "results"
PROVISIONAL = "Provisional: the machine did other work at the same time."


def put(name: str, text: str, page: Path = PAGE) -> None:
    """Replace what stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.

    Raises ValueError where the page has no such place.
    """
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page}: found no place for {name}, expected {begin.strip()} … {end}")
    page.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}", "utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def where(machine: dict[str, Any], provisional: bool) -> str:
    """The sentence that says on what, and whether the figures can be relied on."""
    text = f"{machine['processor']}, one core, {'with' if machine['avx512'] else 'without'} AVX-512"
    return f"{text}. {PROVISIONAL}" if provisional else f"{text}."


def keep(name: str, found: dict[str, Any]) -> None:
    """Write benchmarks/results/NAME.json; null stands for what is not a number."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(_known(found), indent=2, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_known(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

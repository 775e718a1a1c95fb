"""How long work tells how far it is: a function ``progress(done, total, text)``.

Functions with an argument ``progress`` take True for a bar on a terminal and plain lines elsewhere,
False for silence, or such a function; :func:`open_progress` turns the three into one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

__all__ = ["Progress", "bar", "note", "open_progress", "silent"]

Progress = Callable[[float, float, str], None]

LINE_SECONDS = 10.0  # between two plain lines


def silent(done: float, total: float, text: str = "") -> None:
    """Show nothing."""


@contextmanager
def bar(title: str, stream: TextIO | None = None) -> Iterator[Progress]:
    """A progress function that draws a bar on a terminal, and plain lines when piped."""
    out = sys.stderr if stream is None else stream
    if not out.isatty():
        yield _lines(title, out)
        return
    shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    with tqdm(total=1.0, desc=f"{title:<8}", file=out, bar_format=shape, leave=True) as drawn:

        def advance(done: float, total: float, text: str = "") -> None:
            drawn.n = min(done / total, 1.0)
            drawn.set_postfix_str(text, refresh=False)
            drawn.update(0)

        yield advance


@contextmanager
def open_progress(progress: Progress | bool, title: str) -> Iterator[Progress]:
    """A function to report to from an argument ``progress``: a bar for True, silence for False."""
    if callable(progress):
        yield progress
    elif progress:
        with bar(title) as drawn:
            yield drawn
    else:
        yield silent


def note(progress: Progress | bool, text: str) -> None:
    """One line at once, before there is anything to measure: on stderr for True."""
    if callable(progress):
        progress(0.0, 1.0, text)
    elif progress:
        print(f"nnpost: {text}", file=sys.stderr, flush=True)


def _lines(title: str, out: TextIO) -> Progress:
    last = time.monotonic()

    def print_now_and_then(done: float, total: float, text: str = "") -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            print(f"{title}: {100 * done / total:.0f} %  {text}", file=out, flush=True)

    return print_now_and_then

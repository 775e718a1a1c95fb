"""What ends a request early: an error that says what to do, or an interrupt that says where."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["Interrupted", "NoColumn", "RequestError", "choose", "nearest"]


LONGEST = 100  # characters of a name that is looked for


class RequestError(ValueError):
    """The request, or a file it names, cannot be used.

    The message is one line that says what was found, what was expected and what to do. The
    command line prints it without a traceback and exits with status 2.
    """


class NoColumn(RequestError):
    """A table has no column ``name``; the message is of the same kind."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while a run was in ``stage``.

    ``kept`` says whether its file holds what the stage was working from, or a part of what it
    makes; ``resume``, whether to go on with that one asks to resume, or simply asks again.
    Whoever does not know of stages sees the KeyboardInterrupt that it is.
    """

    def __init__(self, stage: str, kept: bool, resume: bool = True) -> None:
        super().__init__(f"interrupted during {stage}")
        self.stage, self.kept, self.resume = stage, kept, resume


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest of ``names``, or an empty string."""
    close = get_close_matches(str(name)[:LONGEST], list(names), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def choose(kind: str, name: str, names: Iterable[str]) -> str:
    """Return ``name`` if it is one of ``names``.

    Raises:
        RequestError: it is not; the message lists the names and points to the nearest.
    """
    known = list(names)
    if name in known:
        return name
    listed = ", ".join(known)
    raise RequestError(f"unknown {kind} '{name}': expected one of {listed}{nearest(name, known)}")

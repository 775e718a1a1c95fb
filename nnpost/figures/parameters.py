"""Which entries of theta a figure shows, and the names by which people ask for them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.errors import RequestError, choose
from ..common.tables import plain_label
from ..network.mlp import MLP

__all__ = ["chosen", "listed", "place", "unit_by_unit"]

MOST = 12  # parameters; the time and the size of a corner plot grow with their square


def chosen(net: MLP, labels: Sequence[str], parameters: Sequence[int | str] | None) -> list[int]:
    """Which entries of theta to draw, in order.

    Those that are named; without names all of them, unit by unit, or as many whole units as make
    at most 12, and what is left. Raises RequestError for names that are not there or come twice.
    """
    if parameters is not None:
        return _named(labels, parameters)
    *units, rest = unit_by_unit(net, len(labels))
    if not units or len(units[0]) + len(rest) > MOST:
        return [i for group in (*units, rest) for i in group][:MOST]
    whole = (MOST - len(rest)) // len(units[0])
    return [i for group in (*units[:whole], rest) for i in group]


def unit_by_unit(net: MLP, ndim: int) -> list[list[int]]:
    """Indices of theta as they are shown: one group (w, b, a) a unit, then what is left.

    Networks without a hidden layer, or with several, keep theta's own order in one group.
    """
    if len(net.hidden) != 1:
        return [list(range(ndim))]
    (w, b), (a, _) = net.layers(np.arange(net.ndim))
    groups = [[*w[u].tolist(), *b[u : u + 1].tolist(), int(a[0, u])] for u in range(len(w))]
    shown = {i for group in groups for i in group}
    return [*groups, [i for i in range(ndim) if i not in shown]]


def place(labels: Sequence[str], parameter: int | str) -> int:
    """The index in theta of one parameter: a plain name (w1), a LaTeX label or a number from 0.

    Negative numbers count from the end. Raises RequestError where there is none.
    """
    names = [plain_label(label) for label in labels]
    if isinstance(parameter, str):
        return names.index(choose("parameter", plain_label(parameter), names))
    try:
        index = operator.index(parameter)
    except TypeError:
        index = len(labels)
    if isinstance(parameter, bool | np.bool_) or not -len(labels) <= index < len(labels):
        raise RequestError(
            f"parameter {parameter!r}: expected a name such as {names[0]}, or a number below "
            f"{len(labels)}"
        )
    return index % len(labels)


def listed(text: str, labels: Sequence[str]) -> list[int | str]:
    """The names and numbers of ``w1,b1,3``; names with commas of their own (w1,2) are known, with
    blanks after the commas or without."""
    plain = [plain_label(label) for label in labels]
    names = {_tight(name): name for name in plain}
    longest = 1 + max(name.count(",") for name in plain)
    words, found = [word.strip() for word in text.split(",")], list[str]()
    while words:
        sizes = range(min(longest, len(words)), 0, -1)
        size = next((n for n in sizes if ",".join(words[:n]) in names), 1)
        name = ",".join(words[:size])
        found.append(names.get(name, name))
        words = words[size:]
    return [int(word) if word.isdecimal() and len(word) < 10 else word for word in found]


def _tight(name: str) -> str:
    """A name without blanks beside its commas."""
    return ",".join(part.strip() for part in name.split(","))


def _named(labels: Sequence[str], parameters: Sequence[Any]) -> list[int]:
    if isinstance(parameters, str):
        raise RequestError(
            f"parameters: found the text '{parameters}', expected a list such as ['w1', 'b1']"
        )
    found = [place(labels, parameter) for parameter in parameters]
    if not found:
        raise RequestError("parameters is empty: name at least one, or leave it out")
    twice = next((i for i in found if found.count(i) > 1), None)
    if twice is not None:
        raise RequestError(
            f"parameters: found {plain_label(labels[twice])} twice, expected each once"
        )
    return found

"""How far the axes of a corner plot reach: over the bulk of the draws, or where they are told to.

An axis holds the central 98 % of the draws. Where that would squeeze the middle into a corner,
because tails are long, it holds the shortest interval with 90 % of them, and the figure says how
many are left outside. A zoom and no asinh axis: networks whose weights have long tails were drawn
both ways. Both show the middle; but on an asinh axis ticks are uneven, Laplace's ellipses are none
any more, and contours of the densest regions are those of other coordinates. What a zoom leaves out
can be told by a number. It leaves out tails alone, which fall all the way, and never a lump that
may be a mode of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.errors import RequestError
from ..common.tables import plain_label
from .parameters import place

__all__ = ["Range", "asked_ranges", "limits"]

Range = tuple[float, float]

INSIDE = 0.98  # share of the draws, per parameter, that an axis holds
MIDDLE = 0.90  # share that it holds where tails are long
LONG = 1.8  # by this factor the middle makes an axis shorter; 1.4 for a Gaussian, 2 exponential
BINS, RISE = 20, 0.01  # of an axis; by this share of all draws a bin is above a valley before it
STRETCH = 0.5  # an axis grows by at most this part of itself to hold a mark
MARGIN = 0.04


def limits(
    labels: Sequence[str],
    draws: NDArray[Any],
    points: Sequence[NDArray[Any]],
    asked: Mapping[int, Range | float],
) -> list[Range]:
    """Limits of each axis: draws (S, K), marks (K,) -> K pairs.

    ``asked``, by column, are limits or the central share of the draws that the axis shall hold;
    other axes hold the bulk of the draws, and marks that are not far from it. Raises RequestError
    where no draw lies within those that are asked for.
    """
    found = []
    for k, column in enumerate(draws.T):
        own = asked.get(k)
        if isinstance(own, tuple):
            found.append(own)
        elif own is not None:
            found.append(_padded(_central(column, own)))
        else:
            found.append(_with_marks(_padded(_bulk(column)), [point[k] for point in points]))
    _refuse_empty(labels, draws, found)
    return found


def _refuse_empty(labels: Sequence[str], draws: NDArray[Any], found: Sequence[Range]) -> None:
    low, high = np.array(found).T
    inside = ((draws >= low) & (draws <= high)).astype(float)
    empty = np.argwhere(inside.T @ inside == 0)
    if len(empty):
        a, b = empty[0]
        axes = {plain_label(labels[k]): f"({low[k]:g}, {high[k]:g})" for k in (a, b)}
        within = " and ".join(f"{name} within {axis}" for name, axis in axes.items())
        raise RequestError(
            f"ranges: found no draw with {within}, expected some: choose wider ranges"
        )


def asked_ranges(
    labels: Sequence[str], drawn: Sequence[int], ranges: Mapping[int | str, Any] | None
) -> dict[int, Range | float]:
    """``ranges`` by the column that each parameter is drawn in, checked."""
    if ranges is not None and not isinstance(ranges, Mapping):
        raise RequestError(
            f"ranges: found {ranges!r}, expected pairs or shares by parameter, as in "
            "ranges={'w1': (0, 5), 'c': 0.95}"
        )
    found: dict[int, Range | float] = {}
    for parameter, value in (ranges or {}).items():
        index = place(labels, parameter)
        name = plain_label(labels[index])
        if index not in drawn:
            raise RequestError(f"ranges: {name} is not drawn: name it among the parameters, too")
        found[drawn.index(index)] = _checked(name, value)
    return found


def _checked(name: str, value: Any) -> Range | float:
    wrong = RequestError(
        f"ranges: found {value!r} for {name}, expected (low, high) with low < high, or a share of "
        "the draws up to 1"
    )
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise wrong from None
    if numbers.shape == () and 0 < numbers <= 1:
        return float(numbers)
    if numbers.shape != (2,) or not np.isfinite(numbers).all() or not numbers[0] < numbers[1]:
        raise wrong
    return float(numbers[0]), float(numbers[1])


def _bulk(x: NDArray[Any]) -> Range:
    whole, middle = _central(x, INSIDE), _shortest(x, MIDDLE)
    long = 0 < LONG * (middle[1] - middle[0]) < whole[1] - whole[0]
    return middle if long and _falls(x, whole) else whole


def _central(x: NDArray[Any], share: float) -> Range:
    low, high = np.quantile(x, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _shortest(x: NDArray[Any], share: float) -> Range:
    """The shortest interval that holds this share of the draws."""
    ranked, count = np.sort(x), int(share * (len(x) - 1))
    first = int(np.argmin(ranked[count:] - ranked[: len(x) - count]))
    return float(ranked[first]), float(ranked[first + count])


def _falls(x: NDArray[Any], whole: Range) -> bool:
    """Whether the density falls all the way to both sides of its peak: there is no second lump."""
    shares = np.histogram(x, BINS, whole)[0] / len(x)
    top = int(np.argmax(shares))
    sides = (shares[top:], shares[top::-1])
    return all((side - np.minimum.accumulate(side)).max() <= RISE for side in sides)


def _padded(bulk: Range) -> Range:
    """Room at both ends; a column that does not vary still needs an axis with a width."""
    low, high = bulk
    size = max(1.0, abs(low))
    pad = 0.5 * size if high - low <= 1e-9 * size else MARGIN * (high - low)
    return low - pad, high + pad


def _with_marks(axis: Range, marks: Sequence[float]) -> Range:
    """The axis, widened for marks that are not far away."""
    low, high = axis
    room, margin = STRETCH * (high - low), MARGIN * (high - low)
    near = [float(mark) for mark in marks if low - room <= mark <= high + room]
    return min([low, *(m - margin for m in near)]), max([high, *(m + margin for m in near)])

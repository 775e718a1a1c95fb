"""Arrays that people give, checked: float64 in the shapes that a data set has.

The checks answer one accident above all: outputs of shape (n, 1) minus labels of shape (n,)
broadcast to an (n, n) matrix, no error is raised, and the network learns the mean. Each raises
RequestError, naming the array, what was found and what was expected.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.errors import RequestError

__all__ = [
    "as_column",
    "as_inputs",
    "as_targets",
    "called",
    "check_finite",
    "check_positive",
    "check_text",
    "input_names",
]


def as_targets(names: tuple[str, ...], value: Any, n: int) -> np.ndarray:
    """y as (n, k), k at least 2, one for each name."""
    for name in names:
        check_text("y_names", name)
    y = _numbers("y", value)
    if len(set(names)) != len(names) or len(names) < 2 or y.shape != (n, len(names)):
        raise RequestError(
            f"y has shape {y.shape} and the names {', '.join(names)}, expected ({n}, "
            f"{max(2, len(names))}) and as many different names"
        )
    return y


def called(role: str, name: str) -> str:
    """``y ('flux')``: what a column is, and its own name where that is another."""
    return role if name == role else f"{role} ('{name}')"


def check_text(what: str, value: Any) -> None:
    """Refuse what is no name."""
    if not isinstance(value, str) or not value:
        raise RequestError(f"{what}: found {value!r}, expected a name in quotes")


def _numbers(what: str, value: Any) -> np.ndarray:
    """A float64 copy of any array of real numbers."""
    if hasattr(value, "mask") and np.ma.is_masked(value):  # numpy.ma takes long to import
        raise RequestError(f"{what} has masked values, expected numbers only; remove those points")
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise RequestError(
            f"{what} is no array of numbers ({reason}); give an array of float64"
        ) from None
    if found.dtype.kind not in "iuf":
        raise RequestError(
            f"{what} has dtype {found.dtype}, expected real numbers; give an array of float64"
        )
    with np.errstate(over="ignore"):  # what float64 cannot hold becomes infinite, and is refused
        return np.array(found, dtype=np.float64, order="C")


def as_inputs(what: str, value: Any) -> np.ndarray:
    """x as (n, d)."""
    x = _numbers(what, value)
    if x.ndim not in (1, 2):
        raise RequestError(
            f"{what} has shape {x.shape}, expected (n,) or (n, d): a row for each point "
            "and a column for each input; reshape it with .reshape(n, d)"
        )
    x = x.reshape(len(x), -1) if x.size else x
    if x.size == 0:
        raise RequestError(
            f"{what} has shape {x.shape}: no points or no inputs, expected at least one of each"
        )
    return x


def input_names(names: Any, count: int) -> tuple[str, ...]:
    """The names of d = ``count`` inputs: those given, or x, or x[0], x[1], …"""
    names = (names,) if isinstance(names, str) else tuple(names or ())
    names = names or (("x",) if count == 1 else tuple(f"x[{i}]" for i in range(count)))
    for name in names:
        check_text("x_names", name)
    if len(names) != count or len(set(names)) != count:
        raise RequestError(
            f"x_names: found {', '.join(names)}, expected {count} different name(s), "
            "one for each column of x"
        )
    return names


def as_column(what: str, value: Any, n: int) -> np.ndarray:
    """y or yerr as (n,); (n, 1) is squeezed where n > 1 shows that it is a column."""
    column = _numbers(what, value)
    if n > 1 and column.shape == (n, 1):
        return np.ascontiguousarray(column[:, 0])
    if column.ndim != 1:
        raise RequestError(f"{what} has shape {column.shape}, expected ({n},){_advice(column, n)}")
    if len(column) != n:
        turned = "; x looks transposed, give x.T" if n == 1 else ""
        raise RequestError(
            f"x has {n} row(s) and {what} has shape {column.shape}, expected ({n},); give x and "
            f"{what} of the same points{turned}"
        )
    return column


def _advice(column: np.ndarray, n: int) -> str:
    """Why a shape is refused and what to give instead."""
    if column.ndim == 0:
        return f", a value for each point; for one value everywhere give np.full({n}, value)"
    if column.ndim == 2 and 1 not in column.shape:
        return "; there is one output, so choose one column, for instance [:, 0]"
    return (
        ": against predictions it would broadcast to a matrix and compare every point with every "
        "other; if it is one value for each point in order, give .ravel() of it"
    )


def check_positive(what: str, values: np.ndarray) -> None:
    """Refuse standard deviations (n,) that are not above zero."""
    bad = np.flatnonzero(values <= 0)
    if len(bad):
        raise RequestError(
            f"{what} is {values[bad[0]]:g} at index {bad[0]} ({len(bad)} of {len(values)} values "
            "are not above zero), expected standard deviations > 0; remove those points or give "
            "no yerr"
        )


def check_finite(what: str, values: np.ndarray) -> None:
    """Refuse arrays with values that are NaN or infinite."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        raise RequestError(
            f"{what} is {values[where]} at index {where[0] if len(where) == 1 else where} "
            f"({len(bad)} of {values.size} values are NaN or infinite), expected finite numbers; "
            "remove or repair those points"
        )

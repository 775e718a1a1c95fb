"""Data: x, y and optional errors, checked once (arrays.py) so that nothing later can go wrong by
shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..common.errors import RequestError
from ..common.tables import Table, Tabled
from .arrays import (
    as_column,
    as_inputs,
    as_targets,
    called,
    check_finite,
    check_positive,
    check_text,
    input_names,
)
from .remarks import remarks
from .roles import Roles
from .scaling import UNSCALED, Scaling

__all__ = ["MISFITS", "Dataset"]

MISFITS = {False: "mse", True: "χ²/n"}  # by whether the squared residuals are over yerr²

LISTED_INPUTS = 12  # inputs beyond this many are counted in the table, not listed
LISTED_SCALES = 3  # and beyond this many in words


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Tabled):
    """Points (x, y), with the standard deviations of y where they are known.

    Args:
        x: inputs, (n, d); (n,) is read as (n, 1).
        y: targets, (n,). A single column (n, 1) of n > 1 rows is squeezed; every other shape is
            refused, but (n, k) where ``y_names`` names k of them.
        yerr: standard deviations of y in units of y, shaped like y and above zero; or None.
        name, x_names, y_name, yerr_name: what tables and figures call them.
        scaling: how x, y and yerr, which are what a network sees, came from the units of the file;
            by default they are those units. :meth:`scaled` makes such data, ``raw`` undoes it.
        dropped: rows that were left out of the table because cells of them were missing.
        rows: how many the table had with those; more than ``n + dropped`` of a :meth:`part`.
        y_names: what the k targets are called, where y is (n, k); ``y_name`` is then all of them.

    The arrays are kept as read-only float64 copies. Raises RequestError, naming the array, what
    was found and what was expected, for anything that is not finite real numbers in these shapes.
    """

    x: np.ndarray
    y: np.ndarray
    yerr: np.ndarray | None = None
    name: str = "data"
    x_names: tuple[str, ...] = ()
    y_name: str = "y"
    yerr_name: str = "yerr"
    scaling: Scaling = UNSCALED
    dropped: int = 0
    y_names: tuple[str, ...] = ()
    rows: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "y_names", tuple(self.y_names))
        if self.y_names:
            object.__setattr__(self, "y_name", ", ".join(self.y_names))
        for field in ("name", "y_name", "yerr_name"):
            check_text(field, getattr(self, field))
        x = as_inputs("x", self.x)
        names = input_names(self.x_names, x.shape[1])
        if self.y_names:
            y = as_targets(self.y_names, self.y, len(x))
        else:
            y = as_column(called("y", self.y_name), self.y, len(x))
        yerr = None
        if self.yerr is not None and self.y_names:
            raise RequestError(
                f"yerr: found errors for {len(self.y_names)} targets, expected none: the noise of "
                "each is inferred"
            )
        if self.yerr is not None:
            yerr = as_column(called("yerr", self.yerr_name), self.yerr, len(x))
            check_positive(called("yerr", self.yerr_name), yerr)
        for field, value in (("x", x), ("y", y), ("yerr", yerr)):
            if value is not None:
                check_finite(called(field, getattr(self, f"{field}_name", field)), value)
                value.setflags(write=False)
            object.__setattr__(self, field, value)
        object.__setattr__(self, "x_names", names)
        scaling = Scaling.none(self.inputs) if self.scaling is UNSCALED else self.scaling
        if scaling.x_scale.shape != (self.inputs,):
            raise RequestError(
                f"scaling: found one of {len(scaling.x_scale)} input(s), expected {self.inputs}"
            )
        object.__setattr__(self, "scaling", scaling)
        object.__setattr__(self, "rows", self.rows or self.n + self.dropped)

    @classmethod
    def from_table(
        cls,
        table: Any,
        x: str | Sequence[str],
        y: str | Sequence[str],
        yerr: str | None = None,
        name: str = "data",
        drop_missing: bool = False,
    ) -> Dataset:
        """From columns of a table in memory.

        ``table`` is a data frame of pandas, polars or pyarrow, or of another library that narwhals
        knows; an xarray Dataset or DataArray; a mapping of names to arrays; a numpy structured
        array; or a 2-D array, whose columns are called by number from 1 (``"2"``). Dates become
        days since the first. ``drop_missing`` leaves rows out in which a cell is missing.

        Raises RequestError for another kind of table, a column that is not there, and cells that
        are neither numbers nor dates.
        """
        from .frames import frame_columns  # narwhals

        roles = Roles.of(x, y, yerr)
        found = frame_columns("table", table, roles.every, drop_missing)
        return cls(name=name, **roles.parts(found, drop_missing))

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.y)

    @property
    def inputs(self) -> int:
        """Number of inputs, d."""
        return self.x.shape[1]

    @property
    def targets(self) -> list[tuple[str, np.ndarray]]:
        """The names of the targets, and their columns, (n,) each."""
        if not self.y_names:
            return [(self.y_name, self.y)]
        return [*zip(self.y_names, self.y.T, strict=True)]

    @property
    def spreads(self) -> np.ndarray:
        """The standard deviation of each target in units of the file, 1 of a constant: (k,)."""
        return np.atleast_1d(Scaling.of(self, "standard").y_scale)

    @property
    def misfit(self) -> str:
        """What the mean of the squared residuals is called: each is over yerr² where they are."""
        return MISFITS[self.yerr is not None]

    @cached_property
    def raw(self) -> Dataset:
        """The same data in the units of the file."""
        return self.scaled(Scaling.none(self.inputs))

    def scaled(self, scaling: Scaling) -> Dataset:
        """The same data, of which a network sees what ``scaling`` makes of the units of the file.

        Raises RequestError where they would not be finite, or the inputs are not as many.
        """
        if self.scaling.is_none and scaling.is_none:
            return self
        old, yerr = self.scaling, self.yerr
        with np.errstate(over="ignore"):  # what becomes infinite is refused
            x = scaling.x_to_network(old.x_to_file(self.x))
            y = scaling.y_to_network(old.y_to_file(self.y))
            if yerr is not None:
                yerr = scaling.sd_to_network(old.sd_to_file(yerr))
        return replace(self, x=x, y=y, yerr=yerr, scaling=scaling)

    @property
    def misfit_unit(self) -> float:
        """What turns a mean of squared residuals on the network's scale into :attr:`misfit` of the
        units of the file: y_scale², or 1 where each is over yerr², and where there are several
        targets, which have no such mean."""
        several = self.yerr is not None or bool(self.y_names)
        return 1.0 if several else float(self.scaling.y_scale) ** 2

    def log_evidence_to_file(self, log_z: float) -> float:
        """log Z of the data as the network sees them -> that of y in units of the file."""
        return float(log_z - self.n * np.log(self.scaling.y_scale).sum())

    @property
    def scale_in_words(self) -> str:
        """What the network sees of each column, ``(year − 1920) / 29``; empty where as it is."""
        if self.scaling.is_none:
            return ""
        s = self.scaling
        columns = [*zip(self.x_names, s.x_centre, s.x_scale, strict=True)][:LISTED_SCALES]
        names = self.y_names or (self.y_name,)
        centre, scale = (np.broadcast_to(v, len(names)) for v in (s.y_centre, s.y_scale))
        parts = [_shifted(*one) for one in (*columns, *zip(names, centre, scale, strict=True))]
        if self.inputs > LISTED_SCALES:
            parts.insert(LISTED_SCALES, f"{self.inputs - LISTED_SCALES} more")
        return ", ".join(parts)

    @property
    def remarks(self) -> list[str]:
        """What whoever brought the data should know of them, a line each."""
        left_out = f"{self.dropped} of {self.rows} rows were left out, as cells of them"
        raw = self.raw
        told = (line for name, y in raw.targets for line in remarks(raw.x, y, self.x_names, name))
        return [*([f"{left_out} are missing"] if self.dropped else []), *dict.fromkeys(told)]

    @cached_property
    def digest(self) -> str:
        """sha256 of the numbers and their shapes, in hexadecimal; names do not enter."""
        sha = hashlib.sha256()
        scaling = () if self.scaling.is_none else tuple(self.scaling.to_tree().values())
        for values in (self.x, self.y, self.yerr, *map(np.asarray, scaling)):
            sha.update(repr(None if values is None else values.shape).encode())
            if values is not None:
                sha.update(values.astype("<f8").tobytes())
        return sha.hexdigest()

    def split(self, fraction: float = 0.8, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Divide the points at random into (train, validation).

        ``fraction`` of them, rounded, go to the first; each part keeps the order of the rows.
        Raises RequestError where one of the two parts would be empty.
        """
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float, np.number)):
            raise RequestError(f"split: found fraction {fraction!r}, expected a number in (0, 1)")
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise RequestError(f"split: found seed {seed!r}, expected a whole number from 0 on")
        count = round(float(fraction) * self.n) if 0 < fraction < 1 else 0
        if not 0 < count < self.n:
            raise RequestError(
                f"split: fraction {fraction!r} of {self.n} points leaves one part empty, "
                "expected a share above 0 and below 1 that gives each part at least one point"
            )
        order = np.random.default_rng(seed).permutation(self.n)
        return self.part(np.sort(order[:count])), self.part(np.sort(order[count:]))

    def part(self, rows: np.ndarray | slice) -> Dataset:
        """Some of the points, on the same scale."""
        yerr = None if self.yerr is None else self.yerr[rows]
        return replace(self, x=self.x[rows], y=self.y[rows], yerr=yerr)

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of arrays and strings (the input names as JSON), for a file to keep."""
        tree = {"x": self.x, "y": self.y, "name": self.name, "y_name": self.y_name}
        if self.yerr is not None:
            tree |= {"yerr": self.yerr}
        if not self.scaling.is_none:
            tree |= {"scaling": self.scaling.to_tree()}
        if self.dropped:
            tree |= {"dropped": self.dropped, "rows": self.rows}
        if self.y_names:
            tree |= {"y_names": json.dumps(self.y_names)}
        return tree | {"yerr_name": self.yerr_name, "x_names": json.dumps(self.x_names)}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Dataset:
        """The inverse of :meth:`to_tree`. Raises RequestError where a part is missing or wrong."""
        parts = dict(tree)
        missing = {"x", "y", "name", "x_names", "y_name", "yerr_name"} - set(parts)
        if missing:
            raise RequestError(f"stored data: found no {', '.join(sorted(missing))}")
        try:
            names, targets = (tuple(json.loads(parts.get(k, "[]"))) for k in ("x_names", "y_names"))
        except (TypeError, ValueError):
            raise RequestError("stored data: x_names is not a JSON list of strings") from None
        labels = (parts["name"], names, parts["y_name"], parts["yerr_name"])
        scaling = UNSCALED if "scaling" not in parts else Scaling.from_tree(parts["scaling"])
        dropped, rows = int(parts.get("dropped", 0)), int(parts.get("rows", 0))
        return cls(
            parts["x"], parts["y"], parts.get("yerr"), *labels, scaling, dropped, targets, rows
        )

    def tables(self) -> list[Table]:
        """One table of (role, name, range in the units of the file)."""
        raw = self.raw
        plural = "" if self.n == 1 else "s"
        inputs = f"{self.inputs} input" + ("" if self.inputs == 1 else "s")
        columns = [("x", n, v) for n, v in zip(self.x_names, raw.x.T, strict=True)][:LISTED_INPUTS]
        columns += [("y", name, column) for name, column in raw.targets]
        columns += [] if raw.yerr is None else [("yerr", self.yerr_name, raw.yerr)]
        rows = [(role, name, f"{v.min():.5g} … {v.max():.5g}") for role, name, v in columns]
        if self.inputs > LISTED_INPUTS:
            rows.insert(LISTED_INPUTS, ("x", f"and {self.inputs - LISTED_INPUTS} more", ""))
        return [Table(rows, f"Dataset '{self.name}': {self.n} point{plural}, {inputs}")]


def _shifted(name: str, centre: float, scale: float) -> str:
    """``(year − 1920) / 29``."""
    sign = "+" if centre < 0 else "−"
    return f"({name} {sign} {abs(centre):.5g}) / {scale:.5g}"

"""Data: x, y and optional errors, checked once so that nothing later can go wrong by shape.

The checks answer one accident above all: outputs of shape (n, 1) minus labels of shape (n,)
broadcast to an (n, n) matrix, no error is raised, and the network learns the mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..common.errors import RequestError
from ..common.tables import Table, Tabled
from .columns import Columns, complete_rows
from .remarks import remarks
from .scaling import UNSCALED, Scaling

__all__ = ["MISFITS", "Dataset", "read_data"]

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
            _check_text(field, getattr(self, field))
        x = _inputs("x", self.x)
        names = _input_names(self.x_names, x.shape[1])
        if self.y_names:
            y = _targets(self.y_names, self.y, len(x))
        else:
            y = _column(_called("y", self.y_name), self.y, len(x))
        yerr = None
        if self.yerr is not None and self.y_names:
            raise RequestError(
                f"yerr: found errors for {len(self.y_names)} targets, expected none: the noise of "
                "each is inferred"
            )
        if self.yerr is not None:
            yerr = _column(_called("yerr", self.yerr_name), self.yerr, len(x))
            _check_positive(_called("yerr", self.yerr_name), yerr)
        for field, value in (("x", x), ("y", y), ("yerr", yerr)):
            if value is not None:
                _check_finite(_called(field, getattr(self, f"{field}_name", field)), value)
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

        wanted = _wanted(x, y, yerr)
        every = [column for part in wanted for column in part]
        return _dataset(frame_columns("table", table, every, drop_missing), wanted, name,
                        drop_missing)  # fmt: skip

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


def _targets(names: tuple[str, ...], value: Any, n: int) -> np.ndarray:
    """y as (n, k), k at least 2, one for each name."""
    for name in names:
        _check_text("y_names", name)
    y = _numbers("y", value)
    if len(set(names)) != len(names) or len(names) < 2 or y.shape != (n, len(names)):
        raise RequestError(
            f"y has shape {y.shape} and the names {', '.join(names)}, expected ({n}, "
            f"{max(2, len(names))}) and as many different names"
        )
    return y


def _called(role: str, name: str) -> str:
    return role if name == role else f"{role} ('{name}')"


def _check_text(what: str, value: Any) -> None:
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


def _inputs(what: str, value: Any) -> np.ndarray:
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


def _input_names(names: Any, count: int) -> tuple[str, ...]:
    names = (names,) if isinstance(names, str) else tuple(names or ())
    names = names or (("x",) if count == 1 else tuple(f"x[{i}]" for i in range(count)))
    for name in names:
        _check_text("x_names", name)
    if len(names) != count or len(set(names)) != count:
        raise RequestError(
            f"x_names: found {', '.join(names)}, expected {count} different name(s), "
            "one for each column of x"
        )
    return names


def _column(what: str, value: Any, n: int) -> np.ndarray:
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


def _check_positive(what: str, values: np.ndarray) -> None:
    bad = np.flatnonzero(values <= 0)
    if len(bad):
        raise RequestError(
            f"{what} is {values[bad[0]]:g} at index {bad[0]} ({len(bad)} of {len(values)} values "
            "are not above zero), expected standard deviations > 0; remove those points or give "
            "no yerr"
        )


def _check_finite(what: str, values: np.ndarray) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        raise RequestError(
            f"{what} is {values[where]} at index {where[0] if len(where) == 1 else where} "
            f"({len(bad)} of {values.size} values are NaN or infinite), expected finite numbers; "
            "remove or repair those points"
        )


def read_data(
    path: str | PathLike[str],
    x: str | Sequence[str],
    y: str | Sequence[str],
    yerr: str | None = None,
    name: str | None = None,
    drop_missing: bool = False,
) -> Dataset:
    """Read a Dataset from columns of a text table or a Parquet file, or arrays of NPZ or HDF5.

    Args:
        path: .csv (also .txt, .tsv, .dat, .data, and each of them with .gz: separated by commas,
            semicolons, tabs or blanks, decimal commas where commas do not separate; lines that
            start with # are comments), .parquet, .npz, .h5 or .hdf5.
        x: name or names of the inputs; in NPZ and HDF5 files (n, k) arrays give k inputs.
        y, yerr: name of the target and of its standard deviations. HDF5 names are paths. Columns
            may be called by number from 1; those of a text without a line of names have to be.
            ISO dates become days since the first.
        name: what to call the data; the name of the file if not given.
        drop_missing: leave rows out in which a cell is missing.

    Raises RequestError naming the file, and in a text the line and the column.
    """
    from .readers import read_columns  # zip and HDF5, which data that are there already do not need

    source = Path(path)
    wanted = _wanted(x, y, yerr)
    found = read_columns(source, [column for part in wanted for column in part], drop_missing)
    try:
        return _dataset(found, wanted, name or source.name.partition(".")[0], drop_missing)
    except RequestError as error:
        raise RequestError(f"{source}: {error}") from None


def _wanted(
    x: str | Sequence[str], y: str | Sequence[str], yerr: str | None
) -> tuple[list[str], list[str], list[str]]:
    """Columns of x, y and yerr, each asked for once."""
    inputs = [x] if isinstance(x, str) else list(x)
    targets = [y] if isinstance(y, str) else list(y)
    wanted = inputs, targets, [] if yerr is None else [yerr]
    every = [column for part in wanted for column in part]
    for column in every:
        _check_text("column", column)
    if not inputs or not targets or len(set(every)) != len(every):
        raise RequestError(
            f"columns: found x = {', '.join(inputs)}, y = {', '.join(targets)}, yerr = {yerr}, "
            "expected at least one input, a target, and every column once"
        )
    return wanted


def _dataset(
    found: Columns,
    wanted: tuple[list[str], list[str], list[str]],
    name: str,
    drop_missing: bool,
) -> Dataset:
    """The data set of columns that have been read, without incomplete rows if asked."""
    inputs, targets, errors = wanted
    values, labels, dropped = found.values, found.labels, 0
    if drop_missing:
        values, dropped = complete_rows(values)
    x, names = _stack(values, labels, inputs)
    yerr = values[errors[0]] if errors else None
    yerr_name = labels[errors[0]] if errors else "yerr"
    called = tuple(labels[y] for y in targets)
    y = values[targets[0]]
    if len(targets) > 1:
        columns = zip(called, targets, strict=True)
        y = np.column_stack([_column(_called("y", c), values[t], len(x)) for c, t in columns])
    several = called if len(targets) > 1 else ()
    return Dataset(
        x, y, yerr, name, names, called[0], yerr_name, dropped=dropped, y_names=several
    )  # fmt: skip


def _stack(
    found: Mapping[str, np.ndarray], labels: Mapping[str, str], inputs: Sequence[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Input arrays (n,) and (n, k) side by side, and a name for each column."""
    blocks: list[np.ndarray] = []
    names: list[str] = []
    for column in inputs:
        label = labels[column]
        block = _inputs(_called("x", label), found[column])
        if blocks and len(block) != len(blocks[0]):
            raise RequestError(
                f"x ('{labels[inputs[0]]}') has {len(blocks[0])} points and x ('{label}') has "
                f"{len(block)}, expected as many of one as of the other"
            )
        blocks.append(block)
        wide = block.shape[1]
        names += [label] if wide == 1 else [f"{label}[{i}]" for i in range(wide)]
    return (blocks[0] if len(blocks) == 1 else np.hstack(blocks)), tuple(names)

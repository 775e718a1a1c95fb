"""What a sweep has found: one row a cell, as text, CSV, Parquet or JSON.

Rows are read from the run files, whatever grids have made them. The columns of the grid are the
settings in which the cells differ.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.errors import RequestError, choose
from ..common.files import asked_for
from ..common.tables import Table, Tabled
from ..common.toml import shown
from ..comparison.result import Comparison
from ..comparison.scorecard import ScoreCard
from ..diagnostics.verdict import Verdict
from ..experiment.experiment import NOT_COMPARED, Experiment, flat, read_toml
from ..sampling.provenance import Sampled
from ..storage.results import read_stage
from ..tempering.result import Tempering
from ..training.fits import Fits
from .cell import Cell, finished
from .cluster import needs

__all__ = ["MEASURES", "SweepTable", "as_json", "gather", "write_table"]

# What is told of every cell, with its heading and format in text; None where it is not known.
MEASURES = {
    "log_z": ("log Z", ".3f"),
    "log_z_error": ("±", ".3f"),
    "sgd_mse": ("SGD mse", ".4g"),
    "sgd_log_posterior": ("SGD log post.", ".3f"),
    "map_log_posterior": ("MAP log post.", ".3f"),
    "distance": ("SGD to MAP, sd", ".3g"),
    "curve_to_mean": ("to mean curve", ".3g"),
    "curve_to_map": ("to MAP's curve", ".3g"),
    "ess_log_prob": ("draws log_prob", ",.0f"),
    "ess_predictions": ("draws predictions", ",.0f"),
    "seconds": ("seconds", ".1f"),
}
DISTANCES = {
    "distance": "mahalanobis",
    "curve_to_mean": "rms_mean_inside",
    "curve_to_map": "rms_map_inside",
}
BETWEEN = "; "  # two reasons of one verdict
VERDICTS = ("converged", "not converged", "failed", "unfinished", "not begun")


@dataclass(frozen=True, repr=False)
class SweepTable(Tabled):
    """One row a cell, ordered by the values of the grid.

    ``keys`` are the settings in which cells differ. A row has ``cell``, the value of every key,
    ``verdict`` (one of VERDICTS), ``why`` (reasons of a verdict, or the error) and the MEASURES:
    distance in posterior standard deviations, curves' root mean squares within the data, effective
    draws, and the seconds of training, tempering and sampling together.
    """

    keys: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""
        return ("cell", *self.keys, "verdict", *MEASURES, "why")

    def tables(self) -> list[Table]:
        """What it shows: the columns that have something in them."""
        told = [name for name in MEASURES if any(row[name] is not None for row in self.rows)]
        heads = ["cell", *_short(self.keys), "verdict", *(MEASURES[name][0] for name in told)]
        lines = [
            [row["cell"], *(_text(row[key]) for key in self.keys), row["verdict"],
             *("" if row[name] is None else format(row[name], MEASURES[name][1]) for name in told)]
            for row in self.rows
        ]  # fmt: skip
        return [Table([heads, *lines], head=True, notes=list(self.notes()))]

    def notes(self) -> Iterator[str]:
        """How many cells there are of each kind, and why those that are not converged are not."""
        counts = {kind: sum(row["verdict"] == kind for row in self.rows) for kind in VERDICTS}
        yield ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        for row in self.rows:
            words = [row["why"]] if row["verdict"] == "failed" else row["why"].split(BETWEEN)
            if words[0]:
                more = f" (and {len(words) - 1} more)" if words[1:] else ""
                yield f"{row['cell']} {row['verdict']}: {words[0]}{more}"


def gather(folder: str | os.PathLike[str], names: Sequence[str] | None = None) -> SweepTable:
    """The table of all cells in a folder, or of those of some ``names``.

    Raises:
        RequestError: the folder is not there, or no sweep has written into it.
    """
    found = [file.parent for file in Path(folder).glob("*/experiment.toml")]
    cells = [_cell(one) for one in found if names is None or one.name in names]
    if not cells:
        raise RequestError(
            f"{os.fspath(folder)} holds no cells: expected a folder that `nnpost sweep` has "
            "written, as in chains/NAME"
        )
    settings = [flat(cell.experiment.table()) for cell in cells]
    keys = tuple(_differing(settings))
    rows = [
        {"cell": cell.name} | {key: one.get(key) for key in keys} | _found(cell)
        for cell, one in zip(cells, settings, strict=True)
    ]
    rows.sort(key=lambda row: ([_order(row[key]) for key in keys], row["cell"]))
    return SweepTable(keys, tuple(rows))


def _cell(folder: Path) -> Cell:
    file = folder / "experiment.toml"
    try:
        return Cell(folder.name, folder.absolute(), Experiment.read(read_toml(file)))
    except RequestError as error:
        raise RequestError(f"{file}: {error}; ask for the sweep again") from None


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys that have not the same value everywhere, as sections order them, those of none last."""
    every = {key: None for one in settings for key in one if key not in NOT_COMPARED}
    keys = [k for k in every if any(one.get(k) != settings[0].get(k) for one in settings)]
    sections = list(Experiment.sections())
    return sorted(
        keys, key=lambda k: sections.index(k.split(".")[0]) if "." in k else len(sections)
    )


def _found(cell: Cell) -> dict[str, Any]:
    """The verdict, why, and the measures of one cell."""
    measures: dict[str, Any] = dict.fromkeys(MEASURES)
    if not finished(cell):
        return measures | _missing(cell)
    verdict = read_stage(cell.run_file, Verdict)
    assert verdict is not None  # or it would not be finished
    told = {
        "verdict": "converged" if verdict.converged else "not converged",
        "why": BETWEEN.join(verdict.reasons),
        "ess_log_prob": verdict.ess["log_prob"],
        "ess_predictions": verdict.ess["predictions"],
    }
    return measures | told | {k: _finite(v) for k, v in _measured(cell.run_file).items()}


def _missing(cell: Cell) -> dict[str, str]:
    """What is known of a cell that is not finished."""
    with suppress(OSError):
        return {"verdict": "failed", "why": cell.error.read_text("utf-8").partition("\n")[0]}
    return {"verdict": "unfinished" if cell.run_file.exists() else "not begun", "why": ""}


def _measured(path: Path) -> dict[str, float]:
    """The measures of a finished run, but for those of its verdict."""
    made, fits, tempering = (
        read_stage(path, Sampled), read_stage(path, Fits), read_stage(path, Tempering),
    )  # fmt: skip
    comparison, card = read_stage(path, Comparison), read_stage(path, ScoreCard)
    assert made is not None
    found = {"seconds": made.spent + sum(one.seconds for one in (fits, tempering) if one)}
    if tempering is not None:
        found |= {"log_z": tempering.log_evidence, "log_z_error": tempering.error}
    if comparison is not None:
        found |= {
            "sgd_mse": comparison.sgd.mse,
            "sgd_log_posterior": comparison.sgd.log_prob,
            "map_log_posterior": comparison.map.log_prob,
        }
    if card is not None:
        found |= {k: card.best[of].value for k, of in DISTANCES.items() if of in card.best}
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _order(value: Any) -> tuple[Any, ...]:
    """What to sort values of one key by: those left out, numbers, lists of them, then words."""
    if value is None:
        return (0,)
    if isinstance(value, (bool, int, float)):
        return (1, value)
    if isinstance(value, tuple) and all(isinstance(one, int) for one in value):
        return (2, len(value), value)
    return (3, shown(value))


def _short(keys: Sequence[str]) -> list[str]:
    """Headings of keys: without their section where that is clear."""
    names = [key.rpartition(".")[2] for key in keys]
    return [n if names.count(n) == 1 else k for k, n in zip(keys, names, strict=True)]


def _text(value: Any) -> str:
    """A setting as TOML has it, words without their quotes; empty where it is left out."""
    return "" if value is None else value if isinstance(value, str) else shown(value)


def as_json(table: SweepTable) -> dict[str, Any]:
    """The table as one plain object: the keys of the grid, and all rows."""
    return {"keys": list(table.keys), "rows": [dict(row) for row in table.rows]}


def write_table(table: SweepTable, target: str | os.PathLike[str]) -> None:
    """Write all columns to a .csv or .parquet file.

    Raises:
        RequestError: another ending, a file that cannot be written, or no pyarrow for Parquet.
            Nothing is then written.
    """
    make = FORMATS[choose("ending of the file to write", Path(target).suffix, FORMATS)]
    content = make(table)
    with asked_for(target) as file:
        file.write(content)


def _as_csv(table: SweepTable) -> bytes:
    """Numbers so that they read back the same, lists as TOML has them, empty what is not known."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(table.columns)
    for row in table.rows:
        rows.writerow([_text(row[name]) for name in table.columns])
    return text.getvalue().encode()


def _as_parquet(table: SweepTable) -> bytes:
    """Measures as doubles, settings in types of their own where all values of one have the same."""
    needs("pyarrow", "pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    def column(name: str) -> Any:
        values = [row[name] for row in table.rows]
        if name in MEASURES:
            return pa.array(values, pa.float64())
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            return pa.array([None if v is None else _text(v) for v in values], pa.string())

    sink = io.BytesIO()
    parquet.write_table(pa.table({name: column(name) for name in table.columns}), sink)
    return sink.getvalue()


FORMATS: dict[str, Callable[[SweepTable], bytes]] = {".csv": _as_csv, ".parquet": _as_parquet}

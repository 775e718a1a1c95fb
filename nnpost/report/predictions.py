"""What a run predicts for the rows of a table, as another table."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..common.errors import NoColumn, RequestError, choose
from ..common.files import asked_for
from ..common.rules import checked, whole
from ..data.readers import read_columns
from ..posterior.posterior import Posterior
from ..prediction.predict import LEVELS
from ..prediction.prediction import Prediction, error_words
from ..sampling.load import load
from ..sampling.run import Run

__all__ = ["write_predictions"]

ROWS = 1000  # that are predicted at once
STANDARD_OUTPUT = "-"
NOISY = "_with_noise"


@dataclass(frozen=True, eq=False)
class Predicted:
    """Inputs x (m, d), what is said there by name, (m,), draws (N, m) by name, and what has to be
    said of them, a line each."""

    x: np.ndarray
    x_names: tuple[str, ...]
    columns: Mapping[str, np.ndarray]
    draws: Mapping[str, np.ndarray]
    notes: tuple[str, ...]


def write_predictions(
    source: str | os.PathLike[str],
    table: str | os.PathLike[str],
    target: str,
    levels: Sequence[float] = LEVELS,
    draws: int = 0,
) -> str:
    """Predict with a run file for the rows of a table, write them, and say what was written.

    Args:
        source: the run file.
        table: a file with the columns of x, by the names that the run's data have; and that of
            yerr, where they bring errors and predictions with noise are wanted.
        target: a .csv or .npz file, or "-" for CSV on standard output.
        levels: those of the quantiles.
        draws: so many draws of every prediction go to an NPZ file, too.

    Raises:
        RequestError: a file that cannot be read or written, or settings that make no sense. Nothing
            is then written.
    """
    kind = ".csv" if target == STANDARD_OUTPUT else Path(target).suffix
    choose("ending of the file to write", kind, FORMATS)
    draws = checked("draws", draws, whole(0))
    if draws and kind != ".npz":
        raise RequestError(f"draws: found the file {target}, expected an .npz file to hold them")
    found = predict_table(load(source), table, levels, draws)
    with opened(target) as file:
        FORMATS[kind](file, found)
    names = ", ".join([*found.x_names, *found.columns, *found.draws])
    where = "standard output" if target == STANDARD_OUTPUT else target
    return "\n".join([f"{where}: {len(found.x):,} rows of {names}", *found.notes])


def predict_table(
    run: Run, table: str | os.PathLike[str], levels: Sequence[float] = LEVELS, draws: int = 0
) -> Predicted:
    """What a run predicts for every row of a table: mean, sd and quantiles of f(x); sd and
    quantiles of new targets, with noise; and the outputs of SGD, MAP and the ensemble of restarts.
    Several targets, and the probabilities of classes, follow each other, their names in brackets.
    """
    x, yerr, notes = read_inputs(run, table)
    noisy = says_noise(run.post) and (yerr is not None or run.post.data.yerr is None)
    columns: list[dict[str, np.ndarray]] = []
    kept: list[dict[str, np.ndarray]] = []
    worst = []
    for start in range(0, len(x), ROWS):
        some = slice(start, start + ROWS)
        given = None if yerr is None else yerr[some]
        columns.append({})
        kept.append({})
        for k, which in enumerate(brackets(run.post)):
            plain = run.predict(x[some], levels, noise=False, component=k)
            noise = None
            if noisy:
                noise = run.predict(x[some], levels, yerr=given, seed=start, component=k)
            columns[-1] |= {f"{n}{which}": v for n, v in columns_of(plain, noise).items()}
            kept[-1] |= {f"{n}{which}": v for n, v in draws_of(plain, noise, draws).items()}
            worst.append(plain.worst_errors())
    errors = error_words({name: max(one[name] for one in worst) for name in worst[0]})
    return Predicted(
        x=x,
        x_names=run.post.data.x_names,
        columns={name: np.concatenate([part[name] for part in columns]) for name in columns[0]},
        draws={name: np.concatenate([part[name] for part in kept], axis=1) for name in kept[0]},
        notes=(*notes, errors, *verdict_words(run)),
    )


def says_noise(post: Posterior) -> bool:
    """Whether new targets say more than the mean: those of classes do not, and there has to be a
    way to draw them."""
    return post.draws_targets and (post.components == 1 or bool(post.data.y_names))


def brackets(post: Posterior) -> list[str]:
    """What the names of columns end with, for every number that is said of a point."""
    if post.components == 1:
        return [""]
    return [f"[{name}]" for name in post.data.y_names or range(post.components)]


def verdict_words(run: Run) -> Iterator[str]:
    """What the predictions have to be read with, if anything."""
    if run.known_verdict is None:
        yield "nobody has judged the chain yet: `nnpost compare` does"
    elif not run.known_verdict.converged:
        yield "the chain has NOT converged: these are predictions of the draws that there are"


def read_inputs(
    run: Run, table: str | os.PathLike[str]
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """x (m, d) and, where the run's data bring errors and the table has them, yerr (m,)."""
    data, path, names = run.post.data, Path(table), list(run.post.data.x_names)
    notes: tuple[str, ...] = ()
    try:
        wanted = names if data.yerr is None else [*names, data.yerr_name]
        found = read_columns(path, wanted).values
    except NoColumn as missing:
        if missing.name != data.yerr_name or data.yerr is None:
            raise
        found = read_columns(path, names).values
        notes = (
            f"{path} has no column '{data.yerr_name}', the errors of new points, so nothing is "
            "predicted with noise",
        )
    x = np.column_stack([np.asarray(found[name], dtype=float) for name in names])
    return x, found.get(data.yerr_name) if data.yerr is not None else None, notes


def columns_of(plain: Prediction, noise: Prediction | None) -> dict[str, np.ndarray]:
    """All rows of numbers (m,) beside the inputs; those with noise end in "_with_noise"."""
    noisy = {} if noise is None else {f"{k}{NOISY}": v for k, v in noise.spread().items()}
    return {"mean": plain.mean, **plain.spread(), **noisy, **plain.networks}


def draws_of(plain: Prediction, noise: Prediction | None, size: int) -> dict[str, np.ndarray]:
    """``size`` of the draws, (size, m), spread over all that there are."""
    if not size:
        return {}
    if size > len(plain.draws):
        raise RequestError(
            f"draws: found {size:,}, expected at most the {len(plain.draws):,} that predictions of "
            "this run are made from"
        )
    named = {"draws": plain} if noise is None else {"draws": plain, f"draws{NOISY}": noise}
    index = np.linspace(0, len(plain.draws) - 1, size).astype(int)
    return {name: one.draws[index] for name, one in named.items()}


@contextmanager
def opened(target: str) -> Iterator[BinaryIO]:
    """A file that appears whole, or standard output."""
    if target != STANDARD_OUTPUT:
        with asked_for(target) as file:
            yield file
        return
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def write_csv(file: BinaryIO, found: Predicted) -> None:
    """A line for each row: the inputs under their own names, and what is said there. A name that an
    input has already begins with "predicted_"."""
    taken = found.x_names
    names = [f"predicted_{name}" if name in taken else name for name in found.columns]
    columns = [*found.x.T, *found.columns.values()]
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    rows = csv.writer(text)
    rows.writerow([*taken, *names])
    rows.writerows(zip(*(values.tolist() for values in columns), strict=True))
    text.flush()
    text.detach()


def write_npz(file: BinaryIO, found: Predicted) -> None:
    """Arrays x (m, d), x_names, mean, sd, … (m,), and the draws (N, m)."""
    arrays: dict[str, Any] = {"x": found.x, "x_names": np.array(found.x_names)}
    arrays |= {**found.columns, **found.draws}
    np.savez(file, **arrays)


FORMATS: dict[str, Callable[[BinaryIO, Predicted], None]] = {".csv": write_csv, ".npz": write_npz}

"""SWEEP.toml: an experiment, and a grid of values for some of its keys.

``[sweep]`` names keys of the experiment, each with the list of values that it takes in turn:

    [sweep]
    network.hidden = [1, 2, 4]
    seed = [0, 1]

makes six cells. Everything else in the file is an experiment as always, and is the same in all of
them. All cells are checked before anything is computed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from ..common.errors import RequestError
from ..common.settings import hint
from ..common.toml import briefly, shown
from ..experiment.experiment import SECTIONS, Experiment, read_toml
from .cell import Cell, cell_name

__all__ = ["Sweep", "load_sweep"]

SECTION = "sweep"
MOST = 100_000  # cells
EXAMPLE = "as in network.hidden = [1, 2]"


@dataclass(frozen=True)
class Sweep:
    """A grid of experiments: ``grid`` has the values of every key, ``cells`` all combinations.

    ``folder`` is where all cells have theirs.
    """

    folder: Path
    grid: Mapping[str, list[Any]]
    cells: tuple[Cell, ...]


def load_sweep(
    path: str | os.PathLike[str],
    settings: Iterable[str] = (),
    folder: str | os.PathLike[str] | None = None,
) -> Sweep:
    """Read SWEEP.toml. The cells are kept in ``folder``, or else in ``chains/NAME``.

    ``settings``, each ``section.key=value``, change keys of all cells; not those of the grid.
    Paths of data are relative to the folder of SWEEP.toml.

    Raises:
        RequestError: the file cannot be read, holds no grid, names a key that is not there, or
            makes an experiment that makes no sense, or one of them twice.
    """
    source, tables = os.fspath(path), read_toml(path)
    try:
        grid = _grid(tables.pop(SECTION, None))
        base = Experiment.read(tables).with_settings(_beside(grid, settings))
        base = replace(base, name=Path(path).stem) if base.name == Experiment.name else base
        home = Path("chains", base.file_name) if folder is None else Path(folder)
        cells = tuple(_cells(base, grid, Path(path).absolute().parent, home.absolute()))
    except RequestError as error:
        raise RequestError(f"{source}: {error}") from None
    return Sweep(home, grid, cells)


def _grid(table: Any) -> dict[str, list[Any]]:
    """The lists of values by ``section.key``, however TOML nests them."""
    if not isinstance(table, Mapping) or not table:
        found = "no [sweep]" if table is None else f"[sweep] = {briefly(table)}"
        raise RequestError(
            f"found {found}, expected a table of keys and lists of values, {EXAMPLE}; for one "
            "experiment use `nnpost run`"
        )
    grid = dict(_flat(table))
    for key, values in grid.items():
        _check_key(key)
        if not isinstance(values, list) or not values:
            raise RequestError(
                f"sweep.{key}: found {briefly(values)}, expected a list of one or more values, "
                f"{EXAMPLE}"
            )
    return grid


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if key in SECTIONS and isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", one) for inner, one in value.items())
        else:
            yield key, value


def _check_key(key: str) -> None:
    """Refuse what is no key of an experiment, and those that determine nothing."""
    known = [part.key(name) for part in SECTIONS.values() for name in part.names()]
    known.append("seed")
    if key not in known:
        raise RequestError(
            f"unknown key '{key}' in [sweep]{hint(key, known)}; `nnpost settings` lists all keys"
        )


def _beside(grid: Mapping[str, Any], settings: Iterable[str]) -> Iterator[str]:
    """Settings for all cells. One that the grid has the values of would change nothing."""
    for one in settings:
        key = one.partition("=")[0].strip()
        if key in grid:
            raise RequestError(f"--set {one}: [sweep] has the values of {key}; change them there")
        yield one


def _cells(
    base: Experiment, grid: Mapping[str, list[Any]], origin: Path, home: Path
) -> Iterator[Cell]:
    """All combinations, the last key of the grid changing fastest."""
    count = math.prod(map(len, grid.values()))
    if count > MOST:
        raise RequestError(
            f"[sweep]: found {count:,} cells, expected at most {MOST:,}; ask for fewer"
        )
    seen: dict[str, str] = {}
    for values in product(*grid.values()):
        words = ", ".join(f"{k} = {shown(v)}" for k, v in zip(grid, values, strict=True))
        try:
            asked = _with(base, dict(zip(grid, values, strict=True)))
            name = cell_name(asked, origin)
        except RequestError as error:
            raise RequestError(f"in the cell {words}: {error}") from None
        if name in seen:
            raise RequestError(
                f"[sweep]: found the same cell twice, {seen[name]} and {words}; expected each "
                "value once"
            )
        seen[name] = words
        asked = replace(asked, data=asked.data.within(origin))
        yield Cell(name, home / name, replace(asked, name=name, description=words))


def _with(base: Experiment, values: Mapping[str, Any]) -> Experiment:
    """The experiment with values of the grid, all applied at once."""
    tables = base.table()
    for key, value in values.items():
        title, dot, name = key.partition(".")
        if dot:
            tables.setdefault(title, {})[name] = value
        else:
            tables[key] = value
    return type(base).read(tables)

"""A cell of a sweep: one experiment, its name, its folder, and how far it has come.

The name is made of the settings that determine the run, and of nothing else: it is the same
wherever in whatever grid the cell stands, so that a grid can be reordered and extended. Two cells
that differ in a setting never have the same folder. A setting that has its default does not count,
and a file of data counts by what is in it, not by where it is.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..common.errors import RequestError
from ..comparison.effort import FULL, Detail
from ..experiment.experiment import Experiment
from ..experiment.request import stored_experiment
from ..storage.read_chain import committed_rows
from ..storage.runfile import read_group

__all__ = ["Cell", "cell_name", "finished"]

DIGITS = 12  # of a name, each of four bits
# What of an experiment need not be as in its run file: names tell.
LEFT_OPEN = ("data.file", "data.test")


@dataclass(frozen=True)
class Cell:
    """One experiment of a sweep. Its folder holds all that belongs to it and nothing else.

    ``device``, ``command``, ``limit`` and ``detail`` are as for a request; they do not change what
    a cell is.
    """

    name: str
    folder: Path  # absolute
    experiment: Experiment
    device: str = "auto"
    command: str | None = None
    limit: bool = True
    detail: Detail = field(default=FULL, repr=False)

    @property
    def run_file(self) -> Path:
        """What ``nnpost run`` would write."""
        return self.folder / "run.h5"

    @property
    def toml(self) -> Path:
        """The experiment, as ``nnpost run`` reads it."""
        return self.folder / "experiment.toml"

    @property
    def error(self) -> Path:
        """Why the cell has failed, if it has."""
        return self.folder / "error.txt"


def cell_name(experiment: Experiment, origin: Path) -> str:
    """Twelve hexadecimal digits of the settings that determine a run.

    Files of data are looked for from ``origin`` on. Raises RequestError for one that is not there.
    """
    settings: dict[str, Any] = {
        k: v for k, _, v in with_length(Experiment()).differences(with_length(experiment))
    }
    for key in ("data.file", "data.test"):
        if isinstance(settings.get(key), str):
            settings[key] = _digest_of(key, origin / settings[key])
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def with_length(experiment: Experiment) -> Experiment:
    """The same with the steps written out, whether they were left out or not."""
    sample = experiment.sample
    return replace(experiment, sample=replace(sample, nsteps=sample.steps))


def _digest_of(key: str, file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise RequestError(
            f"{key}: {file}: {(error.strerror or 'cannot be read').lower()}; expected a file "
            "of data, from the TOML's folder on"
        ) from None


def finished(cell: Cell) -> bool:
    """Whether the cell's run file holds a chain with the cell's settings, judged at its end.

    A file that cannot be read is not finished; whoever has to write it says what is wrong with it.
    """
    if not os.path.exists(cell.run_file):
        return False
    try:
        judged = read_group(cell.run_file, "verdict") is not None
        rows = committed_rows(cell.run_file)
        stored = stored_experiment(cell.run_file)
    except RequestError:
        return False
    return judged and rows == stored.sample.rows and _at_least(cell.experiment, stored)


def _at_least(asked: Experiment, stored: Experiment) -> bool:
    """Whether ``stored`` is the experiment that was asked for, or one with more steps.

    It has all choices written out, ``asked`` may have left some to nnpost.
    """
    asked = with_length(replace(asked, data=asked.data.resolved()))
    for key, here, there in asked.differences(stored):
        more = key == "sample.nsteps" and there > here
        if not (more or here in (None, "auto") or key in LEFT_OPEN):
            return False
    return True

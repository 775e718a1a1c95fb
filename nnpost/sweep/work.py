"""What workers do: the tasks of which a cell is made.

    train ────────────────┐
    temper 0 … E − 1 ─────┴─► finish

Any worker can do any of them, again, too: they take up what is in the cell's run file, and all that
they compute follows from the experiment alone. Only ``train`` and ``finish`` write that file, the
one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from distributed import get_worker

from .. import __version__
from ..common.errors import RequestError
from ..experiment.keep import keep
from ..experiment.request import Request, make_request
from ..experiment.stages import run_all
from ..experiment.train_stage import train_stage
from ..storage.results import read_stage
from ..storage.runfile import lock
from ..tempering.result import Tempering
from ..tempering.temper import Apart, temper_apart, together
from ..training.fits import Fits
from .cell import Cell

__all__ = ["finish", "temper", "train"]

SECONDS = 1.0  # between two reports of a task
PATIENCE = 60.0  # seconds for a task that was given up elsewhere to end, and leave the run file


def train(cell: Cell, version: str, topic: str) -> None:
    """Train, unless the run file has the fits already."""
    request = _request(cell, version, Report(topic, cell, "training"))
    with lock(cell.run_file, PATIENCE):
        if not cell.run_file.exists() or read_stage(cell.run_file, Fits) is None:
            train_stage(request, new=True)


def temper(cell: Cell, version: str, topic: str, e: int) -> Apart | None:
    """The tempered run of ensemble ``e``; None where ``finish`` has to make all runs together."""
    report = Report(topic, cell, f"tempering {e}")
    request = _request(cell, version, report)
    settings, seed = request.experiment.temper.table(), request.experiment.seed
    return temper_apart(request.post, e, **settings, seed=seed, progress=report)


def finish(
    cell: Cell, version: str, topic: str, trained: None, runs: Sequence[Apart | None]
) -> bool:
    """All that comes after ``train`` and ``temper``; whether the chain has converged.

    ``trained`` makes the task wait. ``runs`` is empty where there is nothing to temper, and where
    the run file has what came of it.
    """
    request = _request(cell, version, Report(topic, cell, "sampling"))
    apart = [run for run in runs if run is not None]
    with lock(cell.run_file, PATIENCE):
        if apart and read_stage(cell.run_file, Tempering) is None:
            keep(request, together(request.post, apart))
        return run_all(request).run.verdict.converged


def _request(cell: Cell, version: str, report: Report) -> Request:
    """The cell as a request that goes on from what is there. ``version`` is the asker's."""
    if version != __version__:
        raise RequestError(
            f"this worker has nnpost {__version__}, expected {version}, as where the sweep was "
            "started; install the same everywhere"
        )
    return make_request(
        cell.experiment,
        cell.run_file,
        figures=False,
        resume=True,
        device=cell.device,
        progress=report,
        command=cell.command,
        detail=cell.detail,
        limit=cell.limit,
    )


class Report:
    """A progress function that tells whoever has asked for a sweep how far one task of it is.

    It ends the task where nobody waits for it any more: what was sampled is in the run file then.
    """

    def __init__(self, topic: str, cell: Cell, task: str) -> None:
        self._topic, self._about = topic, (cell.name, task)
        self._worker = get_worker()
        self._key = self._worker.get_current_task()
        self._last = time.monotonic()

    def __call__(self, done: float, total: float, text: str = "") -> None:
        task = self._worker.state.tasks.get(self._key)
        if task is None or task.state == "cancelled":
            raise RequestError("the sweep has ended before this cell has")
        if time.monotonic() - self._last >= SECONDS:
            self._last = time.monotonic()
            self._worker.log_event(self._topic, [*self._about, done / total, text])

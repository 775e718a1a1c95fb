"""Carry out a sweep: submit what is missing, show how far it is, keep what went wrong.

A worker that is lost loses the tasks that it had; Dask gives them to another, which goes on from
the run file. A cell that fails does not stop the others. What is finished is skipped when the sweep
is asked for again.
"""

from __future__ import annotations

import time
import traceback
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..common.errors import Interrupted, RequestError
from ..common.files import whole
from ..common.progress import Progress, note, open_progress
from ..comparison.effort import FULL, Detail
from ..storage.runfile import lock, read_group
from .cell import Cell, finished
from .cluster import Workers, needs
from .grid import Sweep

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Failure", "run_sweep"]

SECONDS = 0.2  # between two looks at what has ended


@dataclass(frozen=True)
class Failure:
    """Why a cell has failed: one line, and the traceback of what is not a request's fault."""

    message: str
    details: str = ""


def run_sweep(
    sweep: Sweep,
    workers: Workers | None = None,
    *,
    device: str = "auto",
    command: str | None = None,
    progress: Progress | bool = True,
    detail: Detail | None = None,
    limit: bool = True,
) -> dict[str, Failure]:
    """Carry out all cells of a sweep that are not finished, and return those that have failed.

    Args:
        workers: where; processes of this machine if not given.
        device, command, detail, limit: as for the request of each cell.
        progress: True for a bar, or a function called as ``progress(done, total, text)``.

    Raises:
        RequestError: the workers or the folder cannot be used, or the scheduler has gone.
        Interrupted: Ctrl-C. All that was finished or sampled is kept, and asking again goes on.
    """
    needs("distributed", "dask")
    where = Workers() if workers is None else workers
    cells = [
        replace(cell, device=device, command=command, detail=detail or FULL, limit=limit)
        for cell in sweep.cells
    ]
    try:
        with lock(sweep.folder / "sweep"):
            for cell in cells:
                _begin(cell)
            missing = [cell for cell in cells if not finished(cell)]
            done = len(cells) - len(missing)
            count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
            note(progress, f"{count}, {done} of them finished, the others on {where}")
            return _run(missing, where, progress) if missing else {}
    except KeyboardInterrupt:
        raise Interrupted("the sweep", kept=True, resume=False) from None


def _begin(cell: Cell) -> None:
    """The folder of a cell, with its experiment. What failed before is tried again."""
    try:
        cell.folder.mkdir(parents=True, exist_ok=True)
        _write(cell.toml, cell.experiment.to_toml())
        cell.error.unlink(missing_ok=True)
    except OSError as error:
        raise RequestError(
            f"{cell.folder} cannot be written ({error.strerror}): expected a folder for the cells; "
            "choose another one with --out"
        ) from None


def _write(path: Path, text: str) -> None:
    with whole(path) as file:
        file.write(text.encode())


def _run(cells: Sequence[Cell], where: Workers, progress: Progress | bool) -> dict[str, Failure]:
    with where.client(progress) as client:
        running = _Running(client)
        for cell in cells:
            running.submit(cell)
        with open_progress(progress, "sweep") as told:
            try:
                return running.watch(told)
            finally:
                client.cancel(list(running.futures))


class _Running:
    """The cells that have been submitted, and how far they are."""

    def __init__(self, client: Client) -> None:
        self.client, self.topic = client, f"nnpost-sweep-{uuid.uuid4().hex}"
        self.futures: dict[Future, Cell] = {}
        self._shares: dict[tuple[str, str], float] = {}  # of tasks that have reported
        self._words = "waiting for workers"
        self._tasks: dict[str, int] = {}  # of every cell
        client.subscribe_topic(self.topic, self._hear)

    def _hear(self, event: tuple[float, Any]) -> None:
        """Called by Dask, in a thread of its own, with what a task reports."""
        name, task, share, words = event[1]
        self._shares[name, task] = share
        self._words = f"{name} {task}, {words}"

    def submit(self, cell: Cell) -> None:
        """Its tasks. Cells that come first go first, so that they are finished one by one."""
        from . import work

        priority = -len(self.futures)
        key = f"{cell.name}-{self.topic}"

        def task(what: str, function: Any, *arguments: Any) -> Future:
            return self.client.submit(
                function, cell, __version__, self.topic, *arguments,
                key=f"{what}-{key}", priority=priority, pure=False,
            )  # fmt: skip

        ensembles = range(_to_temper(cell))
        trained = task("train", work.train)
        runs = [task(f"temper-{e}", work.temper, e) for e in ensembles]
        self._tasks[cell.name] = 2 + len(runs)
        self.futures[task("finish", work.finish, trained, runs)] = cell

    def watch(self, told: Progress) -> dict[str, Failure]:
        """Wait for all of them; those that have failed."""
        waiting, failed, count = set(self.futures), {}, len(self.futures)
        while waiting:
            for future in {one for one in waiting if one.done()}:
                waiting.remove(future)
                if failure := _failure(future):
                    cell = self.futures[future]
                    failed[cell.name] = failure
                    _write(cell.error, f"{failure.message}\n{failure.details}")
            ended = f"{count - len(waiting)} of {count} cells"
            wrong = f", {len(failed)} failed" if failed else ""
            told(self._done(waiting), count, f"{ended}{wrong}; {self._words}")
            time.sleep(SECONDS if waiting else 0)
        return failed

    def _done(self, waiting: set[Future]) -> float:
        """How many cells, parts of those that are not finished included."""
        names = {self.futures[future].name for future in waiting}
        parts = [
            share / self._tasks[n] for (n, _), share in list(self._shares.items()) if n in names
        ]
        return len(self.futures) - len(waiting) + sum(parts)


def _to_temper(cell: Cell) -> int:
    """How many tempered runs are missing."""
    sample = cell.experiment.sample
    if sample.start != "tempered" or (cell.run_file.exists() and _tempered(cell)):
        return 0
    return sample.ensembles


def _tempered(cell: Cell) -> bool:
    """Whether a run file has them, or cannot be read: ``finish`` says why."""
    try:
        return read_group(cell.run_file, "tempering") is not None
    except RequestError:
        return True


def _failure(future: Future) -> Failure | None:
    """Why a task has not ended well, if so."""
    from distributed import KilledWorker

    if future.cancelled():
        raise RequestError(
            "the scheduler has gone before the sweep has ended; start it and ask again: what was "
            "finished is kept"
        )
    error = future.exception()
    if error is None:
        return None
    if isinstance(error, RequestError):
        return Failure(" ".join(str(error).split()))
    if isinstance(error, KilledWorker):
        return Failure(
            f"{error.allowed_failures + 1} workers died of it, as where memory runs out; ask again "
            "with workers that have more"
        )
    lines = traceback.format_exception(type(error), error, future.traceback())
    return Failure(" ".join(f"{type(error).__name__}: {error}".split()), "".join(lines))

"""The chain in the run file, and what a commit of its rows promises.

Group ``mcmc`` is what emcee 3.1.6's ``HDFBackend`` writes, so that emcee opens any run file:
``chain`` (N, W, P), ``log_prob`` (N, W), ``accepted`` (W,), and the attributes that go with them.
Group ``resume`` holds the commit records. The whole space of both is allocated before the first
row, so a step of sampling only overwrites values and never changes the structure of the file.

A commit is, in this order, each flushed before the next:

1. the rows since the last commit;
2. a record (iteration, state of the generator, accepted counts, state of the moves) with its
   checksum, in that one of two slots which does not hold the record of the last commit;
3. what emcee reads: the attributes ``iteration`` and ``random_state_*``, and ``accepted``.

A process killed at any instant leaves at most one slot half-written. The record with the higher
iteration among those whose checksum holds is the last commit, its rows are complete, and all that
the next step depends on is in it: a resumed chain is bit for bit the uninterrupted one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import ExitStack
from typing import Self

import h5py
import numpy as np

from ..common.errors import RequestError
from .backend import Commit, EnsembleState, MemoryBackend, MoveState
from .commit import allocate, copy_rows, newest_record, pack, placeholder, show_emcee, write_record
from .runfile import (
    copy_groups,
    in_place,
    lock,
    open_run,
    replacing,
    telling_damage,
)

__all__ = ["RunFileBackend"]

_BLOCK_BYTES = 2**23


class RunFileBackend(MemoryBackend):
    """The chain of a run file that is there already, as a backend for emcee.

    ``with ChainWriter(path) as chain: EnsembleSampler(..., backend=chain)``. Rows are committed
    when ``commit_rows`` of them (or 8 MB) are waiting, when ``commit_seconds`` have passed, and
    when the block is left, by an exception too. With ``resume``, the rows in the file are continued
    (``iteration``, ``random_state`` and ``saved_moves`` tell from where); without, the new chain
    replaces an older one when emcee first makes room for it. The groups in ``drop``, which depended
    on the chain, are removed at that moment too, and when a resumed chain is made longer.

    Until the block is left, nothing else may write the file; :func:`write_groups` would put another
    file in its place, and the next commit would say so. Reading it is possible at any time.

    Raises:
        RequestError: the file is unusable (see :func:`nnpost.runfile.open_run`), is being written
            by another process, or has a chain that cannot be continued.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resume: bool = False,
        move_state: MoveState = dict,
        drop: Collection[str] = (),
        commit_rows: int = 256,
        commit_seconds: float = 2.0,
    ) -> None:
        super().__init__(move_state)
        self.path = path
        self._resume, self._drop = resume, drop
        self._commit_rows, self._commit_seconds = commit_rows, commit_seconds
        self._file: h5py.File | None = None
        self._slot = 1  # the slot of the last commit; the next one goes into the other
        self._last_commit = time.monotonic()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(lock(self.path))
            with open_run(self.path) as file, telling_damage(self.path):
                last = newest_record(file) if self._resume and "mcmc" in file else None
                shape = file["mcmc/chain"].shape[1:] if last else (0, 0)
            if last:
                self.reset(*shape)
                self._mark = last[0]
                self._open()
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._exit:
            try:
                self.commit()
            finally:
                self._close()

    def reset(self, nwalkers: int, ndim: int) -> None:
        """Forget all rows. The file keeps an older chain until room is made for the new one."""
        super().reset(nwalkers, ndim)
        self._close()
        self._first = 0
        row_bytes = 8 * self.shape[0] * (self.shape[1] + 1)
        self._block = min(self._commit_rows, max(1, _BLOCK_BYTES // row_bytes))
        self._chain = np.empty((self._block, *self.shape))
        self._log_prob = np.empty((self._block, self.shape[0]))

    def _make_room(self, rows: int) -> None:
        self.commit()
        if rows > self._rows:
            self._rebuild(rows)

    def save_step(self, state: EnsembleState, accepted: np.ndarray) -> None:
        """Keep the ensemble after a step as the next row, and commit when it is time."""
        super().save_step(state, accepted)
        waiting = self._mark.iteration - self._first
        if waiting == self._block or time.monotonic() - self._last_commit > self._commit_seconds:
            self.commit()

    def commit(self) -> None:
        """Put all rows kept so far into the file for good; see the top of the module.

        Raises:
            RequestError: the file cannot be written, or is no longer the one that was opened.
        """
        self._last_commit = time.monotonic()
        if self.iteration == self._first:
            return
        try:
            file = self._file or self._open()
            if self.iteration > self._first:
                self._commit(file, self._mark)
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())
            raise RequestError(
                f"{self.path} cannot be written ({reason}): it holds {self._first} rows; "
                "make room, then resume the run"
            ) from error

    def _commit(self, file: h5py.File, mark: Commit) -> None:
        if not (os.path.exists(self.path) and os.path.samestat(os.stat(self.path), self._opened)):
            raise RequestError(
                f"{self.path} was removed or replaced while its chain was written: run again"
            )
        new = slice(self._first, mark.iteration)
        count = mark.iteration - self._first
        file["mcmc/chain"][new] = self._chain[:count]
        file["mcmc/log_prob"][new] = self._log_prob[:count]
        file.flush()
        record, slot = pack(mark), 1 - self._slot
        if len(record) > len(file[f"resume/slot_{slot}"]):
            return self._rebuild(self._rows)
        write_record(file, slot, record)
        show_emcee(file, mark)
        # Interrupted before this line, the same commit is made again, into the same slot.
        self._slot, self._first = slot, mark.iteration

    def _open(self) -> h5py.File:
        """Open the file for rows; where they go next is taken from the file, never from memory."""
        self._file = file = in_place(self.path)
        self._opened = os.stat(self.path)
        last = newest_record(file)
        self._first, self._slot, self._rows = 0, 1, len(file["mcmc/chain"])
        if last:
            self._first, self._slot = last[0].iteration, last[1]
            show_emcee(file, last[0])  # a process killed before it did may have left this
        return file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rebuild(self, rows: int) -> None:
        """Give the file room for ``rows`` rows and for the record; itself a commit of all rows."""
        self._close()
        mark = self._mark
        if mark.iteration == 0:
            mark = mark._replace(random_state=placeholder(), moves=self._copy_moves())
        record = pack(mark)
        with open_run(self.path) as old, replacing(self.path) as new:
            copy_groups(old, new, without={"mcmc", "resume", *self._drop})
            allocate(new, rows, self.shape, self._block, len(record) * 5 // 4)
            if mark.iteration:
                copy_rows(old, new, mark.iteration, self._block)
                write_record(new, 0, record)
                show_emcee(new, mark)
        self._open()

    def _read(self, name: str, rows: slice) -> np.ndarray:
        self.commit()
        with open_run(self.path) as file, telling_damage(self.path):
            return file["mcmc"][name][rows]

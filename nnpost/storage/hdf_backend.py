"""The chain in the run file, and what a commit of its rows promises.

Group ``mcmc`` is what emcee 3.1.6's ``HDFBackend`` writes, so that emcee opens any run file:
``chain`` (N, W, P), ``log_prob`` (N, W), ``accepted`` (W,), and the attributes that go with them.
Group ``resume`` holds the commit records and the digests of the rows. The space of both is set
aside before the first row, so a step of sampling only overwrites values, changes nothing in the
structure of the file, and finds room on the disk.

A commit is, in this order:

1. the rows since the last commit, and their digests;
2. a record (iteration, state of the generator, accepted counts, state of the moves) with its
   checksum, in a slot that holds neither the record of the last commit nor of the last synced one;
3. every two seconds and at the end, a wait until all of this is on the disk;
4. what emcee reads: the attributes ``iteration`` and ``random_state_*``, and ``accepted``.

A process killed at any instant leaves at most one slot half-written. The record with the highest
iteration among those whose checksum holds is the last commit, its rows are complete, and all that
the next step depends on is in it: a resumed chain is bit for bit the uninterrupted one. Where the
power is cut, what was written since the last wait may be there in part. Then that record may lack
rows, which the digests tell; the synced one has all of them, and is what a run is resumed from.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import numpy as np

from ..common.errors import RequestError
from .backend import Commit, EnsembleState, MemoryBackend, MoveState
from .commit import SLOTS, allocate, pack, placeholder, room_for_chain, show_emcee, write_record
from .rows import OpenChain, copy_rows, read_rows, whole_record
from .runfile import copy_groups, lock, open_run, replacing, telling_damage

__all__ = ["RunFileBackend"]

_BLOCK_BYTES = 2**23


class RunFileBackend(MemoryBackend):
    """The chain of a run file that is there already, as a backend for emcee.

    ``with ChainWriter(path) as chain: EnsembleSampler(..., backend=chain)``. Rows are committed
    when ``commit_rows`` of them (or 8 MB) are waiting, when ``commit_seconds`` have passed, and
    when the block is left, by an exception too; they are synced to the disk when ``commit_seconds``
    have passed since the last time, and at the end. With ``resume``, the rows in the file are
    continued (``iteration``, ``random_state``, ``saved_moves`` say from where); without, the new
    chain replaces an older one when emcee first makes room for it. The groups in ``drop``, which
    depended on the chain, are removed at that moment too, and when a resumed chain is made longer.

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
        self._file: OpenChain | None = None
        self._slot = self._synced = 0  # the slots of the last commit, and of the last synced one
        self._last_commit = self._last_sync = time.monotonic()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(lock(self.path))
            with open_run(self.path) as file, telling_damage(self.path):
                last = whole_record(file) if self._resume and "mcmc" in file else None
                shape = file["mcmc/chain"].shape[1:] if last else (0, 0)
            if last:
                self.reset(*shape)
                self._mark = last[0]
                with self._telling_rows():
                    self._open()
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._exit:
            try:
                self.commit()
                with self._telling_rows():
                    if self._file is not None:
                        self._sync(self._file, self._slot)
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
        with self._telling_rows():
            file = self._file or self._open()
            if self.iteration > self._first:
                self._commit(file, self._mark)

    @contextmanager
    def _telling_rows(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())
            raise RequestError(
                f"{self.path} cannot be written ({reason}): it holds {self._first} rows; "
                "make room, then resume the run"
            ) from error

    def _commit(self, file: OpenChain, mark: Commit) -> None:
        if not file.is_at(self.path):
            raise RequestError(
                f"{self.path} was removed or replaced while its chain was written: run again"
            )
        count = mark.iteration - self._first
        file.put_rows(self._first, self._chain[:count], self._log_prob[:count])
        record = pack(mark)
        slot = min({*range(SLOTS)} - {self._slot, self._synced})
        if len(record) > file.record_bytes:
            self._rebuild(self._rows)
            return
        file.put_record(slot, record)
        if time.monotonic() - self._last_sync > self._commit_seconds:
            self._sync(file, slot)
        # Interrupted before this line, the same commit is made again.
        self._slot, self._first = slot, mark.iteration
        file.show(mark)

    def _sync(self, file: OpenChain, slot: int) -> None:
        file.sync()
        self._synced, self._last_sync = slot, time.monotonic()

    def _open(self) -> OpenChain:
        """Open the file for rows; where they go next is taken from the file, never from memory."""
        self._file = file = OpenChain(self.path)
        last = whole_record(file.file)
        self._rows = file.rows
        self._first, self._slot = (last[0].iteration, last[1]) if last else (0, 0)
        if not file.ours:
            return self._rebuild(self._rows)
        if last:
            file.forget_after(last[0])
            file.show(last[0])  # a process killed before it did may have left this
        self._sync(file, self._slot)
        return file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rebuild(self, rows: int) -> OpenChain:
        """Give the file room for ``rows`` rows and for the record; itself a commit of all rows."""
        self._close()
        mark = self._mark
        if mark.iteration == 0:
            mark = mark._replace(random_state=placeholder(), moves=self._copy_moves())
        record = pack(mark)
        layout = rows, self.shape, self._block, len(record) * 5 // 4
        room = os.path.getsize(self.path) + room_for_chain(*layout)
        with open_run(self.path) as old, replacing(self.path, room) as new:
            copy_groups(old, new, without={"mcmc", "resume", *self._drop})
            allocate(new, *layout)
            if mark.iteration:
                copy_rows(old, new, mark.iteration)
                write_record(new, 0, record)
                show_emcee(new, mark)
        return self._open()

    def _read(self, name: str, rows: slice) -> np.ndarray:
        self.commit()
        with open_run(self.path) as file, telling_damage(self.path):
            chain, log_prob = read_rows(file, rows)
        return {"chain": chain, "log_prob": log_prob}[name]

"""The rows of a chain in memory, with what emcee asks of a place to keep them.

emcee takes any object with these methods as the ``backend`` of a sampler. This one serves runs that
are not kept; :class:`~nnpost.storage.hdf_backend.RunFileBackend` adds the file. An interrupt, at
any point, finds a row kept together with all that the next step depends on, or not kept at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Commit", "EnsembleState", "MemoryBackend", "MoveState", "RandomState"]

RandomState = tuple[Any, ...]  # what numpy.random.RandomState.get_state() returns
MoveState = Callable[[], Mapping[str, ArrayLike]]


class EnsembleState(Protocol):
    """What a sampler hands over after a step; emcee's ``State`` is one."""

    coords: np.ndarray  # (W, P)
    log_prob: np.ndarray  # (W,)
    random_state: RandomState


class ChainRow(NamedTuple):
    """One row of a chain; emcee continues from it."""

    coords: np.ndarray  # (W, P)
    log_prob: np.ndarray  # (W,)
    blobs: None
    random_state: RandomState | None


class Commit(NamedTuple):
    """All that the step after row ``iteration`` depends on, besides that row."""

    iteration: int
    accepted: np.ndarray
    random_state: RandomState | None
    moves: dict[str, np.ndarray]


class MemoryBackend:
    """What emcee asks of a backend, with the rows in memory.

    ``move_state`` returns what the moves remember from step to step, as named arrays (none by
    default). It is copied with every row, so that an interrupt within a later step does no harm.
    """

    def __init__(self, move_state: MoveState = dict) -> None:
        self.initialized = False
        self._move_state = move_state
        self._first = 0  # the row of the chain that is row 0 of the block in memory

    def reset(self, nwalkers: int, ndim: int) -> None:
        """Forget all rows; from now on a row is (nwalkers, ndim)."""
        self.shape = int(nwalkers), int(ndim)
        self._chain = np.empty((0, *self.shape))
        self._log_prob = np.empty((0, self.shape[0]))
        self._mark = Commit(0, np.zeros(self.shape[0]), None, {})
        self._rows = 0  # how many rows there is room for
        self.initialized = True

    def has_blobs(self) -> bool:
        """Blobs are not kept."""
        return False

    @property
    def iteration(self) -> int:
        """The number of rows."""
        return self._mark.iteration if self.initialized else 0

    @property
    def accepted(self) -> np.ndarray:
        """Accepted proposals of each walker, (W,)."""
        return self._mark.accepted

    @property
    def random_state(self) -> RandomState | None:
        """The generator's state after the last row; None before the first."""
        return self._mark.random_state

    @property
    def saved_moves(self) -> dict[str, np.ndarray]:
        """What the moves remembered after the last row."""
        return self._mark.moves

    def grow(self, rows: int, blobs: object = None) -> None:
        """Make room for ``rows`` more rows."""
        if blobs is not None:
            raise ValueError("a run keeps no blobs: let the log density return one number a walker")
        self._make_room(self.iteration + rows)

    def _make_room(self, rows: int) -> None:
        self._chain = np.concatenate([self._chain, np.empty((rows - self._rows, *self.shape))])
        more = np.empty((rows - self._rows, self.shape[0]))
        self._log_prob = np.concatenate([self._log_prob, more])
        self._rows = rows

    def save_step(self, state: EnsembleState, accepted: np.ndarray) -> None:
        """Keep the ensemble after a step as the next row."""
        mark = self._mark
        if mark.iteration == self._rows:
            raise IndexError(f"no room after row {self._rows}: grow the chain first")
        self._chain[mark.iteration - self._first] = state.coords
        self._log_prob[mark.iteration - self._first] = state.log_prob
        # One assignment, so that an interrupt finds the row either kept with all its state or not.
        self._mark = Commit(
            mark.iteration + 1,
            mark.accepted + accepted,
            state.random_state,
            self._copy_moves(),
        )

    def _copy_moves(self) -> dict[str, np.ndarray]:
        return {name: np.array(value) for name, value in self._move_state().items()}

    def get_value(
        self, name: str, flat: bool = False, thin: int = 1, discard: int = 0
    ) -> np.ndarray:
        """Rows of ``"chain"`` or ``"log_prob"``, as emcee's backends slice them."""
        if self.iteration == 0:
            raise AttributeError("the chain has no rows yet")
        rows = self._read(name, slice(discard + thin - 1, self.iteration, thin))
        return rows.reshape(-1, *rows.shape[2:]) if flat else rows

    def _read(self, name: str, rows: slice) -> np.ndarray:
        return {"chain": self._chain, "log_prob": self._log_prob}[name][rows]

    def get_last_sample(self) -> ChainRow:
        """The last row with the generator's state after it."""
        coords = self.get_value("chain", discard=self.iteration - 1)
        log_prob = self.get_value("log_prob", discard=self.iteration - 1)
        return ChainRow(coords[0], log_prob[0], None, self.random_state)

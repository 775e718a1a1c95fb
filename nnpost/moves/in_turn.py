"""Several moves, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from emcee.moves import Move

from .ensemble import EnsembleMove
from .hmc import HamiltonianMove

__all__ = ["InTurn"]


class InTurn(Move):
    """All of some moves at each step: what each of them leaves invariant, their cycle does (Tierney
    1994, Ann. Statist. 22, 1701, section 2.4). A walker has moved where any of them moved it."""

    def __init__(self, moves: Sequence[HamiltonianMove | EnsembleMove]) -> None:
        self.moves = list(moves)

    @property
    def warmup(self) -> int:
        """Steps during which any of them is tuned."""
        return max(getattr(move, "warmup", 0) for move in self.moves)

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        accepted = np.zeros(len(state.coords), dtype=bool)
        for move in self.moves:
            state, moved = move.propose(model, state)
            accepted |= moved
        return state, accepted

    def get_state(self) -> dict[str, np.ndarray]:
        """What must be stored beside the walkers for a bit-for-bit continuation."""
        return {f"{i}_{k}": v for i, m in enumerate(self.moves) for k, v in m.get_state().items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from :meth:`get_state`."""
        for i, move in enumerate(self.moves):
            own = f"{i}_"
            move.set_state({k[len(own) :]: v for k, v in state.items() if k.startswith(own)})

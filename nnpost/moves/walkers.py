"""What a move knows of all walkers in the space of its density, kept from step to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

__all__ = ["Walkers"]


class Walkers:
    """Arrays that belong to the places x (B, d) of all walkers, x first.

    emcee keeps full vectors alone. ``look`` finds the others for x: log densities (B,), and where
    they are needed gradients (B, d). A chain that goes on with what was found before, and not with
    what another batch of walkers gives in the last digit, goes on bit for bit, so this is stored
    with it, under ``names``.
    """

    arrays: list[np.ndarray]

    def __init__(
        self, names: Sequence[str], look: Callable[[np.ndarray], Sequence[np.ndarray]]
    ) -> None:
        self.names, self.look = names, look
        self.forget()

    def at(self, x: np.ndarray) -> Sequence[np.ndarray]:
        """The arrays, found anew where these are not the places that were left."""
        if not np.array_equal(x, self.arrays[0]):
            self.arrays = [x, *self.look(x)]
        return self.arrays

    def forget(self) -> None:
        """Find all anew the next time."""
        self.arrays = [np.empty((0, 0)) for _ in self.names]

    def get_state(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        return dict(zip(self.names, self.arrays, strict=True))

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from :meth:`get_state`."""
        self.arrays = [state[name].copy() for name in self.names]

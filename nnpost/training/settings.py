"""``[train]``: the settings of training."""

from __future__ import annotations

from dataclasses import dataclass

from ..common.settings import (
    POSITIVE,
    Section,
    number,
    one_of,
    setting,
    whole,
)

__all__ = ["TrainSettings"]


@dataclass(frozen=True)
class TrainSettings(Section):
    """``[train]``: the optimiser's recipe and how often it starts anew."""

    title = "train"
    optimizer: str = setting("adam", one_of("adam", "sgd"))
    lr: float = setting(0.03, POSITIVE)
    epochs: int = setting(1000, whole(1))
    restarts: int = setting(256, whole(1))
    batch_size: int | None = setting(None, whole(1))
    momentum: float = setting(0.0, number(least=0, below=1))
    loss: str = setting("mean", one_of("mean", "sum"))
    batches: str = setting("shuffled", one_of("shuffled", "windows"))
    init: str = setting("torch", one_of("torch", "normal"))
    dtype: str = setting("float64", one_of("float64", "float32"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum and self.optimizer == "adam":
            self.refuse("momentum", 'adam has its own; leave it out, or take optimizer = "sgd"')
        if self.batches == "windows" and self.batch_size is None:
            self.refuse("batch_size", 'missing; batches = "windows" needs the points of a step')

    def check(self, points: int) -> None:
        """Refuse batches larger than the data."""
        if self.batch_size is not None and self.batch_size > points:
            self.refuse(
                "batch_size",
                f"found {self.batch_size}, expected at most the {points} points of the data; "
                "leave it out to use all of them at every step",
            )

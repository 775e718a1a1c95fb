"""``[train]``: the settings of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ..common.rules import POSITIVE, number, one_of, whole
from ..common.settings import Section, setting

if TYPE_CHECKING:
    from ..posterior.posterior import Posterior

__all__ = ["TrainSettings"]


@dataclass(frozen=True)
class TrainSettings(Section):
    """``[train]``, and what :func:`nnpost.train` is given."""

    title = "train"
    about = "restarts of SGD or Adam, and how each goes"
    optimizer: str = setting(
        "adam", one_of("adam", "sgd"), "the optimiser, with torch's defaults for all but lr"
    )
    lr: float = setting(0.03, POSITIVE, "the learning rate")
    epochs: int = setting(1000, whole(1), "passes over the data; single steps if windows")
    restarts: int = setting(256, whole(1), "networks trained side by side, each from its own start")
    batch_size: int | None = setting(None, whole(1), "points of one step; left out, all of them")
    momentum: float = setting(0.0, number(least=0, below=1), "the momentum of sgd")
    loss: str = setting(
        "mean", one_of("mean", "sum"), "what is taken of the squared residuals of a step"
    )
    batches: str = setting(
        "shuffled",
        one_of("shuffled", "windows"),
        "points in random order, or each step a random run of neighbouring points",
    )
    init: str = setting(
        "torch",
        one_of("torch", "normal"),
        "torch's own starts, or weights from N(0, 1) with biases of zero",
    )
    dtype: str = setting(
        "float64", one_of("float64", "float32"), "precision of training; all else is float64"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum and self.optimizer == "adam":
            self.refuse("momentum", 'adam has its own; leave it out, or take optimizer = "sgd"')
        if self.batches == "windows" and self.batch_size is None:
            self.refuse("batch_size", 'missing; batches = "windows" needs the points of a step')

    def checked_for(self, post: Posterior) -> Self:
        """The same, if it can be used on the data of ``post``.

        Raises RequestError for batches larger than the data.
        """
        if self.batch_size is not None and self.batch_size > post.data.n:
            self.refuse(
                "batch_size",
                f"found {self.batch_size}, expected at most the {post.data.n} points of the data; "
                "leave it out to use all of them at every step",
            )
        return self

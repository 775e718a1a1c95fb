"""A likelihood of one's own, by a function of outputs and targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np
from torch import Tensor

from ...common.errors import RequestError
from ...common.rules import TEXT, checked, whole
from .pointwise import Extra

__all__ = ["OwnLikelihood", "the_one_handed_in"]


@dataclass(frozen=True)
class OwnLikelihood:
    """log p(y | f) of every point by a function of torch: a :class:`~.pointwise.Pointwise`.

    Args:
        function: (f, y, yerr, own) -> (B, n), all constants kept. ``f`` is (B, n), or
            (B, n, outputs) where there are several; ``y`` and ``yerr`` (None without errors) are
            (n,), or (B, n) in training by mini-batches; ``own`` is (B, E).
        name: what tables and run files call it.
        outputs: how many outputs the network has to have.
        own: the names of its own parameters, E of them, which end theta, each with its prior
            N(0, std²).
        mean_of: what y is on average, of numpy arrays: (f, own) -> (B, n). By default f, or the
            first of several outputs.
        draw_of: new targets, of numpy arrays: (f, yerr, own, rng) -> (B, n). Without it no targets
            are drawn.

    A run file keeps the name, and has to be given the likelihood to be gone on with.
    """

    function: Callable[[Tensor, Tensor, Tensor | None, Tensor], Tensor]
    name: str
    outputs: int = 1
    own: Mapping[str, float] | None = None
    mean_of: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    draw_of: Callable[..., np.ndarray] | None = None
    components: ClassVar[int] = 1
    loss_name: ClassVar[str] = "−log L/n"
    scales_with_y: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked("likelihood name", self.name, TEXT)
        checked("likelihood outputs", self.outputs, whole(1))
        for part in ("function", "mean_of", "draw_of"):
            given = getattr(self, part)
            if given is None and part != "function":
                continue
            if not callable(given):
                raise RequestError(f"likelihood {part}: found {given!r}, expected a function")

    @property
    def extras(self) -> tuple[Extra, ...]:
        return tuple(Extra(name, float(std)) for name, std in (self.own or {}).items())

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        """Any number will do."""

    def start(self, y: np.ndarray, yerr: np.ndarray | None) -> np.ndarray:
        return np.zeros(len(self.extras))

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        found, shape = self.function(f, y, yerr, extra), f.shape[:2]
        if not isinstance(found, Tensor) or found.shape != shape:
            what = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found)
            raise RequestError(
                f"likelihood '{self.name}': its function gave {what} for {shape[0]} networks at "
                f"{shape[1]} points, expected a tensor {tuple(shape)}: a log density of every point"
            )
        return found

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        if self.mean_of is not None:
            return np.asarray(self.mean_of(f, extra))
        return f if self.outputs == 1 else f[..., 0]

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        if self.draw_of is None:
            raise RequestError(
                f"likelihood '{self.name}': found no way to draw targets, which noise needs; give "
                "draw_of=…, or leave the noise out (noise=False)"
            )
        return np.asarray(self.draw_of(f, yerr, extra, rng))

    def words(self, n: int, weighted: bool) -> str:
        return f"'{self.name}', a likelihood of one's own"

    def to_tree(self) -> dict[str, Any]:
        return {"own": self.name}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> NoReturn:
        raise RequestError(
            f"the likelihood is '{tree['own']}', which no file holds: hand it in again, "
            "nnpost.load(path, likelihood=nnpost.OwnLikelihood(function, name))"
        )


def the_one_handed_in(tree: Mapping[str, Any], given: Any) -> OwnLikelihood:
    """``given``, where it is the likelihood of one's own that a run file speaks of.

    Raises RequestError where it is another.
    """
    labels = [*tree.get("extras", ())]
    if isinstance(given, OwnLikelihood) and given.name == tree["own"]:
        found = [extra.label for extra in given.extras]
        if found == labels and given.outputs == int(tree.get("outputs", 1)):
            return given
    raise RequestError(
        f"likelihood: found {' '.join(repr(given).split())[:80]}, expected '{tree['own']}' with "
        f"{int(tree.get('outputs', 1))} output(s) and the parameters {labels}; hand in the one of "
        "the run"
    )

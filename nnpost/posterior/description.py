"""What a run file says of its posterior, for those who need no density."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..network import layout

__all__ = ["LOG_SIGMA", "Description"]

LOG_SIGMA = r"$\log\,\sigma$"  # the label of the last entry of theta, where the noise is inferred


@dataclass(frozen=True)
class Description:
    """A network and whether its noise is inferred; ``Posterior.to_tree`` says more than that."""

    inputs: int
    hidden: tuple[int, ...]
    activation: str
    infers_noise: bool

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Description:
        """From what :meth:`~nnpost.posterior.posterior.Posterior.to_tree` gave."""
        hidden = tuple(int(units) for units in tree["hidden"])
        sigma = tree.get("sigma")
        noise = tree.get("infers_noise", isinstance(sigma, str) and sigma == "infer")
        return cls(int(tree["inputs"]), hidden, str(tree["activation"]), bool(noise))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths of all layers, the inputs first and the one output last."""
        return layout.sizes(self.inputs, self.hidden)

    @property
    def ndim(self) -> int:
        """P, the number of parameters."""
        return layout.ndim(self.inputs, self.hidden) + self.infers_noise

    @property
    def labels(self) -> list[str]:
        """LaTeX labels of theta, (P,)."""
        return [*layout.labels(self.inputs, self.hidden), *[LOG_SIGMA] * self.infers_noise]

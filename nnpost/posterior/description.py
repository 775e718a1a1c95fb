"""What a run file says of its posterior, for those who need no density."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..network.layout import Layout

__all__ = ["LOG_NU", "LOG_SIGMA", "Description"]

LOG_SIGMA = r"$\log\,\sigma$"  # the label of the entry of theta that is the inferred noise,
LOG_NU = r"$\log\,(\nu/4)$"  # and of that of inferred degrees of freedom


@dataclass(frozen=True)
class Description:
    """A network, whether its noise is inferred, and the labels of what else its likelihood adds to
    theta; ``Posterior.to_tree`` says more than that.

    ``net`` of a module of one's own is one row of weights, as many as it has parameters, which has
    no copies. ``sizes`` are the widths of all layers, the inputs first and the outputs last.
    """

    net: Layout
    sizes: tuple[int, ...]
    infers_noise: bool
    extras: tuple[str, ...] = ()
    module: str | None = None
    module_labels: tuple[str, ...] = ()

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Description:
        """From what :meth:`~nnpost.posterior.posterior.Posterior.to_tree` gave."""
        sigma = tree.get("sigma")
        noise = tree.get("infers_noise", isinstance(sigma, str) and sigma == "infer")
        net = Layout(
            int(tree["inputs"]), tuple(int(units) for units in tree["hidden"]),
            str(tree["activation"]), bool(tree.get("bias", True)), bool(tree.get("skip", False)),
            int(tree.get("outputs", 1)),
        )  # fmt: skip
        sizes, module = net.sizes, None if tree.get("module") is None else str(tree["module"])
        labels = tuple(tree.get("module_labels", ()))
        if module is not None:
            net = Layout(len(labels), (), net.activation, bias=False)
        return cls(net, sizes, bool(noise), tuple(tree.get("extras", ())), module, labels)

    @property
    def words(self) -> str:
        """The network in a few words."""
        return self.module or self.net.words

    @property
    def ndim(self) -> int:
        """P, the number of parameters."""
        return len(self.labels)

    @property
    def labels(self) -> list[str]:
        """LaTeX labels of theta, (P,)."""
        added = [*[LOG_SIGMA] * self.infers_noise, *self.extras]
        if self.module is not None:
            return [*self.module_labels, *added]
        return [*self.net.labels, *added]

"""The space that a posterior is tempered and searched in: without the output layer, or whole."""

from __future__ import annotations

from .folded import FoldedPosterior
from .output_layer import OutputLayer
from .posterior import Posterior
from .whole import FoldedWhole, Whole

__all__ = ["Folded", "Layer", "folded_space", "space_of"]

Layer = OutputLayer | Whole
Folded = FoldedPosterior | FoldedWhole


def space_of(post: Posterior) -> Layer:
    """The output layer integrated out where that can be done exactly; else all parameters."""
    return OutputLayer(post) if post.exact_layer else Whole(post)


def folded_space(layer: Layer) -> Folded:
    """The same with the copies of a network summed."""
    return FoldedPosterior(layer) if isinstance(layer, OutputLayer) else FoldedWhole(layer)

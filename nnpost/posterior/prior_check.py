"""Whether networks drawn from the prior can be expected to reach the data at all.

A prior has a size, and data in other units than it was meant for are out of its reach: the
posterior is then that of a network which the prior forbids to fit. Each rule here compares one
length of the data with what the prior's standard deviations allow for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .likelihoods.pointwise import Pointwise
from .posterior import Posterior

__all__ = ["output_scale", "prior_check"]

FAR = 3.0  # standard deviations of the prior
STEEP = 1e4  # bends of a unit of the prior's width within the data; the articles' have 600


def prior_check(post: Posterior) -> Iterator[str]:
    """What of the data lies more than three prior standard deviations away, a line each, and inputs
    over which units hardly ever bend, but jump.

    The output c + Σ a·φ has a standard deviation of about √(s_c² + U s_a²) where units saturate at
    one. A unit that bends within the data has a weight of about 1/range and a bias of about
    place/range, along every input.
    """
    if not post.net.linear_output:
        return  # nothing is known of what its parameters do
    size, reach = float(np.abs(post.data.y).max()), FAR * output_scale(post)
    seen = "" if post.data.scaling.is_none else " as the network sees it"
    same = not isinstance(post.likelihood, Pointwise) or post.likelihood.scales_with_y
    if same and size > reach:
        yield (
            f"y{seen} reaches {size:.3g}, and networks of this prior hardly get beyond "
            f"{reach:.3g}: divide y by its size, or give prior.std a larger value"
        )
    if not post.net.hidden:
        return
    scales = dict(zip(post.net.kinds, post.scales, strict=False))
    for k, x in enumerate(post.data.x.T, 1):
        width, place = float(np.ptp(x)), float(np.abs(x).max())
        name = "x" if post.data.inputs == 1 else f"input {k}"
        if 0 < width < 1 / (FAR * scales["input_weights"]):
            yield (
                f"{name} spans only {width:.3g}, too little for units of this prior to bend "
                f"within it: divide it by its spread, or give prior.std a larger value"
            )
        elif width > STEEP / scales["input_weights"]:
            yield (
                f"{name} spans {width:.3g}, so much that nearly all units of this prior are steps: "
                f"divide it by its spread, or give prior.std a smaller value"
            )
        elif width > 0 and post.net.bias and place / width > FAR * scales["biases"]:
            yield (
                f"{name} lies {place / width:.3g} times its own range from zero, too far for "
                "units of this prior to bend within it: subtract its mean"
            )


def output_scale(post: Posterior) -> float:
    """Standard deviation, in units of y, of the first output where all units are at one, and its
    inputs, where it is fed any, as large as they come."""
    net, largest = post.net, np.abs(post.data.x).max(axis=0)
    units = np.ones(net.hidden[-1]) if net.hidden else largest
    fed = np.concatenate([units, largest[: post.data.inputs * net.skip], np.ones(int(net.bias))])
    wide = len(fed) - net.bias
    first = [*range(wide), *[wide * net.outputs] * net.bias]  # its weights, and its bias
    return float(np.sqrt(((post.scales[net.n_hidden : net.ndim][first] * fed) ** 2).sum()))

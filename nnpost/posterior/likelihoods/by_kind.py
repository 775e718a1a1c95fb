"""The likelihoods that run files keep, by kind.

An entry in ``LIKELIHOODS``, with ``to_tree`` and ``from_tree`` of the class, is all that a new one
needs; the kind is written from that table, and no class needs to know its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

from ...common.errors import choose
from ..kept import kind_kept
from .bernoulli import Bernoulli
from .categorical import Categorical
from .gaussian import MSE, Gaussian, Likelihood
from .gaussian_targets import GaussianTargets
from .heteroscedastic import Heteroscedastic
from .own import OwnLikelihood, the_one_handed_in
from .pointwise import Pointwise
from .poisson import Poisson
from .student_t import StudentT

__all__ = ["LIKELIHOODS", "likelihood_from_tree", "likelihood_to_tree", "with_noise_times"]

# Those that run files keep, by kind.
LIKELIHOODS: dict[str, Any] = {
    "mse": MSE,
    "gaussian": Gaussian,
    "student": StudentT,
    "heteroscedastic": Heteroscedastic,
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "poisson": Poisson,
    "gaussians": GaussianTargets,
    "own": OwnLikelihood,
}


def with_noise_times(likelihood: Any, factor: float) -> Any:
    """The likelihood whose given ``sigma``, if it has one, is ``factor`` times as large: the same
    noise where y is in other units. Of one's own class ``sigma`` may mean anything, and stays."""
    sigma = getattr(likelihood, "sigma", None)
    known = type(likelihood) in LIKELIHOODS.values()
    if factor == 1 or not known or not isinstance(sigma, Real):
        return likelihood
    return replace(likelihood, sigma=float(sigma) * factor)


def likelihood_to_tree(likelihood: Any) -> dict[str, Any]:
    """``to_tree`` of one in ``LIKELIHOODS``, with its kind and the parameters that it adds.

    The sigma of the first two says both. Raises RequestError for any other class.
    """
    kind, tree = kind_kept("likelihood", likelihood, LIKELIHOODS), dict(likelihood.to_tree())
    if kind in ("mse", "gaussian"):
        return tree
    extras = [extra.label for extra in getattr(likelihood, "extras", ())]
    infers_noise = bool(getattr(likelihood, "infers_noise", False))
    return tree | {
        "likelihood": kind, "infers_noise": infers_noise, **({"extras": extras} if extras else {})
    }  # fmt: skip


def likelihood_from_tree(tree: Mapping[str, Any], own: Any = None) -> Likelihood | Pointwise:
    """What :func:`likelihood_to_tree` described. ``own`` is the likelihood where that is one of
    one's own, which no tree can hold.

    Raises RequestError for an unknown kind, and where ``own`` is missing or another.
    """
    if own is not None and "own" in tree:
        return the_one_handed_in(tree, own)
    kind = tree.get("likelihood", "mse" if tree.get("sigma") == "mse" else "gaussian")
    found = LIKELIHOODS[choose("likelihood", kind, LIKELIHOODS)].from_tree(tree)
    likelihood: Likelihood | Pointwise = found
    return likelihood

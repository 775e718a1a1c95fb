"""What a posterior is made of: whether network, data, likelihood and prior go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.errors import RequestError
from ..common.tensors import as_array
from ..data.dataset import Dataset
from ..network.mlp import MLP
from .description import LOG_SIGMA
from .likelihoods.gaussian import Likelihood, check_inferred_noise
from .likelihoods.pointwise import Extra, Pointwise
from .prior import Prior

__all__ = ["check_parts", "errors_at", "extras_of", "prior_scales"]


def check_parts(net: MLP, data: Dataset, likelihood: Likelihood | Pointwise, prior: Prior) -> None:
    """Raise RequestError where they are of other kinds, or do not go together."""
    _check_kinds(net, data, likelihood, prior)
    if net.inputs != data.inputs:
        raise RequestError(
            f"the network takes {net.inputs} inputs, the data '{data.name}' have "
            f"{data.inputs} in each row of x with shape {data.x.shape}"
        )
    _check_outputs(net, data, likelihood)
    if isinstance(likelihood, Pointwise):
        likelihood.check(data.y, data.yerr)
    else:
        check_inferred_noise(likelihood, data.n)


def extras_of(likelihood: Likelihood | Pointwise) -> tuple[Extra, ...]:
    """The likelihood's own parameters, as they end theta."""
    if isinstance(likelihood, Pointwise):
        return likelihood.extras
    return (Extra(LOG_SIGMA),) * likelihood.infers_noise


def prior_scales(prior: Prior, net: MLP, extras: Sequence[Extra]) -> np.ndarray:
    """What the prior says of the size of every entry of theta: (P,)."""
    noise = any(extra.std is None for extra in extras)
    scales = np.asarray(prior.scales(net.kinds, noise), dtype=float)
    expected = net.ndim + noise
    if scales.shape != (expected,) or not (scales > 0).all():
        raise RequestError(
            f"posterior prior: found scales of shape {scales.shape}, the least "
            f"{scales.min():.3g}, expected {expected} positive numbers"
        )
    own = [scales[-1] if extra.std is None else extra.std for extra in extras]
    return np.array([*scales[: net.ndim], *own])


def errors_at(data: Dataset, n: int, yerr: Any) -> np.ndarray | None:
    """The errors of n points that are not those of the data, (n,), which bring some where the data
    do. Raises RequestError where they are not as many positive numbers."""
    if (yerr is None) != (data.yerr is None):
        found = "none" if yerr is None else "them"
        kept = f"bring errors ('{data.yerr_name}')" if yerr is None else "bring none"
        advice = "give yerr" if yerr is None else "leave yerr out"
        raise RequestError(
            f"yerr at new points: found {found}, but the data '{data.name}' {kept}; {advice} at x"
        )
    if yerr is None:
        return None
    errors = as_array(yerr)
    if errors.shape != (n,) or not (np.isfinite(errors) & (errors > 0)).all():
        raise RequestError(
            f"yerr at new points: found shape {errors.shape}, the least "
            f"{np.min(errors, initial=np.inf):.3g}, expected {n} positive numbers, one for "
            "each row of x"
        )
    return errors


def _check_kinds(net: object, data: object, likelihood: object, prior: object) -> None:
    gaussian = _has(likelihood, "infers_noise", "precision", "constant", "words")
    pointwise = _has(likelihood) and isinstance(likelihood, Pointwise)
    for name, part, right, expected in (
        ("net", net, isinstance(net, MLP), "nnpost.MLP(...)"),
        ("data", data, isinstance(data, Dataset), "nnpost.Dataset(x, y)"),
        ("likelihood", likelihood, gaussian or pointwise, "nnpost.MSE() or nnpost.Gaussian(sigma)"),
        ("prior", prior, _has(prior, "scales"), "nnpost.GaussianPrior(std)"),
    ):
        if not right:
            found = " ".join(repr(part).split())[:80]
            raise RequestError(f"posterior {name}: found {found}, expected {expected}")


def _has(part: object, *names: str) -> bool:
    """Whether ``part`` is an object, and not a class, with these members."""
    return not isinstance(part, type) and all(hasattr(part, name) for name in names)


def _check_outputs(net: MLP, data: Dataset, likelihood: Likelihood | Pointwise) -> None:
    words = likelihood.words(data.n, data.yerr is not None)
    expected = likelihood.outputs if isinstance(likelihood, Pointwise) else 1
    if net.outputs != expected:
        raise RequestError(
            f"the network has outputs = {net.outputs}, and the likelihood ({words}) needs "
            f"{expected}: give nnpost.MLP(…, outputs={expected})"
        )
    targets = len(data.targets)
    if targets > 1 and targets != getattr(likelihood, "targets", 1):
        raise RequestError(
            f"the data '{data.name}' have {targets} targets ({data.y_name}), and the "
            f"likelihood ({words}) is of one: give nnpost.GaussianTargets({targets})"
        )

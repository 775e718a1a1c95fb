"""The reasons why a chain cannot be trusted, in words, each with what to do about it.

Every function yields the sentences that apply, and none where all is well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .criteria import STANDARD, Criteria

if TYPE_CHECKING:
    from ..posterior.posterior import Posterior

__all__ = [
    "Mixing",
    "bad_rhat",
    "causes",
    "low_ess",
    "notes",
    "slow_moves",
    "stuck",
    "too_few_ensembles",
    "too_short",
    "unusable",
    "vanishing_noise",
]


@dataclass(frozen=True)
class Mixing:
    """What was measured of one quantity; ``where`` names the component with the worst R-hat."""

    rhat: float | None
    ess: float | None
    tau: float | None
    where: str
    apart: str = ""  # which ensemble lies where the others do not


def unusable(chain: NDArray[Any], log_prob: NDArray[Any]) -> Iterator[str]:
    if len(chain) < 4:
        yield (
            f"{len(chain)} stored steps after the burn-in, and nothing can be judged on fewer than "
            "4: run more steps, or discard fewer"
        )
    for name, values in (("log_prob", log_prob), ("theta", chain)):
        bad = np.count_nonzero(~np.isfinite(values))
        if bad:
            yield (
                f"{bad} of {values.size} stored values of {name} are not finite: "
                "discard the steps that hold them, or start from finite positions"
            )


def too_few_ensembles(ensembles: int, criteria: Criteria) -> Iterator[str]:
    least = criteria.min_ensembles
    if ensembles < least:
        yield (
            f"{ensembles} independent ensemble{'s' * (ensembles != 1)}, and R-hat needs at least "
            f"{least} (walkers of one ensemble are not independent of each other): "
            f"run with {least} or more (--set sample.ensembles={least})"
        )


def bad_rhat(found: Mapping[str, Mixing], criteria: Criteria) -> Iterator[str]:
    for name in ("log_prob", "predictions"):
        rhat = found[name].rhat
        if rhat is not None and not rhat < criteria.max_rhat:
            yield (
                f"R-hat of {_name(found, name)} is {rhat:.4g} and must be below "
                f"{criteria.max_rhat:g}, so the ensembles disagree{found[name].apart}: "
                "run more steps (--until converged), or temper with more particles "
                "(--set sample.start=tempered --set temper.particles=8000)"
            )


def low_ess(
    found: Mapping[str, Mixing], steps: int, whole: float, criteria: Criteria
) -> Iterator[str]:
    """``whole``: steps that have to be made for every step that is kept."""
    for name in ("log_prob", "predictions"):
        ess = found[name].ess
        if ess is None:
            yield f"{name} never changes, so no draw is new: look at the start and at the moves"
        elif not ess > criteria.min_ess:
            advice = _round_up(1.2 * whole * steps * criteria.min_ess / ess)
            yield (
                f"the effective sample size of {name} is {ess:.0f} and must be above "
                f"{criteria.min_ess:.0f}: run about {advice:,} steps in all "
                f"(--set sample.nsteps={advice})"
            )


def too_short(tau: float | None, steps: int, whole: float, criteria: Criteria) -> Iterator[str]:
    """``whole``: steps that have to be made for every step that is kept."""
    least = criteria.min_length
    if tau is not None and not steps > least * tau:
        advice = _round_up(1.2 * whole * least * tau)
        yield (
            f"the chain of {steps:,} steps after the burn-in is {steps / tau:.2g} "
            f"autocorrelation times (tau = {tau:,.0f} steps) and must be longer than "
            f"{least:.0f}: run at least {advice:,} steps in all "
            f"(--set sample.nsteps={advice})"
        )


def stuck(log_prob: NDArray[np.float64], criteria: Criteria) -> Iterator[str]:
    half = log_prob[len(log_prob) // 2 :]
    still = int(np.count_nonzero(np.ptp(half, axis=0) == 0))
    if still and len(half) > criteria.min_rest:
        yield (
            f"{still} of {log_prob.shape[1]} walkers did not move in the second half of the chain, "
            "and every one must: start closer to the posterior or choose other moves"
        )


def causes(post: Posterior, chain: NDArray[np.float64], criteria: Criteria) -> Iterator[str]:
    """What of the posterior itself makes it hard to sample; for chains that do not mix."""
    from ..posterior.prior_check import prior_check  # torch, which whoever reads a verdict need not
    from ..posterior.sharpness import gain_of_a_perfect_fit

    for warning in prior_check(post):
        yield f"the data are out of the prior's reach: {warning}"
    if not post.net.hidden or not post.exact_layer:
        return
    log_sigma = float(chain[..., -1].mean()) if post.infers_noise else None
    none = None if log_sigma is None else vanishing_noise(post, log_sigma, criteria)
    if none is not None:
        yield none
        return
    gain = gain_of_a_perfect_fit(post, log_sigma)
    if gain > criteria.sharp:
        yield (
            f"the data outweigh the prior by up to {gain:,.0f} nats, and so sharp a posterior has "
            "narrow basins that a chain hardly leaves: more particles find more of them "
            "(--set temper.particles=8000)"
        )


def vanishing_noise(post: Posterior, log_sigma: float, criteria: Criteria = STANDARD) -> str | None:
    """What is to be said where noise that is inferred, a factor of yerr where the data bring
    errors, is none beside the spread of y; None where it is some."""
    raw = post.data.raw
    unit = math.sqrt(post.data.misfit_unit) if raw.yerr is None else float(np.median(raw.yerr))
    sigma, spread = math.exp(log_sigma) * unit, float(raw.y.std())
    if not sigma < criteria.no_noise * spread:
        return None
    given = 0.01 * spread / (1.0 if raw.yerr is None else unit)
    return (
        f"sigma runs to zero (it is {sigma:.2g}, and y spreads over {spread:.3g}): the data have "
        f"no noise beside this network, so give it one (--set likelihood.sigma={given:.2g})"
    )


def slow_moves(tau: float | None, gradients: bool | None, criteria: Criteria) -> Iterator[str]:
    """Walkers that step along each other, where that is slow; for chains that are too short."""
    if gradients is False and tau is not None and tau > criteria.slow:
        yield (
            f"a chain of these moves forgets where it was in {tau:,.0f} steps, because they follow "
            "no gradients (the posterior is bent, not of too many dimensions): "
            "--set sample.moves=hmc does"
        )


def notes(found: Mapping[str, Mixing], criteria: Criteria) -> Iterator[str]:
    rhat = found["theta"].rhat
    functions = [found[name].rhat for name in ("log_prob", "predictions")]
    if rhat is None or rhat < criteria.max_rhat:
        return
    if all(r is not None and r < criteria.max_rhat for r in functions):
        yield (
            f"R-hat of the folded parameters is {rhat:.4g} ({found['theta'].where}) although the "
            "predictions agree: different parameters give the same curves here, so trust the "
            "curves and read the parameters' distributions with care"
        )


def _name(found: Mapping[str, Mixing], name: str) -> str:
    return f"{name} {found[name].where}".rstrip()


def _round_up(steps: float) -> int:
    """To two significant digits, for advice."""
    unit = 10 ** max(int(np.log10(steps)) - 1, 0)
    return int(np.ceil(steps / unit)) * unit

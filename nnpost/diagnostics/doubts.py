"""Why a chain, or a log Z, is not believed although its ensembles agree, in words.

Both are held against importance sampling around all maxima that anyone has found (survey.py). Where
its own weights say that its errors can be used, shares, means and log Z have to agree within those
errors. Where they cannot, its log Z is a bound from below: by Markov's inequality an unbiased
estimate is e^5 times too large in fewer than 0.7 % of cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .criteria import Criteria
from .survey import Evidence, Region, Survey

__all__ = ["bounded", "evidence_apart", "ladder_stalled", "log_z_apart", "means_apart", "missed"]

MORE = "temper with more particles (--set temper.particles=8000)"
SEARCH = "temper from the basins of a long search (--set temper.start=basins)"


def again(searched: bool) -> str:
    """What to do where tempered runs have missed something; a search is for one hidden layer."""
    return f"{SEARCH}, or {MORE}" if searched else MORE


def missed(
    survey: Survey | None, ess: float | None, searched: bool, criteria: Criteria
) -> Iterator[str]:
    """A region whose share of the chain's draws is too small; ``ess`` effective draws."""
    if survey is None:
        return
    one_draw = 1 / ess if ess else 1.0
    short = [r for r in survey.regions if _short(r, survey, one_draw, criteria)]
    if not short:
        return
    worst = max(short, key=lambda r: r.log_z)
    top = f"the maximum of log density {worst.height:.2f} (the output layer integrated out)"
    yield (
        f"a share of {worst.drawn:.3g} of the draws lies around {top}, where importance sampling "
        f"finds {worst.share:.3g} ± {worst.share_error:.1g} of the posterior"
        if survey.reliable
        else f"no climb from a draw leads to {top}, around which importance sampling finds most of "
        "the posterior"
    ) + f", so the ensembles have missed it together: {again(searched)}, and sample again"


def _short(region: Region, survey: Survey, one_draw: float, criteria: Criteria) -> bool:
    error = max(region.drawn_error, one_draw)
    if survey.reliable:
        bound = criteria.max_survey_z * math.hypot(region.share_error, error)
        return region.share - region.drawn > bound
    if region.reached:
        return False
    seen = [r.log_z for r in survey.regions if r.reached]
    return min(region.log_z, region.laplace) > np.logaddexp.reduce([*seen, -math.inf]) + (
        criteria.max_from_map
    )


def means_apart(survey: Survey | None, searched: bool, criteria: Criteria) -> Iterator[str]:
    """The posterior mean that differs most from that by importance sampling, if one does."""
    if survey is None or not survey.reliable or not survey.means:
        return
    worst = max(survey.means, key=lambda m: abs(m.z))
    if abs(worst.z) > criteria.max_survey_z:
        yield (
            f"the mean of {worst.name} is {worst.drawn:.4g} ± {worst.drawn_error:.1g} by the chain "
            f"and {worst.here:.4g} ± {worst.here_error:.1g} by importance sampling around all "
            "maxima, so the chain has not been everywhere in proportion: run more steps "
            f"(--until converged), or {again(searched)}"
        )


def log_z_apart(evidence: Evidence, criteria: Criteria) -> Iterator[str]:
    """Each ensemble's log Z against the mean of the others'."""
    z = np.array(evidence.per_ensemble, dtype=float)
    if not np.isfinite(z).all():
        yield (f"log Z of an ensemble is not finite: {MORE}")
        return
    if z.size < 2:
        return
    gap = (z - z.mean()) * z.size / (z.size - 1)
    worst, allowed = int(np.argmax(np.abs(gap))), criteria.max_log_z_gap
    if abs(gap[worst]) > allowed:
        yield (
            f"log Z of ensemble {worst + 1} of {z.size} is {z[worst]:.2f}, {abs(gap[worst]):.2f} "
            f"{'above' if gap[worst] > 0 else 'below'} the mean of the others, and must be within "
            f"{allowed:.2f}: {MORE} or more steps (--set temper.steps=32)"
        )


def ladder_stalled(evidence: Evidence, criteria: Criteria) -> Iterator[str]:
    """Moves on a rung of the ladder that were hardly ever accepted."""
    if evidence.acceptance < criteria.min_acceptance:
        yield (
            f"only {evidence.acceptance:.2%} of the moves were accepted where the likelihood had "
            f"the power {evidence.stalled_at:.3g}, so the tempered runs stood still there: temper "
            "with more steps (--set temper.steps=32)"
        )


def evidence_apart(
    evidence: Evidence, survey: Survey | None, searched: bool, criteria: Criteria
) -> Iterator[str]:
    """log Z by tempering against importance sampling, by the errors of both."""
    if survey is None or not math.isfinite(evidence.log_z):
        return
    tempered = f"log Z is {_number(evidence.log_z, evidence.error)} by the tempered runs and "
    if survey.reliable:
        error = math.hypot(survey.error, 0.0 if math.isnan(evidence.error) else evidence.error)
        if abs(survey.log_z - evidence.log_z) > criteria.max_evidence_z * error:
            yield (
                f"{tempered}{_number(survey.log_z, survey.error)} by importance sampling around "
                "all maxima, further apart than their errors allow: believe the latter, or "
                f"{MORE}"
            )
    elif survey.log_z > max(evidence.per_ensemble) + criteria.max_from_map:
        yield (
            f"{tempered}at least {survey.log_z - criteria.max_from_map:.1f} by importance sampling "
            f"around all maxima, so the tempered runs have missed most of it: {again(searched)}"
        )


def bounded(survey: Survey | None) -> Iterator[str]:
    """What could not be checked."""
    if survey is not None and not survey.reliable:
        yield (
            f"importance sampling around {len(survey.regions)} maxima is worth "
            f"{survey.effective:.0f} draws here (Pareto k {survey.pareto_k:.2f}), too few to tell "
            f"small modes that the chain may have missed"
        )


def _number(value: float, error: float) -> str:
    return f"{value:.3f}" if math.isnan(error) else f"{value:.3f} ± {error:.3f}"

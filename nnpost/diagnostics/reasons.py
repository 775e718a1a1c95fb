"""The reasons why a chain cannot be trusted, in words, each with what to do about it.

Every function yields the sentences that apply, and none where all is well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Figures",
    "bad_rhat",
    "log_z_apart",
    "low_ess",
    "missed_mode",
    "notes",
    "stuck",
    "too_few_ensembles",
    "too_short",
    "unusable",
]

MIN_ENSEMBLES = 4
MAX_RHAT = 1.01
MIN_ESS = 400.0
MIN_LENGTH = 50.0  # chain length in autocorrelation times
MAX_LOG_Z_GAP = 1.0  # nats between one ensemble and the mean of the others
LOG_Z_SIGMAS = 3.0  # or this many standard errors, where errors are known
MOST_FROM_MAP = 5.0  # nats by which an unbiased estimate exceeds log Z in 0.7 % of all cases
ROWS_TO_BE_STUCK = 50  # a walker at rest for fewer rows than this proves nothing


@dataclass(frozen=True)
class Figures:
    """What was measured of one quantity; `where` names the component with the worst R-hat."""

    rhat: float | None
    ess: float | None
    tau: float | None
    where: str


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


def too_few_ensembles(ensembles: int) -> Iterator[str]:
    if ensembles < MIN_ENSEMBLES:
        yield (
            f"{ensembles} independent ensemble{'s' * (ensembles != 1)}, and R-hat needs at least "
            f"{MIN_ENSEMBLES} (walkers of one ensemble are not independent of each other): "
            f"run with ensembles={MIN_ENSEMBLES} or more"
        )


def bad_rhat(found: Mapping[str, Figures]) -> Iterator[str]:
    for name in ("log_prob", "predictions"):
        rhat = found[name].rhat
        if rhat is not None and not rhat < MAX_RHAT:
            yield (
                f"R-hat of {_name(found, name)} is {rhat:.4g} and must be below {MAX_RHAT}, so the "
                'ensembles disagree: run more steps, discard more, or start="tempered"'
            )


def low_ess(found: Mapping[str, Figures], steps: int, whole: float) -> Iterator[str]:
    for name in ("log_prob", "predictions"):
        ess = found[name].ess
        if ess is None:
            yield f"{name} never changes, so no draw is new: look at the start and at the moves"
        elif not ess > MIN_ESS:
            advice = _round_up(1.2 * whole * steps * MIN_ESS / ess)
            yield (
                f"the effective sample size of {name} is {ess:.0f} and must be above "
                f"{MIN_ESS:.0f}: run about {advice:,} steps in all"
            )


def too_short(tau: float | None, steps: int, whole: float) -> Iterator[str]:
    if tau is not None and not steps > MIN_LENGTH * tau:
        advice = _round_up(1.2 * whole * MIN_LENGTH * tau)
        yield (
            f"the chain of {steps:,} steps after the burn-in is {steps / tau:.2g} "
            f"autocorrelation times (tau = {tau:,.0f} steps) and must be longer than "
            f"{MIN_LENGTH:.0f}: run at least {advice:,} steps in all"
        )


def stuck(log_prob: NDArray[np.float64]) -> Iterator[str]:
    half = log_prob[len(log_prob) // 2 :]
    still = int(np.count_nonzero(np.ptp(half, axis=0) == 0)) if len(half) > ROWS_TO_BE_STUCK else 0
    if still:
        yield (
            f"{still} of {log_prob.shape[1]} walkers did not move in the second half of the chain, "
            "and every one must: start closer to the posterior or choose other moves"
        )


def log_z_apart(log_z: ArrayLike | None, error: ArrayLike | None) -> Iterator[str]:
    """Each ensemble's log Z against the mean of the others'."""
    z = np.atleast_1d(np.asarray([] if log_z is None else log_z, dtype=float))
    if z.size < 2:
        return
    if not np.isfinite(z).all():
        yield "log Z of an ensemble is not finite: temper again with more particles"
        return
    gap = (z - z.mean()) * z.size / (z.size - 1)
    allowed = np.full(z.size, MAX_LOG_Z_GAP)
    if error is not None:
        variance = np.broadcast_to(np.asarray(error, dtype=float) ** 2, z.shape)
        others = (variance.sum() - variance) / (z.size - 1) ** 2
        allowed = np.fmax(allowed, LOG_Z_SIGMAS * np.sqrt(variance + others))
    worst = int(np.argmax(np.abs(gap) - allowed))
    if abs(gap[worst]) > allowed[worst]:
        yield (
            f"log Z of ensemble {worst + 1} of {z.size} is {z[worst]:.2f}, {abs(gap[worst]):.2f} "
            f"{'above' if gap[worst] > 0 else 'below'} the mean of the others, and must be within "
            f"{allowed[worst]:.2f}: temper with more particles or more steps"
        )


def missed_mode(log_z: ArrayLike | None, log_z_at_map: float | None) -> Iterator[str]:
    """Markov's inequality: an unbiased estimate is e^5 times too large with p < exp(−5)."""
    if log_z is None or log_z_at_map is None:
        return
    found = float(np.max(log_z))
    if log_z_at_map > found + MOST_FROM_MAP:
        yield (
            f"log Z is {found:.6g} by the tempered starts and {log_z_at_map:.6g} by draws around "
            "the MAP, so all ensembles have missed the highest mode: bring inputs and target to "
            "order one, or temper with more particles"
        )


def notes(found: Mapping[str, Figures]) -> Iterator[str]:
    rhat = found["theta"].rhat
    functions = [found[name].rhat for name in ("log_prob", "predictions")]
    if rhat is None or rhat < MAX_RHAT:
        return
    if all(r is not None and r < MAX_RHAT for r in functions):
        yield (
            f"R-hat of the folded parameters is {rhat:.4g} ({found['theta'].where}) although the "
            "predictions agree: different parameters give the same curves here, so trust the "
            "curves and read the parameters' distributions with care"
        )


def _name(found: Mapping[str, Figures], name: str) -> str:
    return f"{name} {found[name].where}".rstrip()


def _round_up(steps: float) -> int:
    """To two significant digits, for advice."""
    unit = 10 ** max(int(np.log10(steps)) - 1, 0)
    return int(np.ceil(steps / unit)) * unit

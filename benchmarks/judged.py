"""How samplers of one posterior are judged: effective draws, R-hat, distance from the reference.

Every sampler gives :class:`Chains` or :class:`Weighted` draws of the same vectors, and all are
judged by the same functions: effective draws are those of the log posterior or of the predictions
at 16 inputs, whichever are fewest, and a band is the mean, the 5 % and the 95 % quantile of the
predictions there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

import nnpost
from nnpost.data.grids import prediction_grid
from nnpost.diagnostics.verdict import JudgedRows, judge

TAILS = (0.05, 0.95)
ROWS = JudgedRows(rhat=400, ess=20_000, draws=1_000_000)  # more than the verdict of a run looks at
MOST = 400_000  # draws that a band is made of


@dataclass(frozen=True)
class Chains:
    """Rows of independent chains without their warm-up.

    ``theta`` (N, W, P) and ``log_prob`` (N, W): walkers of chain e are columns e·W/E … (e+1)·W/E.
    """

    theta: np.ndarray
    log_prob: np.ndarray
    chains: int


@dataclass(frozen=True)
class Weighted:
    """Independent draws (n, P), their log posterior (n,) and weights (n,) that add up to 1."""

    theta: np.ndarray
    log_prob: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Sampled:
    """What a sampler made of a posterior, and in how many seconds."""

    draws: Chains | Weighted
    compiling: float
    warmup: float  # tuning, tempering, what is discarded, and the exploration of nested sampling
    sampling: float
    log_z: float = math.nan
    note: str = ""


@dataclass(frozen=True)
class Summary:
    """What a posterior is used for: its log density, and the band of its predictions (K,)."""

    log_prob: float
    log_prob_sd: float
    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    log_z: float = math.nan


@dataclass(frozen=True)
class Judged:
    """One sampler on one posterior; errors are distances from the reference."""

    sampler: str
    compiling: float
    warmup: float
    sampling: float
    draws: int
    effective: float
    rhat: float  # NaN for weighted draws
    log_prob_error: float  # in nats
    band_error: float  # the largest, in standard deviations of the prediction there
    log_z_error: float  # in nats; NaN where the sampler gives no log Z
    note: str = ""

    @property
    def rate(self) -> float:
        """Effective draws a second, the warm-up counted and compiling not."""
        return self.effective / (self.warmup + self.sampling)


def summary(post: nnpost.Posterior, draws: Chains | Weighted, log_z: float = math.nan) -> Summary:
    """Of all draws, or of evenly spread ones of very many."""
    theta = draws.theta.reshape(-1, post.ndim)
    log_prob = draws.log_prob.ravel()
    weights = draws.weights if isinstance(draws, Weighted) else np.full(len(theta), 1 / len(theta))
    mean = float(weights @ log_prob)
    spread = math.sqrt(weights @ (log_prob - mean) ** 2)
    stride = -(-len(theta) // MOST)
    f = post.predict(theta[::stride], prediction_grid(post.data.x))
    share = weights[::stride] / weights[::stride].sum()
    centre = share @ f
    sd = np.sqrt(share @ (f - centre) ** 2)
    low, high = (quantile(f, share, level) for level in TAILS)
    return Summary(mean, spread, centre, sd, low, high, log_z)


def quantile(f: np.ndarray, weights: np.ndarray, level: float) -> np.ndarray:
    """Of every column of f (n, K) with weights (n,) that add up to 1: (K,)."""
    order = np.argsort(f, axis=0)
    below = np.cumsum(weights[order], axis=0)
    place = (below < level).sum(axis=0).clip(max=len(f) - 1)
    columns = np.arange(f.shape[1])
    return f[order[place, columns], columns]


def judged(post: nnpost.Posterior, name: str, found: Sampled, reference: Summary) -> Judged:
    """One line of the table."""
    if isinstance(found.draws, Chains):
        effective, rhat = of_chains(post, found.draws)
    else:
        effective, rhat = kish(found.draws.weights), math.nan
    seen = summary(post, found.draws, found.log_z)
    band = max(
        float(np.abs((getattr(seen, part) - getattr(reference, part)) / reference.sd).max())
        for part in ("mean", "low", "high")
    )
    return Judged(
        name, found.compiling, found.warmup, found.sampling, found.draws.log_prob.size,
        effective, rhat, abs(seen.log_prob - reference.log_prob), band,
        abs(seen.log_z - reference.log_z), found.note,
    )  # fmt: skip


def of_chains(post: nnpost.Posterior, draws: Chains) -> tuple[float, float]:
    """Effective draws, the fewest of log_prob and predictions, and the larger R-hat of both.

    0 and infinity where a chain is too short, or has not moved, to tell.
    """
    verdict = judge(post, draws.theta, draws.log_prob, draws.chains, rows=ROWS)
    judged_of = ("log_prob", "predictions")
    sizes = [verdict.ess[name] or 0.0 for name in judged_of]
    rhats = [verdict.rhat[name] or math.inf for name in judged_of]
    return min(sizes), max(rhats)


def kish(weights: np.ndarray) -> float:
    """As many draws of equal weight are worth the same (Kish 1965): (Σw)²/Σw²."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def without_burnin(found: Sampled, share: float = 0.2) -> Sampled:
    """The first rows of chains left out; their share of the time becomes warm-up."""
    assert isinstance(found.draws, Chains)
    first = int(share * len(found.draws.theta))
    kept = replace(
        found.draws, theta=found.draws.theta[first:], log_prob=found.draws.log_prob[first:]
    )
    spent = share * found.sampling
    return replace(found, draws=kept, warmup=found.warmup + spent, sampling=found.sampling - spent)


def in_blocks(
    advance: Callable[[], np.ndarray], ends: float, now: Callable[[], float]
) -> np.ndarray:
    """Rows of ``advance()``, one block after the other until ``ends``; at least one block."""
    blocks = [advance()]
    while now() < ends:
        blocks.append(advance())
    return np.concatenate(blocks)

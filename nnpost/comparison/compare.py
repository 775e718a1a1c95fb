"""Put SGD, MAP, MLE and best sample side by side, in one copy, against the posterior.

Equivalent copies of a network look different as vectors. For comparison the MAP is folded, the
other three are taken to the copy nearest to it, and the draws are folded. The vectors as they were
found are kept beside that, because flipping a sigmoid unit changes the prior and with it the log
posterior.
"""

from __future__ import annotations

import numpy as np

from ..data.grids import grid
from ..network.symmetry import fold, one_copy
from ..posterior.posterior import Posterior
from ..sampling.run import Run
from ..training.fits import Fits
from ..training.maximise import maxima
from ..training.optimum import Optimum
from .effort import FULL, Detail
from .result import Comparison, Predictions, Summary

__all__ = ["compare"]

HELD = 2**23  # predictions at once: all of 40,000 draws at 200 places, of one number each


def compare(post: Posterior, fits: Fits, run: Run, *, detail: Detail = FULL) -> Comparison:
    """Put SGD, MAP, MLE, best sample and posterior side by side.

    MAP and MLE are the better of those behind the restarts, behind the best samples, and behind the
    maxima that a search has found: no draw and no restart is higher.
    """
    draws = run.get_chain(discard=run.burnin, flat=True)
    models = (fits.sgd, *_maxima(post, fits, run, detail.polished), run.best_sample)
    log_likelihood = run.sample_log_prob - post.log_prior(draws)
    levels = {"q05": 5, "q25": 25, "q50": 50, "q75": 75, "q95": 95}
    finite = fits.mse[np.isfinite(fits.mse)]
    return Comparison(
        sgd=models[0],
        map=models[1],
        mle=models[2],
        best_sample=models[3],
        folded=one_copy(post.net, np.stack([m.theta for m in models]), models[1].theta),
        hpd_level=float(np.mean(run.sample_log_prob > fits.sgd.log_prob)),
        restarts=len(fits.mse),
        mse_quantiles={k: float(np.percentile(finite, q)) for k, q in levels.items()},
        log_posterior=Summary.of(run.sample_log_prob),
        log_likelihood=Summary.of(log_likelihood),
        theta=Summary.of(fold(post.net, draws)),
        predictions=predict(post, run.some(detail.predicted)[0]),
        labels=tuple(post.labels),
        misfit=post.loss_name,
    )


def predict(post: Posterior, draws: np.ndarray) -> Predictions:
    """Summarise what y is on average at x over draws (D, P), on a grid over twice the data's range
    (one input), or at up to 200 of the data's points (several)."""
    x = grid(post.data.raw.x)
    places = max(1, HELD // (len(draws) * post.components))
    parts = []
    for k in range(0, len(x), places):
        f = post.expected(draws, x[k : k + places])
        parts.append((f.mean(axis=0), f.std(axis=0), *np.quantile(f, [0.05, 0.95], axis=0)))
    return Predictions(x, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _maxima(post: Posterior, fits: Fits, run: Run, polished: int) -> tuple[Optimum, Optimum]:
    """MAP and MLE of the fits, or what is higher: climbed to from the best draws of the whole chain
    by either measure, and from the maxima that a search has found (``Run.around``)."""
    chain = run.chain.reshape(-1, post.ndim)
    likelihood = run.log_prob.ravel() - post.log_prior(chain)
    best = [np.argsort(values)[-polished:] for values in (run.log_prob.ravel(), likelihood)]
    starts = [fits.map.theta[None], fits.mle.theta[None], *(chain[rows] for rows in best)]
    if run.around is not None:
        highest = np.argsort(-run.around.tops.log_prob)[:polished]
        h = run.around.tops.h[highest]
        starts.append(run.around.folded.layer.vectors(h))
    top, likeliest = maxima(post, np.concatenate(starts))
    return (
        top if top.log_prob > fits.map.log_prob + 1e-9 else fits.map,
        likeliest if likeliest.log_likelihood > fits.mle.log_likelihood + 1e-9 else fits.mle,
    )

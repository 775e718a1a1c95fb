"""Put SGD, MAP, MLE and best sample side by side, in one copy, against the posterior.

Equivalent copies of a network look different as vectors. For comparison the MAP is folded, the
other three are aligned to it, and the samples are folded. The vectors as they were found are kept
beside that, because flipping a sigmoid unit changes the prior and with it the log posterior.
"""

from __future__ import annotations

import numpy as np

from ..data.grids import grid
from ..network.align import align
from ..network.symmetry import fold
from ..posterior.posterior import Posterior
from ..sampling.run import Run
from ..training.fits import Fits
from ..training.maximise import maximise
from ..training.optimum import Optimum
from .effort import FULL, Detail
from .result import Comparison, Predictions, Summary

__all__ = ["compare"]


def compare(post: Posterior, fits: Fits, run: Run, *, detail: Detail = FULL) -> Comparison:
    """Put SGD, MAP, MLE, best sample and posterior side by side.

    The MAP is the better of the one behind the restarts and the one behind the best samples.
    """
    draws = run.samples
    folded = fold(post.net, draws)
    models = (fits.sgd, _maximum(post, fits, run, detail.polished), fits.mle, run.best_sample)
    copy = fold(post.net, models[1].theta)
    aligned = [copy if k == 1 else align(post.net, m.theta, copy) for k, m in enumerate(models)]
    log_likelihood = run.sample_log_prob - post.log_prior(draws)
    levels = {"q05": 5, "q25": 25, "q50": 50, "q75": 75, "q95": 95}
    finite = fits.mse[np.isfinite(fits.mse)]
    return Comparison(
        sgd=models[0],
        map=models[1],
        mle=models[2],
        best_sample=models[3],
        folded=np.stack(aligned),
        hpd_level=float(np.mean(run.sample_log_prob > fits.sgd.log_prob)),
        restarts=len(fits.mse),
        mse_quantiles={k: float(np.percentile(finite, q)) for k, q in levels.items()},
        log_posterior=Summary.of(run.sample_log_prob),
        log_likelihood=Summary.of(log_likelihood),
        theta=Summary.of(folded),
        predictions=predict(post, draws, detail.predicted),
        labels=tuple(post.labels),
        misfit=post.data.misfit,
    )


def predict(post: Posterior, draws: np.ndarray, most: int) -> Predictions:
    """Summarise f(x) over about ``most`` of the draws (D, P), on a grid over twice the data's range
    (one input), or at up to 200 of the data's points (several)."""
    x = grid(post.data.x)
    f = post.predict(draws[:: max(1, len(draws) // most)], x)
    q05, q95 = np.quantile(f, [0.05, 0.95], axis=0)
    return Predictions(x, f.mean(axis=0), f.std(axis=0), q05, q95)


def _maximum(post: Posterior, fits: Fits, run: Run, polished: int) -> Optimum:
    top = np.argsort(run.sample_log_prob)[-polished:]
    found = maximise(post, run.samples[top], target="posterior")
    return found if found.log_prob > fits.map.log_prob + 1e-9 else fits.map

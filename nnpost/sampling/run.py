"""A sampled posterior: the chain with all that belongs to it, in memory or from a run file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..common.rules import SEED, checked, whole
from ..common.tables import TabledPairs
from ..diagnostics.fit import FitVerdict
from ..diagnostics.survey import Evidence
from ..diagnostics.verdict import Verdict, judge
from ..moves.names import uses_gradients
from ..network.symmetry import fold
from ..numerics.monte_carlo import chain_batches, spread_out
from ..posterior.likelihoods.gaussian import MSE
from ..posterior.posterior import Posterior
from ..prediction.predict import LEVELS, networks_of, predict
from ..prediction.prediction import Prediction
from ..tempering.around_maxima import AroundMaxima
from ..tempering.result import Tempering
from ..training.fits import Fits
from ..training.maximise import evaluate
from ..training.optimum import Optimum
from .arviz_groups import arviz_groups
from .provenance import burnin
from .survey import Draws, look_around, survey

__all__ = ["Run"]

PREDICTING = 4000  # draws that predictions are made from


@dataclass(frozen=True, eq=False, repr=False)
class Run(TabledPairs):
    """A chain of E independent ensembles side by side, and what belongs to it.

    ``chain`` (N, W, P) and ``log_prob`` (N, W) hold the rows that were kept, one for every ``thin``
    steps, as they were sampled: every draw in the copy of its network in which it was found.
    :attr:`samples` and :meth:`to_arviz` have them folded to one copy. Walkers of ensemble e are
    columns e·W/E … (e+1)·W/E. ``accepted`` (W,) is the share of accepted proposals of every walker,
    ``discard`` the steps that results leave out. ``judged`` is the verdict where one was reached
    before, on the chain before it was thinned, and ``fit`` that on the model
    (comparison/check_fit.py).
    """

    post: Posterior
    chain: np.ndarray
    log_prob: np.ndarray
    accepted: np.ndarray
    ensembles: int
    discard: int
    thin: int
    moves: str
    start: str
    seed: int
    seconds: float
    fits: Fits | None = None
    tempering: Tempering | None = None
    path: str | None = None
    judged: Verdict | None = None
    fit: FitVerdict | None = None

    @property
    def nsteps(self) -> int:
        """Steps of every walker."""
        return len(self.chain) * self.thin

    @property
    def nwalkers(self) -> int:
        """Walkers of all ensembles together."""
        return self.chain.shape[1]

    @property
    def burnin(self) -> int:
        """Rows of the chain that results leave out; at least one row always stays."""
        return burnin(self.discard, self.thin, len(self.chain))

    def get_chain(self, discard: int = 0, thin: int = 1, flat: bool = False) -> np.ndarray:
        """Rows of the chain as emcee gives them: (rows, W, P), or (rows·W, P) with ``flat``.

        They are as they were sampled, in whatever copies; ``discard`` and ``thin`` count rows.
        """
        return _rows(self.chain, discard, thin, flat)

    def get_log_prob(self, discard: int = 0, thin: int = 1, flat: bool = False) -> np.ndarray:
        """Log posterior of :meth:`get_chain`'s rows: (rows, W), or (rows·W,) with ``flat``."""
        return _rows(self.log_prob, discard, thin, flat)

    @cached_property
    def samples(self) -> np.ndarray:
        """All draws after the burn-in, folded to one copy of the network, (draws, P).

        As they were sampled they are ``get_chain(discard=run.burnin, flat=True)``, row by row.
        """
        return fold(self.post.net, self.get_chain(discard=self.burnin, flat=True))

    @cached_property
    def sample_log_prob(self) -> np.ndarray:
        """Log posterior of the draws as they were sampled, (draws,).

        That of ``samples``, but for flipped sigmoid units, which have another prior.
        """
        return self.get_log_prob(discard=self.burnin, flat=True)

    @cached_property
    def best_sample(self) -> Optimum:
        """The stored sample with the highest log posterior, burn-in included, as sampled."""
        row, walker = np.unravel_index(np.argmax(self.log_prob), self.log_prob.shape)
        return evaluate(self.post, self.chain[row, walker], "best sample")

    @property
    def log_evidence(self) -> float:
        """log Z from the tempered starts; NaN where there were none."""
        return math.nan if self.tempering is None else self.tempering.log_evidence

    @cached_property
    def verdict(self) -> Verdict:
        """Converged or not, with the reasons: as it was judged before, or else as it stands."""
        return self.judged or self._judge()

    @property
    def known_verdict(self) -> Verdict | None:
        """The verdict where it has been reached already, by whoever asked for it first."""
        return self.judged or vars(self).get("verdict")

    @cached_property
    def around(self) -> AroundMaxima | None:
        """Weighted draws around all maxima that fits, draws and a search lead to."""
        return look_around(self.post, self.fits, self._draws) if len(self._kept) else None

    @property
    def _kept(self) -> np.ndarray:
        return self.chain[self.burnin :]

    @cached_property
    def _draws(self) -> Draws:
        return Draws.of(self._kept, self.log_prob[self.burnin :], self.ensembles)

    @property
    def _among_basins(self) -> bool:
        """Whether "collapsed" moves make steps along the curvature: those of sharp posteriors."""
        basins = self.tempering is not None and self.tempering.start == "basins"
        return basins and self.moves == "collapsed"

    def _judge(self) -> Verdict:
        around = self.around if np.isfinite(self.log_prob[self.burnin :]).all() else None
        return judge(
            self.post,
            self._kept,
            self.log_prob[self.burnin :],
            self.ensembles,
            evidence=None if self.tempering is None else _evidence(self.tempering),
            survey=None if around is None else survey(self.post, around, self._draws),
            gradients=uses_gradients(self.moves, self.post) or self._among_basins,
            thin=self.thin,
            discarded=self.burnin * self.thin,
        )

    @property
    def acceptance(self) -> float:
        """Share of accepted proposals."""
        return float(self.accepted.mean())

    def some(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """At most ``most`` of the draws (D, P) as they were sampled, spread over rows and walkers,
        and their batches, (D,), by which a statistic of them gets its error
        (numerics/monte_carlo.py)."""
        batches = chain_batches(len(self._kept), self.nwalkers, self.ensembles)
        index = self.spread_out(most)
        return self.get_chain(discard=self.burnin, flat=True)[index], batches[index]

    def spread_out(self, most: int) -> np.ndarray:
        """Indices of at most ``most`` of the :attr:`samples`, spread over rows and walkers: an
        even stride may be a multiple of the number of walkers, and then shows one of them."""
        return spread_out(len(self._kept) * self.nwalkers, most, self.nwalkers)

    def predict(
        self,
        x: Any,
        quantiles: Sequence[float] = LEVELS,
        noise: bool = True,
        *,
        yerr: Any = None,
        draws: int = PREDICTING,
        seed: int = 0,
        component: int | None = None,
    ) -> Prediction:
        """Predict at new inputs x (m, d), in the units of the data's file; (m,) for one input.

        All copies of a network predict the same.

        Args:
            quantiles: the levels of the quantiles.
            noise: whether sd, quantiles and draws are of new targets, or of f(x) alone.
            yerr: (m,), the standard deviations at x; needed where the data bring errors, with
                noise.
            draws: how many of the posterior's are used, at most; all of them together are kept.
            seed: of the noise.
            component: which target, or the probability of which class, where there are several,
                counted from 0.

        Raises RequestError for what does not fit.
        """
        theta, batches = self.some(checked("draws", draws, whole(2)))
        seed = checked("seed", seed, SEED)
        networks = networks_of(self.fits)
        return predict(
            self.post, theta, batches, x, quantiles, noise, yerr=yerr, networks=networks,
            seed=seed, component=component,
        )  # fmt: skip

    def to_arviz(self, draws: int = PREDICTING) -> Any:
        """At most ``draws`` of the chain after the burn-in for ArviZ, whole rows of walkers spread
        over it (one row at least): InferenceData before version 1, DataTree since.

        The groups are posterior, posterior_predictive, log_likelihood, prior, sample_stats,
        observed_data and constant_data. ``theta`` has dimensions (chain, draw, parameter), a walker
        a chain, folded to one copy of the network; walkers of one ensemble are not independent, so
        ArviZ's own R-hat of them says too little. Raises RequestError where ArviZ is not installed.
        """
        rows = max(1, checked("draws", draws, whole(1)) // self.nwalkers)
        some = slice(None, None, -(-len(self._kept) // rows))
        log_prob = self.log_prob[self.burnin :][some]
        return arviz_groups(self.post, self._kept[some], log_prob, self.seed).made()

    @property
    def _seen(self) -> str:
        """What has to be said with log Z of data that the network sees on another scale."""
        data = self.post.data
        if data.scaling.is_none or isinstance(self.post.likelihood, MSE):
            return ""
        other = data.log_evidence_to_file(self.log_evidence)
        return f" of data as the network sees them ({other:.3f} of y in units of the file)"

    def rows(self) -> list[tuple[str, str]]:
        size = f"{self.nsteps:,} steps of {self.nwalkers} walkers in {self.ensembles} ensembles"
        best = self.best_sample
        value = f"{best.log_prob:.3f} ({self.post.loss_name} {best.mse:.4g})"
        rows = [
            ("posterior", f"{self.post.ndim} parameters, {self.post.data.n} points"),
            ("chain", f"{size}, {self.discard:,} steps discarded"),
            ("moves", f"{self.moves}, {self.acceptance:.0%} accepted, {self.seconds:.1f} s"),
            ("best sample", value),
        ]
        if self.tempering is not None:
            error = self.tempering.error
            rows.append(("log evidence", f"{self.log_evidence:.3f} ± {error:.3f}{self._seen}"))
        rows.append(("verdict", "converged" if self.verdict.converged else "not converged"))
        return rows if self.fit is None else [*rows, ("model", self.fit.word)]


def _rows(values: np.ndarray, discard: int, thin: int, flat: bool) -> np.ndarray:
    rows = values[discard + thin - 1 :: thin]
    return rows.reshape(-1, *rows.shape[2:]) if flat else rows


def _evidence(found: Tempering) -> Evidence:
    lowest = int(np.nanargmin(found.acceptance)) if np.isfinite(found.acceptance).any() else None
    stalled = (
        ()
        if lowest is None
        else (float(found.acceptance.flat[lowest]), float(found.betas.flat[lowest]))
    )
    return Evidence(found.log_evidence, found.error, tuple(float(z) for z in found.log_z), *stalled)

"""Has the chain converged, and if not, why not and what helps?

``judge`` looks at what the run is used for: the log posterior and the network's predictions. The
parameters themselves are judged after folding and only reported, because the parameters of a
network that is not identifiable may wander while the posterior over functions stands still.

Walkers of one ensemble propose from each other, so they are not independent chains and R-hat
between them says nothing. Independent ensembles are compared instead, each as one superchain:
rank-normalised nested R-hat (Margossian et al. 2024, Bayesian Analysis, eq. 8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..common.errors import RequestError
from ..common.tables import TabledPairs
from ..data.grids import prediction_grid
from . import doubts, reasons
from .criteria import STANDARD, Criteria
from .reasons import Mixing
from .survey import Evidence, Survey

if TYPE_CHECKING:
    from ..posterior.posterior import Posterior

__all__ = ["JudgedRows", "Verdict", "judge"]

QUANTITIES = ("log_prob", "predictions", "theta")


@dataclass(frozen=True)
class JudgedRows:
    """How many rows of a long chain are looked at, evenly spread."""

    rhat: int = 400  # of each walker; R-hat compares means and needs no more
    ess: int = 2000  # of each walker, of which predictions are computed,
    draws: int = 400_000  # and of all walkers together

    def of_predictions(self, walkers: int) -> int:
        return max(self.rhat, min(self.ess, self.draws // walkers))


JUDGED_ROWS = JudgedRows()


@dataclass(frozen=True, repr=False)
class Verdict(TabledPairs):
    """Converged or not, with the figures and the reasons.

    ``rhat`` and ``ess`` hold the worst value over each of "log_prob", "predictions" and "theta"
    (folded); ``tau`` is the longest autocorrelation time of log_prob and predictions, in steps.
    None stands where the chain cannot tell. ``steps_help`` says whether a longer chain of the same
    run might mend all that is wrong. ``evidence_trusted`` is about log Z, and ``converged`` about
    the chain alone; it is None where there is no log Z, or where an earlier version judged both as
    one.
    """

    group: ClassVar[str] = "verdict"

    converged: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    rhat: Mapping[str, float | None]
    ess: Mapping[str, float | None]
    tau: float | None
    steps_help: bool
    evidence_trusted: bool | None = None
    evidence_reasons: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, str]]:
        rows = [("verdict", "converged" if self.converged else "not converged")]
        rows += [("reason", reason) for reason in self.reasons]
        if self.evidence_trusted is not None:
            rows.append(("log evidence", "trusted" if self.evidence_trusted else "not trusted"))
        rows += [("reason", reason) for reason in self.evidence_reasons]
        rows += [("note", note) for note in self.notes]
        for name in QUANTITIES:
            ess = f"{_show(self.ess[name])} effective draws"
            rows.append((name, f"R-hat {_show(self.rhat[name], '.4f')}, {ess}"))
        return [*rows, ("tau", f"{_show(self.tau, ',.1f')} steps")]

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict, which JSON can hold; None stands for what cannot be told."""
        return {
            "converged": self.converged,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "rhat": dict(self.rhat),
            "ess": dict(self.ess),
            "tau": self.tau,
            "steps_help": self.steps_help,
            "evidence_trusted": self.evidence_trusted,
            "evidence_reasons": list(self.evidence_reasons),
        }

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Verdict:
        """What :meth:`to_tree` gave; what is absent is None."""
        rhat, ess = (
            {k: _known(tree.get(n, {}).get(k)) for k in QUANTITIES} for n in ("rhat", "ess")
        )
        reasons, notes = (tuple(str(text) for text in tree[n]) for n in ("reasons", "notes"))
        tau = _known(tree.get("tau"))
        helped, trusted = bool(tree["steps_help"]), tree.get("evidence_trusted")
        doubted = tuple(str(text) for text in tree.get("evidence_reasons", ()))
        return cls(
            bool(tree["converged"]), reasons, notes, rhat, ess, tau, helped,
            None if trusted is None else bool(trusted), doubted,
        )  # fmt: skip


def judge(
    post: Posterior,
    chain: ArrayLike,
    log_prob: ArrayLike,
    ensembles: int,
    *,
    thin: int = 1,
    discarded: int = 0,
    evidence: Evidence | None = None,
    survey: Survey | None = None,
    gradients: bool | None = None,
    criteria: Criteria = STANDARD,
    rows: JudgedRows = JUDGED_ROWS,
) -> Verdict:
    """Judge a chain whose burn-in has been discarded.

    chain (N, W, P) and log_prob (N, W), walkers of ensemble e in columns e·W/E … (e+1)·W/E;
    thin, the steps between two rows; discarded, the steps of the burn-in, which a longer chain is
    taken to discard in proportion; evidence, what the tempered starts found; survey, what there is
    around all maxima (survey.py); gradients, whether the moves follow them; criteria, other bounds
    than those below; rows, how many of a long chain are looked at.

    Converged means: R-hat < 1.01 and more than 400 effective draws for log_prob and for the
    predictions at each of up to 16 inputs (the worst counts), a chain longer than 50
    autocorrelation times, no walker at rest, and, where importance sampling around all maxima can
    tell, no maximum with a smaller share of the draws than of the posterior, and no mean that
    differs, by 5 standard errors. It is about the chain alone.

    log Z is trusted where no ensemble's is more than 1 nat away from the mean of the others, the
    ladders did not stall, and importance sampling agrees within 4 standard errors.

    Raises RequestError where the shapes do not fit together.
    """
    chain, log_prob = np.asarray(chain, dtype=float), np.asarray(log_prob, dtype=float)
    _check_shapes(chain, log_prob, ensembles)
    searched = len(post.net.hidden) == 1
    believed = _believed(evidence, survey, searched, criteria)
    useless = tuple(reasons.unusable(chain, log_prob))
    if useless:
        empty = dict.fromkeys(QUANTITIES)
        return Verdict(False, useless, (), empty, dict(empty), None, len(chain) < 4, **believed)
    enough = ensembles >= criteria.min_ensembles
    found = _measure(post, chain, log_prob, ensembles, enough, thin, rows)
    judged = [found["log_prob"], found["predictions"]]
    tau = max((f.tau for f in judged if f.tau is not None), default=None)
    ess = min((f.ess for f in judged if f.ess is not None), default=None)
    steps = len(chain) * thin
    whole = 1 + discarded / steps  # steps to be made for every step that is kept
    few = list(reasons.too_few_ensembles(ensembles, criteria))
    unseen = list(doubts.missed(survey, ess, searched, criteria))
    apart = list(reasons.bad_rhat(found, criteria))
    short = [
        *reasons.low_ess(found, steps, whole, criteria),
        *reasons.too_short(tau, steps, whole, criteria),
    ]
    wrong = [*few, *unseen, *apart, *short, *reasons.stuck(log_prob, criteria)]
    if not unseen:
        wrong += doubts.means_apart(survey, searched, criteria)
    if unseen or apart:
        wrong += reasons.causes(post, chain, criteria)
    elif short:
        wrong += reasons.slow_moves(tau, gradients, criteria)
    return Verdict(
        converged=not wrong,
        reasons=tuple(wrong),
        notes=(*reasons.notes(found, criteria), *doubts.bounded(survey)),
        rhat={name: found[name].rhat for name in QUANTITIES},
        ess={name: found[name].ess for name in QUANTITIES},
        tau=tau,
        steps_help=not (few or unseen),
        **believed,
    )


def _believed(
    evidence: Evidence | None, survey: Survey | None, searched: bool, criteria: Criteria
) -> dict[str, Any]:
    """Whether log Z can be believed, and if not, why."""
    if evidence is None:
        return {}
    found = (
        *doubts.log_z_apart(evidence, criteria),
        *doubts.ladder_stalled(evidence, criteria),
        *doubts.evidence_apart(evidence, survey, searched, criteria),
    )
    return {"evidence_trusted": not found, "evidence_reasons": found}


def _measure(
    post: Posterior,
    chain: NDArray[np.float64],
    log_prob: NDArray[np.float64],
    ensembles: int,
    enough: bool,
    thin: int,
    rows: JudgedRows,
) -> dict[str, Mixing]:
    """The figures of every quantity."""
    from ..network.symmetry import fold

    stride = _stride(len(chain), rows.of_predictions(chain.shape[1]))
    some = chain[::stride]
    x = prediction_grid(post.data.raw.x)
    predictions = np.asarray(post.curves(some, x))
    theta = np.asarray(fold(post.net, some))
    names = [f"at x = {', '.join(f'{v:.3g}' for v in row)}" for row in x]
    places = [name for name in names for _ in range(post.components)]
    labels = [f"of {label}" for label in post.labels]
    return {
        "log_prob": _figures(log_prob[..., None], ensembles, enough, thin, rows, [""]),
        "predictions": _figures(predictions, ensembles, enough, thin * stride, rows, places),
        "theta": _figures(theta, ensembles, enough, thin * stride, rows, labels),
    }


def _figures(
    x: NDArray[np.float64],
    ensembles: int,
    enough: bool,
    thin: int,
    rows: JudgedRows,
    names: list[str],
) -> Mixing:
    """The worst figures over the components of x (N, W, K); constant components do not count.

    No R-hat where there are not ``enough`` ensembles for it.
    """
    from .mixing import autocorr_time, nested_rhat  # scipy, which whoever reads a verdict need not

    tau = autocorr_time(x, ensembles)
    rhat = np.full(x.shape[-1], np.nan)
    if enough:
        rhat = nested_rhat(x[:: _stride(len(x), rows.rhat)], ensembles)
    longest, worst = _largest(tau), _largest(rhat)
    return Mixing(
        rhat=worst,
        ess=None if longest is None else x.shape[0] * x.shape[1] / longest,
        tau=None if longest is None else longest * thin,
        where="" if worst is None else names[int(np.nanargmax(rhat))],
        apart="" if worst is None else _apart(x[..., int(np.nanargmax(rhat))], ensembles),
    )


def _apart(x: NDArray[np.float64], ensembles: int) -> str:
    """Which ensemble of x (N, W) differs most from the others in mean and spread, in words."""
    parts = x.reshape(len(x), ensembles, -1)
    mean, sd = parts.mean(axis=(0, 2)), parts.std(axis=(0, 2))
    odd = int(np.argmax(np.abs(mean - np.median(mean)) + np.abs(sd - np.median(sd))))
    others = np.delete(parts, odd, axis=1)
    return (
        f": {mean[odd]:.4g} ± {sd[odd]:.2g} (mean and spread) in ensemble {odd + 1} of "
        f"{ensembles}, "
        f"{others.mean():.4g} ± {others.std():.2g} in the others"
    )


def _stride(rows: int, most: int) -> int:
    return -(-rows // most)


def _largest(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else None


def _check_shapes(chain: NDArray[Any], log_prob: NDArray[Any], ensembles: int) -> None:
    if chain.ndim != 3 or log_prob.shape != chain.shape[:2]:
        raise RequestError(
            f"chain has shape {chain.shape} and log_prob {log_prob.shape}; expected (N, W, P) and "
            "(N, W): pass get_chain() and get_log_prob() of one run, not flattened"
        )
    if ensembles < 1 or chain.shape[1] % ensembles:
        raise RequestError(
            f"{chain.shape[1]} walkers cannot be shared equally by {ensembles} ensembles; pass the "
            "number of ensembles the run was made with"
        )


def _known(value: Any) -> float | None:
    return None if value is None else float(value)


def _show(value: float | None, form: str = ",.0f") -> str:
    return "—" if value is None else format(value, form)

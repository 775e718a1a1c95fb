"""The verdict on the model: whether network and noise describe the data at all.

A chain may have converged to the posterior of a model that is no good. Each test here is a named
one, and fires for about ``p_value`` of all data sets that the model does describe. Residuals are
those of the posterior mean, over yerr where the data bring errors.

- Worse than a constant: the mean square of the residuals against that about the best constant, of
  likelihoods whose constant fit is the mean of y.
- Residuals that are not Gaussian: Shapiro and Wilk's test (1965, Biometrika 52, 591).
- Noise that depends on x: Spearman's rank correlation of their size with each input, with the
  distance from the middle of each input, and with the prediction, with Bonferroni's correction.
- Noise that is given and is not that of the data: Σ r²/σ² against χ².
- Noise that is inferred and runs to zero, because the data have none.
- SGD still going down when it stopped: its loss over the last fifth of the epochs.
- Data outside of what the prior reaches: posterior/prior_check.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from ..common.tables import TabledPairs

__all__ = [
    "AT_END",
    "FIT_CRITERIA",
    "Check",
    "FitCriteria",
    "FitVerdict",
    "constant",
    "descending",
    "gaussian",
    "given_noise",
    "inferred_noise",
    "reach",
    "uneven",
]


@dataclass(frozen=True)
class FitCriteria:
    """The bounds of the verdict on the model."""

    p_value: float = 5e-3  # of a test that has a null distribution
    descent: float = 0.005  # nats a point of log likelihood that SGD gained in its last tenth
    points: int = 5000  # residuals that are tested, evenly spread; Shapiro and Wilk's tables end
    fewest: int = 8  # residuals below which nothing is said of their distribution


FIT_CRITERIA = FitCriteria()
AT_END = "SGD at its end"
LEAN, BULK_LEAN = 0.5, 0.15  # skewness, and Kelly's, from which a lean is spoken of


@dataclass(frozen=True)
class Check:
    """One test: its name, whether it fired, and what was found, in words.

    ``p`` is its p value, None where it has none.
    """

    name: str
    fired: bool
    text: str
    p: float | None = None


@dataclass(frozen=True, repr=False)
class FitVerdict(TabledPairs):
    """What the tests found, each once."""

    group: ClassVar[str] = "fit"

    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether no test fired."""
        return not self.reasons

    @property
    def word(self) -> str:
        """The verdict."""
        return "describes the data" if self.holds else "in doubt"

    @property
    def reasons(self) -> list[str]:
        """What the tests that fired say."""
        return [check.text for check in self.checks if check.fired]

    @property
    def unfinished(self) -> bool:
        """Whether SGD was still going down when it stopped."""
        return any(check.fired and check.name == AT_END for check in self.checks)

    def rows(self) -> list[tuple[str, str]]:
        """The verdict, and every test with what it found; what fired comes first."""
        ordered = sorted(self.checks, key=lambda check: not check.fired)
        return [("model", self.word), *((f"  {check.name}", check.text) for check in ordered)]

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict."""
        return {
            "holds": self.holds,
            "checks": {str(k): asdict(c) for k, c in enumerate(self.checks)},
        }

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> FitVerdict:
        """What :meth:`to_tree` gave; what was None is absent."""
        kept = tree.get("checks", {})
        parts = (kept[str(k)] for k in range(len(kept)))
        return cls(
            tuple(
                Check(
                    str(part["name"]),
                    bool(part["fired"]),
                    str(part["text"]),
                    None if part.get("p") is None else float(part["p"]),
                )
                for part in parts
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the verdict, and the tests by their names."""
        checks = {}
        for check in self.checks:
            kept = asdict(check)
            checks[kept.pop("name").lower().replace(" ", "_")] = kept
        return {"holds": self.holds, "word": self.word, "checks": checks}


def constant(fits: Mapping[str, float], alone: float, measure: str) -> Check:
    """``fits`` are the misfits of networks by their names, ``alone`` that of the best constant."""
    worse = [name for name, value in fits.items() if not value <= alone]
    shown = ", ".join(f"{name} {value:.4g}" for name, value in fits.items())
    if worse:
        return Check(
            "against a constant",
            True,
            f"{' and '.join(worse)}: worse than a constant ({measure} {shown}; a constant has "
            f"{alone:.4g}), so the network has not learned the data: train longer, scale the data "
            "(data.scale), or give the prior more room",
        )
    return Check("against a constant", False, f"{measure} {shown}; a constant has {alone:.4g}")


def gaussian(residuals: np.ndarray, criteria: FitCriteria = FIT_CRITERIA) -> Iterator[Check]:
    """Whether residuals (n,) may be Gaussian; nothing of fewer than a handful, or all equal."""
    from scipy.stats import shapiro

    some = _spread_out(residuals, criteria.points)
    if len(some) < criteria.fewest or np.ptp(some) == 0:
        return
    some = some / np.abs(some).max()
    statistic, p = shapiro(some)
    found = f"Shapiro–Wilk W = {statistic:.3f}, p = {p:.2g}"
    if p >= criteria.p_value:
        yield Check("residuals", False, f"may be Gaussian ({found})", float(p))
        return
    yield Check(
        "residuals", True, f"residuals are not Gaussian ({found}): {_shape(some)}", float(p)
    )


def _shape(residuals: np.ndarray) -> str:
    """In what way residuals (n,) are not Gaussian. A lean is one of the bulk, as by Kelly's measure
    of skewness; a few outliers on one side are none."""
    from scipy.stats import kurtosis, skew

    low, middle, high = np.quantile(residuals, [0.1, 0.5, 0.9])
    lean, bulk = float(skew(residuals)), abs(high + low - 2 * middle) / max(high - low, 1e-300)
    tails = float(kurtosis(residuals))
    if abs(lean) > LEAN and bulk > BULK_LEAN:
        return f"a lean to one side (skewness {lean:.1f}): the logarithm of y may be what to fit"
    if tails > 0:
        return (
            f"heavier tails, or outliers (excess kurtosis {tails:.1f}): Student's t has room for "
            "them (--set likelihood.kind=student)"
        )
    return "lighter tails than a Gaussian's, as of rounding or of uniform noise"


def uneven(
    residuals: np.ndarray,
    x: np.ndarray,
    predicted: np.ndarray,
    names: Iterable[str],
    criteria: FitCriteria = FIT_CRITERIA,
) -> Iterator[Check]:
    """Whether the size of residuals (n,) depends on inputs x (n, d) or on predictions (n,)."""
    from scipy.stats import spearmanr

    sizes = np.abs(_spread_out(residuals, criteria.points))
    columns = {
        name: _spread_out(one, criteria.points) for name, one in zip(names, x.T, strict=True)
    }
    columns["the prediction"] = _spread_out(predicted, criteria.points)
    columns |= {
        f"the distance of {name} from its middle": np.abs(one - np.median(one))
        for name, one in columns.items()
        if name != "the prediction"
    }
    columns = {name: one for name, one in columns.items() if np.ptp(one) > 0}
    if len(sizes) < criteria.fewest or np.ptp(sizes) == 0 or not columns:
        return
    found = {name: spearmanr(one, sizes) for name, one in columns.items()}
    name = min(found, key=lambda one: float(found[one].pvalue))
    rho, p = float(found[name].statistic), min(1.0, float(found[name].pvalue) * len(found))
    told = f"Spearman's ρ = {rho:.2f} with {name}, p = {p:.2g} of {len(found)} tried"
    if p >= criteria.p_value:
        yield Check("noise over x", False, f"no dependence seen ({told})", p)
        return
    way = "grow" if rho > 0 else "shrink"
    yield Check(
        "noise over x",
        True,
        f"residuals {way} with {name} ({told}): one noise for all points is too wide in one place "
        "and too narrow in another; give yerr, or fit the logarithm of y",
        p,
    )


def given_noise(
    square: float, n: int, parameters: int, weighted: bool, criteria: FitCriteria = FIT_CRITERIA
) -> Check:
    """Whether noise that is given may be that of the data: ``square`` is Σ r²/σ² over n points.

    A fit takes up to ``parameters`` of the degrees of freedom; either tail is judged with the
    number for which that tail is longest.
    """
    from scipy.stats import chi2

    above = float(chi2.sf(square, n))
    below = float(chi2.cdf(square, n - parameters)) if n > parameters else 1.0
    p = min(1.0, 2 * min(above, below))
    what = "the errors (yerr) are" if weighted else "the noise (likelihood.sigma) is"
    told = f"Σ r²/σ² = {square:.4g} at {n} points, χ² p = {p:.2g}"
    if p >= criteria.p_value:
        return Check("given noise", False, f"may be that of the data ({told})", p)
    size = "small" if above < below else "large"
    factor = np.sqrt(square / n)
    cure = "infer their factor" if weighted else "infer it"
    return Check(
        "given noise",
        True,
        f"{what} too {size}: residuals are {factor:.2g} times that ({told}); {cure} "
        "(--set likelihood.sigma=infer), or look for what the network cannot follow",
        p,
    )


def inferred_noise(sigma: float, none: str | None) -> Check:
    """Whether there is any: ``none`` says so where the mean of ``sigma`` is next to nothing."""
    if none is not None:
        return Check("inferred noise", True, none)
    return Check("inferred noise", False, f"sigma {sigma:.3g} on average")


def descending(
    epochs: np.ndarray, loss: np.ndarray, logarithmic: bool, criteria: FitCriteria = FIT_CRITERIA
) -> Iterator[Check]:
    """Whether the loss (T,) of one restart was still going down; the mean square of its residuals
    (``logarithmic``), or minus the mean log likelihood.

    Both have to be so: the mean of the last tenth lies below that of the tenth before it by
    ``criteria.descent`` nats a point, and over both the loss falls with the epoch by Spearman's
    test, one-sided.
    """
    from scipy.stats import spearmanr

    late, last = int(0.8 * len(loss)), int(0.9 * len(loss))
    if last - late < 5 or not np.isfinite(loss[late:]).all() or np.ptp(loss[late:]) == 0:
        return
    before, after = float(loss[late:last].mean()), float(loss[last:].mean())
    gain = before - after
    if logarithmic:
        gain = 0.5 * np.log(before / after) if after > 0 else np.inf
    p = float(spearmanr(epochs[late:], loss[late:], alternative="less").pvalue)
    told = (
        f"{gain:.2g} nats a point in the last tenth of the epochs, from {before:.4g} to {after:.4g}"
    )
    if gain <= criteria.descent or p >= criteria.p_value:
        yield Check(AT_END, False, f"had come to rest ({told})", p)
        return
    yield Check(
        AT_END,
        True,
        f"SGD was still going down when it stopped ({told}): more epochs bring it further "
        f"(--set train.epochs={4 * int(epochs[-1])})",
        p,
    )


def reach(warnings: Iterable[str]) -> Check:
    """What the check of the prior has to say."""
    told = "; ".join(warnings)
    if told:
        return Check("prior", True, f"the data are out of the prior's reach: {told}")
    return Check("prior", False, "reaches the data")


def _spread_out(values: np.ndarray, most: int) -> np.ndarray:
    """At most so many, evenly spread."""
    return values[:: -(-len(values) // most)]

"""What a scan over sizes found: one row a network, and which of them the evidence prefers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..common.tables import Table, Tabled
from ..data.dataset import Dataset
from ..diagnostics.criteria import STANDARD
from ..diagnostics.doubts import evidence_apart
from ..diagnostics.survey import Evidence, Survey

__all__ = ["Scan", "Size"]

EXTRAPOLATIONS = {
    "truth": "outside the data, RMSE against the noise-free truth over twice their range",
    "held out": "outside the inner half of the range, RMSE of a fit to that half",
    "none": "not told for several inputs, or where the inner half of the range is all or nothing",
}


@dataclass(frozen=True, eq=False)
class Size:
    """One network on the data.

    ``mse`` (R,) are those of all restarts (+inf: diverged), or −log L/n where the likelihood is not
    Gaussian, ``theta`` (P,) is the best of them, folded to one copy. What it says y is on average
    is ``fitted`` (n,) at the data and ``curve`` (m,) on the scan's grid; ``residual`` is the mean
    of |y − fitted| and ``extrapolation`` its error outside the data (NaN: not defined).
    ``log_z`` (E,) is one estimate a tempered run, ``log_evidence`` ± ``error`` what they make.
    """

    units: int
    activation: str
    mse: np.ndarray
    theta: np.ndarray
    fitted: np.ndarray
    curve: np.ndarray
    residual: float
    extrapolation: float
    log_z: np.ndarray
    log_evidence: float
    error: float
    start: str
    seconds: float
    failure: str = ""  # why there is no log Z at all
    survey: Survey | None = None  # log Z by importance sampling around all maxima

    @property
    def name(self) -> str:
        return f"{self.units} {self.activation} unit{'s' * (self.units > 1)}"

    @property
    def best(self) -> float:
        """Lowest mse of all restarts."""
        return float(self.mse.min())

    @property
    def median(self) -> float:
        """Median mse of all restarts, one of them."""
        return float(np.quantile(self.mse, 0.5, method="nearest"))

    @property
    def gap(self) -> float:
        """Nats between one run's log Z and the mean of the others, at most; NaN for one run."""
        runs = len(self.log_z)
        if runs < 2 or not np.isfinite(self.log_z).all():
            return math.nan
        return float(np.abs(self.log_z - self.log_z.mean()).max() * runs / (runs - 1))

    @property
    def trusted(self) -> bool:
        """Whether the runs agree on log Z within 1 nat, and importance sampling around all maxima
        agrees with them within the errors of both."""
        return self.gap <= STANDARD.max_log_z_gap and not self.doubt

    @property
    def doubt(self) -> str:
        """Why there is no log Z, or why all runs are wrong together; empty where neither is so."""
        evidence = Evidence(self.log_evidence, self.error, tuple(self.log_z.tolist()))
        return self.failure or " ".join(evidence_apart(evidence, self.survey, True, STANDARD))

    def as_dict(self) -> dict[str, Any]:
        """Numbers, arrays and strings."""
        levels = {
            f"q{q:02}": float(np.quantile(self.mse, q / 100, method="nearest"))
            for q in (5, 25, 50, 75, 95)
        }
        return {
            "units": self.units,
            "activation": self.activation,
            "parameters": len(self.theta),
            "mse": {"restarts": len(self.mse), "best": self.best, "median": self.median, **levels},
            "mean_absolute_residual": self.residual,
            "extrapolation_rmse": self.extrapolation,
            "evidence": {
                "log_z": self.log_evidence,
                "error": self.error,
                "per_run": self.log_z,
                "gap": self.gap,
                "trusted": self.trusted,
                "start": self.start,
                "around_maxima": None if self.survey is None else self.survey.log_z,
                "failure": self.doubt or None,
            },
            "theta": self.theta,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Scan(Tabled):
    """Networks of many sizes on the same data; ``x`` (m, d) is where their curves are told.

    ``extrapolated`` says what ``Size.extrapolation`` is: a key of EXTRAPOLATIONS. ``loss_name`` is
    what tables call ``Size.mse``.
    """

    data: Dataset
    likelihood: str
    x: np.ndarray
    sizes: tuple[Size, ...]
    extrapolated: str
    loss_name: str

    @property
    def trusted(self) -> bool:
        """Whether every log Z is."""
        return all(size.trusted for size in self.sizes)

    @cached_property
    def ranking(self) -> list[Size]:
        """The sizes whose log Z is trusted, the highest first."""
        known = [size for size in self.sizes if size.trusted]
        return sorted(known, key=lambda size: -size.log_evidence)

    @property
    def activations(self) -> list[str]:
        """In the order of the request, each once."""
        return list(dict.fromkeys(size.activation for size in self.sizes))

    def of(self, activation: str) -> list[Size]:
        """The sizes of one activation."""
        return [size for size in self.sizes if size.activation == activation]

    def answer(self) -> str:
        """How many units the data ask for, in a sentence or two."""
        if not self.ranking:
            return "No log Z is to be trusted: temper with more particles or more steps."
        first, *rest = self.ranking
        if (doubted := self.above(first)) is not None:
            return (
                f"Undecided: log Z is highest for {doubted.name}, where it is not to be trusted; "
                f"of those that are it is highest for {first.name}."
            )
        text = f"The evidence is highest for {first.name}"
        if rest:
            lead = first.log_evidence - rest[0].log_evidence
            error = math.hypot(first.error, rest[0].error)
            text += f", {lead:.2f} ± {error:.2f} nats above {rest[0].name}"
            text += f": a Bayes factor of {_factor(lead)}" if lead > 2 * error else ": undecided"
        missing = len(self.sizes) - len(self.ranking)
        left_out = f" {missing} of {len(self.sizes)} sizes are left out of this." if missing else ""
        return f"{text}.{left_out}"

    @property
    def decided(self) -> bool:
        """Whether the highest log Z of all is one that is trusted."""
        return bool(self.ranking) and self.above(self.ranking[0]) is None

    def above(self, first: Size) -> Size | None:
        """The size with the highest log Z where that is above ``first``'s, trusted or not."""
        higher = [size for size in self.sizes if size.log_evidence > first.log_evidence]
        return max(higher, key=lambda size: size.log_evidence, default=None)

    def table(self) -> Iterator[list[str]]:
        """Rows of the table, the heading first. :meth:`notes` are to stand below it."""
        loss = self.loss_name
        head = ["activation", "units", "parameters", f"best {loss}", f"median {loss}"]
        yield [*head, "mean |Δy|", "outside", "log Z", "to the best"]
        top = self.ranking[0].log_evidence if self.ranking else math.nan
        for s in self.sizes:
            numbers = (s.best, s.median, s.residual, s.extrapolation)
            yield [
                *(s.activation, str(s.units), str(len(s.theta))),
                *("–" if math.isnan(v) else f"{v:.4g}" for v in numbers),
                f"{s.log_evidence:.2f} ± {s.error:.2f}" + " ?" * (not s.trusted)
                if not s.failure
                else "none ?",
                f"{s.log_evidence - top:.2f}" if s.trusted else "",
            ]

    def notes(self) -> Iterator[str]:
        """What the table has to be read with, a line each."""
        yield f"likelihood: {self.likelihood}"
        if not self.data.scaling.is_none:
            yield f"log Z is of data as the network sees them: {self.data.scale_in_words}"
        yield f"outside: {EXTRAPOLATIONS[self.extrapolated]}"
        if not self.trusted:
            yield (
                "? not to be trusted: a tempered run lies more than "
                f"{STANDARD.max_log_z_gap:g} nat from the mean of the others, or there is only "
                "one, or all of them missed the highest mode"
            )
        for size in self.sizes:
            if size.doubt:
                yield f"{size.name}: {size.doubt}"
        yield self.answer()

    def tables(self) -> list[Table]:
        """What it shows."""
        return [Table(list(self.table()), head=True, notes=list(self.notes()))]

    def as_dict(self) -> dict[str, Any]:
        """Everything but the curves, as numbers, arrays and strings."""
        return {
            "data": {
                "n": self.data.n,
                "inputs": self.data.inputs,
                "name": self.data.name,
                "scale_in_words": self.data.scale_in_words,
            },
            "likelihood": self.likelihood,
            "extrapolated": self.extrapolated,
            "loss_name": self.loss_name,
            "sizes": [size.as_dict() for size in self.sizes],
            "trusted": self.trusted,
            "best": _called(self.ranking[0]) if self.decided else None,
            "answer": self.answer(),
        }


def _called(size: Size) -> dict[str, Any]:
    return {"units": size.units, "activation": size.activation, "log_z": size.log_evidence}


def _factor(nats: float) -> str:
    return f"{math.exp(nats):.3g}" if nats < 10 else f"10^{nats / math.log(10):.0f}"

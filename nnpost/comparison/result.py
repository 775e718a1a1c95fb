"""What a comparison found: SGD, MAP, MLE, best sample and posterior, and their table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from ..common.tables import Table, Tabled, plain_label
from ..data.dataset import MISFITS
from ..training.optimum import Optimum

__all__ = ["Comparison", "Predictions", "Summary"]

LARGE = 1e6  # from here on numbers are shown with six digits in all


@dataclass(frozen=True, eq=False)
class Summary:
    """Mean and standard deviation of a quantity over the posterior draws."""

    mean: Any
    sd: Any

    @classmethod
    def of_numbers(cls, tree: Mapping[str, Any]) -> Summary:
        """From a tree, of a quantity that is a number."""
        return cls(float(tree["mean"]), float(tree["sd"]))

    @classmethod
    def of(cls, values: np.ndarray) -> Summary:
        """Over the first axis."""
        mean, sd = values.mean(axis=0), values.std(axis=0)
        return cls(float(mean), float(sd)) if values.ndim == 1 else cls(mean, sd)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What y is on average under the posterior at inputs ``x`` (m, d), each (m,), or (m, C).

    Noise is not included: ``sd`` and the 5 % and 95 % quantiles are those of f(x), or of the
    probabilities and rates made of it.
    """

    x: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    q05: np.ndarray
    q95: np.ndarray

    def __post_init__(self) -> None:
        rows = [self.mean, self.sd, self.q05, self.q95]
        shape = self.mean.shape
        if self.x.ndim != 2 or any(row.shape != shape for row in rows) or len(shape) not in (1, 2):
            raise ValueError("predictions are at inputs (m, d), and each is (m,) or (m, C)")
        if len(self.mean) != len(self.x):
            raise ValueError(f"predictions are at {len(self.x)} inputs, found {len(self.mean)}")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Tabled):
    """Where the best SGD fit lies relative to the maximum of the posterior and to its bulk.

    ``sgd``, ``map``, ``mle`` and ``best_sample`` are as they were found; ``folded`` (4, P) has
    them, in this order, in one copy, and ``theta`` summarises the draws folded to that copy. This
    is the copy that tables, files and figures show.
    ``hpd_level`` is the share of posterior draws with a higher log posterior than SGD: 0 means
    SGD lies above all of them. ``mse_quantiles`` are those of all restarts.
    """

    group: ClassVar[str] = "comparison"

    sgd: Optimum
    map: Optimum
    mle: Optimum
    best_sample: Optimum
    folded: np.ndarray
    hpd_level: float
    restarts: int
    mse_quantiles: Mapping[str, float]
    log_posterior: Summary
    log_likelihood: Summary
    theta: Summary
    predictions: Predictions
    labels: tuple[str, ...]
    misfit: str = MISFITS[False]  # what tables call mse, as the posterior says

    @property
    def models(self) -> dict[str, Optimum]:
        """The four networks by the names that tables and legends show."""
        names = ("SGD", "MAP", "MLE", "best sample")
        return dict(zip(names, (self.sgd, self.map, self.mle, self.best_sample), strict=True))

    def table(self) -> Iterator[list[str]]:
        """Rows of the table: a heading, mse (or what it is called), log posterior, and every
        parameter, folded. :meth:`notes` are to stand below it."""
        models = self.models.values()
        yield ["", *(f"{name}{'*' * _vague(m)}" for name, m in self.models.items()), "posterior"]
        yield [self.misfit, *(f"{m.mse:.4g}" for m in models), ""]
        mean, sd = self.log_posterior.mean, self.log_posterior.sd
        values = (_number(m.log_prob) for m in models)
        yield ["log posterior", *values, f"{_number(mean)} ± {_number(sd)}"]
        for i, label in enumerate(self.labels):
            values = (_number(value) for value in self.folded[:, i])
            mean, sd = self.theta.mean[i], self.theta.sd[i]
            yield [plain_label(label), *values, f"{_number(mean, 2)} ± {_number(sd, 2)}"]

    def notes(self) -> Iterator[str]:
        """What the table has to be read with, a line each."""
        found = np.stack([m.theta for m in self.models.values()])
        if not np.array_equal(found, self.folded):
            yield (
                "parameters are folded to one copy; for sigmoid units the log posterior is that "
                "of the network as it was found"
            )
        if any(_vague(m) for m in self.models.values()):
            yield "* not an isolated maximum"
        if not self.mle.converged:
            yield (
                "the likelihood has no isolated maximum: it rises, or stays the same, as "
                "parameters run on; the MLE is where the climb ended, and its curve is what counts"
            )

    def tables(self) -> list[Table]:
        """What it shows."""
        return [Table(list(self.table()), head=True, notes=list(self.notes()))]

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict of arrays, numbers and strings."""
        tree = asdict(self)
        word = tree.pop("misfit")
        named = {} if word in MISFITS.values() else {"misfit": word}
        return tree | {"weighted": word == MISFITS[True]} | named

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Comparison:
        """What :meth:`to_tree` gave."""
        kinds = {
            **dict.fromkeys(("sgd", "map", "mle", "best_sample"), Optimum.from_tree),
            **dict.fromkeys(("log_posterior", "log_likelihood"), Summary.of_numbers),
            "theta": lambda t: Summary(**t),
            "predictions": lambda t: Predictions(**t),
            "labels": tuple,
        }
        read = {name: kinds.get(name, lambda v: v)(value) for name, value in tree.items()}
        weighted = bool(read.pop("weighted", False))
        return cls(**{"misfit": MISFITS[weighted]} | read)


def _vague(model: Optimum) -> bool:
    """Whether a maximum was looked for and there is no single point that is one."""
    return model.kind in ("map", "mle") and not model.converged


def _number(value: float, decimals: int = 3) -> str:
    return f"{value:.6g}" if abs(value) >= LARGE else f"{value:.{decimals}f}"

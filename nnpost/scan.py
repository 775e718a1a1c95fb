"""How many units do the data ask for? The same data under networks of many sizes and activations.

For every size: what training reaches over many restarts, how the best fit goes on outside the
data, and log Z, the logarithm of the evidence. The ratio of two evidences is the Bayes factor
between two sizes; it depends on the prior and on the noise level that the likelihood assumes.

log Z comes from independent tempered runs. It is trusted only where they agree: no run may lie
more than 1 nat from the mean of the others, the same rule as the verdict's on ensembles. That they
agree is necessary and not sufficient, as all of them may miss the same basin.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .compare import grid
from .data import Dataset
from .doubts import MAX_LOG_Z_GAP
from .errors import RequestError
from .network import MLP
from .posterior import Posterior
from .progress import Progress, told
from .temper import temper
from .train import train

__all__ = ["Scan", "Size", "Truth", "scan"]

Truth = Callable[[np.ndarray], np.ndarray]  # inputs (m, d) -> the mean of y there, (m,)
MEASURES = {
    "truth": "outside the data, RMSE against the noise-free truth over twice their range",
    "held out": "outside the inner half of the range, RMSE of a fit to that half",
    "none": "not told for several inputs, or where the inner half of the range is all or nothing",
}


@dataclass(frozen=True, eq=False)
class Size:
    """One network on the data.

    ``mse`` (R,) are those of all restarts (+inf: diverged), ``theta`` (P,) is the best of them,
    with ``fitted`` (n,) at the data and ``curve`` (m,) on the scan's grid; ``residual`` is its
    mean of |y − f| and ``extrapolation`` its error outside the data (NaN: not defined).
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
        """Whether the independent runs agree on log Z within 1 nat."""
        return self.gap <= MAX_LOG_Z_GAP

    def as_dict(self) -> dict[str, Any]:
        """Numbers, arrays and strings."""
        levels = {f"q{q:02}": float(np.quantile(self.mse, q / 100)) for q in (5, 25, 50, 75, 95)}
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
                "failure": self.failure or None,
            },
            "theta": self.theta,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Scan:
    """Networks of many sizes on the same data; ``x`` (m, d) is where their curves are told.

    ``extrapolated`` says what ``Size.extrapolation`` is: a key of MEASURES.
    """

    data: Dataset
    likelihood: str
    x: np.ndarray
    sizes: tuple[Size, ...]
    extrapolated: str

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
        text = f"The evidence is highest for {first.name}"
        if rest:
            lead = first.log_evidence - rest[0].log_evidence
            error = math.hypot(first.error, rest[0].error)
            text += f", {lead:.2f} ± {error:.2f} nats above {rest[0].name}"
            text += f": a Bayes factor of {_factor(lead)}" if lead > 2 * error else ": undecided"
        missing = len(self.sizes) - len(self.ranking)
        left_out = f" {missing} of {len(self.sizes)} sizes are left out of this." if missing else ""
        return f"{text}.{left_out}"

    def table(self) -> Iterator[list[str]]:
        """Rows of the table, the heading first. :meth:`notes` are to stand below it."""
        misfit = "mse" if self.data.yerr is None else "χ²/n"
        head = ["activation", "units", "parameters", f"best {misfit}", f"median {misfit}"]
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
        yield f"outside: {MEASURES[self.extrapolated]}"
        if not self.trusted:
            yield (
                "? not to be trusted: a tempered run lies more than "
                f"{MAX_LOG_Z_GAP:g} nat from the mean of the others, or there is only one"
            )
        for size in self.sizes:
            if size.failure:
                yield f"{size.name}: {size.failure}"
        yield self.answer()

    def as_dict(self) -> dict[str, Any]:
        """Everything but the curves, as numbers, arrays and strings."""
        return {
            "data": {"n": self.data.n, "inputs": self.data.inputs, "name": self.data.name},
            "likelihood": self.likelihood,
            "extrapolated": self.extrapolated,
            "sizes": [size.as_dict() for size in self.sizes],
            "trusted": self.trusted,
            "best": None if not self.ranking else _called(self.ranking[0]),
            "answer": self.answer(),
        }

    def __repr__(self) -> str:
        rows = list(self.table())
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = (
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in rows
        )
        return "\n".join([*lines, *self.notes()])

    def _repr_html_(self) -> str:
        head, *body = ([html.escape(cell) for cell in row] for row in self.table())
        lines = ["".join(f"<th>{cell}</th>" for cell in head)]
        lines += [f"<th>{row[0]}</th>" + "".join(f"<td>{c}</td>" for c in row[1:]) for row in body]
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes())
        return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>{notes}"


def scan(
    post: Posterior,
    hidden: Sequence[int] = (1, 2, 4, 8, 16),
    activations: Sequence[str] | None = None,
    training: Mapping[str, Any] | None = None,
    tempering: Mapping[str, Any] | None = None,
    ensembles: int = 4,
    truth: Truth | None = None,
    seed: int = 0,
    progress: Progress | bool = False,
) -> Scan:
    """Train and temper networks of one hidden layer of each size and activation.

    Args:
        post: the data, likelihood and prior; its network is replaced.
        hidden: numbers of units.
        activations: that of ``post`` where not given.
        training, tempering: settings of ``nnpost.train`` and ``nnpost.temper``.
        ensembles: E, independent tempered runs a size.
        truth: the mean of y at inputs (m, d), noise left out. The extrapolation error is against
            it, over twice the range of the data; without it another fit is made to the inner half
            of the range, and its error is against the points outside that half.
        seed: of all restarts and tempered runs.
        progress: True for a bar, or a function called as ``progress(done, total, text)``.

    Raises:
        RequestError: no size, a size or activation twice, or settings that cannot be used.
    """
    kinds = (post.net.activation,) if activations is None else tuple(activations)
    for what, values in (("hidden", tuple(hidden)), ("activation", kinds)):
        if not values or len(set(values)) < len(values):
            shown = ", ".join(map(str, values)) or "nothing"
            raise RequestError(f"{what}: found {shown}, expected one or more, each once")
    posts = [
        replace(post, net=MLP(post.data.inputs, (units,), kind))
        for kind in kinds
        for units in hidden
    ]
    recipe = {**(training or {}), "seed": seed}
    ladder = {**(tempering or {}), "ensembles": ensembles, "seed": seed}
    inner = None if truth is not None else inner_half(post.data)
    sizes = []
    with told(progress, "units") as tell:
        for one in posts:
            sizes.append(_size(one, recipe, ladder, truth, inner))
            text = f"{sizes[-1].name}: log Z {sizes[-1].log_evidence:.2f}"
            tell(len(sizes), len(posts), text)
    measured = not math.isnan(sizes[0].extrapolation)
    measure = "none" if not measured else "truth" if truth is not None else "held out"
    return Scan(post.data, likelihood_name(post), grid(post.data.x), tuple(sizes), measure)


def inner_half(data: Dataset) -> np.ndarray | None:
    """Which points (n,) lie in the inner half of the range of one input; None where that is all
    or fewer than two of them, and for several inputs."""
    if data.inputs > 1:
        return None
    x = data.x[:, 0]
    inner = np.abs(x - (x.min() + x.max()) / 2) <= (x.max() - x.min()) / 4
    return inner if 2 <= inner.sum() < data.n else None


def _size(
    post: Posterior,
    recipe: Mapping[str, Any],
    ladder: Mapping[str, Any],
    truth: Truth | None,
    inner: np.ndarray | None,
) -> Size:
    fits, data = train(post, **recipe), post.data
    evidence = _evidence(post, ladder)
    theta, x = fits.sgd.theta, grid(data.x)
    fitted = post.predict(theta)
    if truth is not None:
        outside = _known_extrapolation(post, theta, truth)
    else:
        outside = math.nan if inner is None else _held_out(post, recipe, inner)
    return Size(
        units=post.net.hidden[0],
        activation=post.net.activation,
        mse=fits.mse,
        theta=theta,
        fitted=fitted,
        curve=post.predict(theta, x),
        residual=float(np.abs(data.y - fitted).mean()),
        extrapolation=outside,
        **evidence,
    )


def _evidence(post: Posterior, ladder: Mapping[str, Any]) -> dict[str, Any]:
    """What tempering found. A search for basins that nobody asked for may fail, and is told."""
    try:
        found = temper(post, **ladder)
    except RequestError as error:
        chosen = ladder.get("start", "auto") == "auto" and str(error).startswith("temper.start")
        if not chosen:
            raise
        none = np.full(ladder["ensembles"], math.nan)
        return {"log_z": none, "log_evidence": math.nan, "error": math.nan, "start": "basins",
                "seconds": math.nan, "failure": str(error)}  # fmt: skip
    return {"log_z": found.log_z, "log_evidence": found.log_evidence, "error": found.error,
            "start": found.start, "seconds": found.seconds}  # fmt: skip


def _known_extrapolation(post: Posterior, theta: np.ndarray, truth: Truth) -> float:
    """RMSE against the truth on the part of the grid that lies outside the data."""
    if post.data.inputs > 1:
        return math.nan
    x, own = grid(post.data.x), post.data.x[:, 0]
    x = x[(x[:, 0] < own.min()) | (x[:, 0] > own.max())]
    return _rms(post.predict(theta, x) - truth(x))


def _held_out(post: Posterior, recipe: Mapping[str, Any], inner: np.ndarray) -> float:
    """RMSE at the outer points of the best fit to the inner ones."""
    data = post.data
    yerr = None if data.yerr is None else data.yerr[inner]
    part = Dataset(data.x[inner], data.y[inner], yerr, name=f"inner half of {data.name}")
    batch = recipe.get("batch_size")
    fewer = {} if batch is None else {"batch_size": min(batch, part.n)}
    best = train(replace(post, data=part), **{**recipe, **fewer}).sgd.theta
    return _rms(post.predict(best, data.x[~inner]) - data.y[~inner])


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def likelihood_name(post: Posterior) -> str:
    """The likelihood in words, with the noise level that it assumes."""
    sigma = getattr(post.likelihood, "sigma", None)
    if sigma is None:
        return f"exp(−MSE), Gaussian noise of σ = {math.sqrt(post.data.n / 2):.3g}"
    if sigma == "infer":
        return "Gaussian, σ inferred"
    return f"Gaussian, σ = {sigma:g}" + ("" if post.data.yerr is None else " · yerr")


def _called(size: Size) -> dict[str, Any]:
    return {"units": size.units, "activation": size.activation, "log_z": size.log_evidence}


def _factor(nats: float) -> str:
    return f"{math.exp(nats):.3g}" if nats < 10 else f"10^{nats / math.log(10):.0f}"

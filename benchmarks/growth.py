"""How the cost grows, with units, points, walkers, restarts and ensembles: `make growth`.

    python benchmarks/growth.py [--provisional]

Seconds on one core, the least of several turns in which all sizes of a panel take part one after
the other (what else the machine does only adds), for sizes a factor of two or four apart. What is
held fixed stands in each panel's title. The exponent is that of cost ~ size^exponent over the
largest sizes, a factor of four or more: 1 is proportional, less is overhead that still counts. It
takes about four minutes; the table is printed and written to docs/benchmarks.md, with
docs/images/growth.png and benchmarks/results/growth.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import page
from matplotlib.figure import Figure
from measure import Job, figures, in_turn, machine, repeated
from sampling import one_core

import nnpost
from nnpost.figures.style import BLACK, GREY, PALETTE, new_figure, save, styled
from nnpost.posterior.output_layer import OutputLayer

TURNS = 9
COLOURS = (*PALETTE[:6], BLACK, GREY)  # without yellow, which white swallows
BRIEF = 5e5  # sigmoids that a call should have at least, or it is repeated
NAMES = ("log density", "value and gradient", "collapsed with draw", "collapsed gradient")
SIZES = {
    "units": (1, 2, 4, 8, 16, 32, 64),
    "points": (100, 400, 1_600, 6_400, 25_600, 102_400),
    "walkers": (2, 8, 32, 128, 512, 2_048),
    "restarts": (1, 4, 16, 64, 256, 1_024),
    "ensembles": (1, 2, 4, 8, 16),
}
FIXED = {
    "units": "64 walkers, 1,000 points",
    "points": "64 walkers, 2 units",
    "walkers": "2 units, 500 points",
    "restarts": "2 units, 500 points, 1,000 epochs",
    "ensembles": "2 units, 500 points, 32 walkers each",
}


@dataclass(frozen=True)
class Curve:
    """Seconds of one thing over sizes."""

    name: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """Of cost ~ size^exponent, from a quarter of the largest size to the largest."""
        sizes, seconds = np.array(self.sizes), np.array(self.seconds)
        first = np.flatnonzero(sizes <= sizes[-1] / 4)[-1]
        return float(np.log(seconds[-1] / seconds[first]) / np.log(sizes[-1] / sizes[first]))


def densities(walkers: int, units: int, n: int) -> dict[str, Job]:
    """The four densities at a size, by name."""
    rng = np.random.default_rng(0)
    x = np.linspace(-5, 5, n)
    post = nnpost.Posterior(nnpost.MLP(1, (units,)), nnpost.Dataset(x, x**2 + rng.random(n)))
    layer, theta = OutputLayer(post), 5 * rng.standard_normal((walkers, post.ndim))
    h = layer.split(theta)
    made: tuple[Job, ...] = (
        lambda: post.log_prob(theta),
        lambda: post.log_prob_and_grad(theta),
        lambda: layer.draw(h, rng),
        lambda: layer.log_prob_and_grad(h),
    )
    return dict(zip(NAMES, made, strict=True))


def of_densities(
    sizes: tuple[int, ...], shape: Callable[[int], tuple[int, int, int]]
) -> list[Curve]:
    """A curve for each density; ``shape`` gives walkers, units and points at a size."""
    jobs: dict[str, Job] = {}
    calls = {size: max(1, round(BRIEF / np.prod(shape(size)))) for size in sizes}
    for size in sizes:
        for name, job in densities(*shape(size)).items():
            jobs[f"{name} {size}"] = repeated(job, calls[size])
    spent = {name: float(seconds.min()) for name, seconds in in_turn(TURNS, **jobs).items()}
    return [
        Curve(name, sizes, tuple(spent[f"{name} {size}"] / calls[size] for size in sizes))
        for name in NAMES
    ]


def of_training(sizes: tuple[int, ...]) -> list[Curve]:
    """All restarts together, and the search for MAP and MLE that follows."""
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola())
    return [_curve("train, MAP and MLE included", sizes, lambda r: nnpost.train(post, restarts=r))]


def of_sampling(sizes: tuple[int, ...]) -> list[Curve]:
    """Tempered starts, and 200 steps of chains beside each other."""
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola())

    def steps(moves: str, ensembles: int) -> object:
        return nnpost.sample(post, ensembles=ensembles, nsteps=200, moves=moves, start="prior")

    return [
        _curve("tempered starts", sizes, lambda e: nnpost.temper(post, ensembles=e), turns=1),
        _curve("200 collapsed steps", sizes, partial(steps, "collapsed")),
        _curve("200 stretch steps", sizes, partial(steps, "stretch")),
    ]


def _curve(
    name: str, sizes: tuple[int, ...], job: Callable[[int], object], turns: int = 3
) -> Curve:
    seconds = in_turn(turns, **{str(size): partial(job, size) for size in sizes})
    return Curve(name, sizes, tuple(float(s.min()) for s in seconds.values()))


def all_curves() -> dict[str, list[Curve]]:
    """By what grows."""
    return {
        "units": of_densities(SIZES["units"], lambda u: (64, u, 1_000)),
        "points": of_densities(SIZES["points"], lambda n: (64, 2, n)),
        "walkers": of_densities(SIZES["walkers"], lambda w: (w, 2, 500)),
        "restarts": of_training(SIZES["restarts"]),
        "ensembles": of_sampling(SIZES["ensembles"]),
    }


@styled
def drawn(found: dict[str, list[Curve]], on: str) -> Figure:
    """A panel for each; the grey line is cost proportional to the size."""
    fig = new_figure(7.2, 4.8)
    axes = fig.subplots(2, 3).ravel()
    colours: dict[str, str] = {}
    for ax, (what, curves) in zip(axes, found.items(), strict=False):
        for curve in curves:
            colour = colours.setdefault(curve.name, COLOURS[len(colours)])
            ax.plot(curve.sizes, curve.seconds, "o-", color=colour, markersize=3.5, lw=1.2)
        sizes = np.array(curves[0].sizes)
        top = max(curve.seconds[-1] for curve in curves)
        ax.plot(sizes, 2 * top * sizes / sizes[-1], ":", color=GREY, lw=1)
        lowest = min(min(curve.seconds) for curve in curves)
        ax.set(xscale="log", yscale="log", ylim=(lowest / 2, top * 4), xlabel=f"number of {what}")
        ax.set_title(FIXED[what], fontsize=8)
    for ax in axes[::3]:
        ax.set_ylabel("seconds")
    last = axes[-1]
    last.set_axis_off()
    for name, colour in colours.items():
        last.plot([], [], "o-", color=colour, markersize=3.5, lw=1.2, label=name)
    last.plot([], [], ":", color=GREY, lw=1, label="proportional to the number")
    last.legend(loc="center left", title=on)
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--provisional", action="store_true", help="the machine is not idle")
    options = parser.parse_args()
    with one_core():
        found = all_curves()
    on = machine()
    rows = [
        (what, FIXED[what], curve.name, f"{curve.sizes[0]:,} … {curve.sizes[-1]:,}",
         figures((curve.seconds[0], curve.seconds[-1])), f"{curve.exponent:.2f}")
        for what, curves in found.items() for curve in curves
    ]  # fmt: skip
    text = page.table(("number of", "at", "what", "from … to", "seconds", "exponent"), rows)
    said = f"On {page.where(on, options.provisional)}"
    print(f"{said}\n\n{text}")
    kept = {
        what: [asdict(curve) | {"exponent": curve.exponent} for curve in curves]
        for what, curves in found.items()
    }
    page.keep("growth", {"machine": on, "provisional": options.provisional, "curves": kept})
    page.put("growth", f"{said}\n\n{text}")
    save(drawn(found, f"one core of\n{on['processor']}"), page.IMAGES / "growth", ["png"])


if __name__ == "__main__":
    main()

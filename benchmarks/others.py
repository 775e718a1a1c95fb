"""Other samplers beside nnpost, on the same posteriors: `make others`, 40 minutes.

    python benchmarks/others.py [--seconds 60] [--only NAME ...] [--provisional]
    python benchmarks/others.py --redraw    # the picture alone, from the results that are kept

Two sigmoid units on the parabola, with the article's exp(−MSE) and with the noise at its true
size. Every sampler has so many seconds of one core, its warm-up among them and compiling not, and
fixed seeds; nested sampling, which has nothing to show before its end, may take five times as long,
and nnpost makes 5,000 steps, which is its default, however long they take. Chains start at
prior draws, and at the true noise once more close to the maximum, which they are then told; the
article's loop starts from its own ball around zero, or around the maximum.

An effective draw is one of the log posterior or of the predictions at 16 inputs, whichever has
fewest. Errors are distances from benchmarks/results/reference.json (problems.py); a band is the
mean, the 5 % and the 95 % quantile of the predictions. A chain that has not found all of the
posterior seems to mix well: R-hat of four chains and the errors tell.

The tables are printed and written to docs/benchmarks.md, with docs/images/samplers.png and
benchmarks/results/others.json. What is not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec

import ensembles
import gradients
import nested
import numpy as np
import page
from judged import Judged, Sampled, judged
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from measure import figures, machine
from problems import Problem, parabola, reference
from sampling import one_core

import nnpost
from nnpost.figures.style import BLACK, BLUE, GREEN, ORANGE, VERMILION, new_figure, save, styled

SECONDS, NESTED = 60.0, 5.0  # of nested sampling, times as long
APART = (0.7, 0.4)  # decades, from which on numbers beside two points do not meet


@dataclass(frozen=True)
class Sampler:
    """One of those that are compared."""

    name: str
    run: Callable[[Problem, float], Sampled]
    package: str  # that it needs
    colour: str
    chained: bool = True  # whether it begins where it is told to
    patience: float = 1.0  # how many times as long as others it may take


SAMPLERS = (
    Sampler("nnpost", ensembles.ours, "emcee", VERMILION, chained=False),
    Sampler("article's loop", ensembles.article, "emcee", ORANGE),
    Sampler("emcee, stretch", ensembles.stretch, "emcee", ORANGE),
    Sampler("zeus", ensembles.zeus, "zeus", ORANGE),
    Sampler("NumPyro NUTS", gradients.numpyro_nuts, "numpyro", BLUE),
    Sampler("BlackJAX NUTS", gradients.blackjax_nuts, "blackjax", BLUE),
    Sampler("BlackJAX MCLMC", gradients.mclmc, "blackjax", BLUE),
    Sampler("nautilus, collapsed", nested.nautilus, "nautilus", GREEN, False, NESTED),
    Sampler("dynesty", nested.dynesty_full, "dynesty", GREEN, False, NESTED),
    Sampler("dynesty, collapsed", nested.dynesty_collapsed, "dynesty", GREEN, False, NESTED),
)
PARTS = (  # title, likelihood, whether the maximum is told
    ("exp(−MSE), chains from prior draws", "mse", False),
    ("σ = 0.1443, chains from prior draws", "σ = 0.1443", False),
    ("σ = 0.1443, chains from the maximum", "σ = 0.1443", True),
)


def measured(samplers: list[Sampler], seconds: float) -> dict[str, list[Judged]]:
    """All samplers on all posteriors; those that the maximum is of no use to are in two parts."""
    found: dict[str, list[Judged]] = {}
    for title, name, told in PARTS:
        post = parabola(name)
        around = nnpost.train(post).map.theta if told else None
        problem, known = Problem(post, around), reference(name)
        print(f"\n{title}\n")
        found[title] = []
        for sampler in samplers:
            if told and not sampler.chained:
                continue
            try:
                row = judged(
                    post, sampler.name, sampler.run(problem, sampler.patience * seconds), known
                )
            except Exception as error:
                print(f"{sampler.name} failed: {type(error).__name__}: {error}")
                continue
            found[title].append(row)
            print(" | ".join(cells(row)), flush=True)
    return found


def installed(samplers: tuple[Sampler, ...]) -> list[Sampler]:
    """Those that can be run; a line for each of the others."""
    there = []
    for sampler in samplers:
        if find_spec(sampler.package) is None:
            print(
                f"{sampler.name}: {sampler.package} is not installed, left out; "
                "pip install '.[bench]' -c constraints.txt"
            )
        else:
            there.append(sampler)
    return there


HEAD = (
    "sampler", "compiling / warm-up / sampling, s", "effective draws a second", "R-hat",
    "mean log posterior, off by", "band, off by, in sd", "log Z, off by", "",
)  # fmt: skip


def cells(row: Judged) -> tuple[str, ...]:
    """Of a table; what is well converged has its speed in bold."""
    rate = figures((row.rate,))
    seconds = " / ".join(f"{part:.1f}" for part in (row.compiling, row.warmup, row.sampling))
    rest = (number(row.rhat, 3), *(number(v, 3) for v in (row.log_prob_error, row.band_error)))
    speed = f"**{rate}**" if converged(row) else rate
    return (row.sampler, seconds, speed, *rest, number(row.log_z_error, 3), row.note)


def number(value: float, digits: int) -> str:
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞"
    return f"{value:,.0f}" if value >= 100 else f"{value:.{digits}f}"


def converged(row: Judged) -> bool:
    """R-hat below 1.01 and 400 effective draws; of nested sampling, that it has finished."""
    mixed = row.note != nested.UNFINISHED if np.isnan(row.rhat) else row.rhat < 1.01
    return mixed and row.effective > 400


@styled
def drawn(found: dict[str, list[Judged]]) -> Figure:
    """Speed against error, a panel for each posterior; hollow is what has not converged.

    The numbers stand beside the points, those of points that lie on each other in one list.
    """
    fig = new_figure(7.2, 3.3)
    axes = fig.subplots(1, len(found), sharex=True, sharey=True)
    colours = {sampler.name: sampler.colour for sampler in SAMPLERS}
    numbers = {sampler.name: k + 1 for k, sampler in enumerate(SAMPLERS)}
    for ax, (title, rows) in zip(axes, found.items(), strict=True):
        for row in rows:
            colour = colours[row.sampler]
            face = colour if converged(row) else "white"
            ax.plot(*place(row), "o", color=colour, markerfacecolor=face, markersize=6)
        for group in together(rows):
            shown = ", ".join(str(numbers[row.sampler]) for row in group)
            at = max(map(place, group))
            ax.annotate(shown, at, (5, 3), textcoords="offset points", fontsize=7.5, color=BLACK)
        ax.set(xscale="log", yscale="log", title=title.replace(", ", "\n", 1))
        ax.margins(0.15)
    axes[len(axes) // 2].set_xlabel("effective draws a second")
    axes[0].set_ylabel("error of the predictions'\nband, in their sd")
    handles = [
        Line2D([], [], ls="none", marker=f"${k}$", color=colours[name], label=name)
        for name, k in numbers.items()
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=5, handletextpad=0.1)
    return fig


def kept() -> dict[str, list[Judged]]:
    """What main() has written to benchmarks/results/others.json."""
    parts = json.loads((page.RESULTS / "others.json").read_text("utf-8"))["parts"]
    names = [field.name for field in fields(Judged)]
    return {
        title: [Judged(*(np.nan if row[n] is None else row[n] for n in names)) for row in rows]
        for title, rows in parts.items()
    }


def place(row: Judged) -> tuple[float, float]:
    """Where a sampler stands in the picture."""
    return max(row.rate, 1e-2), max(row.band_error, 1e-3)


def together(rows: list[Judged]) -> list[list[Judged]]:
    """Samplers whose points are near each other, as far as there is a chain of such; each once."""
    groups: list[list[Judged]] = []
    for row in rows:
        near = [group for group in groups if any(close(row, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(other for group in near for other in group), row])
    return groups


def close(one: Judged, other: Judged) -> bool:
    """Whether a number beside one point would lie on the other or on its number."""
    x, y = np.abs(np.log10(place(one)) - np.log10(place(other)))
    return bool(x < APART[0] and y < APART[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each sampler")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="print these and write nothing")
    parser.add_argument("--provisional", action="store_true", help="the machine is not idle")
    parser.add_argument("--redraw", action="store_true", help="the picture alone, from the results")
    options = parser.parse_args()
    if options.redraw:
        save(drawn(kept()), page.IMAGES / "samplers", ["png"])
        return
    asked = tuple(s for s in SAMPLERS if not options.only or s.name in options.only)
    with one_core():
        found = measured(installed(asked), options.seconds)
    if options.only:
        return
    on = machine()
    page.keep("others", {
        "machine": on, "seconds": options.seconds, "provisional": options.provisional,
        "parts": {t: [asdict(r) | {"rate": r.rate} for r in rows] for t, rows in found.items()},
    })  # fmt: skip
    tables = [
        f"{title}:\n\n{page.table(HEAD, [cells(row) for row in rows])}"
        for title, rows in found.items()
    ]
    said = f"{options.seconds:g} seconds each on {page.where(on, options.provisional)}"
    page.put("others", "\n\n".join([said, *tables]))
    save(drawn(found), page.IMAGES / "samplers", ["png"])


if __name__ == "__main__":
    main()

"""What people ask a corner plot for: parameters, ranges, quantiles, titles, truths, many restarts.

And where its axes end by themselves, on columns whose quantiles are known.
"""

import dataclasses
from statistics import NormalDist

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgba
from test_figures import CENTRE, NET, WIDTH, a_run, grid_of, legend_texts, lines_of, some_fits
from test_overlap import overlapping

from nnpost import figures
from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.figures.curves import band_draws
from nnpost.figures.limits import limits
from nnpost.figures.overlays import DOTS
from nnpost.figures.parameters import chosen, listed, place
from nnpost.figures.style import SKY
from nnpost.network.mlp import MLP
from nnpost.network.symmetry import fold, jump
from nnpost.posterior.posterior import Posterior

LABELS = NET.labels
LEVELS = (np.arange(20_000) + 0.5) / 20_000
GAUSSIAN = np.array([NormalDist().inv_cdf(p) for p in LEVELS])
EXPONENTIAL = -np.log1p(-LEVELS)
LONG = EXPONENTIAL**2  # a Weibull distribution: its tail is longer than an exponential one


@pytest.fixture(scope="module")
def run():
    x = np.linspace(-5, 5, 40)
    return a_run(Posterior(NET, Dataset(x=x, y=x**2, name="parabola")), CENTRE, WIDTH)


@pytest.fixture(scope="module")
def fits(run):
    return some_fits(run.post, CENTRE + WIDTH, CENTRE, CENTRE)


def facts(fig):
    return fig.legends[0].get_title().get_text()


def said(ax):
    return [text.get_text() for text in ax.texts]


def ends(column, asked=None):
    return limits(["$w$"], column[:, None], [], {} if asked is None else {0: asked})[0]


# Which parameters


def test_a_parameter_has_a_plain_name_a_label_and_a_number():
    for k, (name, label) in enumerate(zip(["w1", "w2", "b1", "b2"], LABELS, strict=False)):
        assert [place(LABELS, name), place(LABELS, label), place(LABELS, k)] == [k] * 3
    assert place(LABELS, -1) == place(LABELS, np.int64(6)) == 6
    assert place([*LABELS, r"$\log\,\sigma$"], "log sigma") == 7


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["w3"], "unknown parameter 'w3': expected one of w1, w2, b1, b2, a1, a2, c; did you mean"),
        ([7], "parameter 7: expected a name such as w1, or a number below 7"),
        ([1.5], "parameter 1.5: expected a name"),
        ([True], "parameter True: expected a name"),
        (["w1", 0], "found w1 twice, expected each once"),
        ("w1", r"found the text 'w1', expected a list such as \['w1', 'b1'\]"),
        ([], "parameters is empty"),
    ],
)
def test_parameters_that_are_not_there_are_refused(wrong, message):
    with pytest.raises(RequestError, match=message):
        chosen(NET, LABELS, wrong)


def test_names_with_commas_are_told_from_lists():
    several = MLP(2, (2,)).labels
    assert listed("w1,1,w2,2,c", several) == ["w1,1", "w2,2", "c"]
    assert listed("w1,2,0, a1", several) == ["w1,2", 0, "a1"]
    assert listed("w1,b1,3", LABELS) == ["w1", "b1", 3]
    module = ["0.weight[0, 0]", "0.weight[0, 1]", "0.bias[0]"]  # of a module of one's own
    assert listed("0.weight[0, 1],0.bias[0],0", module) == ["0.weight[0, 1]", "0.bias[0]", 0]
    assert listed("0.weight[0,1]", module) == ["0.weight[0, 1]"]
    assert listed("w9,c", LABELS) == ["w9", "c"]  # refused where it is looked up


def test_the_corner_is_that_of_the_parameters_by_name(run):
    axes = grid_of(figures.corner(run, parameters=["c", "w1"]), 2)
    assert [ax.get_xlabel() for ax in axes[-1]] == ["$c$", "$w_{1}$"]
    low, high = axes[1, 1].get_xlim()
    assert low < CENTRE[0] < high < 3  # the axis is w₁'s and not c's, around 27


# Where axes end


def test_an_axis_holds_the_central_98_percent():
    low, high = ends(GAUSSIAN)
    edge = NormalDist().inv_cdf(0.99)
    assert (low, high) == pytest.approx((-1.08 * edge, 1.08 * edge), rel=1e-3)  # 4 % of 2 edges


def test_an_axis_of_a_long_tail_holds_the_shortest_90_percent():
    """Of ever falling densities that interval begins at zero."""
    for column, power in ((EXPONENTIAL, 1), (LONG, 2)):
        edge = np.log(10) ** power
        assert ends(column) == pytest.approx((-0.04 * edge, 1.04 * edge), rel=2e-3)
        assert ends(-column) == pytest.approx((-1.04 * edge, 0.04 * edge), rel=2e-3)


def test_a_second_lump_is_no_tail():
    """It stays in sight, however little it holds beyond 1 % of the draws in a bin."""
    for share in (0.03, 0.08):
        lump = np.concatenate([GAUSSIAN, 20 + GAUSSIAN[:: int((1 - share) / share)]])
        low, high = ends(lump)
        assert low < -2
        assert high > 20


def test_columns_that_do_not_vary_have_an_axis_with_a_width():
    assert ends(np.full(100, 5.0)) == (2.5, 7.5)


def test_ranges_are_limits_or_shares_of_the_draws(run):
    named = ["w1", "b1", "c"]
    fig = figures.corner(run, parameters=named, ranges={"w1": (0.9, 1.3), 6: 0.5})
    axes = grid_of(fig, 3)
    assert axes[0, 0].get_xlim() == axes[1, 0].get_xlim() == (0.9, 1.3)
    draws = fold(NET, run.samples)
    low, high = np.quantile(draws[:, 6], [0.25, 0.75])
    pad = 0.04 * (high - low)
    assert axes[2, 2].get_xlim() == pytest.approx((low - pad, high + pad))
    free = figures.corner(run, parameters=named)
    assert axes[1, 1].get_xlim() == grid_of(free, 3)[1, 1].get_xlim()
    below, above = np.mean(draws[:, 0] < 0.9), np.mean(draws[:, 0] > 1.3)
    assert said(axes[0, 0]) == [f"← {below:.0%}", f"{above:.0%} →"]
    assert said(axes[1, 1]) == []
    assert "arrows: share of the draws beyond" in facts(fig)
    assert "arrows" not in facts(free)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"w1": (3, 1)}, r"ranges: found \(3, 1\) for w1, expected \(low, high\) with low < high"),
        ({"w1": 1.5}, "found 1.5 for w1"),
        ({"w1": "wide"}, "found 'wide' for w1"),
        ({"w1": (0, np.inf)}, "for w1, expected"),
        ({"w2": (0, 1)}, "w2 is not drawn: name it among the parameters"),
        ({"x": (0, 1)}, "unknown parameter 'x'"),
        ({"w1": (8, 9)}, r"found no draw with w1 within \(8, 9\), expected some"),
        ([(0, 1), (0, 1)], "expected pairs or shares by parameter"),
    ],
)
def test_ranges_that_cannot_be_drawn_are_refused(run, ranges, message):
    with pytest.raises(RequestError, match=message):
        figures.corner(run, parameters=["w1", "b1"], ranges=ranges)


# Quantiles, titles, truths


def test_draws_of_all_walkers_are_drawn_however_long_the_chain_is(run):
    """Every other one of 100,000 draws is of every other walker, and of 64,000 every 32nd is of
    one: the bands of curves and the quantiles would be theirs alone."""
    walkers = np.arange(run.nwalkers)
    for rows, own in ((2000, walkers), (100_000 // len(walkers), walkers % 2)):
        chain = np.tile(CENTRE, (rows, len(walkers), 1))
        chain[..., -1] = own
        log_prob = np.zeros(chain.shape[:2])
        long = dataclasses.replace(run, chain=chain, log_prob=log_prob, discard=0)
        assert set(band_draws(long)[:, -1]) == set(own)
    vars(long)["best_sample"] = run.best_sample
    fig = figures.corner(long, parameters=["c"], unfolded=True, quantiles=(0.25, 0.75))
    drawn = [line for line in fig.axes[0].lines if line.get_color() == "#404040"]
    assert [line.get_xdata()[0] for line in drawn] == [0.0, 1.0]


def test_quantiles_are_lines_at_the_quantiles_of_the_draws(run):
    fig = figures.corner(run, parameters=["w1", "c"], quantiles=(0.16, 0.84))
    draws = fold(NET, run.samples)
    for k, column in ((0, 0), (1, 6)):
        drawn = [line for line in grid_of(fig, 2)[k, k].lines if line.get_color() == "#404040"]
        found = [line.get_xdata()[0] for line in drawn]
        assert found == pytest.approx(np.quantile(draws[:, column], [0.16, 0.84]))
    assert "16, 84 % quantiles" in legend_texts(fig)


def test_titles_tell_median_and_distances_with_two_digits_of_the_smaller(run):
    exact = np.quantile(fold(NET, run.samples)[:, 6], [0.16, 0.5, 0.84, 0.025, 0.975])
    for levels, (low, middle, high) in (
        ((), exact[:3]),
        ((0.1, 0.9), exact[:3]),  # two are no title
        ((0.975, 0.5, 0.025), (exact[3], exact[1], exact[4])),
    ):
        fig = figures.corner(run, parameters=["c"], titles=True, quantiles=levels)
        minus, plus = f"{middle - low:.1f}", f"{high - middle:.1f}"
        title = f"$c$$={middle:.1f}_{{-{minus}}}^{{+{plus}}}$"
        assert grid_of(fig, 1)[0, 0].get_title() == title
    assert "titles: 2.5, 50, 97.5 % quantiles" in facts(fig)


@pytest.mark.parametrize("wrong", [(1.5,), (0,), ("half",), 0.5])
def test_levels_that_are_none_are_refused(run, wrong):
    with pytest.raises(RequestError, match="quantiles: found"):
        figures.corner(run, quantiles=wrong)


def truths_of(ax):
    """Where vertical and horizontal lines in the colour of the truth stand."""
    lines = [line for line in ax.lines if to_rgba(line.get_color()) == to_rgba(SKY)]
    upright = [line.get_xdata()[0] for line in lines if len(set(line.get_xdata())) == 1]
    level = [line.get_ydata()[0] for line in lines if len(set(line.get_xdata())) == 2]
    return upright, level


def test_the_truth_is_drawn_in_the_copy_of_the_draws(run):
    """A network handed in as any of its copies is one network."""
    copies = jump(NET, np.tile(CENTRE, (20, 1)), np.random.default_rng(0))
    assert len(np.unique(copies[:, 0])) > 2
    for copy in copies:
        fig = figures.corner(run, parameters=["w1", "c"], truths=copy)
        axes = grid_of(fig, 2)
        assert truths_of(axes[0, 0]) == (pytest.approx(CENTRE[[0]]), [])
        assert truths_of(axes[1, 0]) == (pytest.approx(CENTRE[[0]]), pytest.approx(CENTRE[[6]]))
        assert "truth" in legend_texts(fig)


def test_single_truths_are_drawn_as_they_are(run):
    fig = figures.corner(run, parameters=["w1", "c"], truths={"c": 500.0, "b1": 1.0})
    axes = grid_of(fig, 2)
    assert truths_of(axes[0, 0]) == ([], [])
    assert truths_of(axes[1, 1]) == ([500.0], [])
    assert axes[1, 1].get_xlim()[1] < 100
    assert "truth, partly beyond the axes" in legend_texts(fig)
    raw = figures.corner(run, parameters=["w1"], unfolded=True, truths=-CENTRE)
    assert truths_of(grid_of(raw, 1)[0, 0]) == ([-CENTRE[0]], [])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([1.0], r"truths: found shape \(1,\), expected \(7,\)"),
        ([1, 2, 3, 4, 5, 6, np.nan], "finite numbers"),
        ({"w5": 1}, "unknown parameter 'w5'"),
        ({"w1": "much"}, "expected numbers"),
        ("truth", "expected numbers"),
    ],
)
def test_truths_that_are_none_are_refused(run, wrong, message):
    with pytest.raises(RequestError, match=message):
        figures.corner(run, truths=wrong)


# Restarts


def test_many_restarts_are_a_density_that_counts_them(run, fits):
    """Cells are shaded by the logarithm of how many of the restarts ended in them."""
    there = np.repeat([CENTRE, CENTRE + WIDTH], [DOTS, 10], axis=0)
    many = dataclasses.replace(fits, theta=there)
    fig = figures.corner(run, fits=many, population=True, parameters=["w1", "c"])
    (cells,) = [c for c in grid_of(fig, 2)[1, 0].collections if isinstance(c, QuadMesh)]
    shown = np.ma.asarray(cells.get_array()).compressed()
    assert sorted(np.exp(shown)) == pytest.approx([10, DOTS])
    assert f"{DOTS + 10} restarts (darker: more)" in legend_texts(fig)
    few = dataclasses.replace(fits, theta=there[:DOTS])
    assert "all restarts" in legend_texts(figures.corner(run, fits=few, population=True))


# All at once


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
def test_no_texts_overlap_with_all_that_can_be_asked_for(run, fits, size):
    named = ["w1", "b1", "a1", "w2", "b2", "a2", "c"][:size]
    many = dataclasses.replace(fits, theta=np.repeat(fits.theta, 2 * DOTS, axis=0))
    fig = figures.corner(
        run, fits=many, population=True, parameters=named, ranges={"w1": (0.9, 1.3)},
        quantiles=(0.16, 0.5, 0.84), titles=True, truths=CENTRE + 3 * WIDTH,
    )  # fmt: skip
    assert overlapping(fig) == []
    assert lines_of(grid_of(fig, size)[0, 0], "MAP")

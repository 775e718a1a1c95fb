"""Figures hold what they say: panels, marks at the right places, limits, legends, files."""

import dataclasses
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from nnpost import figures
from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.diagnostics.verdict import Verdict
from nnpost.figures.parameters import unit_by_unit
from nnpost.figures.style import MARKS
from nnpost.network.align import align
from nnpost.network.mlp import MLP
from nnpost.network.symmetry import fold, jump
from nnpost.posterior.likelihoods.gaussian import Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.sampling.run import Run
from nnpost.tempering.result import Tempering
from nnpost.training.fits import Fits
from nnpost.training.optimum import Optimum

NET = MLP(inputs=1, hidden=(2,), activation="sigmoid")
CENTRE = np.array([1.2, 1.4, 4.0, -4.5, -27.0, 26.0, 27.0])  # folded: w > 0, sorted by −b/w
WIDTH = np.array([0.2, 0.2, 0.5, 0.5, 2.0, 2.0, 2.0])
N, W = 60, 32
ESS = dict.fromkeys(("log_prob", "predictions", "theta"), 1000.0)
RHAT = dict.fromkeys(ESS, 1.0)
CONVERGED = Verdict(True, (), (), RHAT, ESS, tau=1.0, steps_help=True)


def optimum(post, theta, kind):
    theta = np.asarray(theta, dtype=float)
    densities = post.mse(theta), post.log_prob(theta), post.log_likelihood(theta)
    return Optimum(theta, *map(float, densities), 0.0, True, kind, post.data.misfit)


def a_run(post, centre, width, seed=0, scatter=True):
    """Draws around ``centre``, thrown over all copies of the network, with verdict in place."""
    rng = np.random.default_rng(seed)
    chain = centre + width * rng.standard_normal((N, W, len(centre)))
    chain = jump(post.net, chain, rng) if scatter else chain
    run = Run(
        post=post,
        chain=chain,
        log_prob=post.log_prob(chain),
        accepted=np.full(W, 0.3),
        ensembles=4,
        discard=10,
        thin=1,
        moves="collapsed",
        start="tempered",
        seed=0,
        seconds=1.0,
        judged=CONVERGED,
    )
    row, walker = np.unravel_index(np.argmax(run.log_prob), run.log_prob.shape)
    run.__dict__["best_sample"] = optimum(post, chain[row, walker], "best sample")
    return run


def some_fits(post, sgd, top, mle, validation=False):
    rng = np.random.default_rng(1)
    theta = np.vstack([sgd, sgd + 0.1 * rng.standard_normal((7, len(sgd)))])
    mse = post.mse(theta)
    loss = mse * np.linspace(5, 1, 20)[:, None]
    best = int(np.argmin(mse))
    return Fits(
        theta=theta,
        mse=mse,
        log_prob=post.log_prob(theta),
        loss=loss,
        validation_loss=1.5 * loss if validation else None,
        epochs=np.arange(1, 21),
        seconds=0.1,
        sgd=optimum(post, theta[best], "sgd"),
        map=optimum(post, top, "map"),
        mle=optimum(post, mle, "mle"),
    )


@pytest.fixture(scope="module")
def parabola():
    """A posterior, a run in every copy, and SGD, MAP and MLE in copies of their own."""
    x = np.linspace(-5, 5, 40)
    post = Posterior(NET, Dataset(x=x, y=x**2, name="parabola"))
    run = a_run(post, CENTRE, WIDTH)
    rng = np.random.default_rng(2)
    far = CENTRE + np.array([0, 0, 0, 0, -400, 400, 0])
    fits = some_fits(post, *(jump(NET, v, rng) for v in (CENTRE + WIDTH, CENTRE, far)))
    models = dict(
        zip(
            ("SGD", "MAP", "MLE", "best sample"),
            (fits.sgd, fits.map, fits.mle, run.best_sample),
            strict=True,
        )
    )
    return SimpleNamespace(
        post=post, run=run, fits=fits, comparison=SimpleNamespace(models=models), centre=CENTRE
    )


def legend_texts(fig):
    (legend,) = fig.legends
    return [text.get_text() for text in legend.get_texts()]


def points(ax, name):
    """Coordinates of the marks of one network in a panel."""
    mark = MARKS[name]
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in ax.lines
        if line.get_marker() == mark.marker and to_rgba(line.get_color()) == to_rgba(mark.color)
    ]


def lines_of(ax, name):
    color = to_rgba(MARKS[name].color)
    return [line for line in ax.lines if to_rgba(line.get_color()) == color]


def grid_of(fig, size):
    return np.array(fig.axes).reshape(size, size)


# The corner plot


@pytest.fixture(scope="module")
def folded_corner(parabola):
    return figures.corner(parabola.run, fits=parabola.fits, population=True)


def test_corner_has_a_panel_for_every_pair_unit_by_unit(folded_corner):
    assert isinstance(folded_corner, Figure)
    axes = grid_of(folded_corner, 7)
    bottom = [ax.get_xlabel() for ax in axes[-1]]
    assert bottom == ["$w_{1}$", "$b_{1}$", "$a_{1}$", "$w_{2}$", "$b_{2}$", "$a_{2}$", "$c$"]
    assert [ax.get_ylabel() for ax in axes[1:, 0]] == bottom[1:]


def test_corner_marks_stand_where_the_aligned_networks_are(parabola, folded_corner):
    axes = grid_of(folded_corner, 7)
    order = [0, 2, 4, 1, 3, 5, 6]
    reference = fold(NET, parabola.fits.map.theta)
    found = {"MAP": reference, "SGD": align(NET, parabola.fits.sgd.theta, reference)}
    found["best sample"] = align(NET, parabola.run.best_sample.theta, reference)
    for name, theta in found.items():
        assert points(axes[4, 1], name) == [pytest.approx(theta[[order[1], order[4]]])]
        (line,) = lines_of(axes[2, 2], name)
        assert line.get_xdata()[0] == pytest.approx(theta[order[2]])


def test_aligned_networks_are_still_the_same_functions(parabola):
    reference = fold(NET, parabola.fits.map.theta)
    for model in parabola.comparison.models.values():
        moved = align(NET, model.theta, reference)
        assert parabola.post.predict(moved) == pytest.approx(parabola.post.predict(model.theta))


def test_corner_draws_the_folded_samples(parabola, folded_corner):
    """All copies are in the chain; folded, w₁ > 0 and the axis holds one bump around 1.2."""
    axes = grid_of(folded_corner, 7)
    low, high = axes[0, 0].get_xlim()
    assert 0 < low < CENTRE[0] < high < 2.5
    raw = grid_of(figures.corner(parabola.run, unfolded=True, parameters=[0]), 1)
    assert raw[0, 0].get_xlim()[0] < -CENTRE[0]


def test_corner_axes_hold_the_bulk_and_a_far_network_does_not_squash_them(parabola, folded_corner):
    axes = grid_of(folded_corner, 7)
    low, high = axes[2, 2].get_xlim()  # a₁, whose MLE is 400 away
    assert high - low < 10 * WIDTH[4]
    draws = fold(NET, parabola.run.samples)[:, 4]
    assert np.mean((low <= draws) & (draws <= high)) >= 0.98
    ((_, at),) = points(axes[2, 0], "MLE")
    assert low < at < low + 0.1 * (high - low)  # at the border nearest to it
    (mark,) = [line for line in axes[2, 0].lines if line.get_marker() == MARKS["MLE"].marker]
    assert mark.get_markerfacecolor() == "white"
    assert "hollow: beyond the axes" in legend_texts(folded_corner)
    assert lines_of(axes[2, 2], "MLE") == []


def test_corner_legend_names_marks_and_facts(folded_corner):
    texts = legend_texts(folded_corner)
    assert texts[:4] == ["SGD", "MAP", "MLE", "best sample"]
    assert "all restarts" in texts
    title = folded_corner.legends[0].get_title().get_text()
    assert "parabola: 40 points" in title
    assert "one of 8 copies" in title
    assert "NOT converged" not in title


def test_corner_says_that_a_chain_has_not_converged(parabola):
    """Where it has been judged: a figure does not judge."""
    wrong = dataclasses.replace(CONVERGED, converged=False)
    for judged, told in ((wrong, True), (CONVERGED, False), (None, False)):
        run = dataclasses.replace(parabola.run, judged=judged)
        title = figures.corner(run, parameters=["$c$"]).legends[0].get_title().get_text()
        assert ("NOT converged" in title) == told
        assert ("has not been judged" in title) == (judged is None)
        assert "verdict" not in vars(run)


def test_corner_of_chosen_parameters_and_without_fits(parabola):
    fig = figures.corner(parabola.run, parameters=["$c$", 0])
    assert [ax.get_xlabel() for ax in grid_of(fig, 2)[-1]] == ["$c$", "$w_{1}$"]
    assert legend_texts(fig)[0] == "best sample"
    assert "2 of 7 parameters" in fig.legends[0].get_title().get_text()


@pytest.mark.parametrize("wrong", [["$d$"], [7], []])
def test_corner_refuses_parameters_that_are_not_there(parabola, wrong):
    with pytest.raises(RequestError, match="parameter"):
        figures.corner(parabola.run, parameters=wrong)


def test_corner_takes_approximations_and_makes_none(parabola):
    with pytest.raises(RequestError, match="laplace = True, expected approximations by the names"):
        figures.corner(parabola.run, laplace=True)


def test_corner_draws_whole_units_of_a_large_network():
    x = np.random.default_rng(3).uniform(-1, 1, (20, 2))
    net = MLP(inputs=2, hidden=(5,), activation="tanh")
    post = Posterior(net, Dataset(x=x, y=x[:, 0]), likelihood=Gaussian("infer"))
    run = a_run(post, np.linspace(1, 2, 22), np.full(22, 0.1))
    fig = figures.corner(run)
    labels = [ax.get_xlabel() for ax in grid_of(fig, 10)[-1]]
    assert labels[:4] == ["$w_{1,1}$", "$w_{1,2}$", "$b_{1}$", "$a_{1}$"]
    assert labels[-2:] == ["$c$", r"$\log\,\sigma$"]


def test_corner_of_a_parameter_that_does_not_vary():
    x = np.linspace(-1, 1, 20)
    post = Posterior(MLP(inputs=1, hidden=()), Dataset(x=x, y=x))
    run = a_run(post, np.array([1.0, 5.0]), np.array([0.3, 0.0]))
    axes = grid_of(figures.corner(run), 2)
    low, high = axes[1, 1].get_xlim()
    assert low < 5 < high


def test_unit_by_unit_covers_theta_once():
    for net in (NET, MLP(3, (4,)), MLP(2, ()), MLP(1, (3, 2))):
        groups = unit_by_unit(net, net.ndim + 1)
        assert sorted(i for group in groups for i in group) == list(range(net.ndim + 1))
    weights = MLP(3, (4,)).kinds
    first = [weights[i] for i in unit_by_unit(MLP(3, (4,)), 21)[0]]
    assert first == ["input_weights"] * 3 + ["biases", "output_weights"]


# Fits and residuals


def test_fits_reach_twice_as_far_as_the_data(parabola):
    fig = figures.fits_and_residuals(parabola.post, parabola.comparison, parabola.run)
    names = ("SGD", "MAP", "MLE", "best sample")
    top, bottom = fig.axes[:4], fig.axes[4:]
    assert tuple(ax.get_title().split("\n")[0].split(",")[0] for ax in top) == names
    models = parabola.comparison.models
    below = models["MAP"].log_prob - models["SGD"].log_prob
    assert f"{below:.3g} nats below" in top[0].get_title()
    for ax, name in zip(top, names, strict=True):
        assert ax.get_xlim() == (-10, 10)
        beyond, inside = lines_of(ax, name)
        model = parabola.comparison.models[name].theta
        for line in (beyond, inside):
            expected = parabola.post.predict(model, line.get_xdata()[:, None])
            assert line.get_ydata() == pytest.approx(expected)
        assert (beyond.get_xdata()[0], beyond.get_xdata()[-1]) == (-10, 10)
        assert -5 <= inside.get_xdata().min() < inside.get_xdata().max() <= 5
    for ax, name in zip(bottom, names, strict=True):
        theta = parabola.comparison.models[name].theta
        r = parabola.post.data.y - parabola.post.predict(theta)
        assert f"{np.abs(r).mean():.3g}" in ax.texts[0].get_text()
        assert ax.lines[0].get_ydata() == pytest.approx(r)
    assert "90 % of the posterior at each x" in legend_texts(fig)
    assert "MSE" in top[0].get_title()


def test_residuals_have_the_noise_that_is_expected_where_it_can_be_seen():
    """Of a linear network and noise of 0.5: the dotted lines lie 1.645 of it from zero."""
    rng = np.random.default_rng(4)
    x = np.linspace(-1, 1, 60)
    data = Dataset(x=x, y=x + 0.5 * rng.standard_normal(60))
    post = Posterior(MLP(inputs=1, hidden=()), data, likelihood=Gaussian(0.5))
    run = a_run(post, np.array([1.0, 0.0]), np.full(2, 0.001))
    fits = some_fits(post, *np.array([[1, 0.1], [1, 0.0], [1, 0.0]]))
    models = {"SGD": fits.sgd, "MAP": fits.map, "MLE": fits.mle, "best sample": run.best_sample}
    fig = figures.fits_and_residuals(post, SimpleNamespace(models=models), run)
    dotted = [line for line in fig.axes[4].lines if line.get_linestyle() == ":"]
    low, high = sorted(line.get_ydata().mean() for line in dotted)
    assert (low, high) == pytest.approx((-0.5 * 1.645, 0.5 * 1.645), rel=0.05)
    assert "90 % of new targets" in legend_texts(fig)


def test_the_band_holds_ninety_percent_of_the_curves(parabola):
    fig = figures.fits_and_residuals(parabola.post, parabola.comparison, parabola.run)
    (band,) = fig.axes[0].collections
    corners = band.get_paths()[0].vertices
    at = corners[np.isclose(corners[:, 0], 0.0), 1]
    f = parabola.post.predict(parabola.run.samples, np.zeros((1, 1)))[:, 0]
    assert np.mean((at.min() <= f) & (f <= at.max())) == pytest.approx(0.9, abs=0.01)


def test_several_inputs_are_drawn_as_prediction_against_observation():
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (30, 2))
    post = Posterior(MLP(inputs=2, hidden=()), Dataset(x=x, y=x.sum(1), yerr=np.full(30, 0.1)))
    run = a_run(post, np.array([1.0, 1.0, 0.0]), np.full(3, 0.1))
    fits = some_fits(post, *np.array([[1, 1, 0.1], [1, 1, 0.0], [1, 1, 0.0]]))
    models = {"SGD": fits.sgd, "MAP": fits.map, "MLE": fits.mle, "best sample": run.best_sample}
    fig = figures.fits_and_residuals(post, SimpleNamespace(models=models), run)
    (marks,) = lines_of(fig.axes[0], "SGD")
    assert marks.get_xdata() == pytest.approx(post.data.y)
    assert marks.get_ydata() == pytest.approx(post.predict(fits.sgd.theta))
    assert fig.axes[0].get_xlim() == fig.axes[0].get_ylim()
    assert "90 % of the posterior at each point" in legend_texts(fig)
    # The data bring errors: what is told of the fits and losses is chi-squared over n.
    assert fig.axes[0].get_title().endswith(f"\n$\\chi^2/n$ {fits.sgd.mse:.3g}")
    for some in (figures.losses(fits, post), figures.losses(fits)):
        assert some.axes[0].get_ylabel() == r"loss ($\chi^2/n$)"


@pytest.mark.parametrize("x", [[2.0], [2.0, 2.0, 2.0]])
def test_fits_at_a_single_place_have_an_axis_around_it(x):
    post = Posterior(MLP(inputs=1, hidden=()), Dataset(x=np.array(x), y=np.arange(len(x)) + 1.0))
    run = a_run(post, np.array([1.0, 0.0]), np.full(2, 0.1))
    fits = some_fits(post, *np.array([[1, 0.1], [1, 0.0], [1, 0.0]]))
    models = {"SGD": fits.sgd, "MAP": fits.map, "MLE": fits.mle, "best sample": run.best_sample}
    fig = figures.fits_and_residuals(post, SimpleNamespace(models=models), run)
    low, high = fig.axes[0].get_xlim()
    assert low < 2 < high
    assert fig._repr_png_()  # nothing warns


# Training


def test_losses_highlight_the_best_restart(parabola):
    fig = figures.losses(parabola.fits)
    curves, ends = fig.axes
    assert curves.get_yscale() == "log"
    (bundle,) = curves.collections
    assert len(bundle.get_segments()) == 8
    (best,) = lines_of(curves, "SGD")
    assert best.get_ydata() == pytest.approx(parabola.fits.loss[:, parabola.fits.best])
    (reached,) = lines_of(curves, "MAP")
    assert reached.get_ydata()[0] == parabola.fits.map.mse
    assert ends.get_shared_y_axes().joined(curves, ends)
    assert legend_texts(fig) == ["8 restarts", "best restart (SGD)", "MAP", "MLE"]
    for some in (fig, figures.losses(parabola.fits, parabola.post)):
        assert some.axes[0].get_ylabel() == "loss (mean squared residual)"


def test_losses_show_validation_and_survive_divergence(parabola):
    fits = some_fits(parabola.post, CENTRE + WIDTH, CENTRE, CENTRE, validation=True)
    loss, mse = fits.loss.copy(), fits.mse.copy()
    worst = int(np.argmax(mse))
    loss[5:, worst], mse[worst] = np.inf, np.inf
    fits = dataclasses.replace(fits, loss=loss, mse=mse)
    fig = figures.losses(fits)
    _, validation = lines_of(fig.axes[0], "SGD")
    assert validation.get_ydata() == pytest.approx(fits.validation_loss[:, fits.best])
    assert "its validation" in legend_texts(fig)
    assert np.isfinite(fig.axes[0].get_ylim()).all()
    assert fig.axes[1].lines[0].get_xdata().max() == pytest.approx(7 / 8)


# The chain


def test_traces_show_every_ensemble_and_the_burn_in(parabola):
    run = parabola.run
    fig = figures.traces(run, parameters=[6])
    left = fig.axes[::2]
    names = ["log posterior", "$f(-5)$", "$f(0)$", "$f(5)$", "$c$, folded"]
    assert [ax.get_ylabel() for ax in left] == names
    assert len({line.get_color() for line in left[0].lines}) == 4
    assert left[0].lines[0].get_ydata() == pytest.approx(run.log_prob[:, 0])
    assert left[-1].lines[0].get_ydata() == pytest.approx(fold(NET, run.chain)[:, 0, 6])
    middle = run.post.predict(run.chain[:, 0], np.zeros((1, 1)))[:, 0]
    assert left[2].lines[0].get_ydata() == pytest.approx(middle)
    (shade,) = left[0].patches
    assert shade.get_x() + shade.get_width() == run.discard
    assert legend_texts(fig) == [*(f"ensemble {e}" for e in (1, 2, 3, 4)), "burn-in"]


def test_traces_count_steps_through_thinning(parabola):
    run = dataclasses.replace(parabola.run, thin=5, discard=0)
    assert figures.traces(run).axes[0].get_xlim() == (0, 5 * (N - 1))


def test_a_far_start_does_not_squash_the_traces(parabola):
    log_prob = parabola.run.log_prob.copy()
    log_prob[:5] = -1e9
    run = dataclasses.replace(parabola.run, log_prob=log_prob)
    assert figures.traces(run).axes[0].get_ylim()[0] > -1e4


def test_log_posterior_marks_the_networks_and_counts_the_draws(parabola):
    fig = figures.log_posterior(parabola.run, parabola.comparison)
    strip, ax = fig.axes
    models = parabola.comparison.models
    for name in ("SGD", "MAP", "best sample"):
        ((x, _),) = points(strip, name)
        assert x == pytest.approx(models[name].log_prob)
        assert points(ax, name) == []  # a height in the histogram would look like a density
    assert points(strip, "MLE") == []
    texts = legend_texts(fig)
    above = np.mean(parabola.run.sample_log_prob > models["SGD"].log_prob)
    (best,) = [text for text in texts if text.startswith("best sample")]
    assert "above" not in best  # no draw can be
    (sgd,) = [text for text in texts if text.startswith("SGD")]
    assert ("no draw" if above == 0 else f"{above:.2%}") in sgd
    (mle,) = [text for text in texts if text.startswith("MLE")]
    assert "beyond the axis: all draws above it" in mle


def test_the_gaussian_of_the_log_posterior_is_that_of_a_gaussian_posterior():
    """A linear network's posterior is Gaussian: histogram and dashed curve agree."""
    x = np.linspace(-1, 1, 20)
    post = Posterior(MLP(inputs=1, hidden=()), Dataset(x=x, y=x), likelihood=Gaussian(0.5))
    h = np.column_stack([x, np.ones(20)])
    precision = h.T @ h / 0.25 + np.eye(2) / 900
    mean = np.linalg.solve(precision, h.T @ x / 0.25)
    rng = np.random.default_rng(5)
    run = a_run(post, mean, np.zeros(2))
    chain = rng.multivariate_normal(mean, np.linalg.inv(precision), (2000, W))
    run = dataclasses.replace(run, chain=chain, log_prob=post.log_prob(chain))
    best = optimum(post, mean, "map")
    models = dict.fromkeys(("SGD", "MAP", "MLE", "best sample"), best)
    _, ax = figures.log_posterior(run, SimpleNamespace(models=models)).axes
    (steps,) = [patch for patch in ax.patches if hasattr(patch, "get_data")]
    density, edges, _ = steps.get_data()
    (curve,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    grid = np.sort(curve.get_xdata())
    middles = (edges[1:] + edges[:-1]) / 2
    inside = middles < best.log_prob - 0.5
    expected = np.interp(middles, grid, curve.get_ydata()[np.argsort(curve.get_xdata())])
    assert density[inside] == pytest.approx(expected[inside], rel=0.1, abs=0.01)


# Files and manners


def test_save_writes_png_and_pdf_the_same_each_time(parabola, tmp_path):
    fig = figures.losses(parabola.fits)
    written = figures.save(fig, tmp_path / "new" / "losses")
    assert [path.name for path in written] == ["losses.png", "losses.pdf"]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    assert written[1].read_bytes().startswith(b"%PDF")
    again = figures.save(fig, tmp_path / "again")
    assert [p.read_bytes() for p in written] == [p.read_bytes() for p in again]


def test_save_says_where_it_cannot_write(parabola, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="cannot write the figure"):
        figures.save(Figure(), tmp_path / "file" / "losses")


def test_figures_leave_pyplot_alone_and_show_themselves_in_a_notebook(parabola):
    before = dict(mpl.rcParams)
    fig = figures.losses(parabola.fits)
    assert dict(mpl.rcParams) == before
    assert fig._repr_png_().startswith(b"\x89PNG")


def test_networks_at_one_place_are_all_seen(parabola):
    """Drawn on top of each other, every mark keeps pixels of its own colour."""
    same = dict.fromkeys(MARKS, parabola.fits.map)
    centre = SimpleNamespace(models=same, folded=[fold(NET, parabola.fits.map.theta)] * len(MARKS))
    fig = figures.corner(parabola.run, comparison=centre, parameters=[0, 1])
    canvas = FigureCanvasAgg(fig)
    fig.legends[0].remove()
    fig.axes[0].remove()  # the lines of the histograms
    fig.axes[-1].remove()
    fig.set_dpi(200)  # as it is saved
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    for name, mark in MARKS.items():
        color = 255 * np.array(to_rgba(mark.color)[:3])
        assert (abs(pixels - color).max(axis=-1) <= 2).sum() >= 10, name


def test_marks_are_told_apart_by_colour_shape_and_line():
    marks = MARKS.values()
    assert len({m.color for m in marks}) == len({m.marker for m in marks}) == len(MARKS)
    assert len({str(m.line) for m in marks}) == len(MARKS)


def test_a_ladder_on_which_nothing_moved_says_so():
    found = Tempering(
        theta=np.zeros((2, 4, 3)),
        log_z=np.array([-1.0, -1.1]),
        tempered_log_z=np.array([-1.2, -0.9]),
        efficiency=np.array([0.5, 0.6]),
        betas=np.array([[0.0, 1.0]] * 2),
        acceptance=np.full((2, 2), np.nan),
        mixtures=(),
        seconds=1.0,
        start="both",
    )
    figure = figures.ladder(found)
    said = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert any("nothing had to move" in text for text in said)

"""Scans over sizes: every number against its definition, evidences against exact ones."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.colors import same_color
from scenarios import curve, quadrature

from nnpost import MLP, MSE, Dataset, Gaussian, Posterior, RequestError, figures, scan
from nnpost.cli.commands import main
from nnpost.diagnostics.survey import Survey
from nnpost.model_selection.result import Scan, Size
from nnpost.model_selection.scan import inner_half
from nnpost.posterior.likelihoods.bernoulli import Bernoulli
from nnpost.posterior.likelihoods.categorical import Categorical
from nnpost.posterior.likelihoods.gaussian_targets import GaussianTargets
from nnpost.posterior.likelihoods.heteroscedastic import Heteroscedastic
from nnpost.posterior.likelihoods.poisson import Poisson
from nnpost.tempering.basin_hopping import Search
from nnpost.tempering.from_basins import FromBasins
from nnpost.tempering.temper import TemperDetail
from nnpost.tempering.tempered_run import NoBasins

TRAINING = {"restarts": 6, "epochs": 200, "lr": 0.05, "loss": "sum"}
TEMPERING = {"particles": 200, "steps": 4}
FEW = {"particles": 64, "steps": 1}


@pytest.fixture(scope="module")
def found():
    """One and two units of two activations on 20 points of a sine."""
    return scan(
        curve(), (1, 2), ("sigmoid", "tanh"), TRAINING, TEMPERING, 2, lambda x: np.sin(2 * x[:, 0])
    )


def a_size(log_z, units=2, **changes):
    log_z = np.array(log_z, dtype=float)
    size = Size(
        units=units,
        activation="sigmoid",
        mse=np.array([3.0, 1.0, 2.0, np.inf]),
        theta=np.zeros(3 * units + 1),
        fitted=np.zeros(5),
        curve=np.zeros(9),
        residual=0.5,
        extrapolation=7.0,
        log_z=log_z,
        log_evidence=float(log_z.mean()),
        error=0.1,
        start="prior",
        seconds=0.0,
    )
    return replace(size, **changes)


def a_scan(*sizes):
    data = Dataset(np.linspace(-1, 1, 5), np.linspace(0, 1, 5) ** 2)
    return Scan(data, "Gaussian, σ = 1", np.linspace(-2, 2, 9)[:, None], sizes, "truth", "mse")


# -- the numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_evidence_of_one_unit_is_quadrature(found, activation):
    one = found.of(activation)[0]
    assert one.trusted
    assert one.log_evidence == pytest.approx(quadrature(curve(1, activation)), abs=0.03)


def test_numbers_are_those_of_the_best_network_in_torch(found):
    data = curve().data
    assert [(s.activation, s.units) for s in found.sizes] == [
        (kind, units) for kind in ("sigmoid", "tanh") for units in (1, 2)
    ]
    for size in found.sizes:
        module = MLP(1, (size.units,), size.activation).to_torch(size.theta)

        def f(x, module=module):
            return module(torch.from_numpy(x.copy())).detach().numpy()[:, 0]

        off = data.y - f(data.x)
        assert size.best == pytest.approx(np.mean(off**2), rel=1e-9)
        assert size.residual == pytest.approx(np.mean(np.abs(off)), rel=1e-9)
        assert size.median in np.sort(size.mse)[2:4]
        np.testing.assert_allclose(size.curve, f(found.x), rtol=1e-9)
        low, high = data.x.min(), data.x.max()
        x = found.x[(found.x[:, 0] < low) | (found.x[:, 0] > high)]
        assert x.min() == pytest.approx(low - (high - low) / 2)
        assert x.max() == pytest.approx(high + (high - low) / 2)
        outside = np.sqrt(np.mean((f(x) - np.sin(2 * x[:, 0])) ** 2))
        assert size.extrapolation == pytest.approx(outside, rel=1e-9)


def test_without_a_truth_a_fit_to_the_inner_half_is_held_against_the_rest():
    # Two ReLU units fit |x| inside, and |x| goes on outside; one ReLU unit cannot.
    x = np.linspace(-4, 4, 41)
    post = Posterior(MLP(1, (2,), "relu"), Dataset(x, np.abs(x)), Gaussian(0.1))
    assert inner_half(post.data).tolist() == (np.abs(x) <= 2).tolist()
    recipe = {**TRAINING, "restarts": 16, "epochs": 600}
    found = scan(post, (1, 2), training=recipe, tempering=FEW, ensembles=1)
    assert found.extrapolated == "held out"
    one, two = found.sizes
    assert two.extrapolation < 0.05
    assert one.extrapolation > 0.5


def test_nothing_is_told_outside_where_there_is_no_outside():
    x = np.random.default_rng(0).uniform(-1, 1, (12, 2))
    post = Posterior(MLP(2, (1,)), Dataset(x, x.sum(axis=1)), Gaussian(0.1))
    assert inner_half(post.data) is None
    assert inner_half(Dataset(np.array([0.0, 10.0]), np.zeros(2))) is None  # nothing inside
    found = scan(post, (1,), None, {"restarts": 2, "epochs": 5}, {"particles": 200, "steps": 4}, 1)
    assert found.extrapolated == "none"
    assert math.isnan(found.sizes[0].extrapolation)
    assert "not told for several inputs" in str(found)
    assert len(figures.sizes(found).axes) == 3  # and no panels of curves


# -- what is trusted and what is said ----------------------------------------------------------


def test_log_z_is_trusted_where_no_run_lies_a_nat_from_the_others():
    assert a_size([0, 0, 0, 0.9]).gap == pytest.approx(0.9)
    assert a_size([0, 0, 0, 0.9]).trusted
    assert not a_size([0, 0, 0, 1.1]).trusted
    assert not a_size([0, 0, 0, -np.inf]).trusted
    assert not a_size([0]).trusted  # one run has nothing to be compared with


def test_log_z_is_not_trusted_where_all_runs_missed_what_training_found():
    """Unreliable weights, five nats above the highest; reliable ones, four errors from the mean."""
    poor, good = Survey(5.4, 0.3, 20, 1.2, (), ()), Survey(0.3, 0.02, 2000, 0.3, (), ())
    assert a_size([0, 0.5], survey=poor).trusted
    missed = a_size([0, 0.5], survey=replace(poor, log_z=5.6))
    assert not missed.trusted
    assert "have missed most of it" in str(a_scan(missed))
    assert a_size([0, 0.5], survey=good).trusted
    assert not a_size([0, 0.5], survey=replace(good, log_z=3.0)).trusted


def test_a_search_for_basins_that_nobody_asked_for_may_fail():
    """It is told, and the other sizes are scanned; where it was asked for it is an error."""
    blind = FromBasins(search=Search(restarts=0))
    nothing = TemperDetail(
        basins=blind, many_basins=(3, 16), sharp=0.0
    )  # two units have four dimensions
    quick = {"restarts": 2, "epochs": 5}
    found = scan(curve(), (1, 2), None, quick, FEW, 2, tuning=nothing)
    one, two = found.sizes
    assert (one.start, two.start) == ("both", "basins")
    assert not one.failure
    assert "none of 0 climbs ended" in two.failure
    assert not two.trusted
    assert two.failure in str(found)
    with pytest.raises(NoBasins, match="none of 0 climbs"):
        scan(curve(), (1, 2), None, quick, {**FEW, "start": "basins"}, 2, tuning=nothing)


def test_median_is_that_of_a_restart_and_survives_divergence():
    size = a_size([0, 0])
    assert size.best == 1.0
    assert size.median == 3.0  # the one nearest to the middle, of 1, 2, 3 and one that diverged


def test_answer_is_the_bayes_factor_between_the_two_best_that_are_trusted():
    doubted = a_size([9, 0, 0, 0], units=8)
    found = a_scan(a_size([0, 0], units=1), a_size([3, 3], units=2), doubted)
    assert [size.units for size in found.ranking] == [2, 1]
    assert found.answer() == (
        "The evidence is highest for 2 sigmoid units, 3.00 ± 0.14 nats above 1 sigmoid unit: "
        "a Bayes factor of 20.1. 1 of 3 sizes are left out of this."
    )
    close = a_scan(a_size([0, 0], units=1), a_size([0.2, 0.2], units=2))
    assert close.answer().endswith("0.20 ± 0.14 nats above 1 sigmoid unit: undecided.")
    far = a_scan(a_size([-99, -99], units=1), doubted)
    assert far.answer().startswith("Undecided: log Z is highest for 8 sigmoid units, where it is")
    assert far.as_dict()["best"] is None
    assert found.as_dict()["best"]["units"] == 2
    assert a_scan(doubted).answer().startswith("No log Z is to be trusted")


def test_table_marks_what_is_not_to_be_trusted():
    found = a_scan(a_size([3, 3]), a_size([9, 0, 0, 0], units=8))
    rows = list(found.table())
    assert rows[1] == ["sigmoid", "2", "7", "1", "3", "0.5", "7", "3.00 ± 0.10", "0.00"]
    assert rows[2][-2:] == ["2.25 ± 0.10 ?", ""]
    assert "? not to be trusted" in str(found)
    assert "? not to be trusted" not in str(a_scan(a_size([3, 3])))
    assert all(f"<td>{cell}</td>" in found._repr_html_() for cell in rows[2][1:])


def test_likelihood_is_named_with_its_noise():
    assert MSE().words(50, weighted=False) == "exp(−MSE), Gaussian noise of σ = 5"
    assert MSE().words(50, weighted=True) == "exp(−MSE), Gaussian noise of σ = 5 · yerr"
    assert Gaussian("infer").words(50, weighted=True) == "Gaussian, σ inferred"
    assert Gaussian(0.2).words(50, weighted=False) == "Gaussian, σ = 0.2"
    assert Gaussian(2.0).words(50, weighted=True) == "Gaussian, σ = 2 · yerr"


@pytest.mark.parametrize(
    ("hidden", "kinds", "told"),
    [
        ((), None, "hidden: found nothing"),
        ((2, 2), None, "hidden: found 2, 2, expected one or more, each once"),
        ((2,), ("tanh", "tanh"), "activation: found tanh, tanh"),
        ((0,), None, "at least 1"),
        ((2,), ("tanch",), "did you mean 'tanh'"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(hidden, kinds, told):
    with pytest.raises(RequestError, match=told):
        scan(curve(), hidden, kinds)


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        (({"restarts": 2, "lrr": 1}, FEW), "unknown key 'train.lrr'; did you mean 'lr'"),
        (({}, {"start": "basin"}), "temper.start: found"),
        # Training would be refused later, and otherwise: all restarts diverge.
        (({"optimizer": "sgd", "lr": 1e300}, {"particles": 34}), "temper.particles: found 34"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_before_anything_is_trained(ways, told):
    """34 particles are enough for four units with given noise, and not with inferred noise."""
    post = curve(1, sigma="infer")
    with pytest.raises(RequestError, match=told):
        scan(post, (1, 4, 2), None, *ways)


# -- the picture -------------------------------------------------------------------------------


def test_figure_holds_every_curve_and_every_number(found):
    fig = figures.sizes(found)
    assert len(fig.axes) == 2 * 2 * 2 + 3
    assert len(figures.size_fits(found).axes) == 8
    fit = fig.axes[3]  # first row of panels, then its residuals: the second axes of tanh's
    lines = [line.get_xydata() for ax in fig.axes for line in ax.lines]
    for size in found.sizes:
        assert any(np.array_equal(xy[:, 1], size.curve) for xy in lines if len(xy) == len(found.x))
        off = np.sort(np.abs(found.data.y - size.fitted))
        assert any(np.array_equal(np.sort(xy[:, 1]), off) for xy in lines if len(xy) == len(off))
    assert fit.get_xlim() == (found.x.min(), found.x.max())
    train, outside, evidence = fig.axes[-3:]
    for line in (found.of("sigmoid"), found.of("tanh")):
        drawn = [tuple(one.get_ydata()) for one in (*train.lines, *outside.lines)]
        assert tuple(size.best for size in line) in drawn
        assert tuple(size.median for size in line) in drawn
        assert tuple(size.extrapolation for size in line) in drawn
    top = found.ranking[0].log_evidence
    heights = {float(y) for line in evidence.lines for y in line.get_ydata()}
    assert {size.log_evidence - top for size in found.sizes} <= heights


def test_open_marks_are_not_to_be_trusted():
    fig = figures.sizes(a_scan(a_size([3, 3]), a_size([9, 0, 0, 0], units=8)))
    marks = {line.get_xdata()[0]: line for line in fig.axes[-1].lines if line.get_marker() == "o"}
    assert same_color(marks[8].get_markerfacecolor(), "white")
    assert not same_color(marks[2].get_markerfacecolor(), "white")


# -- the command -------------------------------------------------------------------------------

QUICK = [
    "train.restarts=4", "train.epochs=50", "temper.particles=200", "temper.steps=3",
    "sample.ensembles=2",
]  # fmt: skip
SET = [word for one in QUICK for word in ("--set", one)]


def test_command_writes_json_and_figure_and_exits_by_trust(tmp_path, capsys):
    x = np.linspace(-2, 2, 30)
    rows = [f"{a},{b}" for a, b in zip(x, np.tanh(3 * x), strict=True)]
    (tmp_path / "my.csv").write_text("\n".join(["t,v", *rows]))
    out, pictures = tmp_path / "sizes.json", tmp_path / "figures"
    command = [
        *("units", "--data", str(tmp_path / "my.csv"), "--x", "t", "--y", "v"),
        *("--set", "likelihood.sigma=0.3", "--set", "network.activation=tanh", *SET),
        *("--hidden", "1,2", "--figures", str(pictures), "--out", str(out), "--quiet", "--json"),
    ]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(out.read_text("utf-8"))
    assert [size["units"] for size in told["sizes"]] == [1, 2]
    assert told["extrapolated"] == "held out"
    assert told["best"]["units"] == 1  # tanh(3x) is one unit, and a second one costs
    assert told["likelihood"] == "Gaussian, σ = 0.3"
    assert sorted(file.name for file in pictures.iterdir()) == ["units.pdf", "units.png"]
    assert main([*command, "--set", "sample.ensembles=1", "--seed", "1"]) == 1


def test_command_prints_the_table(tmp_path, capsys):
    options = ["--hidden", "1", "--figures", str(tmp_path), *SET, "--set", "data.size=50"]
    assert main(["units", "parabola", "--activation", "softsign,relu", *options]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["softsign", "1"], ["relu", "1"]]
    assert "outside the data, RMSE against the noise-free truth" in "\n".join(lines)


NOISE = ["--set", "likelihood.kind=gaussian", "--set", "likelihood.sigma=infer"]


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    from nnpost.experiment import scan_sizes

    def worked(*_):
        raise AssertionError("sizes were scanned before the folder was looked at")

    monkeypatch.setattr(scan_sizes, "scan_experiment", worked)
    (tmp_path / "taken").write_text("a file")
    folder = str(tmp_path / "taken")
    assert main(["units", "parabola", "--hidden", "1", "--figures", folder]) == 2
    err = capsys.readouterr().err
    assert f"{folder} cannot be written" in err
    assert "--figures" in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["parabola", "--hidden", "1;2"], "--hidden: found '1;2'"),
        (["parabola", "--hidden", "60"], "temper.particles"),
        (["parabola", "--hidden", "25", *NOISE], "four for each of the 51 parameters that move"),
        (["parabola", "--activation", "sigmiod"], "did you mean 'sigmoid'"),
        (["parabola", "--out", "chains/parabola.h5"], "expected the name of a .json file"),
        ([], "units: name an experiment"),
    ],
)
def test_command_refuses_in_one_line(options, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    few = ["--set", "temper.particles=200"]
    assert main(["units", *options, *few]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


# -- likelihoods that are not Gaussian ---------------------------------------------------------


def spoken_of(likelihood, y, hidden=1):
    x = np.linspace(-3, 3, 40)
    net = MLP(1, (hidden,), outputs=likelihood.outputs)
    return Posterior(net, Dataset(x, y), likelihood)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Poisson(), Heteroscedastic()])
def test_what_networks_say_of_y_is_a_probability_a_rate_or_a_mean(likelihood):
    y = (np.linspace(-3, 3, 40) > 0.2).astype(float)
    if isinstance(likelihood, Heteroscedastic):
        y += 0.3 * np.random.default_rng(0).standard_normal(40)
    post = spoken_of(likelihood, y)
    recipe, few = {"restarts": 3, "epochs": 60}, {"particles": 200, "steps": 3}
    found = scan(post, (1,), None, recipe, few, 1, lambda x: x[:, 0])
    (size,) = found.sizes
    f = post.predict(size.theta, found.x)
    means = {"Bernoulli": lambda: 1 / (1 + np.exp(-f)), "Poisson": lambda: np.exp(f),
             "Heteroscedastic": lambda: f[:, 0]}  # fmt: skip
    np.testing.assert_allclose(size.curve, means[type(likelihood).__name__](), rtol=1e-9)
    fitted = post.expected(size.theta)
    assert size.fitted.shape == (40,)
    assert size.residual == pytest.approx(np.abs(y - fitted).mean())
    outside = np.abs(found.x[:, 0]) > 3
    rms = np.sqrt(np.mean((size.curve - found.x[:, 0])[outside] ** 2))
    assert size.extrapolation == pytest.approx(rms)
    assert size.best == pytest.approx(post.loss(size.theta))
    assert f"best {likelihood.loss_name}" in str(found)
    assert found.as_dict()["loss_name"] == likelihood.loss_name
    assert -math.inf < scan(post, (1,), None, recipe, few, 1).sizes[0].extrapolation < math.inf


def test_losses_below_zero_are_drawn_on_a_linear_axis():
    size = a_size([0, 0], mse=np.array([-1.0, 0.5]))
    train, outside, _ = figures.sizes(a_scan(size)).axes[-3:]
    assert (train.get_yscale(), outside.get_yscale()) == ("linear", "log")


@pytest.mark.parametrize(
    ("likelihood", "y", "words"),
    [
        (Categorical(3), np.arange(40) % 3.0, "3 classes by softmax"),
        (GaussianTargets(2), np.zeros((40, 2)), "2 targets"),
    ],
)
def test_several_numbers_of_a_point_are_refused_at_the_start(likelihood, y, words):
    names = ("a", "b") if y.ndim == 2 else ()
    data = Dataset(np.linspace(-3, 3, 40), y, y_names=names)
    post = Posterior(MLP(1, (1,), outputs=likelihood.outputs), data, likelihood)
    with pytest.raises(RequestError, match=f"sizes: found {words}.*, expected one number"):
        scan(post, (1,), None, {"restarts": 2, "epochs": 5}, FEW, 1)

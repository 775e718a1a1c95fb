"""A network sees scaled data, people see the units of the file, and nothing else changes.

The oracle: the scaled arrays given as data of their own. All chance falls the same way, so that
theta, log posterior and log Z must be equal, and everything in units of y must differ by the scale.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import nnpost
from nnpost import MLP, Dataset, Gaussian, GaussianPrior, Posterior, RequestError
from nnpost.data.scaling import Scaling
from nnpost.figures.neurons import contributions
from tests.small import SMALL

RNG = np.random.default_rng(3)
YEARS = np.linspace(1871.0, 1970.0, 40)
FLOW = 900 + 200 * np.tanh((1900 - YEARS) / 15) + 60 * RNG.standard_normal(40)
ERRORS = RNG.uniform(40.0, 80.0, 40)


def posteriors(errors, likelihood):
    """On the file's data seen through a scaling, and on the scaled numbers themselves."""
    raw = Dataset(YEARS, FLOW, errors, x_names=("year",), y_name="volume")
    seen = raw.scaled(Scaling.of(raw, "standard"))
    plain = Dataset(seen.x, seen.y, seen.yerr)
    net, prior = MLP(1, (2,), "tanh"), GaussianPrior(1.0)
    return [Posterior(net, data, likelihood, prior) for data in (seen, plain)]


@pytest.fixture(scope="module", params=[None, ERRORS], ids=["noise inferred", "with yerr"])
def both(request):
    likelihood = Gaussian("infer") if request.param is None else Gaussian(1.0)
    found = []
    for post in posteriors(request.param, likelihood):
        fits = nnpost.train(post, restarts=8, epochs=100, validation=post.data)
        run = nnpost.sample(
            post, ensembles=4, nwalkers=16, nsteps=120, discard=40, start="fits", fits=fits
        )
        comparison = nnpost.compare(post, fits, run, detail=SMALL)
        card = nnpost.score(post, fits, run, comparison, detail=SMALL)
        found.append(SimpleNamespace(post=post, fits=fits, run=run, cmp=comparison, card=card))
    return found


def test_theta_and_densities_are_on_the_networks_scale(both):
    seen, plain = both
    assert np.array_equal(seen.fits.theta, plain.fits.theta)
    assert np.array_equal(seen.run.chain, plain.run.chain)
    assert np.array_equal(seen.run.log_prob, plain.run.log_prob)
    assert seen.cmp.map.log_prob == plain.cmp.map.log_prob


def test_misfits_are_in_units_of_the_file(both):
    seen, plain = both
    unit = seen.post.data.scaling.y_scale**2 if seen.post.data.yerr is None else 1.0
    assert np.allclose(seen.fits.mse, unit * plain.fits.mse)
    assert np.allclose(seen.fits.loss, unit * plain.fits.loss)
    assert np.allclose(seen.fits.validation_loss, unit * plain.fits.validation_loss)
    assert seen.cmp.sgd.mse == pytest.approx(unit * plain.cmp.sgd.mse)
    assert np.allclose(seen.card.profile.mse, unit * plain.card.profile.mse)
    tops = zip(seen.card.modes.modes, plain.card.modes.modes, strict=True)
    assert all(one.mse == pytest.approx(unit * other.mse) for one, other in tops)
    residual = FLOW - seen.post.predict(seen.fits.sgd.theta)
    weights = 1.0 if seen.post.data.yerr is None else ERRORS
    assert seen.fits.sgd.mse == pytest.approx(np.mean((residual / weights) ** 2))


def test_predictions_are_in_units_of_the_file(both):
    seen, plain = both
    scaling = seen.post.data.scaling
    one, other = seen.cmp.predictions, plain.cmp.predictions
    assert np.allclose(one.x, scaling.x_to_file(other.x))
    assert one.x.min() < 1871 < 1970 < one.x.max()
    for name in ("mean", "q05", "q95"):
        assert np.allclose(getattr(one, name), scaling.y_to_file(getattr(other, name)))
    assert np.allclose(one.sd, scaling.sd_to_file(other.sd))


def test_the_score_card_is_in_units_of_the_file(both):
    seen, plain = both
    scale = seen.post.data.scaling.y_scale
    for name, value in seen.card.best.items():
        unit = scale if name.startswith("rms") else 1.0
        assert value.value == pytest.approx(unit * plain.card.best[name].value), name
    for one, other in zip(seen.card.approximations, plain.card.approximations, strict=True):
        for name, value in one.numbers.items():
            unit = scale if name.split("_")[0] in ("w1", "floor") else 1.0
            assert value.value == pytest.approx(unit * other.numbers[name].value, nan_ok=True)


def test_the_verdict_is_the_same_in_either_unit(both):
    seen, plain = both
    assert seen.run.verdict.converged == plain.run.verdict.converged
    for name, value in seen.run.verdict.rhat.items():
        # ranks of outputs of saturated units change with the last bit of x
        assert value == pytest.approx(plain.run.verdict.rhat[name], rel=1e-4)


def test_a_network_of_the_file_s_units_computes_the_same():
    """f(x) = y_centre + y_scale · f'((x − x_centre)/x_scale), written into the weights by hand."""
    seen, _ = posteriors(None, Gaussian(0.3))
    s = seen.data.scaling
    theta = np.random.default_rng(0).standard_normal((5, seen.ndim))
    w, b, a, c = theta[:, :2], theta[:, 2:4], theta[:, 4:6], theta[:, 6:]
    by_hand = np.hstack(
        [w / s.x_scale, b - w * s.x_centre / s.x_scale, a * s.y_scale, c * s.y_scale + s.y_centre]
    )
    raw = Posterior(seen.net, seen.data.raw, Gaussian(0.3 * s.y_scale))
    x = np.linspace(1800, 2000, 7)
    assert np.allclose(seen.predict(theta, x), raw.predict(by_hand, x))
    assert np.allclose(seen.predict(theta), raw.predict(by_hand))
    assert np.allclose(seen.mse(theta), raw.mse(by_hand))
    n = seen.data.n
    assert np.allclose(
        seen.log_likelihood(theta) - n * np.log(s.y_scale), raw.log_likelihood(by_hand)
    )


def test_densities_of_targets_and_new_ones(both):
    seen, plain = both
    scaling, theta = seen.post.data.scaling, seen.run.samples[:5]
    known = plain.post.pointwise_log_likelihood(theta)
    assert np.array_equal(seen.post.pointwise_log_likelihood(theta), known)
    assert np.allclose(seen.post.pointwise_log_likelihood(theta, seen.post.data.raw), known)
    x = np.array([1880.0, 1990.0])
    errors = None if seen.post.data.yerr is None else np.array([50.0, 70.0])
    one = seen.post.draw_targets(theta, x, np.random.default_rng(0), errors)
    other = plain.post.draw_targets(
        theta, scaling.x_to_network(x[:, None]), np.random.default_rng(0),
        None if errors is None else scaling.sd_to_network(errors),
    )  # fmt: skip
    assert np.allclose(one, scaling.y_to_file(other))


def test_parts_of_a_network_sum_to_its_curve_but_for_its_constants():
    seen, _ = posteriors(None, Gaussian(0.3))
    theta, x = np.random.default_rng(1).standard_normal(seen.ndim), np.linspace(1850, 1990, 9)
    s = seen.data.scaling
    whole = contributions(seen, theta, x).sum(axis=0) + s.y_centre + s.y_scale * theta[-1]
    assert np.allclose(whole, seen.predict(theta, x))


def test_the_closed_form_is_told_in_units_of_the_file():
    raw = Dataset(YEARS, FLOW)
    seen = raw.scaled(Scaling.of(raw, "robust"))
    exact = nnpost.closed_form(Posterior(MLP(1, ()), seen, Gaussian(0.5), GaussianPrior(1e6)))
    mean, sd = exact.predict(np.array([[1900.0], [2000.0]]))
    assert np.allclose(mean, np.polyval(np.polyfit(YEARS, FLOW, 1), [1900, 2000]), rtol=1e-6)
    design = np.column_stack([YEARS, np.ones(40)])
    at = np.array([[1900.0, 1], [2000, 1]])
    known = (
        0.5 * seen.scaling.y_scale * np.sqrt(np.diag(at @ np.linalg.inv(design.T @ design) @ at.T))
    )
    assert np.allclose(sd, known, rtol=1e-6)


def test_validation_data_may_come_in_any_scale():
    seen, _ = posteriors(None, Gaussian("infer"))
    losses = [
        nnpost.train(seen, restarts=2, epochs=5, validation=data).validation_loss
        for data in (seen.data, seen.data.raw)
    ]
    assert np.allclose(*losses)


def test_data_whose_scale_leaves_the_floats_are_refused():
    raw = Dataset(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    with pytest.raises(RequestError, match=r"x is inf .* expected finite numbers"):
        raw.scaled(Scaling(np.zeros(1), np.array([1e-320])))

"""Estimators as scikit-learn has them: in pipelines, cross-validation and its own checks."""

import inspect
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.estimator_checks import check_estimator

from nnpost.experiment.sections import DataSettings, PriorSettings
from nnpost.sklearn import PosteriorClassifier, PosteriorRegressor

QUICK = {
    "hidden": (1,), "restarts": 4, "epochs": 100, "start": "fits", "nsteps": 20, "random_state": 0,
}  # fmt: skip

few_steps = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def line(n=60, seed=0):
    rng = np.random.default_rng(seed)
    x = 100 + 20 * rng.normal(size=(n, 2))
    return x, 1000 + x @ [3.0, -5.0] + 30 * rng.normal(size=n)


def test_both_have_the_same_parameters_and_defaults():
    one, two = (inspect.signature(kind) for kind in (PosteriorRegressor, PosteriorClassifier))
    assert str(one) == str(two)
    given = PosteriorRegressor(**QUICK)
    assert clone(given).get_params() == given.get_params()
    own = DataSettings(file="my.csv", x=("x",), y="y")  # scaled, as the estimators' data
    assert given.prior_std == PriorSettings.default(own)


def test_a_line_is_predicted_in_units_of_y_with_its_spread():
    """Without hidden units, on 400 points, the data outweigh the prior: least squares and its
    residuals' standard deviation, to what 400 points leave (σ/√800) and their few parameters."""
    x, y = line(400)
    found = PosteriorRegressor(hidden=(), restarts=4, nsteps=400, particles=200, random_state=1)
    found.fit(x, y)
    design = np.column_stack([x, np.ones(400)])
    best, *_ = np.linalg.lstsq(design, y, rcond=None)
    at = np.array([[80.0, 120.0], [140.0, 60.0]])
    mean, sd = found.predict(at, return_std=True)
    np.testing.assert_allclose(mean, np.column_stack([at, np.ones(2)]) @ best, atol=3)
    sigma = np.std(y - design @ best)
    spread = sigma * np.sqrt(1 + np.einsum(
        "mi,ij,mj->m", np.column_stack([at, np.ones(2)]), np.linalg.inv(design.T @ design),
        np.column_stack([at, np.ones(2)]),
    ))  # fmt: skip
    np.testing.assert_allclose(sd, spread, rtol=0.03)
    assert found.score(x, y) == pytest.approx(1 - sigma**2 / np.var(y), abs=1e-3)
    assert found.run_.verdict.converged


def test_the_spread_is_that_of_the_draws_of_new_targets():
    x, y = line()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = PosteriorRegressor(**QUICK).fit(x, y)
    mean, sd = found.predict(x[:5], return_std=True)
    theirs = found.run_.predict(x[:5])
    np.testing.assert_allclose(mean, theirs.mean, rtol=1e-12)
    np.testing.assert_allclose(sd, theirs.sd, rtol=5 / np.sqrt(2 * len(theirs.draws)))


def test_a_chain_that_has_not_converged_is_told():
    with pytest.warns(ConvergenceWarning, match="has not converged .* raise nsteps"):
        PosteriorRegressor(**QUICK).fit(*line())


def test_targets_that_tell_nothing_are_refused():
    x = np.arange(6.0)[:, None]
    with pytest.raises(ValueError, match="y is 3 at all 6 samples, so that the noise would run"):
        PosteriorRegressor(**QUICK).fit(x, np.full(6, 3.0))
    with pytest.raises(ValueError, match=r"y has one class, .*7.*, expected two or more"):
        PosteriorClassifier(**QUICK).fit(x, np.full(6, 7))


@few_steps
def test_in_a_pipeline_and_cross_validation():
    x, y = line(90)
    model = make_pipeline(PolynomialFeatures(2), PosteriorRegressor(**QUICK))
    scores = cross_val_score(model, x[:, :1] - 100, y, cv=3)
    assert scores.shape == (3,)
    alone = make_pipeline(PolynomialFeatures(2), PosteriorRegressor(**QUICK))
    alone.fit(x[30:, :1] - 100, y[30:])
    assert scores[0] == pytest.approx(alone.score(x[:30, :1] - 100, y[:30]))


@few_steps
@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]])
def test_classes_have_probabilities(labels):
    """One input between well apart classes: sure in the middle of each, torn between two."""
    rng = np.random.default_rng(2)
    code = np.arange(90) % len(labels)
    x = (4.0 * code + 0.5 * rng.normal(size=90))[:, None]
    found = PosteriorClassifier(**QUICK | {"nsteps": 200, "hidden": (2,)})
    found.fit(x, np.array(labels)[code])
    assert list(found.classes_) == labels
    middle = 4.0 * np.arange(len(labels))[:, None]
    proba = found.predict_proba(np.vstack([middle, [[2.0]]]))
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert (proba[:-1].diagonal() > 0.9).all()
    assert 0.1 < proba[-1, 0] < 0.9
    assert list(found.predict(middle)) == labels
    assert found.score(x, np.array(labels)[code]) > 0.95
    theta, _ = found.run_.some(4000)
    by_hand = found.run_.post.expected(theta, middle).mean(axis=0)
    np.testing.assert_allclose(proba[:-1, -1], by_hand if by_hand.ndim == 1 else by_hand[:, -1])


@pytest.mark.long
@few_steps
@pytest.mark.parametrize("kind", [PosteriorRegressor, PosteriorClassifier])
def test_scikit_learn_finds_nothing_to_object_to(kind):
    skipped = {"check_array_api_input"}
    # One unit orders classes along a line; those of a check lie in a plane.
    found = check_estimator(kind(**QUICK | {"hidden": (2,)}), on_skip=None)
    left = {one["check_name"] for one in found if one["status"] != "passed"}
    assert left <= skipped

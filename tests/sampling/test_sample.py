"""Sampling: seeds, starts, stored chains, and continuing them bit for bit."""

import emcee
import numpy as np
import pytest

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.diagnostics.mixing import effective_size
from nnpost.moves.names import MOVES
from nnpost.network.mlp import MLP
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import GaussianPrior
from nnpost.sampling.load import load
from nnpost.sampling.sample import sample
from nnpost.storage.read_chain import committed_rows
from nnpost.storage.runfile import read_group, write_groups
from nnpost.tempering.temper import temper
from nnpost.training.train import train


@pytest.fixture(scope="module")
def post():
    rng = np.random.default_rng(3)
    x = np.linspace(-2, 2, 25)
    data = Dataset(x, np.tanh(2 * x) + 0.2 * rng.normal(size=25), name="step")
    return Posterior(MLP(1, (2,), "tanh"), data, Gaussian(0.2), GaussianPrior(3.0))


@pytest.fixture(scope="module")
def tempering(post):
    return temper(post, ensembles=4, particles=200, steps=4, seed=0)


@pytest.fixture(scope="module")
def quick(post, tempering):
    def run(path=None, **kw):
        settings = {"nsteps": 60, "nwalkers": 14, "tempering": tempering} | kw
        return sample(post, path, **settings)

    return run


@pytest.mark.parametrize("moves", MOVES)
def test_the_stored_log_prob_is_that_of_the_stored_vectors(post, quick, moves):
    nsteps = 2000 if moves == "walk" else 60  # of whose steps one in six thousand is accepted here
    run = quick(moves=moves, nsteps=nsteps)
    assert run.chain.shape == (nsteps, 56, 7)
    np.testing.assert_allclose(run.log_prob, post.log_prob(run.chain), rtol=0, atol=1e-9)
    assert 0 < run.acceptance < 1


def test_a_seed_gives_one_chain_whatever_the_global_generator_does(quick):
    np.random.seed(1)  # noqa: NPY002  the point of the test
    one = quick(seed=7)
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(quick(seed=7).chain, one.chain)
    assert not np.array_equal(quick(seed=8).chain, one.chain)


@pytest.mark.parametrize("moves", ["collapsed", "stretch"])
@pytest.mark.parametrize("thin", [1, 3])
def test_a_run_continued_equals_one_uninterrupted_bit_for_bit(quick, tmp_path, moves, thin):
    whole = quick(tmp_path / "whole.h5", moves=moves, thin=thin)
    for steps in (21, 33, 60):
        parts = quick(
            tmp_path / "parts.h5", moves=moves, thin=thin, nsteps=steps, resume=steps > 21
        )
    np.testing.assert_array_equal(parts.chain, whole.chain)
    np.testing.assert_array_equal(parts.log_prob, whole.log_prob)
    np.testing.assert_array_equal(parts.accepted, whole.accepted)
    memory = quick(moves=moves, thin=thin)
    np.testing.assert_array_equal(memory.chain, whole.chain)
    again = quick(tmp_path / "whole.h5", moves=moves, thin=thin, resume=True)
    np.testing.assert_array_equal(again.chain, whole.chain)


def test_an_interrupt_keeps_every_step_and_the_rest_follows(quick, tmp_path):
    whole, path = quick(), tmp_path / "run.h5"

    def stop(done, total, text=""):
        if done == 37:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(path, progress=stop)
    assert 36 <= committed_rows(path) <= 38
    np.testing.assert_array_equal(quick(path, resume=True).chain, whole.chain)


def test_emcee_reads_the_run_file(quick, tmp_path):
    run = quick(tmp_path / "run.h5")
    backend = emcee.backends.HDFBackend(str(tmp_path / "run.h5"), read_only=True)
    np.testing.assert_array_equal(backend.get_chain(), run.chain)
    np.testing.assert_array_equal(backend.get_log_prob(flat=True), run.get_log_prob(flat=True))
    for discard, thin in ((0, 1), (10, 7)):
        np.testing.assert_array_equal(
            backend.get_chain(discard=discard, thin=thin), run.get_chain(discard, thin)
        )


def test_a_run_comes_back_from_its_file_with_all_that_belongs_to_it(post, quick, tmp_path):
    fits = train(post, restarts=3, epochs=5)
    run = quick(tmp_path / "run.h5", fits=fits)
    again = load(tmp_path / "run.h5")
    np.testing.assert_array_equal(again.samples, run.samples)
    np.testing.assert_array_equal(again.fits.theta, fits.theta)
    np.testing.assert_array_equal(again.tempering.log_z, run.tempering.log_z)
    np.testing.assert_array_equal(again.post.log_prob(run.samples), post.log_prob(run.samples))
    assert (again.discard, again.thin, again.moves) == (12, 1, "collapsed")
    assert repr(again) == repr(run)
    assert "7 parameters, 25 points" in repr(run)
    assert "<th>verdict</th>" in run._repr_html_()


def test_sampling_again_replaces_the_chain_and_keeps_the_fits(post, quick, tmp_path):
    path = tmp_path / "run.h5"
    quick(path, fits=train(post, restarts=3, epochs=5))
    write_groups(path, {"verdict": {"old": 1}})
    run = quick(path, seed=5)
    assert run.fits is not None
    assert read_group(path, "verdict") is None
    np.testing.assert_array_equal(load(path).chain, run.chain)
    other = Posterior(post.net, post.data, MSE())
    sample(other, path, nsteps=10, start="prior")
    assert load(path).fits is None


def test_starts(post, quick, tempering):
    fits = train(post, restarts=20, epochs=5)
    ball = quick(start="ball", nsteps=1, moves="stretch").chain[0]
    assert abs(ball).max() < 0.01
    near = quick(start="fits", fits=fits, nsteps=1, moves="stretch")
    still = near.chain[0, near.accepted == 0]
    assert len(still) > 10
    assert np.linalg.norm(still[:, None] - fits.theta, axis=2).min(axis=1).max() < 1e-2
    wide = quick(start="prior", nsteps=1, nwalkers=200, moves="stretch").chain[0]
    assert wide.std() == pytest.approx(3, rel=0.1)
    first = quick(nsteps=1, moves="stretch").chain[0].reshape(4, 14, 7)
    for e in range(4):
        places = {tuple(theta) for theta in tempering.theta[e]}
        assert sum(tuple(theta) in places for theta in first[e]) >= 1


def test_a_network_without_hidden_layer_is_drawn_exactly():
    """Linear regression: mean and covariance of 40,000 independent draws against closed form."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    post = Posterior(MLP(2), Dataset(x, x @ [2.0, -3.0] + 1), Gaussian(0.5), GaussianPrior(10.0))
    run = sample(post, nsteps=1250, nwalkers=8, start="prior")
    design = np.c_[x, np.ones(40)]
    cov = np.linalg.inv(design.T @ design / 0.25 + np.eye(3) / 100)
    mean = cov @ design.T @ post.data.y / 0.25
    draws = run.get_chain(flat=True)
    assert run.acceptance == 1
    z = (draws.mean(axis=0) - mean) / np.sqrt(np.diag(cov) / len(draws))
    assert (abs(z) < 4).all()
    np.testing.assert_allclose(np.cov(draws.T), cov, rtol=0.05, atol=0.02 * np.diag(cov).min())
    assert effective_size(run.log_prob, run.nwalkers).min() > 0.9 * len(draws)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"moves": "strech"}, "sample.moves: found \"strech\", expected .* did you mean 'stretch'"),
        ({"start": "temperd"}, "did you mean 'tempered'"),
        ({"nwalkers": 12}, "found 12, expected an even number of at least 14"),
        ({"nwalkers": 15}, "use 16"),
        ({"nsteps": 0}, "nsteps: found 0"),
        ({"discard": 60}, "discard: found 60, expected fewer than sample.nsteps = 60"),
        ({"thin": 61}, "thin: found 61"),
        ({"ensembles": 0}, "ensembles: found 0"),
        ({"start": "fits"}, "train first"),
        ({"seed": -1}, "seed: found -1, expected a whole number of at least 0"),
        ({"nwalkers": 220}, "temper.particles: found 200, expected an even number of at least 220"),
        ({"resume": True}, "there is no path"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_line(quick, settings, words):
    with pytest.raises(RequestError, match=words) as caught:
        quick(**settings)
    assert "\n" not in str(caught.value)


def test_a_chain_of_something_else_is_not_continued(post, quick, tmp_path):
    quick(tmp_path / "run.h5")
    with pytest.raises(RequestError, match="seed = 0 in the file, 1 asked for"):
        quick(tmp_path / "run.h5", seed=1, resume=True)
    other = Posterior(post.net, post.data, MSE())
    with pytest.raises(RequestError, match="no chain of this posterior"):
        sample(other, tmp_path / "run.h5", start="prior", resume=True)


class Unkept(Posterior):
    """A posterior that a run file cannot keep."""

    def to_tree(self):
        raise RequestError("likelihood: found one of your own")


def test_what_cannot_be_done_is_refused_before_anything_is_computed(post, quick, tmp_path):
    """Each would otherwise be refused only after tempered runs, of which none is heard."""

    def heard(*_):
        raise AssertionError("tempering has begun")

    (tmp_path / "note.h5").write_text("not a run file")
    with pytest.raises(RequestError, match=r"note\.h5"):
        sample(post, tmp_path / "note.h5", progress=heard)
    path = tmp_path / "run.h5"
    quick(path, start="prior", tempering=None)
    with pytest.raises(RequestError, match="start = prior in the file, tempered asked for"):
        sample(post, path, nsteps=70, nwalkers=14, resume=True, progress=heard)
    new = tmp_path / "new.h5"
    with pytest.raises(RequestError, match="found one of your own"):
        sample(Unkept(post.net, post.data, post.likelihood, post.prior), new, progress=heard)
    assert not new.exists()
    with pytest.raises(RequestError, match=r"expected an even number of at least 2002 \(one for"):
        sample(post, nwalkers=2002, progress=heard)


def test_a_refused_request_leaves_the_earlier_run_as_it_was(post, quick, tmp_path):
    path = tmp_path / "run.h5"
    quick(path)
    before = path.read_bytes()
    other = Posterior(post.net, post.data, MSE())
    for refused in (
        lambda: quick(path, start="fits", thin=5),
        lambda: sample(other, path, start="fits"),
        lambda: quick(path, ensembles=5),
    ):
        with pytest.raises(RequestError):
            refused()
        assert path.read_bytes() == before


def test_true_shows_a_bar_on_stderr(quick, capsys):
    quick(progress=True)
    assert capsys.readouterr().out == ""

"""The log density against torch's MSELoss, scipy's normal, autograd and finite differences."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from nnpost.common.errors import RequestError
from nnpost.data.dataset import Dataset
from nnpost.data.scaling import Scaling
from nnpost.network.mlp import ACTIVATIONS, MLP
from nnpost.posterior.description import Description
from nnpost.posterior.likelihoods.by_kind import LIKELIHOODS as LIKELIHOOD_KINDS
from nnpost.posterior.likelihoods.gaussian import MSE, Gaussian
from nnpost.posterior.output_layer import OutputLayer
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import PRIORS, GaussianPrior
from nnpost.sampling.sample import sample

SHAPES = [(1, ()), (3, ()), (1, (2,)), (3, (4,)), (2, (3, 2))]
STDS = {"input_weights": 2.0, "biases": 3.0, "output_weights": 5.0, "output_bias": 7.0}
LIKELIHOODS = [MSE(), Gaussian(0.7), Gaussian("infer")]

pytestmark = pytest.mark.usefixtures("each_engine")


def make(inputs=1, hidden=(2,), activation="sigmoid", likelihood=None, yerr=False, n=23, **kw):
    likelihood = likelihood or MSE()
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(n, inputs)), rng.normal(size=n)
    errors = rng.uniform(0.5, 2, n) if yerr else None
    net = MLP(inputs, hidden, activation)
    return Posterior(net, Dataset(x, y, errors), likelihood, **kw)


class Wordless:
    """A likelihood that cannot say what it is."""

    infers_noise = False

    def precision(self, n, log_sigma=None):
        return 1.0

    def constant(self, n, tau, log_yerr=0.0):
        return 0.0


class Lopsided:
    """A prior for networks of one size alone."""

    def scales(self, kinds, infers_noise):
        return np.ones(7)


def draws(post, *shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(size=(*shape, post.ndim)) * scale


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("inputs", "hidden"), SHAPES)
def test_mse_likelihood_is_minus_torchs_loss_and_n_times_it_the_summed_loss(
    inputs, hidden, activation
):
    post = make(inputs, hidden, activation)
    x, y = torch.tensor(post.data.x), torch.tensor(post.data.y)[:, None]
    for theta in draws(post, 4):
        out = post.net.to_torch(theta)(x)
        mean = torch.nn.MSELoss()(out, y).item()
        total = torch.nn.MSELoss(reduction="sum")(out, y).item()
        assert post.log_likelihood(theta) == pytest.approx(-mean, rel=1e-13)
        assert post.data.n * post.log_likelihood(theta) == pytest.approx(-total, rel=1e-13)
        assert post.mse(theta) == pytest.approx(mean, rel=1e-13)


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize("sigma", [0.3, np.float64(0.3), "infer"])
def test_gaussian_likelihood_keeps_all_the_constants_of_scipys_normal(sigma, yerr):
    post = make(likelihood=Gaussian(sigma), yerr=yerr)
    for theta in draws(post, 5):
        noise = np.exp(theta[-1]) if sigma == "infer" else sigma
        scale = noise * (post.data.yerr if yerr else 1.0)
        out = post.net.to_torch(theta[:7])(torch.tensor(post.data.x)).detach().numpy()[:, 0]
        expected = norm.logpdf(post.data.y, out, scale).sum()
        assert post.log_likelihood(theta) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("std", [30.0, "by kind"])
def test_prior_is_a_product_of_normalised_normals(std):
    prior = GaussianPrior(STDS if std == "by kind" else std, log_sigma_std=1.5)
    post = make(likelihood=Gaussian("infer"), prior=prior)
    scales = [2, 2, 3, 3, 5, 5, 7, 1.5] if std == "by kind" else [30] * 7 + [1.5]
    theta = draws(post, 6, scale=4)
    np.testing.assert_allclose(
        post.log_prior(theta), norm.logpdf(theta, 0, scales).sum(axis=1), rtol=1e-13
    )


def test_kinds_that_a_table_leaves_out_have_the_default():
    theta = draws(make(), 3, scale=9)
    for prior, scales in (
        (GaussianPrior({"biases": 3.0}), [30, 30, 3, 3, 30, 30, 30]),
        (GaussianPrior({"output_weights": 2.0}, default=5.0), [5, 5, 5, 5, 2, 2, 5]),
        (GaussianPrior({}, default=4.0), [4] * 7),
    ):
        post = make(prior=prior)
        expected = norm.logpdf(theta, 0, scales).sum(axis=1)
        np.testing.assert_allclose(post.log_prior(theta), expected, rtol=1e-13)
        again = Posterior.from_tree(post.to_tree(), post.data)
        np.testing.assert_array_equal(again.log_prior(theta), post.log_prior(theta))


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_batches_of_any_shape_equal_one_by_one_and_blocks_change_nothing(likelihood):
    post = make(2, (3,), likelihood=likelihood)
    theta = draws(post, 4, 5)
    whole = post.log_prob(theta)
    assert whole.shape == (4, 5)
    ones = [[post.log_prob(t) for t in row] for row in theta]
    np.testing.assert_allclose(whole, ones, rtol=1e-13)
    value, grad = post.log_prob_and_grad(theta)
    small = replace(post, block=200)  # two walkers at a time
    np.testing.assert_allclose(small.log_prob(theta), whole, rtol=1e-13)
    again, slope = small.log_prob_and_grad(theta)
    np.testing.assert_allclose(again, value, rtol=1e-13)
    np.testing.assert_allclose(slope, grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softsign", "identity"])
def test_gradient_equals_autograd_and_finite_differences(activation, likelihood, yerr):
    post = make(2, (3,), activation, likelihood, yerr)
    theta = draws(post, 3)
    value, grad = post.log_prob_and_grad(theta)
    np.testing.assert_allclose(value, post.log_prob(theta), rtol=1e-13)
    step = 1e-6 * np.eye(post.ndim)
    ends = post.log_prob(theta[:, None] + step), post.log_prob(theta[:, None] - step)
    np.testing.assert_allclose(grad, (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-5)

    def by_hand(t):
        r = torch.tensor(post.data.y) - post.net.forward(t, torch.tensor(post.data.x))
        r = r / torch.tensor(post.data.yerr) if yerr else r
        prior = -0.5 * ((t / torch.tensor(post.scales)) ** 2).sum(-1)
        n = post.data.n
        if isinstance(likelihood, MSE):
            return prior - (r**2).mean(-1)
        log_sigma = t[..., -1] if likelihood.infers_noise else torch.tensor(np.log(0.7))
        return prior - (r**2).sum(-1) / (2 * torch.exp(2 * log_sigma)) - n * log_sigma

    leaf = torch.tensor(theta, requires_grad=True)
    (expected,) = torch.autograd.grad(by_hand(leaf).sum(), leaf)
    np.testing.assert_allclose(grad, expected, rtol=1e-10, atol=1e-10)


def test_torch_in_gives_torch_out_with_the_same_numbers():
    post = make()
    theta = draws(post, 4)
    out = post.log_prob(torch.tensor(theta))
    assert isinstance(out, torch.Tensor)
    assert out.dtype == torch.float64
    np.testing.assert_array_equal(out.numpy(), post.log_prob(theta))
    value, grad = post.log_prob_and_grad(torch.tensor(theta))
    assert isinstance(value, torch.Tensor)
    assert grad.shape == theta.shape


def test_predictions_are_the_modules_outputs_anywhere():
    post = make(1, (3,), "tanh")
    theta, x = draws(post, 2), np.array([-3.0, 0.5])
    expected = [
        post.net.to_torch(t)(torch.tensor(x)[:, None]).detach().numpy()[:, 0] for t in theta
    ]
    np.testing.assert_allclose(post.predict(theta, x), expected, rtol=1e-13)
    np.testing.assert_allclose(post.predict(theta, x[:, None]), expected, rtol=1e-13)
    assert post.predict(theta).shape == (2, 23)


def noise_of(likelihood, theta, n):
    if likelihood.infers_noise:
        return np.exp(theta[..., -1:])
    return np.sqrt(n / 2) if isinstance(likelihood, MSE) else likelihood.sigma


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_each_point_has_the_density_of_scipys_normal_there_and_elsewhere(likelihood, yerr):
    post = make(2, (3,), likelihood=likelihood, yerr=yerr)
    theta = draws(post, 4, 5, scale=0.7)
    sigma, rng = noise_of(likelihood, theta, post.data.n), np.random.default_rng(5)
    errors = rng.uniform(0.5, 2, 9) if yerr else None
    elsewhere = Dataset(rng.normal(size=(9, 2)), rng.normal(size=9), errors)
    for found, data in (
        (post.pointwise_log_likelihood(theta), post.data),
        (post.pointwise_log_likelihood(theta, elsewhere), elsewhere),
    ):
        scale = sigma * (data.yerr if yerr else np.ones(data.n))
        expected = norm.logpdf(data.y, post.predict(theta, data.x), scale)
        assert found.shape == (4, 5, data.n)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    total = post.pointwise_log_likelihood(theta).sum(axis=-1)
    left_out = 0.0
    if isinstance(likelihood, MSE):
        left_out = post.data.n / 2 * np.log(np.pi * post.data.n)
        left_out += np.log(post.data.yerr).sum() if yerr else 0.0
    np.testing.assert_allclose(total, post.log_likelihood(theta) - left_out, rtol=1e-12)


@pytest.mark.parametrize("yerr", [False, True])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_new_targets_are_draws_of_that_density(likelihood, yerr):
    """z of 20,000 draws at each of 3 places: mean 0, variance 1, each within 4 standard errors,
    and a Kolmogorov-Smirnov test at 1e-4; places are drawn independently."""
    post = make(2, (3,), likelihood=likelihood, yerr=yerr)
    theta, x = draws(post, 2, scale=0.7), np.random.default_rng(6).normal(size=(3, 2))
    errors, size = np.array([0.5, 1.0, 3.0]), 20_000
    many = np.repeat(theta[:, None], size, axis=1)
    found = post.draw_targets(many, x, np.random.default_rng(7), errors if yerr else None)
    assert found.shape == (2, size, 3)
    scale = noise_of(likelihood, many, post.data.n) * (errors if yerr else 1.0)
    z = (found - post.predict(theta, x)[:, None]) / scale
    assert np.abs(z.mean(axis=1)).max() * np.sqrt(size) < 4
    assert np.abs((z**2).mean(axis=1) - 1).max() * np.sqrt(size / 2) < 4
    assert min(kstest(z[0, :, k], "norm").pvalue for k in range(3)) > 1e-4
    assert np.abs(np.corrcoef(z[0].T) - np.eye(3)).max() * np.sqrt(size) < 4
    one = post.draw_targets(theta[0], x, np.random.default_rng(8), errors if yerr else None)
    assert one.shape == (3,)


@pytest.mark.parametrize(
    ("brought", "given", "words"),
    [
        (True, None, r"found none, but the data 'data' bring errors \('yerr'\); give yerr at x"),
        (False, np.ones(3), "found them, but the data 'data' bring none; leave yerr out at x"),
        (True, np.ones(2), r"found shape \(2,\), the least 1, expected 3 positive numbers"),
        (True, np.array([1.0, 0.0, 1.0]), "the least 0, expected 3 positive numbers"),
    ],
)
def test_errors_of_new_points_go_with_those_of_the_data(brought, given, words):
    post, x = make(yerr=brought), np.zeros(3)
    with pytest.raises(RequestError, match=words):
        post.draw_targets(np.zeros(7), x, np.random.default_rng(0), given)


@pytest.mark.parametrize(("brought", "given"), [(True, None), (False, np.ones(3))])
def test_other_data_bring_errors_where_the_posteriors_do(brought, given):
    with pytest.raises(RequestError, match="yerr at new points: found"):
        make(yerr=brought).pointwise_log_likelihood(
            np.zeros(7), Dataset(np.zeros(3), np.zeros(3), given)
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_whatever_is_not_finite_is_minus_infinity_and_has_no_gradient(bad):
    post = make(likelihood=Gaussian("infer"))
    theta = draws(post, 3)
    theta[1, 5] = bad
    value, grad = post.log_prob_and_grad(theta)
    assert value[1] == -np.inf == post.log_prob(theta)[1]
    assert np.isfinite(value[[0, 2]]).all()
    assert (grad[1] == 0).all()
    theta[1] = 0.0
    theta[1, -1] = -1e5  # sigma underflows: a residual of zero would win for ever
    assert post.log_prob(theta)[1] == -np.inf


def test_the_articles_networks_have_the_figures_measured_for_them():
    from nnpost import datasets

    post = Posterior(MLP(1, (2,)), datasets.parabola(size=500, seed=0))
    sgd = [-1.4160, 1.4624, -4.9017, -4.9822, 23.6837, 22.9339, 0.9818]
    assert post.mse(np.array(sgd)) == pytest.approx(0.741, abs=5e-4)
    unnormalised = post.log_prob(np.array(sgd)) + 7 * np.log(30 * np.sqrt(2 * np.pi))
    assert unnormalised == pytest.approx(-1.375, abs=5e-4)
    by_hand = [1.2, -1.2, -4.0, -4.0, 25.0, 25.0, 0.0]
    assert post.mse(np.array(by_hand)) == pytest.approx(0.77, abs=0.01)


@pytest.mark.parametrize(
    ("make_it", "words"),
    [
        (lambda: make().log_prob(np.zeros(6)), r"shape \(6,\), expected \(\.\.\., 7\)"),
        (lambda: make().predict(np.zeros(7), np.zeros((3, 2))), r"shape \(3, 2\), expected"),
        (lambda: Gaussian(0.0), 'sigma: found 0.0, expected a positive number .* or "infer"'),
        (lambda: Gaussian(1e-200), "sigma: found 1e-200"),
        (lambda: Gaussian(-1.0), "found -1.0"),
        (lambda: Gaussian(float("nan")), "found nan"),
        (lambda: Gaussian("infre"), "did you mean 'infer'"),
        (lambda: GaussianPrior(0.0), "prior std: found 0.0"),
        (lambda: GaussianPrior(-3.0), "expected a positive number"),
        (lambda: GaussianPrior(1e-200), "prior std: found 1e-200"),
        (lambda: GaussianPrior({"biases": 0.0}), "prior biases: found 0.0"),
        (lambda: make(prior=GaussianPrior({"input_weight": 1.0})), "did you mean 'input_weights'"),
        (lambda: GaussianPrior(1.0, default=0.0), "prior default: found 0.0"),
        (lambda: make(hidden=(3,), prior=Lopsided()), r"scales of shape \(7,\).*expected 10 pos"),
        (lambda: make(device="cuda:99"), "no CUDA device|no such CUDA device"),
        (
            lambda: Posterior(MLP(2, (2,)), Dataset(np.zeros((3, 1)), np.zeros(3))),
            "takes 2 inputs",
        ),
    ],
)  # fmt: skip
def test_bad_requests_are_refused_in_one_line(make_it, words):
    with pytest.raises(RequestError, match=words) as caught:
        make_it()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_a_posterior_comes_back_from_its_tree(likelihood):
    post = make(likelihood=likelihood, prior=GaussianPrior(STDS))
    again = Posterior.from_tree(post.to_tree(), post.data)
    theta = draws(post, 3)
    np.testing.assert_array_equal(again.log_prob(theta), post.log_prob(theta))


@dataclass(frozen=True)
class Tempered:
    """A likelihood of one's own: a Gaussian of σ = 1 to the power ``power``."""

    power: float = 0.5
    infers_noise = False

    def precision(self, n, log_sigma=None):
        return self.power

    def constant(self, n, tau, log_yerr=0.0):
        return -self.power * n * np.log(2 * np.pi) / 2

    def words(self, n, weighted):
        return f"Gaussian, σ = 1, to the power {self.power:g}"

    def to_tree(self):
        return {"sigma": 1.0, "power": self.power}

    @classmethod
    def from_tree(cls, tree):
        return cls(tree["power"])


class Narrowing:
    """A prior of one's own: every parameter narrower than the one before."""

    def scales(self, kinds, infers_noise):
        return 2.0 / np.arange(1, len(kinds) + infers_noise + 1)


@dataclass(frozen=True)
class Flat:
    """A prior of one's own that files can keep: one width for everything."""

    width: float

    def scales(self, kinds, infers_noise):
        return np.full(len(kinds) + infers_noise, self.width)

    def to_tree(self):
        return {"prior_std": self.width, "log_sigma_std": self.width}

    @classmethod
    def from_tree(cls, tree):
        return cls(tree["prior_std"])


class Louder(Gaussian):
    """Looks like a likelihood that files keep, and is another one."""

    def precision(self, n, log_sigma=None):
        return 2 * super().precision(n, log_sigma)


class Variance(Gaussian):
    """Takes the last entry of theta for log σ²."""

    def precision(self, n, log_sigma=None):
        return (-log_sigma).exp()


class Shapeless(Gaussian):
    """Leaves out the constant, without which an inferred σ grows for ever."""

    def constant(self, n, tau, log_yerr=0.0):
        return 0.0


class Renamed(Gaussian):
    """The same under another name, and read back under it."""

    def to_tree(self):
        return {}

    @classmethod
    def from_tree(cls, tree):
        return cls("infer")


def test_likelihoods_and_priors_of_ones_own_are_densities():
    post = make(likelihood=Tempered(), prior=Narrowing())
    theta, normal = draws(post, 4), make(likelihood=Gaussian(1.0))
    np.testing.assert_allclose(
        post.log_likelihood(theta), 0.5 * normal.log_likelihood(theta), rtol=1e-12
    )
    scales = 2.0 / np.arange(1, 8)
    np.testing.assert_allclose(post.log_prior(theta), norm.logpdf(theta, 0, scales).sum(axis=1))
    layer = OutputLayer(post)
    drawn = layer.draw(layer.split(theta), np.random.default_rng(0))
    np.testing.assert_allclose(drawn.log_prob, post.log_prob(drawn.theta), rtol=1e-12)


def test_a_likelihood_of_ones_own_is_told_as_it_is_where_data_are_scaled():
    class Loud(Tempered):
        """Nothing is known of what it calls sigma, and it cannot be replaced as a dataclass."""

        def __init__(self):
            super().__init__()
            self.__dict__["sigma"] = 0.3

    data = make().data
    for own in (Loud(), Louder(0.3)):
        post = Posterior(MLP(1, (2,)), data.scaled(Scaling.of(data, "standard")), own)
        assert post.data.misfit_unit != 1
        assert post.file_likelihood is own


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"likelihood": Tempered()}, "likelihood: found Tempered, and a run file keeps MSE or"),
        ({"likelihood": Louder(0.3)}, "likelihood: found Louder"),
        ({"prior": Narrowing()}, "prior: found Narrowing, and a run file keeps GaussianPrior"),
    ],
    ids=["likelihood", "subclass", "prior"],
)
def test_what_a_run_file_cannot_keep_is_refused_before_anything_is_computed(part, words, tmp_path):
    post, path = make(**part), tmp_path / "run.h5"
    calls = []
    with pytest.raises(RequestError, match=words) as caught:
        sample(post, path=path, nsteps=10, progress=lambda *told: calls.append(told))
    assert "\n" not in str(caught.value)
    assert not path.exists()
    assert calls == []
    run = sample(post, nsteps=20, start="prior", moves="stretch")
    np.testing.assert_allclose(run.log_prob, post.log_prob(run.chain), rtol=1e-12)


def test_what_is_entered_is_kept_though_it_does_not_say_its_kind(monkeypatch):
    monkeypatch.setitem(LIKELIHOOD_KINDS, "tempered", Tempered)
    monkeypatch.setitem(PRIORS, "flat", Flat)
    post = make(likelihood=Tempered(0.3), prior=Flat(2.0))
    again = Posterior.from_tree(post.to_tree(), post.data)
    assert again.likelihood == Tempered(0.3)
    assert again.prior == Flat(2.0)
    assert not Description.from_tree(post.to_tree()).infers_noise


def test_inferred_noise_of_an_entered_likelihood_is_described(monkeypatch):
    monkeypatch.setitem(LIKELIHOOD_KINDS, "renamed", Renamed)
    post = make(likelihood=Renamed("infer"))
    assert Description.from_tree(post.to_tree()).labels == post.labels
    assert type(Posterior.from_tree(post.to_tree(), post.data).likelihood) is Renamed


def test_the_stored_form_of_what_is_built_in_stays():
    for likelihood, sigma in ((MSE(), "mse"), (Gaussian(0.7), 0.7), (Gaussian("infer"), "infer")):
        tree = make(likelihood=likelihood).to_tree()
        del tree["hidden"]
        assert tree == {
            "inputs": 1, "activation": "sigmoid", "sigma": sigma,
            "prior_std": 30.0, "log_sigma_std": 3.0,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("likelihood", "unknown likelihood 'cauchy': expected one of mse, gaussian"),
        ("prior", "unknown prior 'cauchy': expected one of gaussian"),
    ],
)
def test_an_unknown_kind_in_a_file_is_named(name, words):
    post = make()
    with pytest.raises(RequestError, match=words):
        Posterior.from_tree(post.to_tree() | {name: "cauchy"}, post.data)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Louder, r"found Louder with a precision of 109\.196 at log sigma = -2.*Gaussian.*54\.59"),
        (Variance, "found Variance with a precision of 7.38906 at log sigma = -2"),
        (Shapeless, "found Shapeless with a constant of 0 at log sigma = -2"),
    ],
)
def test_inferred_noise_that_gradients_are_not_written_for_is_refused(wrong, words):
    with pytest.raises(RequestError, match=words) as told:
        make(likelihood=wrong("infer"))
    assert "\n" not in str(told.value)
    assert make(likelihood=Renamed("infer")).ndim == 8


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("net", (1, 2, 1), "nnpost.MLP"),
        ("data", np.zeros((3, 2)), "nnpost.Dataset"),
        ("likelihood", "mse", "nnpost.MSE()"),
        ("likelihood", MSE, "nnpost.MSE()"),
        ("likelihood", Wordless(), "nnpost.MSE()"),
        ("prior", 30.0, "nnpost.GaussianPrior(std)"),
        ("prior", GaussianPrior, "nnpost.GaussianPrior(std)"),
    ],
)
def test_a_part_of_the_wrong_kind_is_named(name, wrong, expected):
    parts = {"net": MLP(1, (2,)), "data": Dataset(np.zeros(3), np.zeros(3))} | {name: wrong}
    with pytest.raises(RequestError, match=f"posterior {name}: found .* expected") as told:
        Posterior(**parts)
    assert expected in str(told.value)
    assert "\n" not in str(told.value)

"""Experiments: strict reading, exact round trips, settings from the command line."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnpost.common.errors import RequestError
from nnpost.experiment.experiment import Experiment, builtin_text, builtins, load_experiment
from nnpost.experiment.sections import DataSettings, PriorSettings
from nnpost.moves.names import MOVES
from nnpost.moves.registry import GRADIENT_MOVES, PROPOSALS
from nnpost.network.mlp import MLP
from nnpost.posterior.description import Description
from nnpost.posterior.posterior import Posterior
from nnpost.posterior.prior import LaplacePrior, StudentTPrior
from nnpost.sampling.settings import SampleSettings

PARABOLA = load_experiment("parabola")


def refusal(work, *args, **kwargs) -> str:
    with pytest.raises(RequestError) as caught:
        work(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", builtins())
def test_builtins_build_and_round_trip(name):
    experiment = load_experiment(name)
    post = experiment.build()
    whole = experiment.resolved(post)
    assert Experiment.from_toml(experiment.to_toml()) == experiment
    assert Experiment.from_toml(whole.to_toml()) == whole
    np.testing.assert_equal(whole.build().to_tree(), post.to_tree())
    assert experiment.name == name
    assert builtins()[name] == experiment.description


def test_parabola_is_the_articles_with_more_epochs():
    whole = PARABOLA.resolved(PARABOLA.build())
    assert (whole.likelihood.kind, whole.prior.std) == ("mse", 30.0)
    assert (whole.train.optimizer, whole.train.lr, whole.train.epochs) == ("adam", 0.03, 3000)
    assert (whole.train.loss, whole.network.hidden, whole.data.size) == ("sum", (2,), 500)
    assert (whole.sample.ensembles, whole.sample.nwalkers, whole.sample.moves) == (
        4,
        32,
        "collapsed",
    )


def test_article_recipe():
    sample = load_experiment("parabola-article").sample
    assert sample == SampleSettings("stretch", "ball", 1, 28, 10000, 500)
    assert (sample.discarded, sample.rows, sample.shape) == (500, 10000, (1, 28))


texts = st.text(min_size=1).filter(lambda s: "\0" not in s)
scales = st.floats(1e-100, 1e100, exclude_min=True, exclude_max=True)


@given(
    description=texts,
    std=st.one_of(scales, st.dictionaries(texts, scales, min_size=1)),
    hidden=st.lists(st.integers(1, 2**63 - 1)),
    file=texts,
    seed=st.integers(0, 2**63 - 1),
)
def test_any_experiment_survives_toml(description, std, hidden, file, seed):
    experiment = replace(
        PARABOLA,
        description=description,
        seed=seed,
        prior=PriorSettings(std),
        data=DataSettings(file=file, x=(file,), y=description),
        network=replace(PARABOLA.network, hidden=hidden),
    )
    assert Experiment.from_toml(experiment.to_toml()) == experiment


def test_spread_of_the_inferred_noise_is_a_setting():
    text = """
        [data]\nname = "parabola"\n[network]\nhidden = []
        [likelihood]\nkind = "gaussian"\nsigma = "infer"\n[prior]\nlog_sigma_std = 0.5
    """
    post = Experiment.from_toml(text).build()
    low, high = post.log_prior(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert low - high == pytest.approx(0.5 / 0.5**2)
    assert Experiment().prior.log_sigma_std == 3.0


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[prior]\nlog_sigma_std = 0", "prior.log_sigma_std: found 0, expected a positive number"),
        ("nsteps = 3", "unknown key 'nsteps'; did you mean 'sample.nsteps'?"),
        ("[trian]\nlr = 1", "unknown section 'trian'; did you mean 'train'?"),
        ("sede = 1", "unknown key 'sede'; did you mean 'seed'?"),
        ("[train]\nlrate = 1", "unknown key 'train.lrate'; did you mean 'lr'?"),
        ("[sample]\nwalkers = 8", "unknown key 'sample.walkers'; did you mean 'nwalkers'?"),
        (
            "[sample]\nzzz = 8",
            "unknown key 'sample.zzz': expected one of moves, start, ensembles",
        ),
        ("data = 3", "data: found 3, expected a table [data]"),
        ("seed = -1", "seed: found -1, expected a whole number of at least 0"),
        ("seed = 1.5", "seed: found 1.5, expected a whole number"),
        ("seed = true", "seed: found true, expected a whole number"),
        ("[train]\nlr = 0", "train.lr: found 0, expected a number above 0"),
        ("[train]\nlr = inf", "train.lr: found inf, expected a number above 0"),
        ("[train]\nlr = nan", "train.lr: found nan, expected a number above 0"),
        ("[train]\nlr = '0.1'", 'train.lr: found "0.1", expected a number above 0'),
        (
            "[train]\nmomentum = 1",
            "train.momentum: found 1, expected a number of at least 0 and below 1",
        ),
        ("[train]\noptimizer = 'adma'", 'expected "adam" or "sgd"; did you mean \'adam\'?'),
        (
            "[network]\nhidden = [2, 0]",
            "network.hidden: found [2, 0], expected a list of whole numbers",
        ),
        ("[network]\nhidden = -1", "network.hidden: found -1, expected a list of whole numbers"),
        (
            "[prior]\nstd = {biases = -1}",
            'prior.std: found { "biases" = -1 }, expected a positive number',
        ),
        ("[prior]\nstd = 0", "prior.std: found 0, expected a positive number"),
        (
            "[likelihood]\nsigma = 0",
            'found 0, expected a positive number between 1e-100 and 1e100 or "infer"',
        ),
        ("[likelihood]\nkind = 'mse'\nsigma = 1", "no noise level"),
        ("[data]\ny = 'a'", "data.y: names a column, but there is no data.file"),
        ("[data]\nfile = 'a.csv'\nx = 'a'", "data.y: missing; name the column of a.csv"),
        ("[data]\nfile = 'a.csv'\nx = 'a'\ny = 'b'\nsize = 3", "data.size: only made-up data"),
        ("[sample]\nnsteps = 10\ndiscard = 10", "sample.discard: found 10, expected fewer than"),
        ("[sample]\nnsteps = 10\nthin = 11", "sample.thin: found 11, expected at most"),
        ("[sample]\nmoves = 'collpased'", "did you mean 'collapsed'?"),
        ("[train]\nmomentum = 0.9", "train.momentum: adam has its own"),
        ("seed = ", "not TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(toml, message):
    assert message in refusal(Experiment.from_toml, toml, "my.toml")
    assert refusal(Experiment.from_toml, toml, "my.toml").startswith("my.toml: ")


def test_settings_are_toml_or_bare_words():
    changed = PARABOLA.with_settings(
        [
            "sample.nsteps=2000",
            "sample.moves=stretch",
            "network.hidden=[3, 4]",
            "train.lr = 1e-3",
            "prior.std={biases = 1.0, input_weights = 2.5}",
            "seed=7",
            'data.name="sine"',
        ]
    )
    assert (changed.sample.nsteps, changed.sample.moves) == (2000, "stretch")
    assert changed.network.hidden == (3, 4)
    assert changed.train.lr == 0.001
    assert changed.prior.std == {"biases": 1.0, "input_weights": 2.5}
    assert (changed.seed, changed.data.name) == (7, "sine")
    assert PARABOLA.with_settings([]) == PARABOLA


def test_networks_without_biases_and_with_a_skip():
    settings = ["network.bias=false", "network.skip=true", "prior.std={skip_weights = 2.5}"]
    changed = PARABOLA.with_settings(settings)
    assert Experiment.from_toml(changed.to_toml()) == changed
    post = changed.build()
    assert post.net == MLP(1, (2,), bias=False, skip=True)
    assert post.scales.tolist() == [30, 30, 30, 30, 2.5]
    again = Posterior.from_tree(post.to_tree(), post.data)
    assert again.net == post.net
    described = Description.from_tree(post.to_tree())
    assert (described.ndim, described.labels) == (post.ndim, post.labels)
    assert described.words == post.net.words == "1-2-1, sigmoid, without biases, with a skip"


def test_priors_of_other_forms():
    settings = ["prior.kind=student", "prior.nu=3.0", "prior.shared=kind", "prior.std=2.0"]
    changed = PARABOLA.with_settings(settings)
    assert Experiment.from_toml(changed.to_toml()) == changed
    assert changed.build().prior == StudentTPrior(2.0, nu=3.0, shared="kind")
    assert PARABOLA.with_settings(["prior.kind=student"]).build().prior == StudentTPrior(30.0)
    assert PARABOLA.with_settings(["prior.kind=laplace"]).build().prior == LaplacePrior(30.0)
    assert changed.resolved(changed.build()).sample.moves == "hmc"


def test_a_kind_that_the_prior_leaves_out_has_the_default():
    post = PARABOLA.with_settings(["prior.std={output_weights = 2.5}"]).build()
    assert post.scales.tolist() == [30, 30, 30, 30, 2.5, 2.5, 30]


def test_settings_are_applied_together():
    """Neither of two settings makes sense without the other."""
    both = ["sample.discard=8000", "sample.nsteps=9000"]
    assert PARABOLA.with_settings(both).sample.discard == 8000


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sample.nsteps", "expected section.key=value"),
        ("sample=3", "expected section.key=value"),
        ("=3", "expected section.key=value"),
        ("smaple.nsteps=3", "unknown section 'smaple'; did you mean 'sample'?"),
        ("sample.nstep=3", "unknown key 'sample.nstep'; did you mean 'nsteps'?"),
        ("sample.nsteps=abc", 'sample.nsteps: found "abc", expected a whole number'),
        ("sample.nsteps=3\nseed=4", "sample.nsteps: found"),
        ("sample.nsteps=", 'sample.nsteps: found "", expected a whole number'),
    ],
)
def test_bad_settings(setting, message):
    assert message in refusal(PARABOLA.with_settings, [setting])


def test_own_data_default_to_a_gaussian():
    assert PARABOLA.likelihood.resolved(PARABOLA.data).kind == "mse"
    without = PARABOLA.with_data("a.csv", ["x"], "y")
    with_errors = PARABOLA.with_data("a.csv", ["x"], "y", "e")
    for experiment, sigma in ((without, "infer"), (with_errors, 1.0)):
        likelihood = experiment.likelihood.resolved(experiment.data)
        assert (likelihood.kind, likelihood.sigma) == ("gaussian", sigma)
    noisy = PARABOLA.with_settings(["likelihood.sigma=0.2"])
    assert noisy.likelihood.resolved(noisy.data).kind == "gaussian"


def test_walkers_are_checked_against_the_parameters():
    odd, few = (PARABOLA.with_settings([f"sample.nwalkers={n}"]) for n in (27, 12))
    post = PARABOLA.build()
    expected = "expected an even number of at least 14 (twice the 7 parameters); use"
    assert refusal(odd.resolved, post) == f"sample.nwalkers: found 27, {expected} 28"
    assert refusal(few.resolved, post) == f"sample.nwalkers: found 12, {expected} 14"
    wide = PARABOLA.with_settings(["network.hidden=[20]"])
    assert wide.resolved(wide.build()).sample.nwalkers == 8  # its moves use gradients
    wide = wide.with_settings(["sample.moves=de"])
    assert wide.resolved(wide.build()).sample.nwalkers == 122
    wide = wide.with_settings(["sample.moves=hmc", "sample.nwalkers=5"])
    expected = "expected an even number of at least 2; use 6"
    assert refusal(wide.resolved, wide.build()) == f"sample.nwalkers: found 5, {expected}"
    particles = PARABOLA.with_settings(["temper.particles=30", "sample.nwalkers=40"])
    assert "temper.particles: found 30, expected an even number of at least 40" in refusal(
        particles.resolved, post
    )


def test_every_move_has_its_name():
    assert ("collapsed", *PROPOSALS, *GRADIENT_MOVES) == MOVES


def test_parts_are_divided_by_the_seed_and_fitted_points_alone_are_built_on():
    data = PARABOLA.data.make()
    assert PARABOLA.parts().fitted.digest == data.digest
    assert PARABOLA.parts()[1:] == (None, None)
    experiment = PARABOLA.with_settings(["data.validation=0.25", "data.test=0.2"])
    fitted, validation, test = experiment.parts()
    assert (fitted.n, validation.n, test.n) == (300, 100, 100)
    rows = [{*map(tuple, np.c_[part.x, part.y])} for part in (fitted, validation, test, data)]
    assert rows[0] | rows[1] | rows[2] == rows[3]
    assert experiment.build().data.digest == fitted.digest
    other = replace(experiment, seed=1).parts()
    assert other.test.digest != test.digest


def test_differences_name_the_key_and_ignore_names():
    other = replace(PARABOLA, name="other", description=None)
    assert list(PARABOLA.differences(other)) == []
    changed = other.with_settings(["train.lr=0.1", "sample.discard=7"])
    assert list(PARABOLA.differences(changed)) == [
        ("sample.discard", None, 7),
        ("train.lr", 0.03, 0.1),
    ]


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[data]\nfile = "a.csv"\nx = "t"\ny = "f"\n')
    experiment = load_experiment(path)
    assert experiment.name == "mine"
    assert experiment.data.file == str(tmp_path / "a.csv")
    path.write_text(builtin_text("parabola"))
    assert list(load_experiment(path).differences(PARABOLA)) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("parabla", "unknown experiment 'parabla'; did you mean 'parabola'?"),
        ("nowhere.toml", "nowhere.toml: No such file or directory"),
        (".toml", "unknown experiment '.toml'"),
    ],
)
def test_experiments_that_are_not_there(name, message):
    assert message in refusal(load_experiment, name)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in refusal(load_experiment, path)

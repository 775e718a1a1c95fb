"""What is finished of training and tempering is kept: a kill costs a part, not the whole."""

import numpy as np
import pytest
from small import SMALL, quick

from nnpost.cli import commands
from nnpost.experiment.experiment import load_experiment
from nnpost.experiment.keep import in_words
from nnpost.experiment.request import make_request
from nnpost.storage.results import read_stage
from nnpost.storage.runfile import read_group
from nnpost.tempering.kept_runs import KeptRuns
from nnpost.tempering.result import Tempering
from nnpost.training import sgd
from nnpost.training.fits import Fits
from nnpost.training.kept_restarts import KeptRestarts
from nnpost.training.train import train

BLOCKS = ("train.restarts=12", "train.epochs=30", "train.batch_size=50")


def same(found, expected):
    """Equal to the bit, but for seconds and texts that tell of them."""
    if isinstance(expected, dict):
        assert {*found} == {*expected}
        for name in {*expected} - {"seconds", "command"}:
            same(found[name], expected[name])
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.fixture
def small_blocks(monkeypatch):
    """Three restarts between two commits."""
    monkeypatch.setattr(sgd.Work, "rows_kept", lambda self, one: 3)


def interrupting(monkeypatch, owner, name, count):
    """The function dies, as a process that is killed, after so many calls of it."""
    calls, whole = [0], getattr(owner, name)

    def dying(*arguments, **options):
        calls[0] += 1
        if calls[0] > count:
            raise KeyboardInterrupt
        return whole(*arguments, **options)

    monkeypatch.setattr(owner, name, dying)


def run(path, *settings, resume=False):
    options = [*quick(path, *settings), "--quiet"]
    return commands.main(["run", "parabola", *options, *["--resume"] * resume], SMALL)


def test_restarts_are_kept_as_they_are_finished(tmp_path, monkeypatch, capsys, small_blocks):
    whole, path = tmp_path / "whole.h5", tmp_path / "run.h5"
    assert run(whole, *BLOCKS) in (0, 1)
    with monkeypatch.context() as patch:
        interrupting(patch, sgd, "_run_block", 2)
        assert run(path, *BLOCKS) == 130
    assert (
        "interrupted during training; what was finished before is kept" in capsys.readouterr().err
    )
    kept = read_stage(path, KeptRestarts)
    same(kept.trained.loss, read_stage(whole, Fits).loss[:, :6])
    assert read_stage(path, Fits) is None
    with monkeypatch.context() as patch:
        interrupting(patch, sgd, "_run_block", 1)
        assert run(path, *BLOCKS, resume=True) == 130
    assert len(read_stage(path, KeptRestarts).trained.theta) == 9
    blocks = []
    with monkeypatch.context() as patch:
        begin = sgd._run_block
        patch.setattr(sgd, "_run_block", lambda *a: blocks.append(1) or begin(*a))
        assert run(path, *BLOCKS, resume=True) in (0, 1)
    assert len(blocks) == 1
    for name in ("fits", "tempering", "mcmc"):
        same(read_group(path, name), read_group(whole, name))
    assert read_group(path, "trained") is None


def test_a_short_training_is_not_kept_in_parts(tmp_path, monkeypatch, capsys):
    interrupting(monkeypatch, sgd, "_run_block", 0)
    assert run(tmp_path / "run.h5", *BLOCKS) == 130
    assert "interrupted during training; nothing was kept" in capsys.readouterr().err
    assert not (tmp_path / "run.h5").exists()


def test_restarts_of_another_training_are_not_gone_on_with(tmp_path, monkeypatch, small_blocks):
    path = tmp_path / "run.h5"
    with monkeypatch.context() as patch:
        interrupting(patch, sgd, "_run_block", 2)
        assert run(path, *BLOCKS) == 130
    kept = read_stage(path, KeptRestarts)
    asked = load_experiment("parabola").with_settings(["train.lr=0.1", "train.restarts=8"])
    request = make_request(asked, tmp_path / "other.h5", False, progress=False)
    assert in_words(request.experiment.train, request) != kept.asked


def test_nor_are_those_of_another_network_likelihood_prior_or_validation(tmp_path):
    asked = [
        [], ["network.hidden=3"], ["network.activation=tanh"], ["network.skip=true"],
        ["likelihood.kind=gaussian", "likelihood.sigma=1.0"], ["prior.std=2.0"],
        ["prior.kind=laplace"], ["data.validation=0.1"], ["data.size=100"], ["seed=1"],
    ]  # fmt: skip
    words = []
    for settings in asked:
        own = load_experiment("parabola").with_settings(settings)
        request = make_request(own, tmp_path / "other.h5", False, progress=False)
        words.append(in_words(request.experiment.temper, request))
    assert len({*words}) == len(asked)


def test_seconds_before_a_kill_count(small_blocks):
    post = load_experiment("parabola").build()
    kept = []
    asked = {"restarts": 9, "epochs": 5}
    whole = train(post, **asked, keep=kept.append)
    first, second = kept
    assert 0 < first.seconds < second.seconds < whole.seconds
    stored = KeptRestarts.from_tree(KeptRestarts("", first._replace(seconds=1e6)).to_tree())
    found = train(post, **asked, before=stored.trained)
    assert 1e6 < found.seconds < 1e6 + 1000
    np.testing.assert_array_equal(found.theta, whole.theta)


def test_tempered_runs_are_kept_as_they_are_finished(tmp_path, monkeypatch, capsys):
    whole, path = tmp_path / "whole.h5", tmp_path / "run.h5"
    assert run(whole) in (0, 1)
    from nnpost.tempering import temper as module

    with monkeypatch.context() as patch:
        interrupting(patch, module, "independent_run", 2)
        assert run(path) == 130
    assert "interrupted during tempering; what was finished" in capsys.readouterr().err
    kept = read_stage(path, KeptRuns)
    assert sorted(kept.runs) == [0, 1]
    same(np.array([kept.runs[e].run.log_z for e in (0, 1)]), read_stage(whole, Tempering).log_z[:2])
    made = []
    with monkeypatch.context() as patch:
        independent = module.independent_run
        patch.setattr(
            module, "independent_run", lambda *a, **k: made.append(1) or independent(*a, **k)
        )
        assert run(path, resume=True) in (0, 1)
    assert len(made) == 2
    for name in ("tempering", "mcmc", "verdict"):
        same(read_group(path, name), read_group(whole, name))
    assert read_group(path, "tempered_runs") is None

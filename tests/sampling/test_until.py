"""Sampling on until converged: what ends it, and that the chain is the one asked for at once."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from small import main

from nnpost.cli.asked import asked_experiment, budget
from nnpost.cli.parser import parse
from nnpost.common.errors import RequestError
from nnpost.diagnostics.verdict import Verdict
from nnpost.experiment.experiment import Experiment, load_experiment
from nnpost.experiment.request import OWN_DATA, usual_budget
from nnpost.sampling import until
from nnpost.sampling.load import load
from nnpost.sampling.until import (
    Budget,
    Growth,
    in_words,
    next_length,
    storable,
    until_converged,
)
from nnpost.storage.runfile import read_group

GOOD = {"log_prob": 1.001, "predictions": 1.004, "theta": 1.5}
SIZES = {"log_prob": 900.0, "predictions": 800.0, "theta": 20.0}
YES = Verdict(True, (), (), GOOD, SIZES, 40.0, True)
NO = Verdict(False, ("too short",), (), GOOD, SIZES, 40.0, True)


def stand_in(nsteps, verdict, ensembles=4, pace=0.0):
    return SimpleNamespace(
        post=SimpleNamespace(ndim=24),
        nwalkers=128,
        nsteps=nsteps,
        discard=nsteps // 5,
        thin=1,
        ensembles=ensembles,
        verdict=verdict,
        seconds=nsteps * pace,
    )


def drive(verdicts, budget, nsteps=1000):
    """Lengths that were asked for, and what was said."""
    lengths, said, left = [], [], iter(verdicts)

    def extend(steps):
        lengths.append(steps)
        return stand_in(steps, next(left))

    until_converged(stand_in(nsteps, next(left)), extend, budget, said.append)
    return lengths, said


def test_it_ends_when_the_verdict_holds():
    assert drive([YES], Budget()) == ([], [])
    lengths, said = drive([NO, NO, YES], Budget())
    # 1.5 · 50 · tau = 3000 steps after the burn-in of a fifth: 3750, then 1.5 times as many.
    assert lengths == [3750, 5625]
    assert "R-hat 1.004, ESS 800, tau 40" in said[0]


def test_it_ends_when_the_budget_is_spent():
    lengths, said = drive([NO] * 9, Budget(steps=5000))
    assert lengths == [3750, 5000]
    assert "5,000 steps is spent" in said[-1]
    assert "is spent" in drive([NO] * 9, Budget(seconds=1e-9))[1][-1]


def test_no_extension_is_longer_than_the_seconds_allow_for():
    lengths = []

    def extend(steps):
        lengths.append(steps)
        return stand_in(steps, YES)

    said = []
    slow = stand_in(1000, NO, pace=1.0)  # a second a step, so 500 more take too long for 100 s
    until_converged(slow, extend, Budget(seconds=100.0), said.append)
    assert len(lengths) == 1
    assert 1090 <= lengths[0] <= 1100
    assert "s of the 100 s that are left" in said[0]
    until_converged(slow, extend, Budget(seconds=0.5), said.append)
    assert len(lengths) == 1
    assert said[-1] == "the budget of 0.5 s is spent"


def test_a_chain_grows_no_larger_than_it_may():
    """A row of 128 walkers with 24 parameters and a log density is 25.6 kB."""
    lengths, said = drive([NO] * 9, Budget(bytes=25_600 * 4000.5))
    assert lengths == [3750, 4000]
    assert (
        "the budget of 102 MB is spent; a chain of fewer rows, by --set sample.thin=10" in said[-1]
    )
    run = stand_in(1000, NO)
    run.thin = 7
    assert storable(run, 25_600 * 200.5) == 1400


def test_the_room_for_a_chain_is_a_share_of_the_memory(monkeypatch):
    monkeypatch.setattr(until, "memory", lambda: 2e9)
    assert Budget().bytes == 2e8
    monkeypatch.setattr(until, "memory", lambda: 64e9)
    assert Budget().bytes == 2**30


def test_data_of_ones_own_are_sampled_until_the_verdict_holds():
    own = Experiment().with_data("my.csv", ["t"], "y")
    assert usual_budget(own) == OWN_DATA
    assert usual_budget(load_experiment("parabola")) is None
    assert usual_budget(own.with_settings(["train.restarts=7"])) == OWN_DATA
    for steps in (100, own.sample.steps):  # a length that is asked for is kept, the usual one, too
        assert usual_budget(own.with_settings([f"sample.nsteps={steps}"])) is None
    assert usual_budget(own.with_settings(["sample.ensembles=2"])) is None


@pytest.mark.parametrize(
    ("options", "steps", "seconds"),
    [
        ([], OWN_DATA.steps, OWN_DATA.seconds),
        (["--max-seconds", "30"], OWN_DATA.steps, 30.0),
        (["--until", "converged", "--max-steps", "9000"], 9000, OWN_DATA.seconds),
    ],
)
def test_the_usual_budget_can_be_changed(options, steps, seconds):
    args = parse(["run", "--data", "my.csv", "--x", "t", "--y", "y", *options])
    assert budget(args, usual_budget(asked_experiment(args))) == Budget(steps, seconds)


def test_it_ends_at_once_where_more_steps_cannot_help():
    lengths, said = drive([replace(NO, steps_help=False)], Budget())
    assert lengths == []
    assert "cannot help" in said[0]
    with pytest.raises(RequestError, match="found 1 ensembles, expected at least 4"):
        until_converged(stand_in(10, NO, ensembles=1), lambda n: None, Budget(), print)


def test_the_next_length_is_bounded_and_a_multiple_of_thin():
    slow = replace(NO, tau=1e6)
    assert next_length(stand_in(1000, slow)) == 4000
    assert next_length(stand_in(1000, replace(NO, tau=None))) == 1500
    assert next_length(stand_in(1000, slow), Growth(most=2.5)) == 2500
    assert next_length(stand_in(1000, replace(NO, tau=None)), Growth(least=1.2)) == 1200
    run = stand_in(1000, NO)
    run.thin = 7
    assert next_length(run) % 7 == 0


def test_the_state_in_words_leaves_out_what_is_unknown():
    unknown = dict.fromkeys(GOOD)
    assert in_words(Verdict(False, (), (), unknown, unknown, None, True)) == "nothing to judge yet"


def test_the_chain_equals_one_of_that_length_and_can_be_resumed(tmp_path):
    out = tmp_path / "run.h5"
    small = ["train.restarts=8", "train.epochs=60", "sample.start=prior"]
    base = ["run", "parabola", "--quiet", "--out", str(out), "--no-figures"]
    base += [word for one in small for word in ("--set", one)]
    until = [*base, "--set", "sample.nsteps=50", "--until", "converged", "--max-steps", "120"]
    assert main(until) in (0, 1)
    grown = load(out)
    assert grown.nsteps == 120
    assert "nsteps = 120" in read_group(out, "experiment")["toml"]
    assert main([*until, "--resume"]) in (0, 1)
    np.testing.assert_array_equal(load(out).chain, grown.chain)
    assert main([*base, "--set", "sample.nsteps=120"]) in (0, 1)
    np.testing.assert_array_equal(load(out).chain, grown.chain)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--until", "convergd"], "did you mean 'converged'"),
        (["--max-steps", "10"], "go with --until converged"),
        (["--until", "converged", "--max-steps", "0"], "--max-steps: found 0"),
        (["--until", "converged", "--max-seconds", "-1"], "--max-seconds: found -1"),
        (["--until", "converged", "--max-steps", "many"], "--max-steps"),
    ],
)
def test_requests_that_make_no_sense(options, words, tmp_path, capsys):
    assert main(["run", "parabola", "--out", str(tmp_path / "run.h5"), *options]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run.h5").exists()

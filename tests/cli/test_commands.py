"""The commands, from the command line to the files."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import emcee
import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from small import QUICK, main, quick

import nnpost
from nnpost.cli import commands
from nnpost.cli.asked import asked_experiment
from nnpost.cli.parser import PARSERS, parse
from nnpost.common.errors import Interrupted
from nnpost.experiment import stages
from nnpost.experiment.experiment import load_experiment
from nnpost.experiment.request import Request, make_request, reopen
from nnpost.experiment.sample_stage import sample_stage
from nnpost.experiment.temper_stage import temper_stage
from nnpost.experiment.train_stage import train_stage
from nnpost.storage.made_from import MADE_FROM
from nnpost.storage.read_chain import committed_rows, read_chain
from nnpost.storage.runfile import read_group
from nnpost.training.fits import Fits

# -- one whole run -----------------------------------------------------------------------------


def test_run_file_explains_itself(made):
    with h5py.File(made) as file:
        wanted = {"experiment", "data", "fits", "tempering", "mcmc", "verdict", "comparison"}
        assert wanted <= set(file)
        about = {key: file["experiment"][key] for key in ("toml", "command", "created")}
        text = {key: value.asstr()[()] for key, value in about.items()}
        assert set(file["experiment"]["versions"]) >= {"nnpost", "torch", "emcee", "python"}
    assert "nsteps = 60" in text["toml"]
    assert text["command"].startswith("nnpost run parabola --quiet --set train.restarts=8")
    assert list(made.parent.glob(".*")) == []


def test_emcee_reads_full_vectors_whose_log_posterior_is_that_of_the_definition(made):
    backend = emcee.backends.HDFBackend(str(made), read_only=True)
    chain, log_prob = backend.get_chain(), backend.get_log_prob()
    assert chain.shape == (60, 128, 7)
    rng = np.random.default_rng(0)
    x = np.linspace(-5, 5, 500)
    y = x**2 + 0.5 * rng.random(500)
    theta = chain.reshape(-1, 7, 1)
    w, b, a, c = theta[:, 0:2], theta[:, 2:4], theta[:, 4:6], theta[:, 6]
    f = (a * np.exp(-np.logaddexp(0, -(w * x + b)))).sum(axis=1) + c
    prior = -0.5 * (theta[..., 0] / 30) ** 2 - np.log(np.sqrt(2 * np.pi) * 30)
    by_hand = -np.mean((y - f) ** 2, axis=1) + prior.sum(axis=1)
    np.testing.assert_allclose(log_prob.ravel(), by_hand, rtol=0, atol=1e-9)


def test_info_as_json(made, capsys):
    assert main(["info", str(made), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    keys = {
        "parameters": None,
        "labels": None,
        "data": "n inputs name",
        "network": "sizes activation",
        "chain": "steps walkers ensembles discard moves seconds acceptance",
        "convergence": "converged reasons rhat ess tau",
        "evidence": "log_z error per_ensemble",
        "sgd": "restarts mse log_posterior theta hpd_level mse_quantiles",
        "map": "mse log_posterior theta",
        "mle": "mse theta",
        "best_sample": "mse log_posterior theta",
        "posterior": "log_posterior log_likelihood theta",
        "predictions": "x mean sd q05 q95",
        "scorecard": "best restarts draws valleys barrier shift approximations log_evidence",
        "fit": "holds",
        "leave_one_out": None,
        "held_out": None,
    }
    assert set(found) == set(keys)
    for name, inner in keys.items():
        assert inner is None or set(inner.split()) <= set(found[name]), name
    assert set(found["convergence"]["rhat"]) == {"log_prob", "predictions", "theta"}
    assert (found["parameters"], len(found["labels"])) == (7, 7)
    about = {"n": 500, "inputs": 1, "name": "parabola", "misfit": "mse"}
    assert about.items() <= found["data"].items()
    assert {"sizes": [1, 2, 1], "activation": "sigmoid"}.items() <= found["network"].items()
    chain = found["chain"]
    assert (chain["steps"], chain["walkers"], chain["ensembles"]) == (60, 128, 4)
    assert (chain["discard"], chain["moves"]) == (20, "collapsed")
    assert found["sgd"]["restarts"] == 8
    assert abs(found["map"]["mse"] - 0.3467) < 0.0005
    assert abs(found["map"]["log_posterior"] + 31.438) < 0.002
    assert not found["convergence"]["converged"]
    assert np.shape(found["predictions"]["x"]) == np.shape(found["predictions"]["q95"])
    backend = emcee.backends.HDFBackend(str(made), read_only=True)
    draws = backend.get_log_prob(discard=20)
    assert found["posterior"]["log_posterior"]["mean"] == pytest.approx(draws.mean())
    assert chain["acceptance"] == pytest.approx(backend.accepted.mean() / 60)


def test_info_tells_the_numbers_of_the_stages(made, capsys):
    found, run = json_info(made, capsys), nnpost.load(made)
    for name in ("sgd", "map", "mle", "best_sample"):
        theta, folded = np.array(found[name]["theta_found"]), np.array(found[name]["theta"])
        log_posterior = run.post.log_prob(theta)
        assert found[name]["log_posterior"] == pytest.approx(log_posterior, abs=1e-9), name
        f, g = (run.post.predict(one) for one in (theta, folded))
        np.testing.assert_allclose(f, g, atol=1e-8, err_msg=name)
    in_one_copy = nnpost.symmetry.fold(run.post.net, np.array(found["map"]["theta_found"]))
    assert found["map"]["theta"] == in_one_copy.tolist()
    with h5py.File(made) as file:
        log_z, mse = file["tempering/log_z"][()], file["fits/mse"][()]
    assert found["evidence"]["log_z"] == pytest.approx(np.log(np.exp(log_z).mean()))
    assert found["evidence"]["per_ensemble"] == log_z.tolist()
    levels = {f"q{q:02}": np.percentile(mse, q) for q in (5, 25, 50, 75, 95)}
    assert found["sgd"]["mse_quantiles"] == pytest.approx(levels)
    assert found["sgd"]["mse"] == pytest.approx(mse.min())


def test_info_as_a_table(made, capsys):
    assert main(["info", str(made)]) == 0
    out = capsys.readouterr().out
    assert "1-2-1, sigmoid, 7 parameters" in out
    assert "60 steps of 128 walkers in 4 ensembles" in out
    assert "not converged" in out
    starts = {len(line) - len(line.split("  ", 1)[1].lstrip()) for line in out.splitlines()[:4]}
    assert len(starts) == 1, "the columns line up"


def test_stages_that_have_not_run_are_null(run_file, capsys):
    with h5py.File(run_file, "r+") as file:
        for name in {"fits", "tempering", *MADE_FROM} & set(file):
            del file[name]
    assert main(["info", str(run_file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    absent = {name for name, value in found.items() if value is None}
    assert absent == {
        "chain", "convergence", "evidence", "sgd", "map", "mle", "best_sample", "posterior",
        "predictions", "scorecard", "fit", "leave_one_out", "held_out",
    }  # fmt: skip
    assert main(["info", str(run_file)]) == 0
    assert "none yet" in capsys.readouterr().out


def test_same_seed_same_chain_other_seed_other_chain(made, tmp_path):
    same, other = tmp_path / "same.h5", tmp_path / "other.h5"
    only_chain(same)
    only_chain(other, "seed=1")
    chain = read_chain(made).chain
    assert np.array_equal(read_chain(same).chain, chain)
    assert not np.array_equal(read_chain(other).chain, chain)


def only_chain(out: Path, *more: str) -> None:
    """A quick run that is not judged."""
    asked = quick_request(out, *more)
    fits = train_stage(asked, new=True)
    sample_stage(asked, fits, temper_stage(asked, resume=False), resume=False)


def quick_request(out: Path, *more: str, **options) -> Request:
    experiment = load_experiment("parabola").with_settings([*QUICK, *more])
    return make_request(experiment, out, figures=False, **{"progress": False, **options})


def test_own_data_with_errors_from_one_command(tmp_path, capsys):
    rng = np.random.default_rng(0)
    t = np.linspace(0, 1, 40)
    rows = np.column_stack([t, np.sin(5 * t) + 0.1 * rng.standard_normal(40), np.full(40, 0.1)])
    data = tmp_path / "mine.csv"
    np.savetxt(data, rows, delimiter=",", header="t,flux,err", comments="")
    out = tmp_path / "mine.h5"
    argv = ["run", "--data", data, "--x", "t", "--y", "flux", "--yerr", "err", *quick(out)[:-1]]
    argv += ["--set", "network.hidden=1", "--set", "network.activation=tanh"]
    argv += ["--figures", tmp_path / "figures"]
    assert main([str(word) for word in argv]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    stems = (
        "corner", "fits", "losses", "log_posterior", "traces", "ranks", "ladder", "basins",
        "profile", "approximations",
    )  # fmt: skip
    pictures = {f"{stem}.{kind}" for stem in stems for kind in ("png", "pdf")}
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    assert written == pictures | {"report.html", "report.json", "report.csv"}
    assert sum(line.startswith("report") for line in lines) == 1
    assert sum(line.startswith("figure") for line in lines) == len(pictures)
    assert f"run file  {out}" in lines
    run = nnpost.load(out)
    assert run.post.net == nnpost.MLP(1, (1,), "tanh")
    assert run.post.likelihood == nnpost.Gaussian(1.0)
    assert run.post.data.yerr is not None
    assert (run.post.data.name, run.fits.theta.shape) == ("mine", (8, 4))


def test_article_recipe_is_told_that_it_did_not_converge(tmp_path, capsys):
    out = tmp_path / "article.h5"
    more = ["sample.moves=stretch", "sample.ensembles=1", "sample.nwalkers=28", "sample.start=ball"]
    assert main(["run", "parabola", *quick(out, *more)]) == 1
    assert "ensemble" in capsys.readouterr().out
    assert read_chain(out).chain.shape == (60, 28, 7)


# -- interrupted and resumed -------------------------------------------------------------------


LONG = ["sample.nsteps=1500", "train.restarts=2", "train.epochs=2"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The chain (1500, W, P) of a run that nobody disturbs."""
    out = tmp_path_factory.mktemp("whole") / "whole.h5"
    only_chain(out, *LONG)
    return read_chain(out).chain


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.long),
    ],
)
def test_interrupted_run_says_how_to_go_on_and_does(undisturbed, tmp_path, capsys, how, status):
    """Ctrl-C, as a terminal sends it, and its like, to a process that samples."""
    out = tmp_path / "parabola.h5"
    argv = ["run", "parabola", *quick(out, *LONG)]
    assert stopped(argv, out, how) == (
        status,
        "nnpost: interrupted during sampling; what was finished before is kept, go on with: "
        f"{shlex.join(['nnpost', *argv, '--quiet', '--resume'])}\n",
    )
    rows = committed_rows(out)
    assert 0 < rows < 1500
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
    assert json_info(out, capsys)["chain"]["steps"] == rows
    assert json_info(out, capsys)["convergence"] is None
    assert main([*argv, "--resume"]) in (0, 1)
    assert np.array_equal(read_chain(out).chain, undisturbed)


# The command, even where the tests themselves were started with interrupts ignored.
LISTENING = (
    "import signal\nfrom nnpost.cli.commands import entry\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "signal.signal(signal.SIGHUP, signal.SIG_DFL)\nentry()"
)


def stopped(argv: list[str], out: Path, how: signal.Signals) -> tuple[int, str]:
    """Exit status and stderr of a command that gets a signal when the first rows are on disk."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENING, *argv, "--quiet"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 600
    while rows_on_disk(out) == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    return process.wait(), process.communicate()[1]


def json_info(path, capsys) -> dict:
    capsys.readouterr()
    assert main(["info", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


class Impatient:
    """Reports of progress, the first of which after ``calls`` are answered with Ctrl-C."""

    def __init__(self, calls: int = 0) -> None:
        self.left = calls

    def __call__(self, done: float, total: float, text: str = "") -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("there", [False, True])
def test_interrupted_before_anything_was_kept(made, tmp_path, there):
    out = tmp_path / "parabola.h5"
    if there:
        out.write_bytes(made.read_bytes())
    with pytest.raises(Interrupted) as caught:
        stages.run_all(quick_request(out, progress=Impatient()))
    assert (caught.value.stage, caught.value.kept) == ("training", False)
    assert out.exists() == there
    assert not there or out.read_bytes() == made.read_bytes()


@pytest.mark.parametrize(
    ("again", "settings", "resume", "stage", "goes_on", "changed"),
    [
        (stages.train_again, ["train.epochs=70"], False, "training", False, False),
        (stages.sample_again, ["temper.steps=3"], False, "tempering", False, False),
        (stages.sample_again, ["sample.start=prior"], False, "sampling", True, True),
        (stages.sample_again, ["sample.nsteps=90"], True, "sampling", True, True),
    ],
)
def test_interrupted_stages_alone(run_file, made, again, settings, resume, stage, goes_on, changed):
    """A stage that had to begin anew goes on by being asked for again, not by --resume."""
    sections = ["train"] if stage == "training" else ["sample", "temper"]
    asked = reopen(run_file, settings, sections, resume=resume, progress=Impatient())
    with pytest.raises(Interrupted) as caught:
        again(asked)
    assert (caught.value.stage, caught.value.kept) == (stage, True)
    assert caught.value.resume == goes_on
    assert (run_file.read_bytes() != made.read_bytes()) == changed


def test_interrupted_after_training_goes_on_from_the_fits(made, tmp_path):
    out = tmp_path / "parabola.h5"
    reports = Impatient(calls=10**6)
    train_stage(quick_request(out, progress=reports), new=True)
    while_training = 10**6 - reports.left
    with pytest.raises(Interrupted) as caught:
        stages.run_all(quick_request(out, progress=Impatient(while_training)))
    assert (caught.value.stage, caught.value.kept) == ("tempering", True)
    fits = Fits.from_tree(read_group(out, "fits"))
    assert np.array_equal(fits.theta, nnpost.load(made).fits.theta)
    with pytest.raises(Interrupted) as caught:
        stages.run_all(quick_request(out, resume=True, progress=Impatient()))
    assert caught.value.stage == "tempering"


KEPT = "what was finished before is kept, go on with"


@pytest.mark.parametrize(
    ("argv", "interrupt", "line"),
    [
        (["run", "parabola"], Interrupted("training", False), "during training; nothing was kept"),
        (
            ["run", "my toml", "--seed", "3"],
            Interrupted("sampling", True),
            f"during sampling; {KEPT}: nnpost run 'my toml' --seed 3 --resume",
        ),
        (
            ["sample", "a.h5", "--resume"],
            Interrupted("sampling", True),
            f"during sampling; {KEPT}: nnpost sample a.h5 --resume",
        ),
        (
            ["sample", "a.h5"],
            Interrupted("tempering", True, resume=False),
            f"during tempering; {KEPT}: nnpost sample a.h5",
        ),
        (
            ["train", "a.h5"],
            Interrupted("training", True, resume=False),
            f"during training; {KEPT}: nnpost train a.h5",
        ),
        (
            ["compare", "a.h5"],
            Interrupted("comparing", True),
            f"during comparing; {KEPT}: nnpost compare a.h5",
        ),
        (["units", "parabola"], KeyboardInterrupt(), ""),
    ],
)
def test_interrupts_are_told_in_one_line(argv, interrupt, line, capsys, monkeypatch):
    def interrupted(args, typed):
        raise interrupt

    monkeypatch.setitem(commands.COMMANDS, argv[0], interrupted)
    assert main(argv) == 130
    assert capsys.readouterr().err == f"nnpost: interrupted {line}".rstrip() + "\n"


def test_killed_process_is_resumed_to_the_same_chain(undisturbed, tmp_path):
    killed = tmp_path / "killed.h5"
    argv = ["run", "parabola", *quick(killed, *LONG)]
    assert stopped(argv, killed, signal.SIGKILL) == (-signal.SIGKILL, "")
    assert 0 < committed_rows(killed) < 1500
    assert main([*argv, "--quiet", "--resume"]) in (0, 1)
    assert np.array_equal(read_chain(killed).chain, undisturbed)


def rows_on_disk(path: Path) -> int:
    try:
        return committed_rows(path)
    except nnpost.RequestError:
        return 0


def test_resume_goes_on_to_more_steps(run_file, made, capsys):
    argv = ["run", "parabola", *quick(run_file), "--resume", "--set", "sample.nsteps=80"]
    assert main(argv) == 1
    longer = read_chain(run_file).chain
    assert len(longer) == 80
    assert np.array_equal(longer[:60], read_chain(made).chain)


def test_resume_of_nothing_starts(tmp_path):
    out = tmp_path / "new.h5"
    assert main(["run", "parabola", "--quiet", "--resume", *quick(out)]) == 1
    assert committed_rows(out) == 60


# -- single stages -----------------------------------------------------------------------------


def test_training_again_drops_the_comparison_and_keeps_the_chain(run_file, capsys):
    assert main(["train", str(run_file), "--set", "train.restarts=3"]) == 0
    assert "restarts" in capsys.readouterr().out
    found = json_info(run_file, capsys)
    assert found["chain"]["steps"] == 60
    assert found["posterior"] is None
    assert nnpost.load(run_file).fits.theta.shape == (3, 7)
    assert main(["compare", str(run_file)]) == 1
    assert json_info(run_file, capsys)["sgd"]["restarts"] == 3


def test_sampling_again_replaces_the_chain(run_file, made):
    assert main(["sample", str(run_file), "--quiet", "--set", "sample.moves=de"]) == 1
    again = nnpost.load(run_file)
    assert again.moves == "de"
    assert not np.array_equal(again.chain, read_chain(made).chain)
    assert np.array_equal(again.fits.theta, nnpost.load(made).fits.theta)


def test_sampling_further_from_the_run_file_alone(run_file, made):
    assert main(["sample", str(run_file), "--quiet", "--resume", "--set", "sample.nsteps=70"]) == 1
    chain = read_chain(run_file).chain
    assert len(chain) == 70
    assert np.array_equal(chain[:60], read_chain(made).chain)


def test_thinned_copy_keeps_the_verdict_on_the_whole_chain(made, tmp_path, capsys):
    small = tmp_path / "small.h5"
    assert main(["thin", str(made), "--every", "10", "--to", str(small), "--quiet"]) == 0
    assert main(["compare", str(small), "--quiet"]) == 1
    assert json_info(small, capsys)["convergence"] == json_info(made, capsys)["convergence"]


def test_compare_draws_where_it_is_told(run_file, tmp_path, monkeypatch, capsys):
    """Which pictures there are is told above, by a run that draws them."""

    def draw(result, comparison, card, left_out, held_out, folder, progress):
        (folder / "drawn").write_text(f"{result.nsteps} steps, converged: {card.converged}")
        yield folder / "drawn"

    monkeypatch.setattr(stages, "write_pictures", draw)
    monkeypatch.chdir(tmp_path)
    assert main(["compare", str(run_file), "--quiet"]) == 1
    assert list(tmp_path.iterdir()) == [run_file]
    assert main(["compare", str(run_file), "--figures", "pictures"]) == 1
    assert Path("pictures", "drawn").read_text() == "60 steps, converged: False"
    assert str(Path("pictures", "drawn")) in capsys.readouterr().out


@pytest.mark.parametrize("more", [[], ["--unfolded"]])
def test_corner(made, tmp_path, capsys, more):
    out = tmp_path / "corner.png"
    assert main(["corner", str(made), "--out", str(out), *more]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_corner_draws_what_is_asked_for(made, tmp_path, monkeypatch):
    drawn = {}

    def corner(run, **options):
        drawn.update(options)
        return Figure()

    monkeypatch.setattr(nnpost.figures, "corner", corner)
    out = str(tmp_path / "corner.svg")
    more = ["--parameters", "w1, b1,6", "--quantiles", "0.1,0.9", "--titles", "--quiet"]
    assert main(["corner", str(made), "--out", out, *more]) == 0
    assert drawn["parameters"] == ["w1", "b1", 6]
    assert (drawn["quantiles"], drawn["titles"], drawn["unfolded"]) == ([0.1, 0.9], True, False)
    assert main(["corner", str(made), "--out", out]) == 0
    assert (drawn["parameters"], drawn["quantiles"], drawn["titles"]) == (None, [], False)


def test_thinned_copy_draws_its_corner(made, tmp_path):
    small, out = tmp_path / "small.h5", tmp_path / "corner.pdf"
    assert main(["thin", str(made), "--every", "5", "--to", str(small), "--quiet"]) == 0
    assert main(["corner", str(small), "--out", str(out), "--quiet"]) == 0
    assert nnpost.load(small).chain.shape == (12, 128, 7)
    assert out.read_bytes().startswith(b"%PDF")


# -- export ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "shape"), [("sgd", (7,)), ("map", (7,)), ("fits", (8, 7)), ("samples", (40 * 128, 7))]
)
def test_export(run_file, tmp_path, what, shape):
    run = nnpost.load(run_file)
    better = run.fits.map.theta + 0.5  # stands for a maximum that only the comparison found
    with h5py.File(run_file, "r+") as file:
        file["comparison/map/theta"][...] = better
        file["comparison/map/log_prob"][...] = run.post.log_prob(better)
        del file["comparison"].attrs["digest"]
    wanted = {
        "sgd": run.fits.sgd.theta,
        "map": better,
        "fits": run.fits.theta,
        "samples": run.get_chain(discard=run.burnin, flat=True),
    }[what]
    names = ["w1", "w2", "b1", "b2", "a1", "a2", "c"]
    for kind in ("npy", "npz", "csv"):
        argv = ["export", run_file, "--what", what, "--to", tmp_path / f"out.{kind}", "--quiet"]
        assert main([str(word) for word in [*argv, "--unfolded"]]) == 0
    assert np.array_equal(np.load(tmp_path / "out.npy"), wanted)
    with np.load(tmp_path / "out.npz") as archive:
        assert np.array_equal(archive["theta"], wanted)
        assert archive["labels"].tolist() == names
        np.testing.assert_allclose(archive["log_prob"], run.post.log_prob(wanted), atol=1e-9)
    head, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert head.split(",") == names
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    assert np.array_equal(table.reshape(shape), wanted)


# -- small commands ----------------------------------------------------------------------------


def test_list_and_version(capsys):
    assert main(["list"]) == 0
    assert "parabola-article   the article's own MCMC recipe" in capsys.readouterr().out
    assert main(["list", "parabola"]) == 0
    assert 'name = "parabola"' in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"nnpost {nnpost.__version__}\n"


def test_what_commands_take_and_what_they_do_are_found_by_the_same_names():
    assert list(commands.COMMANDS) == list(PARSERS)


@pytest.mark.parametrize("command", PARSERS)
def test_every_command_explains_itself_with_examples(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    _, _, examples = capsys.readouterr().out.partition("examples:\n")
    assert examples.splitlines() == [f"  nnpost {e}" for e in PARSERS[command].examples]
    assert examples


def test_without_a_command_there_is_the_help(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert "COMMAND" in capsys.readouterr().out


def test_short_options_are_the_long_ones():
    assert parse(["run", "parabola", "-q", "-o", "a.h5"]) == parse(
        ["run", "parabola", "--quiet", "--out", "a.h5"]
    )


def test_an_experiment_comes_by_standard_input_too(tmp_path, monkeypatch):
    text = "name = 'piped'\n[data]\nname = 'parabola'\nsize = 30\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    out = tmp_path / "piped.h5"
    assert main(["run", "-", "--quiet", *quick(out)]) == 1
    assert nnpost.load(out).post.data.n == 30
    monkeypatch.setattr("sys.stdin", io.StringIO("name = "))
    assert main(["run", "-", "--quiet", *quick(out)]) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_shells_complete_commands_and_options(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in (*PARSERS, "resume"):
        assert word in script
    assert main(["completion", "fish"]) == 2


@pytest.mark.parametrize("example", [e for about in PARSERS.values() for e in about.examples])
def test_examples_can_be_typed(example):
    assert parse(shlex.split(example)).command == example.split()[0]


def test_run_on_other_data_is_named_after_them(tmp_path, monkeypatch):
    data = tmp_path / "my.csv"
    data.write_text("t,flux\n" + "".join(f"{i},{i * i}\n" for i in range(9)))
    monkeypatch.chdir(tmp_path)
    for argv in (["run", "parabola"], ["run"]):
        args = parse([*argv, "--data", str(data), "--x", "t", "--y", "flux"])
        asked = make_request(asked_experiment(args), args.out, args.figures)
        assert (asked.path, asked.figures) == (Path("chains/my.h5"), Path("figures/my"))


def test_own_errors_are_not_taken_for_a_verdict(made, capsys, monkeypatch):
    def broken(args, line):
        raise IndexError("a mistake of ours")

    monkeypatch.setitem(commands.COMMANDS, "info", broken)
    assert main(["info", str(made)]) == 70
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("IndexError: a mistake of ours\n")


def test_quiet_says_nothing(run_file, capsys):
    assert main(["compare", str(run_file), "--quiet"]) == 1
    assert capsys.readouterr() == ("", "")


def test_reader_that_leaves_early_is_no_error(made):
    command = f"{sys.executable} -m nnpost info {made} --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], check=False, capture_output=True, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"{", b"", 0)


@pytest.mark.parametrize("way", ["itself", "symbolic", "hard"])
@pytest.mark.parametrize(
    "argv",
    [
        ["thin", "in", "--every", "2", "--to", "out"],
        ["export", "in", "--what", "map", "--to", "out"],
        ["predict", "model.h5", "--data", "in", "--to", "out"],
        ["predict", "in", "--data", "new.csv", "--to", "out"],
        ["corner", "in", "--out", "out"],
        ["report", "in", "--out", "out"],
        ["run", "in", "--out", "out"],
        ["units", "in", "--out", "out"],
        ["units", "--data", "in", "--x", "x", "--y", "y", "--out", "out"],
    ],
)
def test_no_command_writes_onto_what_it_reads(run_file, tmp_path, capsys, way, argv):
    out = tmp_path / "other.h5"
    link = {"symbolic": out.symlink_to, "hard": out.hardlink_to}.get(way)
    if link is None:
        out = run_file
    else:
        link(run_file)
    before = run_file.read_bytes()
    assert main([{"in": str(run_file), "out": str(out)}.get(word, word) for word in argv]) == 2
    assert "is what the command reads" in capsys.readouterr().err
    assert run_file.read_bytes() == before


def test_noise_of_a_constant_is_not_inferred(tmp_path, capsys):
    """A constant network meets all points, and nothing but the prior bounds the likelihood."""
    file = tmp_path / "constant.csv"
    file.write_text("x,y\n" + "".join(f"{k},2\n" for k in range(5)))
    asked = ["run", "--data", str(file), "--x", "x", "--y", "y", *quick(tmp_path / "run.h5")]
    assert main(asked) == 2
    assert "y is 2 at all 5 points" in capsys.readouterr().err
    assert not (tmp_path / "run.h5").exists()

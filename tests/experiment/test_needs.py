"""What a request will need, said before it starts, and refused where there is not as much."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small import main, quick

import nnpost
from nnpost.common.machine import disk_room, duration, in_bytes, memory
from nnpost.experiment import needs as module
from nnpost.experiment.experiment import Experiment, load_experiment
from nnpost.experiment.needs import needs

PARABOLA = load_experiment("parabola")


def asked(*settings, points=500, inputs=1):
    return needs(PARABOLA.with_settings(settings), points, inputs)


def test_the_usual_run_is_small():
    usual = asked()
    assert 0.6e9 < usual.memory < 2e9
    assert 10e6 < usual.disk < 100e6
    assert 10 < usual.seconds < 60  # 20 s on two cores of the machine of docs/benchmarks.md
    usual.check()


@pytest.mark.parametrize(
    ("settings", "grows"),
    [
        (["sample.nsteps=5_000_000"], "memory disk seconds"),
        (["sample.ensembles=4000"], "memory disk seconds"),
        (["sample.nwalkers=32_000"], "memory disk seconds"),
        (["temper.particles=2_000_000"], "memory disk seconds"),
        (["temper.steps=8000"], "seconds"),
        (["train.restarts=256_000"], "memory disk seconds"),
        (["train.epochs=1_000_000"], "seconds"),
        (["network.hidden=2000"], "memory disk seconds"),
        (["network.hidden=[50, 50]"], "memory disk seconds"),
        (["sample.nsteps=2_000_000", "sample.thin=1000"], "seconds"),
    ],
)
def test_what_grows_is_counted(settings, grows):
    usual, more = asked(), asked(*settings)
    for name in ("memory", "disk", "seconds"):
        ratio = getattr(more, name) / getattr(usual, name)
        assert ratio > 3 if name in grows.split() else ratio < 1.5, (name, ratio)


MADE_UP, TABLE = ["data.name=line"], ["data.file=own.csv", "data.x=x"]
KINDS = {
    "heteroscedastic": [*TABLE, "data.y=u", "likelihood.kind=heteroscedastic"],
    "classes": [*TABLE, "data.y=k", "likelihood.kind=categorical", "likelihood.classes=40"],
    "several targets": [*TABLE, "data.y=['u', 'v']"],
    "laplace": [*MADE_UP, "prior.kind=laplace"],
    "student": [*MADE_UP, "prior.kind=student"],
    "inputs' scales": [*MADE_UP, "prior.kind=student", "prior.shared=input"],
    "skip": [*MADE_UP, "network.skip=true"],
    "no biases": [*MADE_UP, "network.bias=false"],
}


def own_table(folder):
    x = np.linspace(-1, 1, 80)
    columns = np.c_[x, x**2, x**3, np.arange(80) % 40]
    np.savetxt(folder / "own.csv", columns, delimiter=",", header="x,u,v,k", comments="")


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_and_moves_are_those_of_the_posterior(kind, tmp_path, monkeypatch):
    """As many numbers in the chain as the run will have, by what the posterior says."""
    own_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    asked = Experiment().with_settings([*KINDS[kind], "network.hidden=24"])
    post = asked.build()
    sample = asked.sample.resolved(post)
    numbers = 8 * sample.rows * sample.ensembles * sample.nwalkers
    said = needs(asked, post.data.n, 1, post.net.outputs).disk
    none = asked.with_settings(["sample.nsteps=1"])
    chain = said - needs(none, post.data.n, 1, post.net.outputs).disk
    assert numbers * (post.ndim + 1) <= chain <= 1.3 * numbers * (post.ndim + 3)


@pytest.mark.parametrize("size", [{"points": 50_000_000}, {"inputs": 20_000}])
def test_the_size_of_the_data_is_counted(size):
    usual, more = asked(), asked(**size)
    assert more.memory > 3 * usual.memory
    assert more.seconds > 3 * usual.seconds


BEYOND = {
    "sample.nsteps=1_000_000_000_000_000_000": "of memory: ask for less",
    "temper.particles=1_000_000_000": "of memory: ask for less",
    "data.size=1_000_000_000_000_000_000": "of memory: ask for less",
    "network.hidden=2_147_483_648": "of memory: ask for less",
    "sample.ensembles=1_000_000_000": "of memory: ask for less",
    "train.restarts=1_000_000_000_000": "of memory: ask for less",
    "train.epochs=9223372036854775807": "taken for a mistake",
    "temper.steps=9223372036854775807": "taken for a mistake",
}


@pytest.mark.parametrize("one", BEYOND)
def test_what_no_machine_has_is_refused_at_once(one, tmp_path, capsys):
    out = tmp_path / "run.h5"
    assert main(["run", "parabola", "--set", one, "--out", str(out)]) == 2
    words = capsys.readouterr().err
    assert words.count("\n") == 1
    assert "the request needs up to" in words
    assert BEYOND[one] in words
    assert "--no-limit" in words
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "one",
    ["sample.nsteps", "sample.ensembles", "train.epochs", "temper.steps", "seed", "data.size"],
)
def test_numbers_of_more_than_64_bits_are_refused(one, capsys):
    assert main(["run", "parabola", "--set", f"{one}={2**63}"]) == 2
    words = capsys.readouterr().err
    assert f"{one}: found {2**63}, expected a whole number of at least" in words
    assert f"at most {2**63 - 1}" in words


def test_sizes_of_units_are_refused_as_those_of_a_run(tmp_path, capsys):
    folder = str(tmp_path / "figures")
    argv = ["units", "parabola", "--hidden", f"1,{2**31}", "--figures", folder]
    assert main(argv) == 2
    assert "of memory: ask for less" in capsys.readouterr().err


def test_a_stage_alone_is_refused_too(run_file, capsys):
    assert main(["sample", str(run_file), "--set", "sample.nsteps=1_000_000_000_000"]) == 2
    assert "of memory: ask for less" in capsys.readouterr().err


def test_a_disk_without_room_is_refused(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(module, "disk_room", lambda path: 1e6)
    assert main(["run", "parabola", "--out", str(tmp_path / "run.h5")]) == 2
    assert f"1 MB are free for {tmp_path / 'run.h5'}" in capsys.readouterr().err


def test_what_is_needed_is_said_first_and_may_be_overridden(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(module, "memory", lambda: 1e8)
    argv = ["run", "parabola", *quick(tmp_path / "run.h5")]
    assert main(argv) == 2
    assert "this machine has 100 MB of memory" in capsys.readouterr().err
    assert main([*argv, "--no-limit"]) in (0, 1)
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("needs up to 6")
    assert "MB of memory and" in first


def test_the_machine_is_looked_at(tmp_path):
    assert 1e8 < memory() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert disk_room(tmp_path / "not" / "there.h5") > 0
    done = subprocess.run(
        [sys.executable, "-c", "from nnpost.common.machine import memory; print(memory())"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(nnpost.__file__).parents[1])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)),
    )
    assert float(done.stdout) == 2**30


def test_sizes_in_words():
    assert [in_bytes(n) for n in (1e4, 1.26e6, 9.9e10, 3e15)] == [
        "0.01 MB", "1.3 MB", "99 GB", "3,000 TB",
    ]  # fmt: skip
    assert [duration(s) for s in (3, 119, 7200, 1e6, 1e20)] == [
        "3 seconds", "119 seconds", "2 hours", "12 days", "3.2e+12 years",
    ]  # fmt: skip


MEASURED = {
    "a long chain": ["sample.nsteps=1500", "sample.nwalkers=512", "sample.moves=stretch",
                     "sample.start=prior"],
    "many classes": [*KINDS["classes"], "sample.moves=stretch", "sample.nwalkers=512",
                     "sample.start=prior"],
    "several targets": [*KINDS["several targets"], "temper.particles=1000"],
    "many restarts": ["train.restarts=30_000", "train.epochs=20"],
    "many particles": ["temper.particles=20_000"],
    "many units": ["network.hidden=60", "temper.particles=1000", "sample.moves=hmc"],
}  # fmt: skip
RUN = """
import resource, sys
import nnpost
from nnpost.experiment.experiment import Experiment, load_experiment
from nnpost.experiment.request import make_request
from nnpost.experiment.stages import run_all
from small import QUICK, SMALL
own = "data.file=own.csv" in sys.argv
first = Experiment() if own else load_experiment("parabola").with_settings(["data.size=40"])
asked = first.with_settings([*QUICK, *sys.argv[2:]])
request = make_request(asked, sys.argv[1], False, progress=False, detail=SMALL)
run_all(request)
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(used, request.needs.memory, request.needs.disk)
"""


@pytest.mark.long
@pytest.mark.parametrize("what", MEASURED)
def test_runs_need_no_more_than_was_said(what, tmp_path):
    path, root = tmp_path / "run.h5", Path(nnpost.__file__).parents[1]
    own_table(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(path), *MEASURED[what]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"},
    )
    used, said, disk = map(float, done.stdout.split())
    assert said / 6 < used < said
    assert disk / 6 < path.stat().st_size < disk

"""What bad input gets: exit status 2, one line that says what to do, and no file touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from small import QUICK, quick

import nnpost
from nnpost.cli.commands import main
from nnpost.experiment.experiment import Experiment
from nnpost.experiment.request import make_request
from nnpost.storage.runfile import new_file


def snapshot(folder: Path) -> dict[str, bytes | None]:
    found = sorted(folder.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


@pytest.fixture
def refused(capsys, tmp_path, monkeypatch):
    """Runs a command that must be refused, and returns its one line."""
    monkeypatch.chdir(tmp_path)

    def refuse(*argv) -> str:
        before = snapshot(tmp_path)
        capsys.readouterr()
        assert main([str(word) for word in argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("nnpost: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        assert snapshot(tmp_path) == before
        return err

    return refuse


GOOD = {
    "t": ["0", "1", "2", "3"],
    "flux": ["5", "6", "7", "9"],
    "err": ["0.1", "0.1", "0.2", "0.2"],
}


def write_csv(path: Path, **columns: list[str]) -> Path:
    table = {**GOOD, **columns}
    rows = [",".join(row) for row in zip(*table.values(), strict=True)]
    path.write_text("\n".join([",".join(table), *rows]) + "\n")
    return path


def own(path, *more) -> list:
    return ["run", "--data", path, "--x", "t", "--y", "flux", *more]


# -- data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"flux": ["5", "nan", "7", "9"]}, ["flux", "nan", "finite"]),
        ({"t": ["0", "1", "inf", "3"]}, ["t", "inf", "finite"]),
        ({"flux": ["5", "six", "7", "9"]}, ["line 3", "flux", "six"]),
        ({"err": ["0.1", "0", "0.1", "0.1"]}, ["err", "above zero"]),
        ({"err": ["0.1", "-2", "0.1", "0.1"]}, ["err", "-2", "above zero"]),
        ({"t": [], "flux": [], "err": []}, ["no rows after the column names"]),
    ],
    ids=["nan", "inf", "text", "zero error", "negative error", "no points"],
)
def test_values_in_a_csv(refused, tmp_path, columns, words):
    data = write_csv(tmp_path / "mine.csv", **columns)
    line = refused(*own(data, "--yerr", "err"))
    assert all(word in line for word in ["mine.csv", *words])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--x", "t", "--y", "fluks"], ["fluks", "did you mean 'flux'?"]),
        (["--x", "t,q", "--y", "flux"], ["q"]),
        (["--x", "t", "--y", "flux", "--yerr", "er"], ["er", "did you mean 'err'?"]),
        (["--x", "t"], ["--y is missing", "mine.csv"]),
        (["--y", "flux"], ["--x is missing", "mine.csv"]),
        (["--x", "t", "--y", "t"], ["t"]),
    ],
)
def test_columns_that_are_not_there(refused, tmp_path, options, words):
    data = write_csv(tmp_path / "mine.csv")
    line = refused("run", "--data", data, *options)
    assert all(word in line for word in words)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.arange(5.0), np.arange(4.0), ["5", "4"]),
        (np.arange(4.0), np.ones((1, 4)), ["(1, 4)", "(4,)"]),
        (np.arange(4.0), np.ones((4, 2)), ["(4, 2)"]),
        (np.ones(1), np.ones((1, 1)), ["(1, 1)"]),
        (np.empty(0), np.empty(0), ["no points"]),
    ],
    ids=["lengths", "row", "two outputs", "one by one", "no points"],
)
def test_shapes(refused, tmp_path, x, y, words):
    np.savez(tmp_path / "mine.npz", t=x, flux=y)
    line = refused(*own(tmp_path / "mine.npz"))
    assert all(word in line for word in words)


def test_column_of_targets_is_squeezed_where_it_cannot_be_mistaken(tmp_path):
    np.savez(tmp_path / "mine.npz", t=np.arange(4.0), flux=np.ones((4, 1)))
    assert nnpost.read_data(tmp_path / "mine.npz", "t", "flux").y.shape == (4,)


def test_files_of_data(refused, tmp_path):
    assert "no such file" in refused(*own("nowhere.csv"))
    (tmp_path / "mine.xls").write_text("t")
    assert "expected one of .csv" in refused(*own("mine.xls"))
    (tmp_path / "mine.npz").write_text("not a zip file")
    assert "mine.npz" in refused(*own("mine.npz"))


# -- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (
            "network.hidden=0",
            "network.hidden: found 0, expected a list of whole numbers",
        ),
        ("network.hidden=[2, -1]", "network.hidden: found [2, -1]"),
        ("sample.nsteps=0", "sample.nsteps: found 0, expected a whole number of at least 1"),
        ("sample.nsteps=-5", "sample.nsteps: found -5"),
        ("train.epochs=0", "train.epochs: found 0"),
        ("train.restarts=0", "train.restarts: found 0"),
        ("train.batch_size=501", "train.batch_size: found 501, expected at most the 500 points"),
        ("train.momentum=0.9", "train.momentum: adam has its own"),
        ("train.batches=windows", "train.batch_size: missing"),
        ("prior.std=0", "prior.std: found 0, expected a positive number between 1e-100 and 1e100"),
        ("prior.std=1e-200", "prior.std: found 1e-200, expected a positive number between"),
        ("prior.log_sigma_std=1e200", "prior.log_sigma_std: found 1e+200"),
        ("likelihood.sigma=1e-200", "likelihood.sigma: found 1e-200"),
        ("prior.std=-3.0", "prior.std: found -3.0"),
        ("prior.std={bias=1.0}", "did you mean 'biases'?"),
        ("prior.kind=studnet", "did you mean 'student'?"),
        ("prior.nu=3.0", 'prior.nu: only kind = "student" has it'),
        ("prior.shared=input", 'prior.shared: only kind = "student" has it'),
        ("likelihood.sigma=0", "likelihood.sigma: found 0"),
        ("likelihood.sigma=-1", "likelihood.sigma: found -1"),
        (
            "network.activation=sigmod",
            'network.activation: found "sigmod", expected "sigmoid", "tanh", "softsign", "relu", '
            '"identity", "leaky_relu", "elu", "softplus", "silu" or "gelu"; '
            "did you mean 'sigmoid'?",
        ),
        ("network.bias=maybe", 'network.bias: found "maybe", expected true or false'),
        ("train.optimizer=adma", "did you mean 'adam'?"),
        ("likelihood.kind=gausian", "did you mean 'gaussian'?"),
        ("sample.moves=strech", "did you mean 'stretch'?"),
        ("sample.start=temperd", "did you mean 'tempered'?"),
        ("sample.nstep=10", "unknown key 'sample.nstep'; did you mean 'nsteps'?"),
        ("sampling.nsteps=10", "unknown section 'sampling'; did you mean 'sample'?"),
        ("data.name=parabolla", 'data.name: found "parabolla", expected "parabola", "sine", '),
        ("data.name=parabolla", "did you mean 'parabola'?"),
        ("data.numbers=3", "numbers"),
        ("data.size=0", "data.size: found 0"),
        ("data.validation=0.9999", "leaves one part empty"),
        ("sample.nwalkers=12", "found 12, expected an even number of at least 14 (twice the 7"),
        ("sample.nwalkers=27", "found 27, expected an even number of at least 14 (twice the 7"),
        ("temper.particles=33", "temper.particles: found 33, expected an even number"),
        ("temper.start=basin", "did you mean 'basins'?"),
        ("sample.thin=100000", "sample.thin: found 100000, expected at most sample.nsteps"),
        ("nonsense", "expected section.key=value"),
    ],
)
def test_settings(refused, setting, words):
    assert words in refused("run", "parabola", "--set", setting)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["rnu"], "unknown command 'rnu'; did you mean 'run'?"),
        (["run"], "name an experiment"),
        (["run", "parabla"], "did you mean 'parabola'?"),
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["list", "parabla"], "did you mean 'parabola'?"),
        (["run", "parabola", "--sed", "3"], "unrecognized arguments: --sed 3"),
        (["run", "parabola", "--seed", "-3"], "seed: found -3"),
        (["run", "parabola", "--seed", "three"], 'seed: found "three"'),
        (["run", "parabola", "--x", "t"], "no --data"),
        (["run", "parabola", "--device", "gpu"], "expected one of auto, cpu, cuda"),
        (
            ["thin", "a.h5", "--every", "0", "--to", "b.h5"],
            "every: found 0, expected a whole number of at least 1",
        ),
    ],
)
def test_command_lines(refused, argv, words):
    assert words in refused(*argv)


def test_toml_files(refused, tmp_path):
    toml = tmp_path / "my.toml"
    toml.write_text("[train]\nlearning_rate = 1\n")
    assert "my.toml: unknown key 'train.learning_rate'" in refused("run", toml)
    toml.write_text("seed =\n")
    assert "my.toml: not TOML" in refused("run", toml)
    toml.write_text('[data]\nfile = "gone.csv"\nx = "t"\ny = "flux"\n')
    assert "gone.csv: no such file" in refused("run", toml)


def test_vectors_of_the_wrong_length():
    post = nnpost.Posterior(nnpost.MLP(1, (2,)), nnpost.datasets.parabola())
    with pytest.raises(
        nnpost.RequestError, match=r"theta has shape \(6,\), expected \(\.\.\., 7\)"
    ):
        post.log_prob(np.zeros(6))


def test_cuda_where_there_is_none(refused, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA device" in refused("run", "parabola", "--device", "cuda")


# -- run files ---------------------------------------------------------------------------------


def spoiled(kind: str, path: Path, made: Path) -> Path:
    whole = made.read_bytes()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "not HDF5":
        path.write_text("a note\n")
    elif kind == "folder":
        path.mkdir()
    elif kind == "not ours":
        with h5py.File(path, "w") as file:
            file["something"] = 1
    elif kind == "another program's experiment":
        with h5py.File(path, "w") as file:
            file["experiment/name"] = "a year in the laboratory"
    return path


COMMANDS = {
    "info": ["info", "FILE"],
    "info --json": ["info", "FILE", "--json"],
    "corner": ["corner", "FILE"],
    "export": ["export", "FILE", "--what", "map", "--to", "map.csv"],
    "thin": ["thin", "FILE", "--every", "2", "--to", "small.h5"],
    "train": ["train", "FILE"],
    "sample": ["sample", "FILE"],
    "compare": ["compare", "FILE"],
}


SPOILED = [
    "empty", "truncated", "not HDF5", "folder", "not ours", "another program's experiment",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["missing", *SPOILED])
def test_unusable_run_files(refused, tmp_path, made, kind, command):
    path = spoiled(kind, tmp_path / "run.h5", made)
    line = refused(*(str(path) if word == "FILE" else word for word in COMMANDS[command]))
    assert "run.h5" in line


@pytest.mark.parametrize("kind", SPOILED)
@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_run_replaces_nothing_but_run_files(refused, tmp_path, made, kind, more):
    path = spoiled(kind, tmp_path / "run.h5", made)
    assert "run.h5" in refused("run", "parabola", "--out", path, *more)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.lr=0.05", "train.lr is 0.03 there, 0.05 asked for"),
        ("network.hidden=[3]", "network.hidden is (2,) there, (3,) asked for"),
        ("sample.nsteps=50", "sample.nsteps is 60 there, 50 asked for"),
        ("sample.moves=de", "sample.moves is 'collapsed' there, 'de' asked for"),
        ("data.seed=1", "data.seed is 0 there, 1 asked for"),
        ("seed=1", "seed is 0 there, 1 asked for"),
    ],
)
def test_resume_of_another_experiment(refused, run_file, setting, words):
    assert words in refused("run", "parabola", *quick(run_file, setting), "--resume")


def test_resume_on_other_numbers(refused, tmp_path):
    data, out = write_csv(tmp_path / "mine.csv"), tmp_path / "mine.h5"
    experiment = Experiment().with_data(str(data), ["t"], "flux", "err").with_settings(QUICK)
    new_file(out, make_request(experiment, out).groups())
    write_csv(data, flux=["5", "6", "7", "8"])
    assert "other numbers" in refused(*own(data, "--yerr", "err"), *quick(out), "--resume")


def test_settings_that_a_stage_alone_cannot_change(refused, run_file):
    assert "network.hidden: other stages" in refused("train", run_file, "--set", "network.hidden=3")
    assert "sample.* or temper.*" in refused("sample", run_file, "--set", "train.lr=1.0")
    line = refused("sample", run_file, "--resume", "--set", "sample.moves=de")
    assert "sample.moves is 'collapsed' there" in line


def test_thinned_copy_is_not_continued(refused, tmp_path, made):
    small = tmp_path / "small.h5"
    assert main(["thin", str(made), "--every", "10", "--to", str(small), "--quiet"]) == 0
    more = ["--resume", "--set", "sample.nsteps=400"]
    assert "no commit records" in refused("sample", small, *more)
    assert "no commit records" in refused("run", "parabola", *quick(small), *more)


def test_file_that_is_open_in_this_process(refused, run_file):
    with h5py.File(run_file):
        line = refused("info", run_file)
    assert "open elsewhere in this process" in line
    assert "close it there first" in line
    assert main(["info", str(run_file)]) == 0  # that refusal held as long as it was open


def test_key_without_its_section(refused):
    for given, meant in [("nsteps=3", "sample.nsteps"), ("restart=9", "train.restarts")]:
        assert f"did you mean '{meant}'?" in refused("run", "parabola", "--set", given)
    assert "did you mean 'seed'?" in refused("run", "parabola", "--set", "sed=1")


def test_file_that_another_process_is_writing(refused, run_file):
    code = (
        "import sys\nfrom nnpost.storage.runfile import lock\n"
        "with lock(sys.argv[1]):\n    print('locked', flush=True)\n    sys.stdin.read()\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, run_file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert writer.stdout.readline() == "locked\n"
        assert "is being written" in refused("run", "parabola", *quick(run_file))
    finally:
        writer.communicate()


def test_folders_that_cannot_be_written(refused, tmp_path, run_file):
    (tmp_path / "note").write_text("in the way")
    assert "cannot be written" in refused("run", "parabola", "--out", "note/run.h5")
    argv = ["run", "parabola", "--out", run_file, "--figures", "note/figures"]
    assert "cannot be written" in refused(*argv)
    assert "cannot write" in refused("corner", run_file, "--out", "note/corner.png")
    assert "cannot be" in refused("export", run_file, "--what", "map", "--to", "note/map.csv")
    assert "cannot be" in refused("thin", run_file, "--every", "2", "--to", "note/small.h5")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--parameters", "w1,b9"], "unknown parameter 'b9': expected one of w1, w2, b1, b2, a1,"),
        (["--parameters", "7"], "parameter 7: expected a name such as w1, or a number below 7"),
        (["--parameters", "9" * 5000], "unknown parameter '999"),
        (["--parameters", ""], "unknown parameter ''"),
        (["--parameters", "w1,c,w1"], "found w1 twice"),
        (["--quantiles", "16,84"], "quantiles: found 16.0, expected levels between 0 and 1"),
        (["--quantiles", "half"], "--quantiles: found half, expected levels such as"),
    ],
)
def test_corners_that_cannot_be_drawn(refused, made, more, words):
    assert words in refused("corner", made, *more)


def test_what_cannot_be_exported(refused, run_file):
    assert "did you mean 'samples'?" in refused(
        "export", run_file, "--what", "sampels", "--to", "a.npy"
    )
    assert "'.txt'" in refused("export", run_file, "--what", "map", "--to", "a.txt")
    with h5py.File(run_file, "r+") as file:
        for name in ("fits", "comparison", "mcmc", "resume", "sampling"):
            del file[name]
    assert "no fits yet" in refused("export", run_file, "--what", "map", "--to", "a.npy")
    assert "no chain yet" in refused("export", run_file, "--what", "samples", "--to", "a.npy")
    assert "no chain yet" in refused("corner", run_file)


@pytest.mark.parametrize("value", ["[" * 600, "9" * 5000, f"0x{'f' * 5000}", "{a=" * 600])
def test_values_without_end_are_refused_in_a_line(refused, value):
    for key in ("train.epochs", "seed", "network.hidden", "sample.moves", "prior.std"):
        line = refused("run", "parabola", "--set", f"{key}={value}")
        assert f"{key}: found" in line
        assert len(line) < 500


@pytest.mark.parametrize("text", ["seed = " + "[" * 5000, "seed = " + "9" * 5000, "a" * 2**21])
def test_toml_without_end_is_refused_in_a_line(refused, tmp_path, text):
    (tmp_path / "my.toml").write_text(text)
    for command in ("run", "sweep"):
        line = refused(command, tmp_path / "my.toml")
        assert "my.toml" in line
        assert len(line) < 500


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "..", ".hidden", "a\\b", "x" * 300, "a\nb"])
def test_a_name_that_leads_elsewhere_is_refused(refused, tmp_path, name):
    assert "name: found" in refused("run", "parabola", "--set", f"name={json.dumps(name)}")
    (tmp_path / "my.toml").write_text(
        f'name = {json.dumps(name)}\ndata.name = "parabola"\nsweep.seed = [1, 2]\n'
    )
    assert "name: found" in refused("sweep", tmp_path / "my.toml")


@pytest.mark.parametrize("option", ["--out", "--figures", "--data"])
def test_an_empty_name_is_refused(refused, option):
    line = refused("run", "parabola", option, "")
    assert f"{option[2:]}: found an empty name, expected that of a file or folder" in line


def test_a_pipe_or_device_is_refused(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    for name in ("pipe.toml", "zero.toml"):
        for command in ("run", "sweep"):
            assert f"{name}: found a pipe or a device" in refused(command, name)


def test_more_cells_than_anybody_waits_for_are_refused(refused, tmp_path):
    values = list(range(1000))
    (tmp_path / "my.toml").write_text(
        f'data.name = "parabola"\n[sweep]\nseed = {values}\ntrain.epochs = {values[1:]}\n'
    )
    assert "found 999,000 cells, expected at most 100,000" in refused("sweep", "my.toml")

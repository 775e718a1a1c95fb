"""Numbers far out: an answer, or one clear line before anything is computed."""

import numpy as np
import pytest
from small import main, quick

X = np.linspace(-1, 1, 30)
Y = np.sin(3 * X) + 0.1 * np.random.default_rng(0).standard_normal(30)
ERROR = np.full(30, 0.1)


def run(tmp_path, capsys, *settings, x=X, y=Y, yerr=None):
    """Exit status and the lines on stderr of a small run on these data."""
    columns = [x, y] if yerr is None else [x, y, yerr]
    names = ["x", "y", "err"][: len(columns)]
    np.savetxt(
        tmp_path / "my.csv", np.column_stack(columns), "%.17g", ",", header=",".join(names),
        comments="",
    )  # fmt: skip
    asked = ["--data", str(tmp_path / "my.csv"), "--x", "x", "--y", "y"]
    asked += [] if yerr is None else ["--yerr", "err"]
    capsys.readouterr()
    status = main(["run", *asked, *quick(tmp_path / "run.h5", *settings)])
    return status, capsys.readouterr().err.splitlines()


REFUSED = {
    "x 1e300": ({"x": 1e300 * X}, [], "data: found 'x' of size 1e+300"),
    "x 1e-300": ({"x": 1e-300 * X}, [], "data: found 'x' of size 1e-300"),
    "y 1e300": ({"y": 1e300 * Y}, [], "data: found 'y' of size 1.11e+300"),
    "y 1e-300": ({"y": 1e-300 * Y}, [], "data: found 'y' of size 1.11e-300"),
    "yerr 1e-100": ({"yerr": 1e-99 * ERROR}, [], "e+100 times smaller than the target"),
    "yerr 1e-120": ({"yerr": 1e-119 * ERROR}, [], "data: found 'err' of size 1e-120"),
    "one yerr 1e-100": ({"yerr": np.r_[1e-100, ERROR[1:]]}, [], "data: found 'err' from 1e-100 to"),
    "sigma 1e-99": ({}, ["likelihood.sigma=1e-99"], "e+99 times smaller than the target"),
    "sigma 1e-13": ({}, ["likelihood.sigma=1e-13"], "e+13 times smaller than the target"),
    "sigma 1e308": ({}, ["likelihood.sigma=1e308"], "likelihood.sigma: found 1e+308, expected"),
    "prior 1e30": ({}, ["prior.std=1e30"], "prior.std: found 1e+30, expected at most 1e+12 times"),
    "prior 1e300": ({}, ["prior.std=1e300"], "prior.std: found 1e+300, expected"),
    "one point": ({"x": X[:1], "y": Y[:1]}, [], "likelihood.sigma: found 'infer', and y is"),
    "constant": ({"y": 0 * Y + 2.5}, [], "likelihood.sigma: found 'infer', and y is 2.5"),
    "lr": ({}, ["train.lr=1e300"], "diverged at lr = 1e+300; give a lower lr"),
}  # fmt: skip


@pytest.mark.parametrize("scale", ["standard", "none"])
@pytest.mark.parametrize("what", REFUSED)
def test_what_numbers_cannot_hold_is_refused_in_a_line(tmp_path, capsys, what, scale):
    data, settings, words = REFUSED[what]
    status, said = run(tmp_path, capsys, f"data.scale={scale}", *settings, **data)
    assert status == 2
    assert words in said[-1]
    assert not (tmp_path / "run.h5").exists()


ANSWERED = {
    "x 1e8": {"x": 1e8 * X},
    "x + 1e8": {"x": 1e8 + X},
    "y 1e-12": {"y": 1e-12 * Y},
    "x and y 1e90": {"x": 1e90 * X, "y": 1e90 * Y},
    "all at one place": {"x": 0 * X + 0.5},
    "two points": {"x": X[:2], "y": Y[:2]},
    "large errors": {"yerr": 1e80 * ERROR},
}


@pytest.mark.parametrize("what", ANSWERED)
def test_what_is_only_a_unit_is_answered(tmp_path, capsys, what):
    status, said = run(tmp_path, capsys, **ANSWERED[what])
    assert status in (0, 1), said
    assert (tmp_path / "run.h5").exists()


def test_one_point_with_its_noise_is_answered(tmp_path, capsys):
    assert run(tmp_path, capsys, "likelihood.sigma=0.1", x=X[:1], y=Y[:1])[0] == 1


def test_inputs_in_large_units_are_told_where_nothing_scales_them(tmp_path, capsys):
    _, said = run(tmp_path, capsys, "data.scale=none", x=1e8 * X)
    assert any("x spans 2e+08, so much that nearly all units" in line for line in said)

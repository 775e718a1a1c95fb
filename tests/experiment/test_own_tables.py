"""Tables of one's own, from the command line to what is shown of them."""

import html
import re
from pathlib import Path

import numpy as np
import pytest
from small import main, quick

import nnpost
from nnpost.cli.asked import asked_experiment
from nnpost.cli.commands import main as command
from nnpost.cli.parser import parse
from nnpost.report.info import overview

CASES = Path(__file__).parents[1] / "cases"


def built(*argv):
    """The posterior that ``nnpost run`` would sample."""
    return asked_experiment(parse(["run", *map(str, argv)])).build()


def test_a_table_without_names():
    data = built("--data", CASES / "whitespace.data", "--x", "1", "--y", "2").data.raw
    assert np.allclose(np.column_stack([data.x, data.y]), np.loadtxt(CASES / "whitespace.data"))


def test_dates_and_a_name_with_a_blank():
    argv = ["--data", CASES / "dates.csv", "--x", "date", "--y", "flux", "--yerr", "flux err"]
    data = built(*argv).data.raw
    assert np.allclose(data.x[:, 0], np.arange(28))
    assert np.allclose(data.yerr, 0.1)


def test_missing_cells(capsys):
    argv = ["--data", CASES / "missing.csv", "--x", "t", "--y", "co2"]
    assert command(["run", *map(str, argv)]) == 2
    line = capsys.readouterr().err
    assert "missing.csv, line 3, column 'co2': the cell is empty" in line
    assert "--drop-missing" in line
    assert built(*argv, "--drop-missing").data.n == 3
    assert built(*argv, "--set", "data.drop_missing=true").data.n == 3
    assert command(["run", "parabola", "--drop-missing"]) == 2
    assert "goes with --data FILE" in capsys.readouterr().err


def test_constant_and_repeated_columns_are_told_everywhere(tmp_path, capsys):
    out, report = tmp_path / "run.h5", tmp_path / "report.html"
    options = ["--data", str(CASES / "collinear.csv"), "--x", "a,b,c", "--y", "y"]
    assert main(["run", *options, *quick(out), "--set", "network.hidden=1"]) in (0, 1)
    found = capsys.readouterr()
    remarks = overview(out)["data"]["remarks"]
    assert len(remarks) == 2
    assert command(["info", str(out)]) == 0
    shown = capsys.readouterr().out
    assert command(["report", str(out), "--out", str(report), "--quiet"]) == 0
    page = html.unescape(re.sub("<[^>]*>", "", report.read_text("utf-8")))
    for text in (found.err, found.out, shown, page):
        assert all(remark in text for remark in remarks)
    assert "input 'c' is 1 at all 60 points" in remarks[0]
    assert "input 'b' repeats 'a'" in remarks[1]


def test_a_constant_target_is_refused_at_once(capsys):
    argv = ["run", "--data", str(CASES / "constant.csv"), "--x", "x", "--y", "y"]
    assert command(argv) == 2
    line = capsys.readouterr().err
    assert "likelihood.sigma: found 'infer', and y is 1 at all 30 points" in line
    with pytest.raises(nnpost.RequestError):
        built(*argv[1:])
    assert built(*argv[1:], "--set", "likelihood.sigma=0.1").data.remarks

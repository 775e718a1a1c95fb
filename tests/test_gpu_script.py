"""The script of `make gpu`, as far as a CPU goes: it compares the CPU with itself."""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
DENSITIES = {
    "log density",
    "value and gradient",
    "collapsed density with draw",
    "collapsed gradient",
}


@pytest.fixture
def gpu(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gpu")


def script(*arguments, **environment):
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py"), *map(str, arguments)],
        env=os.environ | environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_small_on_the_cpu(tmp_path):
    out = tmp_path / "gpu.json"
    done = script("--device", "cpu", "--small", "--out", out, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    kept = json.loads(out.read_text("utf-8"))
    tested, rows = kept["tests"], kept["rows"]
    assert tested["failed"] == 0
    assert tested["skipped" if not torch.cuda.is_available() else "ran"] >= 10
    assert f"{tested['ran']} ran, {tested['skipped']} skipped, 0 failed" in done.stdout
    sizes = {(row["what"], row["size"]) for row in rows if row["what"] in DENSITIES}
    assert sizes == {(d, f"{w}×2×{n}") for d in DENSITIES for w in (8, 32) for n in (50, 200)}
    assert [row["size"] for row in rows[16:]] == ["40×2×500"] * 2 + ["64×2×200"] * 2
    assert all(row["ratio"] == row["cpu"] / row["gpu"] > 0 for row in rows)
    assert set(kept["crossover"]) == DENSITIES
    assert kept["machine"]["threads"] == 1
    table = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    assert [(cells[0][2:], cells[1]) for cells in table] == [(r["what"], r["size"]) for r in rows]
    assert [float(cells[4].replace(",", "")) for cells in table] == pytest.approx(
        [row["ratio"] for row in rows], rel=0.01
    )


def test_without_a_gpu_it_says_so_in_one_line():
    done = script(CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "no CUDA device here" in done.stderr
    assert "--device cpu --small" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_does_not_fit_is_left_out_and_said(gpu):
    called = []
    jobs = {where: lambda where=where: called.append(where) for where in ("CPU", "GPU", "usual")}
    rates = {("f", "CPU"): 1e-3, ("f", "GPU"): 1e-9, ("f", "usual"): 1e-9}
    row = gpu.density("f", (10, 2, 1000), jobs, rates, gpu.Share(time.perf_counter() + 30))
    assert set(called) == {"GPU", "usual"}
    assert row.cpu is row.ratio is None
    assert row.gpu > 0
    assert row.usual > 0
    assert row.note == "left out: CPU (some 20 s)"
    assert rates["f", "GPU"] == row.gpu / 20_000
    assert row.cells()[2] == row.cells()[4] == "–"


def test_a_share_ends_with_the_whole(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "BEGAN", time.perf_counter() - gpu.LIMIT + 5)
    assert 0 < gpu.Share.of("densities").left <= 5
    assert sum(gpu.SHARES.values()) < gpu.LIMIT < 8 * 60


def test_what_fails_keeps_the_rows_before_it(gpu, capsys):
    row = gpu.Row("f", "1×1×1", 1, 2.0, 1.0)

    def rows():
        yield row
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried much")

    found = gpu.measure("densities", rows())
    assert found.rows == [row]
    assert found.failed == "densities failed: CUDA out of memory."
    assert "| f | 1×1×1 | 2 | 1 | 2 | – |  |" in capsys.readouterr().out


def test_what_would_take_too_long_is_scaled_up_from_little(gpu, monkeypatch):
    """A chain of twice as many walkers takes twice as long here."""
    asked = []

    def sample(post, *, ensembles, nwalkers, **settings):
        asked.append(ensembles * nwalkers)
        time.sleep(1e-4 * asked[-1])

    monkeypatch.setattr(gpu.nnpost, "sample", sample)
    device = gpu.Device("cpu", 1)
    seconds, note = gpu.chain(None, "stretch", 6400, 5, device, 0.1)
    assert asked == [64]
    assert note == "scaled from 64 walkers"
    assert seconds >= 0.64
    assert gpu.chain(None, "stretch", 128, 5, device, 60.0)[1] == ""
    assert asked == [64, 64, 128]


@pytest.mark.parametrize(
    ("ratios", "since"),
    [
        ({10: 0.5, 100: 2.0, 1000: 3.0}, 100),
        ({10: 2.0, 100: 0.9, 1000: 3.0}, 1000),
        ({10: 2.0, 100: 3.0}, 10),
        ({10: 2.0, 100: 1.0}, None),
        ({10: 2.0, 100: None}, 10),
        ({}, None),
    ],
)
def test_the_crossover_is_where_the_gpu_is_faster_ever_after(gpu, ratios, since):
    rows = [gpu.Row("f", "", n, r and float(r), r and 1.0) for n, r in ratios.items()]
    assert gpu.crossover(rows) == since

"""What is said of the machine is what densities are computed by."""

import json

import numpy as np
import pytest
import torch

from nnpost.cli.commands import main
from nnpost.data.dataset import Dataset
from nnpost.network.mlp import MLP
from nnpost.posterior import engine
from nnpost.posterior.posterior import Posterior
from nnpost.report import system


@pytest.mark.parametrize("reason", [None, "numba is not installed"])
def test_the_densities_are_computed_by_what_is_said(monkeypatch, capsys, reason):
    if reason is None:
        pytest.importorskip("numba")
    monkeypatch.setattr(engine, "no_numba", lambda: reason)
    found = system.overview()
    post = Posterior(MLP(1, (2,)), Dataset(np.zeros(3), np.zeros(3)))
    assert {"kernels": "KernelEngine", "torch": "TorchEngine"}[found["densities"]["by"]] == (
        type(post.engine).__name__
    )
    assert found["densities"]["because"] == reason
    assert main(["info", "--system"]) == 0
    out = capsys.readouterr().out
    assert ("torch, because numba is not installed" in out) == (reason is not None)
    assert ("compiled kernels, by numba" in out) == (reason is None)


def test_versions_threads_and_devices(monkeypatch, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(system, "PACKAGES", ("numpy", "numba", "nothing-of-this-name"))
    assert main(["info", "--system", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["nothing-of-this-name"] is None
    assert found["cores"] == 3
    assert len(found["cuda"]) == torch.cuda.device_count()
    assert "nothing-of-this-name  not installed" in system.table(found)


@pytest.mark.parametrize("argv", [["info"], ["info", "--system", "x.h5"]])
def test_a_file_or_the_system(argv, capsys):
    assert main(argv) == 2
    assert "--system" in capsys.readouterr().err

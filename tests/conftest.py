"""What tests share: a small run of the parabola, made once, and cases of hypothesis that are the
same every time (`make fuzz` looks for new ones)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from small import main, quick

from nnpost.diagnostics.mixing import effective_size

settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.load_profile("same")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked cuda need a GPU."""
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run file of the parabola, which tests must not change."""
    out = tmp_path_factory.mktemp("made") / "parabola.h5"
    assert main(["run", "parabola", "--quiet", *quick(out)]) == 1
    return out


@pytest.fixture
def run_file(made: Path, tmp_path: Path) -> Path:
    """A copy of the run file that a test may change."""
    copy = tmp_path / "parabola.h5"
    copy.write_bytes(made.read_bytes())
    return copy


@pytest.fixture
def report():
    """Print one line: what, reference, found, error; `make exactness` shows them."""

    def show(what, reference, found, error):
        print(f"\n{what:48} {reference:>10.4f} {found:>10.4f} ± {error:.4f}", end="")

    return show


@pytest.fixture
def z_scores():
    """z of the means of x (N, W, K) of 4 ensembles against ``truth`` (K,)."""

    def scores(x, truth):
        error = x.std(axis=(0, 1)) / np.sqrt(effective_size(x, 4))
        return (x.mean(axis=(0, 1)) - truth) / error

    return scores

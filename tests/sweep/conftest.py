"""What the tests of sweeps share: a cluster of two processes, and one small sweep on it."""

from pathlib import Path
from typing import NamedTuple

import pytest
from small import main
from small_sweep import written

from nnpost.sweep.cluster import Workers
from nnpost.sweep.grid import Sweep


@pytest.fixture(scope="session")
def client():
    """A cluster, as anybody's."""
    with Workers(processes=2).client(progress=False) as client:
        yield client


class Made(NamedTuple):
    """A sweep that was carried out by the command, and how that ended."""

    sweep: Sweep
    folder: Path
    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def made_sweep(client, tmp_path_factory) -> Made:
    """Two cells, one of which has an odd number of walkers."""
    folder = tmp_path_factory.mktemp("made")
    sweep = written(folder, "sample.nwalkers = [9, 8]")
    argv = ["sweep", folder / "small.toml", "--out", folder / "cells"]
    with pytest.MonkeyPatch.context() as patch:
        out, err = Lines(), Lines()
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        status = main([str(w) for w in (*argv, "--scheduler", client.scheduler.address)])
    return Made(sweep, folder, status, str(out), str(err))


class Lines:
    """A stream that keeps what is written."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False

    def __str__(self) -> str:
        return "".join(self.parts)

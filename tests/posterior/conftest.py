"""Densities are tested with all that may compute them."""

from importlib.util import find_spec

import pytest

from nnpost.posterior import engine


@pytest.fixture(params=["kernels", "torch"])
def each_engine(request, monkeypatch):
    """The engine of posteriors that a test makes; torch where there is nothing else anyway."""
    if request.param == "torch":
        monkeypatch.setattr(engine, "without_kernels", lambda *_: "a test asks for torch")
    elif find_spec("numba") is None:
        pytest.skip("needs numba")

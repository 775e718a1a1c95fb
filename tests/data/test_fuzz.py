"""A part of `make fuzz`: settings and files of data that nobody would write."""

import importlib
import random
from pathlib import Path

import pytest

from nnpost import RequestError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CASES = {"--set": 400, "TOML": 400, "CSV": 400, "NPZ": 400, "Parquet": 200, "HDF5": 20}


def spoilt(content: bytes, dice: random.Random) -> bytes:
    """A few bytes changed, taken out, or put in anew, some of those that mean something."""
    some = bytearray(content)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(some) + 1)
        how = dice.randrange(3)
        some[at : at + (how > 0)] = [] if how == 2 else [dice.choice(dice.choice(BYTES))]
    return bytes(some)


BYTES = (bytes(range(256)), b"\0\xff,;\t\n\r\"'[]{}=.-+_eEx#0123456789 nax")


@pytest.mark.parametrize("kind", CASES)
def test_what_is_spoilt_is_read_or_refused(monkeypatch, tmp_path, kind):
    monkeypatch.syspath_prepend(BENCHMARKS)
    fuzz = importlib.import_module("fuzz")
    if kind == "Parquet":
        pytest.importorskip("pyarrow")
    one, sound, dice = fuzz.targets(tmp_path)[kind], fuzz.seeds(kind), random.Random(1)
    refused = 0
    for _ in range(CASES[kind]):
        try:
            one(spoilt(dice.choice(sound), dice))
        except RequestError:
            refused += 1
    assert refused > CASES[kind] / 10  # and what is spoilt is not all read


def test_every_kind_is_tried(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    fuzz = importlib.import_module("fuzz")
    assert {*CASES} == {*fuzz.CASES}
    assert sum(fuzz.CASES.values()) >= 100_000

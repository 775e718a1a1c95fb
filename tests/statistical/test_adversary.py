"""A tenth of benchmarks/adversary.py: the verdict on posteriors with known truth."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def adversary():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import adversary
    finally:
        sys.path.remove(str(BENCHMARKS))
    return adversary


SLOWER = [pytest.param(name, marks=pytest.mark.long) for name in ("bump 3.0 1.5", "dead 1 1 1.0")]


@pytest.mark.parametrize("name", ["hidden_mode", "funnel 4 0 0.3", *SLOWER])
def test_what_is_called_converged_is_right(adversary, name):
    """At five inputs and four errors: by chance in one of 1,000 suites."""
    (case,) = [case for case in adversary.CASES if case.name == name]
    row = adversary.run_case(case, 7, adversary.truth_of(case))
    assert not (row["converged"] and adversary.is_off(row))
    assert not (row["trusted"] and row["z_log_z"] > adversary.ERRORS)
    if name == "hidden_mode" and adversary.is_off(row):
        assert any("missed it together" in reason for reason in row["reasons"])


def test_the_suite_is_large_and_its_names_are_its_own(adversary):
    names = [case.name for case in adversary.CASES]
    assert len(set(names)) == len(names) >= 40
    assert {case.family for case in adversary.wanted("ReLU")} == {"ReLU dead zones"}


def test_what_is_counted(adversary):
    """Written by hand: off, right, useless, and right without the verdict's leave."""
    keys = ("converged", "z", "sds", "trusted", "z_log_z")
    rows = [
        dict(zip(keys, values, strict=True))
        for values in (
            (True, 4.5, 0.1, True, 1.0),
            (True, 1.0, 0.1, True, 5.0),
            (False, 1.0, 0.5, False, 9.0),
            (False, 1.0, 0.1, None, None),
        )
    ]
    assert adversary.count(rows) == {
        "runs": 4, "converged": 2, "converged, off": 1, "usable": 2, "usable, not converged": 1,
        "log Z trusted": 2, "trusted, off": 1,
    }  # fmt: skip

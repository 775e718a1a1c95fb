"""Damaged and hostile run files are read rightly, or refused in one line: some of `make faults`."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def files(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("faults_files")


def failures(tried):
    return [(name, wrong) for name, wrong in tried if wrong]


def test_damage_is_noticed(files, tmp_path):
    assert failures(files.damaged(tmp_path, 100, seed=1)) == []


def test_hostile_files_are_refused(files, tmp_path):
    assert failures(files.hostile(tmp_path, 80, seed=2)) == []

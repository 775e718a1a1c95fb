"""A part of `make faults`: what a run file survives, and how damaged and hostile files are read."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TRIES = {
    "SIGKILL while rows are written": 4,
    "SIGKILL during nnpost run": 1,
    "SIGINT, SIGTERM, SIGHUP during nnpost run": 3,
    "power cut: unsynced writes lost or torn": 20,
    "full disk, at the start or while sampling": 4,
    "second writer": 3,
    "reader during a run": 50,
    "damaged run file": 8,
    "hostile run file": 8,
}


LONG = {"SIGKILL during nnpost run", "SIGINT, SIGTERM, SIGHUP during nnpost run"}


@pytest.mark.parametrize(
    "item",
    [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in TRIES],
)
def test_nothing_fails(monkeypatch, tmp_path, item):
    monkeypatch.syspath_prepend(BENCHMARKS)
    _, tries = importlib.import_module("faults").ITEMS[item]
    found = list(tries(tmp_path, TRIES[item], 2))
    assert len(found) >= TRIES[item]
    assert [(name, wrong) for name, wrong in found if wrong] == []


def test_every_item_is_tried(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    assert {*TRIES} == {*importlib.import_module("faults").ITEMS}


def test_power_cuts_find_rows_without_digests_wrong(monkeypatch, tmp_path):
    """The control: where nobody looks at digests, rows that never came to the disk are believed."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    faults = importlib.import_module("faults_process")

    def believed(file, rows):
        return file["mcmc/chain"][rows], file["mcmc/log_prob"][rows]

    for module in ("nnpost.storage.rows", "nnpost.storage.read_chain"):
        monkeypatch.setattr(importlib.import_module(module), "read_rows", believed)
    assert any(wrong for _, wrong in faults.power_cuts(tmp_path, 20, 2))

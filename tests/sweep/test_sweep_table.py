"""The table of a sweep: what is in it, and that files hold all of it."""

import csv
import json
import os
import sys

import pytest
from small import main
from small_sweep import written

from nnpost import RequestError
from nnpost.report.info import summarise
from nnpost.sweep.table import MEASURES, SweepTable, gather, write_table


@pytest.fixture
def table(made_sweep) -> SweepTable:
    names = [cell.name for cell in made_sweep.sweep.cells]
    return gather(made_sweep.folder / "cells", names)


def test_a_row_has_the_numbers_of_its_run_file(made_sweep, table):
    bad, good = made_sweep.sweep.cells
    assert table.keys == ("sample.nwalkers",)
    assert [row["sample.nwalkers"] for row in table.rows] == [8, 9]
    row, failed = table.rows
    assert (row["cell"], failed["cell"]) == (good.name, bad.name)
    found = summarise(good.run_file)
    wanted = {
        "log_z": found["evidence"]["log_z"],
        "log_z_error": found["evidence"]["error"],
        "sgd_mse": found["sgd"]["mse"],
        "sgd_log_posterior": found["sgd"]["log_posterior"],
        "map_log_posterior": found["map"]["log_posterior"],
        "distance": found["scorecard"]["best"].get("mahalanobis", {"value": None})["value"],
        "curve_to_mean": found["scorecard"]["best"]["rms_mean_inside"]["value"],
        "curve_to_map": found["scorecard"]["best"]["rms_map_inside"]["value"],
        "ess_log_prob": found["convergence"]["ess"]["log_prob"],
        "ess_predictions": found["convergence"]["ess"]["predictions"],
    }
    assert {name: row[name] for name in wanted} == wanted
    assert row["seconds"] > found["chain"]["seconds"] > 0
    assert row["verdict"] == "not converged"
    assert row["why"].startswith(found["convergence"]["reasons"][0])
    assert failed["verdict"] == "failed"
    assert all(failed[name] is None for name in MEASURES)


def test_cells_that_have_not_ended(tmp_path):
    cells = written(
        tmp_path, "network.hidden = [10, 2, [2, 2], []]\nlikelihood.sigma = ['infer', 1]"
    ).cells
    for cell in cells:
        cell.folder.mkdir(parents=True)
        cell.toml.write_text(cell.experiment.to_toml())
    cells[0].run_file.write_bytes(b"half")
    table = gather(tmp_path / "cells")
    assert table.keys == ("network.hidden", "likelihood.sigma")
    assert [(r["network.hidden"], r["likelihood.sigma"]) for r in table.rows] == [
        (hidden, sigma) for hidden in ((), (2,), (10,), (2, 2)) for sigma in (1.0, "infer")
    ]  # fmt: skip
    assert {r["verdict"] for r in table.rows if r["cell"] != cells[0].name} == {"not begun"}
    assert [r["verdict"] for r in table.rows if r["cell"] == cells[0].name] == ["unfinished"]
    lines = str(table).splitlines()
    assert lines[0].split() == ["cell", "hidden", "sigma", "verdict"]
    assert lines[-1] == "1 unfinished, 7 not begun"


def test_csv_has_all_of_it(table, tmp_path):
    write_table(table, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(table.columns)
    for row, wanted in zip(rows, table.rows, strict=True):
        for name in table.columns:
            value = row[name]
            if name in MEASURES:
                assert (float(value) if value else None) == wanted[name]
            else:
                assert value == str(wanted[name])


def test_parquet_has_all_of_it_in_types_of_its_own(table, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_table(table, tmp_path / "table.parquet")
    found = parquet.read_table(tmp_path / "table.parquet")
    assert found.to_pylist() == [{n: row[n] for n in table.columns} for row in table.rows]
    types = {field.name: str(field.type) for field in found.schema}
    assert (types["sample.nwalkers"], types["log_z"], types["why"]) == ("int64", "double", "string")
    mixed = SweepTable(
        ("likelihood.sigma", "network.hidden"),
        tuple(
            dict.fromkeys(table.columns) | {"likelihood.sigma": s, "network.hidden": h}
            for s, h in (("infer", (2,)), (0.5, (2, 3)), (None, ()))
        ),
    )
    write_table(mixed, tmp_path / "table.parquet")
    found = parquet.read_table(tmp_path / "table.parquet").to_pydict()
    assert found["likelihood.sigma"] == ["infer", "0.5", None]
    assert found["network.hidden"] == [[2], [2, 3], []]


def test_the_command(made_sweep, tmp_path, capsys):
    folder, out = str(made_sweep.folder / "cells"), tmp_path / "out.csv"
    assert main(["table", folder, "--json", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["cell"]: row for row in found["rows"]}
    assert rows.keys() >= {cell.name for cell in made_sweep.sweep.cells}
    assert set(found["keys"]) >= {"sample.nwalkers"}
    assert len(out.read_text().splitlines()) == 1 + len(rows)
    assert main(["table", folder, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("ending", ["table.xlsx", "nowhere/table.csv", "nowhere/table.parquet"])
def test_files_that_cannot_be_written(table, tmp_path, ending):
    with pytest.raises(RequestError):
        write_table(table, tmp_path / ending)
    assert os.listdir(tmp_path) == []


def test_folders_that_no_sweep_has_written(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RequestError, match="holds no cells: expected a folder that"):
            gather(folder)


@pytest.mark.parametrize(
    ("package", "argv"),
    [
        ("distributed", ["sweep", "small.toml"]),
        ("pyarrow", ["table", "cells", "--out", "a.parquet"]),
    ],
)
def test_what_is_not_installed_is_named(package, argv, made_sweep, monkeypatch, capsys):
    monkeypatch.chdir(made_sweep.folder)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(argv) == 2
    name = {"distributed": "dask"}.get(package, package)
    wanted = f"nnpost: this needs {name}, which is not installed: pip install 'nnpost[sweep]'\n"
    assert capsys.readouterr().err == wanted

"""The notebook runs from its first cell to its last, and carries nothing of the machine."""

import ast
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

NOTEBOOK = Path(__file__).parents[1] / "analyses" / "parabola.ipynb"


def cells() -> list[dict[str, Any]]:
    return json.loads(NOTEBOOK.read_text("utf-8"))["cells"]


def code_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def as_script(sources: list[str]) -> str:
    """The cells one after the other; what a cell shows at its end is kept as shown_0, shown_1 …"""
    body: list[ast.stmt] = []
    for k, source in enumerate(sources):
        *before, last = ast.parse(source).body
        if isinstance(last, ast.Expr):
            last = ast.Assign([ast.Name(f"shown_{k}", ast.Store())], last.value)
        body += [*before, last]
    return ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))


def test_notebook_runs_from_import_to_corner_plot(monkeypatch, tmp_path):
    monkeypatch.setenv("NNPOST_QUICK", "1")
    monkeypatch.chdir(tmp_path)
    sources = [code_of(cell) for cell in cells() if cell["cell_type"] == "code"]
    script = tmp_path / "notebook.py"
    script.write_text(as_script(sources), "utf-8")
    seen = runpy.run_path(str(script))
    shown = [value for name, value in seen.items() if name.startswith("shown_")]
    assert seen["run"].nsteps == 60
    assert seen["comparison"].sgd.mse == min(seen["fits"].mse)
    pictures = [value for value in shown if isinstance(value, Figure)]
    assert len(pictures) == 6
    assert len(pictures[-1].axes) == 49  # the corner plot of seven parameters ends the story
    FigureCanvasAgg(pictures[0]).draw()
    others = [value for value in shown if not isinstance(value, Figure)]
    tables = [value._repr_html_() for value in others if hasattr(value, "_repr_html_")]
    assert len(tables) == 5  # data, fits, tempering, run, comparison
    assert all("<table>" in table for table in tables)


def test_notebook_shows_what_its_cells_gave_and_names_no_machine():
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = [output["output_type"] for cell in code for output in cell["outputs"]]
    assert set(kinds) == {"execute_result", "stream"}  # no error, no warning of a library
    shown = [output for cell in code for output in cell["outputs"] if "data" in output]
    assert sum("image/png" in output["data"] for output in shown) == 6
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    text = NOTEBOOK.read_text("utf-8")
    assert not re.search(r"/(home|root|tmp|Users|work|usr)/", text)


@pytest.mark.parametrize("file", sorted(NOTEBOOK.parent.glob("*.py")), ids=lambda f: f.name)
def test_analyses_say_how_to_run_them(file):
    text = file.read_text("utf-8")
    assert f"python analyses/{file.name} --quick" in text
    assert "--quick" in text.split('"""', 2)[2]

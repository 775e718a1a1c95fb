"""The wheel and the sdist: what is in them, and that the wheel works in a fresh environment.

`make wheel` runs this. pip gets what nnpost depends on as it is set up to on this machine, in the
versions of constraints.txt.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import nnpost

ROOT = Path(__file__).parents[1]


def run(*command, **more) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **more
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_one_version():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^version: (.+)$", citation, re.M)[1] == nnpost.__version__
    newest = re.search(r"^## \[(\d[\d.]*)\] - (\S+)$", changes, re.M)
    assert newest[1] == nnpost.__version__
    assert re.search(r"^date-released: (.+)$", citation, re.M)[1] == newest[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    pytest.importorskip("build", reason="make wheel brings it")
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


def tracked(folder: str) -> set[str]:
    return set(run("git", "ls-files", folder, cwd=ROOT).split())


@pytest.mark.long
def test_the_wheel_has_every_file_of_the_package_and_nothing_else(built):
    names = set(zipfile.ZipFile(built[0]).namelist())
    inside = {name for name in names if not name.startswith(f"nnpost-{nnpost.__version__}.")}
    assert inside == tracked("nnpost")
    assert {Path(name).suffix for name in inside} >= {".py", ".toml", ".html", ".css", ".typed"}


@pytest.mark.long
def test_the_sdist_has_what_the_tests_and_the_pages_need(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("nnpost", "tests", "analyses", "benchmarks", "docs", "chains/reference"):
        assert tracked(folder) <= names
    assert {"README.md", "LICENSE", "Makefile", "constraints.txt", "mkdocs.yml"} <= names


@pytest.mark.long
def test_the_wheel_works_in_a_fresh_environment(built, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python, command = (tmp_path / "venv" / "bin" / name for name in ("python", "nnpost"))
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    outside = {"cwd": tmp_path, "env": alone}
    constraints = ROOT / "constraints.txt"
    run(python, "-m", "pip", "install", "-q", "-c", constraints, built[0], **outside)
    run(python, "-m", "pip", "check", **outside)
    assert run(command, "--version", **outside).strip() == f"nnpost {nnpost.__version__}"
    listed = run(command, "list", **outside)
    for experiment in (ROOT / "nnpost" / "experiment" / "builtin").glob("*.toml"):
        assert re.search(rf"^{experiment.stem}\b", listed, re.M), listed
    script = tmp_path / "names.py"
    script.write_text(
        "import nnpost\n"
        "for name in nnpost.__all__:\n"
        "    getattr(nnpost, name)\n"
        "print(nnpost.__file__)\n"
    )
    assert str(tmp_path) in run(python, script, **outside)
    report = tmp_path / "report.html"
    chain = ROOT / "chains" / "reference" / "parabola.h5"
    run(command, "report", chain, "--out", report, **outside)
    assert "<html" in report.read_text("utf-8")

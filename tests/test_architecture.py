"""Imports point down only, and importing nnpost costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nnpost

PACKAGE = Path(nnpost.__file__).parent
LAYERS = [
    "errors settings progress threads tables network data gather columns datasets store runfile "
    "chain commit",
    "posterior output_layer closed_form quotient mixture moves leaps curvature hamiltonian "
    "gradient symmetry units align orbit jumps estimate robust",
    "optimum hill train fits ascent basins anneal explore population resample temper run "
    "starts sample diagnose doubts overlooked mixing reach laplace trajectory",
    "until compare scanned scan valleys standing approximate scorecard",
    "figures report",
    "sections experiment jobs drawing pipeline summary scanjob export",
    "arguments cli __main__",
]
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names.split()}
MODULES = sorted(
    path.stem
    for path in PACKAGE.iterdir()
    if path.suffix == ".py" or (path / "__init__.py").exists()
)
MODULES.remove("__init__")


def files_of(module: str) -> list[Path]:
    folder = PACKAGE / module
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def imports_of(module: str) -> set[str]:
    """Modules of nnpost that a module imports anywhere, in functions and for types too."""
    found = set()
    for file in files_of(module):
        here = ["nnpost", *file.relative_to(PACKAGE).parts]
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            found |= {name for name in imported(node, here) if name in MODULES and name != module}
    return found


def imported(node: ast.AST, here: list[str]) -> set[str]:
    """The parts after ``nnpost.`` of what one statement imports."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        above = here[: len(here) - node.level] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
    else:
        return set()
    parts = [name.split(".") for name in names]
    return {p[1] for p in parts if p[0] == "nnpost" and len(p) > 1}


def test_every_module_has_a_layer():
    missing = set(MODULES) - set(LAYER)
    assert not missing, f"say in LAYERS where they belong: {missing}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    upward = {name for name in imports_of(module) if LAYER[name] > LAYER[module]}
    assert not upward, f"{module} is in layer {LAYER[module]} and imports {upward} from above"


def test_no_import_cycles():
    below = {name: imports_of(name) for name in MODULES}
    while leaves := [name for name, needs in below.items() if not needs & below.keys() - {name}]:
        for name in leaves:
            del below[name]
    assert not below, f"modules that import each other in a circle: {sorted(below)}"


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.mark.parametrize(
    "work",
    [
        "import nnpost, nnpost.errors; dir(nnpost); nnpost.RequestError; nnpost.Experiment",
        "from nnpost.cli import main; main(['list'])",
        "from nnpost.cli import main\ntry: main(['run', '--help'])\nexcept SystemExit: pass",
    ],
    ids=["import", "list", "help"],
)
def test_light_work_imports_nothing_heavy(work):
    heavy = "['torch', 'scipy', 'matplotlib', 'emcee', 'corner', 'h5py', 'numpy']"
    out = run_python(
        f"{work}\nimport sys; print('\\nheavy:', [m for m in {heavy} if m in sys.modules])"
    )
    assert out.splitlines()[-1] == "heavy: []"


def test_public_names_are_what_they_say_whatever_is_imported_first():
    out = run_python(
        "import nnpost.train, nnpost.sample, nnpost.compare, nnpost\n"
        "print([callable(getattr(nnpost, n)) for n in ('train', 'sample', 'temper', 'compare')])\n"
        "print([n for n in nnpost.__all__ if getattr(nnpost, n, None) is None])\n"
    )
    assert out.split("\n")[:2] == ["[True, True, True, True]", "[]"]


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        nnpost.trian  # noqa: B018


def test_names_for_people_and_for_type_checkers_agree():
    source = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    block = next(n for n in ast.walk(source) if isinstance(n, ast.If))
    typed = {alias.asname for node in block.body for alias in node.names}
    assert typed | {"__version__"} == set(nnpost.__all__)


def test_version_is_that_of_the_project():
    import tomllib

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == nnpost.__version__

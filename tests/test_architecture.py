"""The house: what each package may import, and that importing nnpost costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nnpost

PACKAGE = Path(nnpost.__file__).parent
# What each package may import, one row a package, from the ground up: every row names packages of
# earlier rows alone, and none that it has no use for. A package inside another may have a row of
# its own, and then belongs to no other. docs/architecture.md says what each is for.
MAY_IMPORT = {
    "common": "",
    "numerics": "",
    "data": "common",
    "network": "common",
    "storage": "common",
    "posterior.kernels": "",
    "posterior": "common data network posterior.kernels",
    "training": "common data network numerics posterior.kernels posterior",
    "moves": "common network numerics posterior",
    "diagnostics": "common data network posterior",
    "tempering": "common network numerics posterior moves",
    "prediction": "common numerics posterior training",
    "sampling": "common data network numerics storage posterior training moves diagnostics "
    "tempering prediction",
    "sklearn": "common data network posterior training tempering sampling",
    "model_selection": "common data network posterior training diagnostics tempering",
    "comparison": "common data network numerics posterior training diagnostics prediction sampling",
    "figures": "common data network posterior training tempering sampling model_selection "
    "comparison",
    "report": "common data network storage posterior training diagnostics tempering prediction "
    "sampling comparison",
    "experiment": "common data network storage posterior training moves tempering sampling "
    "model_selection comparison figures report",
    "sweep": "common data network storage posterior training diagnostics tempering sampling "
    "comparison experiment",
    "cli": "common storage sampling comparison report experiment sweep",
}
FILES = sorted(PACKAGE.rglob("*.py"))
TOP = ("nnpost", "nnpost.__main__")  # the face of the package, above all rooms


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in FILES}


def package_of(module: str) -> str:
    inner = module.partition(".")[2]
    for row in MAY_IMPORT:
        if "." in row and f"{inner}.".startswith(f"{row}."):
            return row
    return inner.partition(".")[0]


def imports_in(module: str, tree: ast.AST) -> list[tuple[str, str]]:
    """(module, name) of everything of nnpost that is imported anywhere, for types too.

    An imported module itself stands as (module, "").
    """
    package = (
        module if MODULES.get(module, Path()).name == "__init__.py" else module.rpartition(".")[0]
    )
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(a.name, "") for a in node.names if a.name.split(".")[0] == "nnpost"]
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base.split(".")[0] != "nnpost":
                continue
            for a in node.names:
                whole = f"{base}.{a.name}"
                found.append((whole, "") if whole in MODULES else (base, a.name))
    return found


def violations(module: str, source: str) -> list[str]:
    """What a module of that name and source does that the table forbids."""
    tree, home, wrong = ast.parse(source), package_of(module), []
    allowed = {home, *MAY_IMPORT.get(home, "").split()}
    for target, name in imports_in(module, tree):
        if package_of(target) and package_of(target) not in allowed:
            wrong.append(f"{module} imports {target}, and {home} may not import from there")
        if name.startswith("_") and not name.startswith("__"):
            wrong.append(f"{module} imports {name} of {target}, which is private there")
    own = members_in(tree)
    for node in ast.walk(tree):
        owner, name = touched(node)
        if _private(name) and not _is_self(owner) and name not in own:
            wrong.append(f"{module} touches {ast.unparse(node)}, which is private elsewhere")
    return wrong


def members_in(tree: ast.AST) -> set[str]:
    """What the classes of a module define: methods, fields, and what is assigned to ``self``."""
    found = set()
    for cls in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for node in cls.body:
            if isinstance(node, ast.FunctionDef):
                found.add(node.name)
            for target in getattr(node, "targets", [getattr(node, "target", None)]):
                found.add(getattr(target, "id", ""))
        for node in ast.walk(cls):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found |= {node.attr} if _is_self(node.value) else set()
    return found


def touched(node: ast.AST) -> tuple[ast.AST | None, str]:
    """The object and the name of its attribute that ``node`` stands for: x.name, or getattr."""
    if isinstance(node, ast.Attribute):
        return node.value, node.attr
    if isinstance(node, ast.Call) and len(node.args) > 1:
        owner, name = node.args[:2]
        called = ast.unparse(node.func).rpartition(".")[2].strip("_")
        if called in ("getattr", "setattr", "delattr", "hasattr", "getattribute"):
            return owner, str(getattr(name, "value", ""))
    return None, ""


def _private(name: str) -> bool:
    return (
        name.startswith("_")
        and not name.startswith("__")
        and name not in (*NAMED_TUPLES, *SYSTEM, *NUMBA)
    )


NAMED_TUPLES = ("_asdict", "_fields", "_replace")  # public, whatever their names look like
SYSTEM = ("_exit",)  # of os, likewise
NUMBA = ("_cache",)  # of a compiled function, where its code is kept: there is no other name for it


def _is_self(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def test_every_package_has_a_row_and_looks_down():
    packages = {package_of(name) for name in MODULES if package_of(name)} - {"__main__"}
    assert packages == set(MAY_IMPORT)
    seen = set()
    for package, below in MAY_IMPORT.items():
        assert set(below.split()) <= seen, f"{package} imports from a row above it"
        seen.add(package)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_permission_is_used(package):
    used = {
        package_of(target)
        for module, file in MODULES.items()
        if package_of(module) == package
        for target, _ in imports_in(module, ast.parse(file.read_text("utf-8")))
    }
    assert set(MAY_IMPORT[package].split()) <= used


@pytest.mark.parametrize("module", [name for name in MODULES if name not in TOP])
def test_modules_import_what_their_row_names_and_nothing_private(module):
    assert violations(module, MODULES[module].read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("from ..sampling.run import Run", "may not import"),
        ("def f():\n    import nnpost.cli.parser", "may not import"),
        ("from ..posterior.kernels.misfit import sse", "may not import"),
        ("from ..posterior.posterior import _secret", "private there"),
        ("def f(post):\n    return post._x", "private elsewhere"),
        ("def _x(post):\n    return post._x", "private elsewhere"),
        ("class A:\n    def f(self, post):\n        return self._x + post._x", "touches post._x"),
        ("def f(post):\n    _x: int = 1\n    return post._x", "private elsewhere"),
        ("def f(post):\n    return getattr(post, '_x', 0)", "private elsewhere"),
        ("def f(post):\n    setattr(post, '_x', 0)", "private elsewhere"),
        ("def f(post):\n    object.__setattr__(post, '_x', 0)", "private elsewhere"),
    ],
)
def test_the_table_notices(source, word):
    (found,) = violations("nnpost.moves.walk", source)
    assert word in found


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    def f(self):\n        return self._x",
        "class A:\n    def _x(self): ...\ndef f(a):\n    return a._x()",
        "class A:\n    _x: int\n    def f(self, other):\n        return other._x",
        "class A:\n    def f(self, other):\n        self._x = other._x",
        "class A:\n    def f(self):\n        object.__setattr__(self, '_x', 1)",
        "def f(row):\n    return row._replace(x=1).__class__",
    ],
)
def test_what_is_ones_own_passes(source):
    assert violations("nnpost.moves.walk", source) == []


def public_names(module: str) -> set[str]:
    """What ``__all__`` of a module says."""
    for node in ast.parse(MODULES[module].read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return {n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)}
    return set()


def imported_names(user: str, file: Path) -> set[tuple[str, str]]:
    """(module, name) of what a file takes from other modules, as ``f`` or as ``module.f``.

    The face of the package gives people whole modules, and with them all that is public there.
    """
    tree, found = ast.parse(file.read_text("utf-8")), set()
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for module, name in imports_in(user, tree):
        whole = public_names(module) if name == "" and module in MODULES else set()
        found |= {(module, one) for one in whole if user in TOP or one in attributes}
        found |= {(module, name)} if name and not name.startswith("_") else set()
    return found


def test_public_is_what_others_import():
    """``__all__`` has what other modules, tests, analyses and benchmarks import, and all of it."""
    root = PACKAGE.parent
    users = dict(MODULES)
    for folder in ("tests", "analyses", "benchmarks"):
        users |= {str(file): file for file in (root / folder).rglob("*.py")}
    imported = {pair for user, file in users.items() for pair in imported_names(user, file)}
    rooms = {name for name, file in MODULES.items() if name not in TOP and file.stem != "__init__"}
    imported = {(module, name) for module, name in imported if module in rooms}
    public = {(module, name) for module in rooms for name in public_names(module)}
    assert public - imported == set(), "in __all__, and nobody imports it"
    assert imported - public == set(), "imported, and not in __all__"


def test_no_import_cycles():
    """Among modules, imports for types and within functions included."""
    below = {
        name: {target for target, _ in imports_in(name, ast.parse(file.read_text("utf-8")))}
        for name, file in MODULES.items()
        if name not in TOP
    }
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
        "import nnpost, nnpost.common.errors; dir(nnpost); nnpost.RequestError; nnpost.Experiment",
        "from nnpost.cli.commands import main; main(['list'])",
        "from nnpost.cli.commands import main; main(['settings'])",
        "from nnpost.cli.commands import main; main(['settings', '--json'])",
        "from nnpost.cli.commands import main\ntry: main(['run', '--help'])\n"
        "except SystemExit: pass",
    ],
    ids=["import", "list", "settings", "schema", "help"],
)
def test_light_work_imports_nothing_heavy(work):
    heavy = "['torch', 'scipy', 'matplotlib', 'emcee', 'corner', 'h5py', 'numpy']"
    out = run_python(
        f"{work}\nimport sys; print('\\nheavy:', [m for m in {heavy} if m in sys.modules])"
    )
    assert out.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize(
    "command",
    [
        ["info"],
        ["info", "--json"],
        ["export", "--what", "samples", "--to", "out.npz"],
        ["export", "--what", "map", "--to", "out.csv"],
        ["export", "--what", "fits", "--to", "out.npy"],
        ["thin", "--every", "2", "--to", "out.h5"],
    ],
    ids=" ".join,
)
def test_what_is_stored_is_shown_without_what_computed_it(command, tmp_path):
    heavy = ["torch", "scipy", "matplotlib", "emcee", "corner", "arviz_stats"]
    stored = PACKAGE.parent / "chains" / "reference" / "parabola.h5"
    argv = [str(tmp_path / word) if word.startswith("out.") else word for word in command]
    argv.insert(1, str(stored))
    out = run_python(
        f"from nnpost.cli.commands import main\nassert main({argv!r}) == 0\n"
        f"import sys; print('\\nheavy:', [m for m in {heavy} if m in sys.modules])"
    )
    assert out.splitlines()[-1] == "heavy: []"


def test_every_public_name_is_there():
    out = run_python(
        "import nnpost\nprint([n for n in nnpost.__all__ if getattr(nnpost, n, None) is None])\n"
        "print([callable(getattr(nnpost, n)) for n in ('train', 'sample', 'temper', 'compare')])\n"
    )
    assert out.split("\n")[:2] == ["[]", "[True, True, True, True]"]


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        nnpost.trian  # noqa: B018


@pytest.mark.parametrize("package", ["nnpost", "nnpost.diagnostics", "nnpost.moves"])
def test_names_for_people_and_for_type_checkers_agree(package):
    source = ast.parse(MODULES[package].read_text("utf-8"))
    block = next(n for n in ast.walk(source) if isinstance(n, ast.If))
    typed = {alias.asname for node in block.body for alias in node.names}
    module = __import__(package, fromlist=["x"])
    assert typed | ({"__version__"} if package == "nnpost" else set()) == set(module.__all__)


def test_version_is_that_of_the_project():
    import tomllib

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == nnpost.__version__


def test_modules_of_tests_have_names_of_their_own():
    """pytest imports them by their names alone."""
    names = [file.name for file in Path(__file__).parent.rglob("test_*.py")]
    assert len(set(names)) == len(names)

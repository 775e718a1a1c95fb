"""What the pages for contributors name is there."""

import importlib
import re
from pathlib import Path

import pytest
from test_architecture import MAY_IMPORT

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


BOXES = [package for package in MAY_IMPORT if "." not in package]  # those inside another have none


def home(package: str) -> Path:
    return ROOT.joinpath("nnpost", *package.split("."))


def paths_in(text: str) -> set[str]:
    return set(re.findall(r"`((?:nnpost|tests|docs|analyses)/[\w./-]+)`", text))


@pytest.mark.parametrize("text", [CONTRIBUTING, ARCHITECTURE, README], ids=lambda t: t[:12])
def test_files_that_are_named_are_there(text):
    assert paths_in(text)
    assert [path for path in paths_in(text) if not (ROOT / path).exists()] == []
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    home = ROOT / "docs" if text is ARCHITECTURE else ROOT
    assert [link for link in links if not (home / link).exists()] == []


def test_places_that_are_named_are_in_their_files():
    """As in: `PROPOSALS` of `nnpost/moves/registry.py`."""
    named = re.findall(r"`([A-Za-z_]+)`\s+(?:of|in)\s+`(\w[\w/]+)\.py`", CONTRIBUTING)
    assert len(named) > 5
    for name, path in named:
        if path.startswith("tests"):
            assert re.search(rf"^{name} = ", (ROOT / f"{path}.py").read_text("utf-8"), re.M)
        else:
            assert hasattr(importlib.import_module(path.replace("/", ".")), name), (name, path)


def test_every_package_has_a_row_and_a_box():
    rows = re.findall(r"^\| `([\w.]+)` \| .+ \| `?([\w. ]+?)`? \|$", ARCHITECTURE, re.M)
    assert [package for package, _ in rows] == list(MAY_IMPORT)
    for package, first in rows:
        assert first == "any file" or (home(package) / first).exists(), (package, first)
    picture = (ROOT / "docs" / "images" / "packages.svg").read_text("utf-8")
    assert set(re.findall(r'font-weight="600"[^>]*>(\w+)<', picture)) == set(BOXES)


def test_no_arrow_of_the_picture_points_upwards():
    """A package is drawn above everything that it may import."""
    picture = (ROOT / "docs" / "images" / "packages.svg").read_text("utf-8")
    height = {
        name: float(y) for y, name in re.findall(r'y="([\d.]+)"[^>]*600"[^>]*>(\w+)<', picture)
    }
    for package in BOXES:
        for other in set(MAY_IMPORT[package].split()) & set(BOXES):
            assert height[package] < height[other], (package, other)


def test_the_sweep_that_is_shown_can_be_asked_for():
    """The page shows the file that stands beside it, whole but for its first line."""
    from nnpost.sweep.grid import load_sweep

    docs = ROOT / "docs"
    assert len(load_sweep(docs / "sweep.toml").cells) == 4
    shown = (docs / "sweep.md").read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    assert (docs / "sweep.toml").read_text("utf-8").partition("\n")[2] == shown


def test_every_public_name_has_its_place_in_the_reference():
    """Its line `::: nnpost.NAME` in a page of docs/api/."""
    import nnpost

    pages = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    named = set(re.findall(r"^::: nnpost\.(\w+)$", pages, re.M))
    assert named == set(nnpost.__all__) - {"__version__"}


def test_every_extra_is_told():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (ROOT / "docs" / "index.md").read_text("utf-8")
    told = re.findall(r"^\| (`.+`) \|", page, re.M)
    assert sorted(re.findall(r"`(\w+)`", " ".join(told))) == sorted(
        project["optional-dependencies"]
    )


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    named = re.findall(r"([\w/-]+\.md)$", navigation.partition("\nvalidation:")[0], re.M)
    docs = ROOT / "docs"
    there = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    taken_in = {"contributing.md", "changelog.md", "chains.md", "gallery/parabola.md"}
    assert set(named) == there | taken_in

"""The documentation site: what is looked at on its pages, and that they are built."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def hooks():
    spec = importlib.util.spec_from_file_location("hooks", DOCS / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOOD = """<link rel="stylesheet" href="style.css"><h1 id="top">a</h1>
<a href="#top">up</a> <a href="two/b.html#below">b</a> <a href="/two/b.html">b</a>
<a href="https://example.org/">elsewhere, for those who want it</a>
<img src="data:image/png;base64,AA==">"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "two").mkdir()
    (tmp_path / "style.css").write_text("@font-face { src: url(font.woff2) }")
    (tmp_path / "index.html").write_text(GOOD)
    (tmp_path / "two" / "b.html").write_text('<p id="below"><a href="../index.html#top">a</a>')
    return tmp_path


def test_a_sound_site_has_no_fault(site):
    assert hooks().faults(site) == []


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ('<a href="c.html">c</a>', "index.html leads to c.html, which is not there"),
        ('<a href="#none">c</a>', "index.html leads to #none, which is not there"),
        ('<a href="two/b.html#no">c</a>', "index.html leads to two/b.html#no, which is not there"),
        ('<img src="no.png">', "index.html leads to no.png, which is not there"),
        ('<script src="https://example.org/a.js">', "index.html loads https://example.org/a.js"),
        ('<link href="//example.org/a.css">', "index.html loads //example.org/a.css"),
    ],
)
def test_a_planted_fault_is_found(site, planted, fault):
    (site / "index.html").write_text(GOOD + planted)
    assert hooks().faults(site) == [fault]


def test_a_style_sheet_that_loads_from_elsewhere_is_found(site):
    (site / "style.css").write_text('@import "https://example.org/font.css";')
    assert hooks().faults(site) == ["style.css loads https://example.org/font.css"]


@pytest.mark.parametrize(
    ("source", "uri", "written", "expected"),
    [
        ("CONTRIBUTING.md", "contributing.md", "docs/sweep.md#a", "sweep.md#a"),
        ("docs/redraw.md", "redraw.md", "../chains/README.md", "chains.md"),
        ("docs/articles/a.md", "articles/a.md", "../../CONTRIBUTING.md", "../contributing.md"),
        ("docs/articles/a.md", "articles/a.md", "../images/a.png", "../images/a.png"),
        ("docs/api/a.md", "api/a.md", "#here", "#here"),
        ("docs/a.md", "a.md", "https://example.org/docs/a", "https://example.org/docs/a"),
    ],
)
def test_links_lead_to_the_same_on_the_site_as_in_the_repository(source, uri, written, expected):
    assert hooks().relinked(f"[t]({written})", source, uri) == f"[t]({expected})"


@pytest.mark.parametrize(
    ("mathml", "expected"),
    [
        ("<mi>log</mi><mi>s</mi>", '<mi>log</mi><mspace width="0.17em"/><mi>s</mi>'),
        ("<mi>log</mi><mo>(</mo>", "<mi>log</mi><mo>(</mo>"),
        ("<mo>=</mo><mo>&#x02212;</mo>", '<mo>=</mo><mo form="prefix">&#x02212;</mo>'),
        ("<mo>&#x00029;</mo><mo>&#x02212;</mo>", "<mo>&#x00029;</mo><mo>&#x02212;</mo>"),
        ("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>"),
    ],
)
def test_formulas_have_the_gaps_of_print(mathml, expected):
    assert hooks().spaced(mathml) == expected


@pytest.mark.long
def test_the_site_is_built_without_a_warning(tmp_path):
    """That is what `make docs` does."""
    build = pytest.importorskip("mkdocs.commands.build")
    from mkdocs.config import load_config

    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site"), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build.build(config)
    page = (tmp_path / "site" / "mathematics.html").read_text("utf-8")
    assert "<math" in page
    assert "arithmatex" not in page
    reference = (tmp_path / "site" / "api" / "posteriors.html").read_text("utf-8")
    assert 'id="nnpost.Posterior.log_prob"' in reference

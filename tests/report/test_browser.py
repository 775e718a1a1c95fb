"""The page in a browser: nothing that axe-core calls a fault, and nothing wider than the screen.

`make accessibility` brings axe-core (Deque Systems, MPL 2.0) by npm and does these tests; without
it or without a Chromium they are skipped.
"""

import os
from pathlib import Path

import pytest
from chromium import BROWSER, Chromium
from small import main

AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core"), "axe.min.js")
WIDTHS = (1200, 768, 360)
LOOK = """axe.run().then((found) => ({
  faults: found.violations.map((v) => [v.id, v.impact, v.nodes.map((n) => n.html.slice(0, 200))]),
  checked: found.passes.length,
  width: document.documentElement.clientWidth,
  needed: document.documentElement.scrollWidth,
}))"""

pytestmark = pytest.mark.skipif(
    BROWSER is None or not AXE.exists(), reason="needs Chromium and axe-core: make accessibility"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("browser") / "page.html"
    assert main(["report", str(made), "--out", str(out), "--quiet"]) == 0
    return out


def look(browser, page, width, dark=False):
    """What axe-core and the browser say of a page."""
    browser.open(page, width, dark)
    browser.evaluate(AXE.read_text("utf-8") + "; 0")
    return browser.evaluate(LOOK)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_fault_is_found_at_any_width_in_light_or_dark(browser, written, width, dark):
    found = look(browser, written, width, dark)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(22, 24, 27)" if dark else "rgb(255, 255, 255)"
    )
    assert found["checked"] > 20
    assert found["faults"] == []
    assert width - 15 <= found["width"] <= width  # less a scroll bar
    assert found["needed"] <= found["width"]
    assert browser.asked_for == [written.as_uri()]
    assert browser.said == []


def test_no_picture_table_or_answer_is_cut_by_the_end_of_a_page(browser, written):
    """In print: what may not break says so, to a browser that prints."""
    browser.open(written, 800)
    browser.call("Emulation.setEmulatedMedia", media="print")
    kept = """[...document.querySelectorAll("figure, .wide, .pairs")].map(
      (one) => getComputedStyle(one).breakInside)"""
    assert set(browser.evaluate(kept)) == {"avoid"}
    after = """[...document.querySelectorAll("h2, dt, .verdict")].map(
      (one) => getComputedStyle(one).breakAfter)"""
    assert set(browser.evaluate(after)) == {"avoid"}


def test_faults_are_found_where_there_are_some(browser, written, tmp_path):
    text = written.read_text("utf-8").replace(' alt="', ' data-alt="')
    page = tmp_path / "faulty.html"
    page.write_text(text.replace("--ink: #1b1b1b", "--ink: #cccccc"), "utf-8")
    kinds = {kind for kind, _, _ in look(browser, page, 1200)["faults"]}
    assert {"image-alt", "color-contrast"} <= kinds


# The page with interactive pictures

CHANGE = """(() => {
  const [, up] = document.querySelectorAll("select");
  up.value = "4";
  up.dispatchEvent(new Event("change"));
})()"""
FOUND = """(() => {
  const pictures = [...document.querySelectorAll(".picture")], [{ data, layout }] = pictures;
  const off = (trace) => trace.customdata.map((row, k) => Math.abs(row[4] - trace.y[k]));
  return { title: layout.yaxis.title.text,
    colours: pictures.map((one) => one.layout.paper_bgcolor),
    apart: data.map((trace) => Math.max(...off(trace))),
    drawn: document.querySelectorAll(".picture .cartesianlayer > .subplot").length };
})()"""


@pytest.fixture(scope="module")
def interactive(made, tmp_path_factory):
    pytest.importorskip("plotly", reason="pip install 'nnpost[interactive]'")
    out = tmp_path_factory.mktemp("browser") / "page.html"
    assert main(["report", str(made), "--out", str(out), "--quiet", "--interactive"]) == 0
    return out.with_name("page-interactive.html")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_interactive_pictures_are_drawn_without_a_fault(browser, interactive, width, dark):
    found = look(browser, interactive, width, dark)
    assert found["faults"] == []
    assert found["needed"] <= found["width"] <= width
    assert browser.asked_for == [interactive.as_uri()]
    assert browser.said == []
    drawn = browser.evaluate(FOUND)
    assert drawn["drawn"] == 9  # one of each, and six rows of traces
    assert set(drawn["colours"]) == {"#16181b" if dark else "#ffffff"}


def test_another_pair_of_parameters_is_shown(browser, interactive):
    browser.open(interactive, 1200)
    assert browser.evaluate(FOUND)["title"] == "c"
    browser.evaluate(CHANGE)
    found = browser.evaluate(FOUND)
    assert found["title"] == "a1"
    assert found["apart"] == [0] * 6


def test_pictures_follow_the_reader_from_light_to_dark(browser, interactive):
    browser.open(interactive, 1200)
    told = "new Promise((done) => dark.addEventListener('change', () => done(true)))"
    browser.evaluate(f"window.told = {told}; 0")
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    browser.call("Emulation.setEmulatedMedia", features=[scheme])
    assert browser.evaluate("told")
    assert set(browser.evaluate(FOUND)["colours"]) == {"#16181b"}


def test_the_page_lets_nothing_in(browser, interactive):
    """Its policy refuses what a script would load, before it is asked for."""
    browser.open(interactive, 1200)
    script = "fetch('https://example.org/').then(() => 'loaded', (error) => error.message)"
    assert browser.evaluate(script) == "Failed to fetch"
    assert any("violates" in text for text in browser.said), browser.said

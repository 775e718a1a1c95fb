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

"""The page in a browser: nothing that axe-core calls a fault, and nothing wider than the screen.

`make accessibility` brings axe-core (Deque Systems, MPL 2.0) by npm and does these tests; without
it or without a Chromium they are skipped.
"""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from small import main

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core"), "axe.min.js")
WIDTHS = (1200, 768, 360)
DARK = "@media (prefers-color-scheme: dark)"
LOOK = """
<script>{axe}</script>
<script>axe.run().then((found) => {{
  const said = document.createElement("pre");
  said.id = "looked";
  said.textContent = JSON.stringify({{
    faults: found.violations.map((v) => [v.id, v.impact, v.nodes.map((n) => n.html.slice(0, 200))]),
    checked: found.passes.length,
    width: document.documentElement.clientWidth,
    needed: document.documentElement.scrollWidth,
  }});
  document.body.append(said);
}});</script></body>
"""

pytestmark = pytest.mark.skipif(
    BROWSER is None or not AXE.exists(), reason="needs Chromium and axe-core: make accessibility"
)


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("browser") / "page.html"
    assert main(["report", str(made), "--out", str(out), "--quiet"]) == 0
    return out.read_text("utf-8")


def look(page, folder, width):
    """What axe-core and the browser say of a page."""
    axe = AXE.read_text("utf-8").replace("</script", "<\\/script")
    file = folder / "looked.html"
    file.write_text(page.replace("</body>", LOOK.format(axe=axe)), "utf-8")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
        f"--window-size={width},900", "--virtual-time-budget=30000", "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    found = re.search(r'<pre id="looked">(.*?)</pre>', dom, re.S)
    assert found, dom[-2000:]
    return json.loads(html.unescape(found.group(1)))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_fault_is_found_at_any_width_in_light_or_dark(written, tmp_path, width, dark):
    assert DARK in written
    page = written.replace(DARK, "@media all" if dark else "@media not all")
    found = look(page, tmp_path, width)
    assert found["checked"] > 20
    assert found["faults"] == []
    assert found["needed"] <= found["width"]


def test_faults_are_found_where_there_are_some(written, tmp_path):
    page = re.sub(r' alt="[^"]*"', "", written).replace("--ink: #1b1b1b", "--ink: #cccccc")
    kinds = {
        kind for kind, _, _ in look(page.replace(DARK, "@media not all"), tmp_path, 1200)["faults"]
    }
    assert {"image-alt", "color-contrast"} <= kinds

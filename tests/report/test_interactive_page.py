"""The page with interactive pictures: whole in itself, whatever a run is called."""

import json
from html.parser import HTMLParser

import pytest
from small import main

from nnpost.report.interactive import InteractivePage

pytest.importorskip("plotly", reason="pip install 'nnpost[interactive]'")


class Page(HTMLParser):
    """Its addresses, and its scripts: (type, text)."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.scripts, self.metas = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.addresses += [(tag, v) for k, v in attrs if k in ("src", "href", "srcset", "data")]
        self.metas += [known] * (tag == "meta")
        if tag == "script":
            self.scripts.append([known.get("type", ""), ""])

    def handle_data(self, data):
        if self.lasttag == "script" and self.scripts:
            self.scripts[-1][1] += data


def test_the_page_has_all_inside_and_lets_nothing_in(made, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["report", str(made), "--out", str(out), "--interactive"]) == 0
    beside = tmp_path / "page-interactive.html"
    assert str(beside) in capsys.readouterr().out.splitlines()
    assert 'href="page-interactive.html">interactive pictures</a>' in out.read_text("utf-8")
    page = Page(beside.read_text("utf-8"))
    anchors = {value for _, value in page.addresses if value.startswith("#")}
    assert anchors == {"#corner", "#fits", "#restarts", "#traces"}
    assert [one for one in page.addresses if one[1] not in anchors] == [("a", "page.html")]
    (policy,) = [one["content"] for one in page.metas if "http-equiv" in one]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    pictures = [json.loads(code) for kind, code in page.scripts if kind == "application/json"]
    assert len(pictures) == 5  # and the colours
    assert "plotly.js" in page.scripts[0][1]


def test_the_report_has_no_second_page_unless_it_is_asked_for(made, tmp_path):
    assert main(["report", str(made), "--out", str(tmp_path / "page.html"), "--quiet"]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"page.html", "page.json", "page.csv"}


def test_names_cannot_end_the_script_they_stand_in():
    code = json.dumps({"data": [], "layout": {"title": "</script><b>"}})
    page = Page(InteractivePage("<i>", "<u>", {"fits": code}, "draw()", {}).html())
    assert page.scripts[0][1].strip() == "draw()"
    assert json.loads(page.scripts[1][1]) == json.loads(code)
    assert len(page.scripts) == 4

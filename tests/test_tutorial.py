"""The tutorial is a script: its blocks run in their order, here with small settings."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
from PIL import Image
from small import SMALL as DETAIL

from nnpost.cli.parser import parse

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
SMALL = {"restarts=256": "restarts=8", "epochs=1000": "epochs=60", "nsteps=2000": "nsteps=80"}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S)


def test_the_tutorial_runs_from_data_to_prediction(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    script = "\n".join(blocks("python"))
    for shown, small in SMALL.items():
        assert script.count(shown) == 1
        script = script.replace(shown, small)
    few = "nnpost.temper(post, particles=64, steps=2)"
    script = script.replace("nnpost.sample(post, ", f"nnpost.sample(post, tempering={few}, ")
    script = script.replace("run, comparison)", "run, comparison, detail=small)")
    file = tmp_path / "tutorial.py"
    file.write_text(script, "utf-8")
    seen = runpy.run_path(str(file), {"small": DETAIL})
    data, density = blocks("text")[:2]  # what is shown of these does not depend on the settings
    assert capsys.readouterr().out.startswith(data + density)
    assert seen["run"].get_chain().shape == (80, 128, 7)
    assert seen["comparison"].sgd.mse == min(seen["fits"].mse)
    assert seen["card"].best["gap"].value == pytest.approx(
        seen["fits"].map.log_prob - seen["fits"].sgd.log_prob
    )
    assert seen["prediction"].mean.shape == (8,)
    with Image.open("corner.png") as picture:
        assert min(picture.size) > 500


def test_every_command_of_the_pages_can_be_given():
    """As far as the parser goes: each command, its options, and what they take."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    given = [
        line.split("  #")[0]
        for page in pages
        for line in re.findall(r"^    (nnpost .+)$", page.read_text("utf-8"), re.M)
    ]
    assert len(given) > 30
    for line in given:
        line = line.partition(" > ")[0]
        assert "$" not in line, line
        parse(shlex.split(line)[1:])

"""What the pages show can be run: the tutorial with small settings, other blocks as they are."""

import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small import SMALL as DETAIL

from nnpost.cli.parser import parse

ROOT = Path(__file__).parents[1]
SMALL = {"restarts=256": "restarts=8", "epochs=1000": "epochs=60", "nsteps=2000": "nsteps=80"}


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)


def test_the_tutorial_runs_from_data_to_prediction(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    script = "\n".join(blocks("docs/tutorial.md", "python"))
    for shown, small in SMALL.items():
        assert script.count(shown) == 1
        script = script.replace(shown, small)
    few = "nnpost.temper(post, particles=64, steps=2)"
    script = script.replace("nnpost.sample(post, ", f"nnpost.sample(post, tempering={few}, ")
    script = script.replace("run, comparison)", "run, comparison, detail=small)")
    file = tmp_path / "tutorial.py"
    file.write_text(script, "utf-8")
    seen = runpy.run_path(str(file), {"small": DETAIL})
    data, density = blocks("docs/tutorial.md", "text")[
        :2
    ]  # what is shown of these does not depend on the settings
    assert capsys.readouterr().out.startswith(data + density)
    assert seen["run"].get_chain().shape == (80, 128, 7)
    assert seen["comparison"].sgd.mse == min(seen["fits"].mse)
    assert seen["card"].best["gap"].value == pytest.approx(
        seen["fits"].map.log_prob - seen["fits"].sgd.log_prob
    )
    assert seen["prediction"].mean.shape == (8,)
    with Image.open("corner.png") as picture:
        assert min(picture.size) > 500


def test_the_density_and_its_estimators_go_with_other_libraries(tmp_path):
    file = tmp_path / "modules.py"
    file.write_text("\n".join(blocks("docs/modules.md", "python")), "utf-8")
    seen = runpy.run_path(str(file))
    post, sampler, top = seen["post"], seen["sampler"], seen["top"]
    last = sampler.get_last_sample()
    np.testing.assert_allclose(last.log_prob, post.log_prob(last.coords), rtol=1e-12)
    assert -top.fun > post.log_prob(last.coords).max()
    assert seen["same"] == seen["net"]
    np.testing.assert_array_equal(seen["theta"], top.x)
    assert seen["mean"][0] == pytest.approx(15, abs=4 / 40**0.5)  # four of its errors
    assert seen["sd"][0] == pytest.approx(1, abs=4 / 80**0.5)


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

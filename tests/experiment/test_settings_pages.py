"""The list of settings: complete, current, and of one mind with what experiments accept."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from nnpost.cli.commands import main
from nnpost.data.datasets import GENERATORS
from nnpost.experiment.experiment import SECTIONS, builtin_text, builtins, load_experiment
from nnpost.experiment.settings_pages import json_schema, markdown_page
from nnpost.network.mlp import ACTIVATIONS, MLP
from nnpost.posterior.likelihoods.by_kind import LIKELIHOODS

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
ACCEPTS = jsonschema.Draft202012Validator(json_schema())


def printed(capsys, *argv):
    assert main(["settings", *argv]) == 0
    return capsys.readouterr().out


def test_every_setting_says_in_one_line_what_it_means():
    assert list(SECTIONS) == [
        "data", "network", "likelihood", "prior", "train", "temper", "sample",
    ]  # fmt: skip
    for section in SECTIONS.values():
        assert section.about
        assert [one.key for one in section.described()] == [
            f"{section.title}.{name}" for name in section.names()
        ]
        for one in section.described():
            assert one.accepts
            assert one.meaning
            assert "\n" not in one.meaning


def test_names_that_are_known_only_where_torch_is_are_all_listed():
    keys = {title: cls.schema()["properties"] for title, cls in SECTIONS.items()}
    assert keys["network"]["activation"]["enum"] == list(ACTIVATIONS)
    assert keys["likelihood"]["kind"]["enum"] == [k for k in LIKELIHOODS if k != "own"]
    assert keys["data"]["name"]["anyOf"][0]["enum"] == list(GENERATORS)
    assert all(kind in keys["prior"]["std"]["description"] for kind in MLP(1, (2, 2)).kinds)


def test_the_page_is_current():
    page = PAGE.read_text("utf-8")
    made, why, _ = page.partition("## Why")
    assert made == markdown_page(), "run `make docs-settings`"
    assert why


def test_the_command_prints_a_table_that_fits(capsys):
    whole = printed(capsys)
    assert max(map(len, whole.splitlines())) <= 100
    words = whole.split()
    for section in SECTIONS.values():
        assert f"[{section.title}]" in words
        assert all(one.key in words for one in section.described())
    assert "seed" in words
    one = printed(capsys, "temper")
    assert one.strip() in whole
    assert one.startswith("[temper]")
    assert "sample.moves" not in one
    assert 'temper.start         "auto", "prior", "both" or' in one
    assert printed(capsys, "--markdown") == markdown_page()


def test_a_section_that_is_none_is_refused(capsys):
    assert main(["settings", "smaple"]) == 2
    assert "unknown section 'smaple'" in capsys.readouterr().err
    assert main(["settings", "smaple", "--json"]) == 2
    assert "did you mean 'sample'?" in capsys.readouterr().err


def test_the_schema_is_one(capsys):
    whole = json.loads(printed(capsys, "--json"))
    assert whole == json.loads(json.dumps(json_schema()))
    jsonschema.Draft202012Validator.check_schema(whole)
    one = json.loads(printed(capsys, "train", "--json"))
    assert one["properties"] == whole["properties"]["train"]["properties"]


@pytest.mark.parametrize("name", builtins())
def test_the_schema_accepts_every_built_in_experiment(name):
    ACCEPTS.validate(tomllib.loads(builtin_text(name)))
    ACCEPTS.validate(tomllib.loads(load_experiment(name).to_toml()))


@pytest.mark.parametrize(
    "toml",
    [
        "sede = 1",
        "[trian]\nlr = 1.0",
        "[train]\nlrate = 1.0",
        "[train]\nlr = 0.0",
        "[train]\nmomentum = 1",
        "[sample]\nmoves = 'collpased'",
        "[network]\nhidden = [0]",
        "[network]\nactivation = 'sigmod'",
        "[prior]\nstd = { biases = -1.0 }",
        "[likelihood]\nsigma = 'guess'",
        "[data]\ncross = 1",
    ],
)
def test_the_schema_refuses_what_experiments_refuse(toml):
    assert not ACCEPTS.is_valid(tomllib.loads(toml))

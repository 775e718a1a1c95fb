"""Rules: what they keep, what they refuse, and that their JSON schema and words agree with them."""

import json
import math
from dataclasses import dataclass

import jsonschema
import numpy as np
import pytest

from nnpost.common.errors import RequestError
from nnpost.common.rules import (
    POSITIVE,
    TEXT,
    TEXTS,
    TRUTH,
    Refused,
    checked,
    either,
    number,
    one_of,
    table_of,
    whole,
    wholes,
)
from nnpost.common.settings import Section, section, setting
from nnpost.common.toml import to_toml

RULES = {
    "whole": whole(1),
    "number": number(least=0, below=1),
    "positive": POSITIVE,
    "word": one_of("sum", "mean"),
    "text": TEXT,
    "texts": TEXTS,
    "truth": TRUTH,
    "wholes": wholes(1),
    "either": either(POSITIVE, one_of("infer")),
    "table": table_of(POSITIVE),
}
VALUES = [
    0, 1, 3, -1, 0.5, 1.5, -0.5, True, False, "", "sum", "smu", "infer", [], [1], [1, 0], ["a"],
    [""], {}, {"a": 1.0}, {"a": -1.0},
]  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_rule_and_its_schema_accept_the_same(name):
    rule, accepted = RULES[name], 0
    for value in VALUES:
        try:
            rule.read(value)
            kept = True
        except Refused:
            kept = False
        assert jsonschema.Draft202012Validator(rule.schema).is_valid(value) == kept, value
        accepted += kept
    assert 0 < accepted < len(VALUES)


def test_what_is_kept():
    assert whole(0).read(np.int64(3)) == 3
    assert type(whole(0).read(np.int64(3))) is int
    assert POSITIVE.read(np.float32(0.5)) == 0.5
    assert type(POSITIVE.read(3)) is float
    assert wholes(1).read(3) == (3,)
    assert TEXTS.read("t") == ("t",)
    for value in (math.nan, math.inf, 1j, None):
        with pytest.raises(Refused):
            POSITIVE.read(value)


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("whole", np.float64(1.5), "found 1.5, expected a whole number of at least 1"),
        ("number", 1, "found 1, expected a number of at least 0 and below 1"),
        ("word", "meen", 'found "meen", expected "sum" or "mean"; did you mean \'mean\'?'),
        ("either", "inferr", "expected a number above 0 or \"infer\"; did you mean 'infer'?"),
        ("table", {"a": 0}, "expected a table whose values are each a number above 0"),
        ("truth", None, "found None, expected true or false"),
    ],
)
def test_refusals_say_what_was_found_and_what_was_expected(rule, value, expected):
    with pytest.raises(RequestError) as caught:
        checked("some.key", value, RULES[rule])
    assert str(caught.value).startswith("some.key: found ")
    assert str(caught.value).endswith(expected)


@dataclass(frozen=True)
class Inner(Section):
    """A table within another."""

    title = "inner"
    about = "the inner one"
    size: int = setting(3, whole(1), "how large")
    name: str | None = setting(None, TEXT, "how it is called")


@dataclass(frozen=True)
class Outer(Section):
    """A table with another in it."""

    about = "the outer one"
    scale: float = setting(0.5, POSITIVE, "how wide")
    inner: Inner = section(Inner)


def test_a_section_is_read_from_tables_and_written_as_tables():
    read = Outer.read({"scale": 2, "inner": {"name": "x"}})
    assert read == Outer(2.0, Inner(name="x"))
    assert read.table() == {"scale": 2.0, "inner": {"size": 3, "name": "x"}}
    assert Outer.read(read.table()) == read
    assert Inner.read(read.inner) is read.inner
    for table, told in [
        ({"inner": 3}, "inner: found 3, expected a table [inner]"),
        ({"inner": {"siz": 3}}, "unknown key 'inner.siz'; did you mean 'size'?"),
        ({"inner": {"size": 0}}, "inner.size: found 0, expected a whole number of at least 1"),
    ]:
        with pytest.raises(RequestError) as caught:
            Outer.read(table)
        assert str(caught.value) == told


def test_a_section_says_in_words_and_as_schema_what_it_accepts():
    assert Inner.described() == [
        ("inner.size", "a whole number of at least 1", "3", "how large"),
        ("inner.name", "a text that is not empty", "", "how it is called"),
    ]
    assert [one.key for one in Outer.described()] == ["scale"]
    schema = json.loads(json.dumps(Outer.schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    inner = schema["properties"]["inner"]
    assert inner["description"] == "the inner one"
    assert inner["properties"]["size"] == {
        "type": "integer", "minimum": 1, "maximum": 2**63 - 1, "default": 3,
        "description": "how large",
    }  # fmt: skip
    assert "default" not in inner["properties"]["name"]
    accepts = jsonschema.Draft202012Validator(schema).is_valid
    assert accepts({"inner": {"size": 1}})
    assert not accepts({"inner": {"siz": 1}})


def test_toml_of_numbers_of_numpy_and_no_null():
    assert to_toml([np.int64(3), np.float64(0.5)]) == "[3, 0.5]"
    with pytest.raises(TypeError, match="NoneType"):
        to_toml(None)

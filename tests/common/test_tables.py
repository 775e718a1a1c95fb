"""A result with names and values prints itself, and renders, as one table."""

from functools import partial

import pytest

import nnpost
from nnpost.common.tables import Table, Tabled, TabledPairs


class Pair(TabledPairs):
    def rows(self):
        return [("n", "3"), ("mean", "0 < 1")]


class Titled(Pair):
    @property
    def title(self):
        return "Numbers"


def test_rows_are_the_table():
    assert repr(Pair()) == "n     3\nmean  0 < 1"
    assert Pair()._repr_html_() == (
        "<table><tr><th>n</th><td>3</td></tr><tr><th>mean</th><td>0 &lt; 1</td></tr></table>"
    )


def test_a_title_stands_above():
    assert repr(Titled()).splitlines() == ["Numbers", "  n     3", "  mean  0 < 1"]
    assert "<caption>Numbers</caption>" in Titled()._repr_html_()


@pytest.mark.parametrize("width", [20, 30, 45, None])
def test_columns_that_do_not_fit_stand_below(width):
    rows = [["", "first", "second", "third"], ["a row", "1.5", "20", "300"], ["b", "2", "3", "4"]]
    table = Table(rows, "What", head=True, notes=["a note"])
    text = table.text(width)
    assert text.startswith("What\n")
    assert text.endswith("\na note")
    assert all(width is None or len(line) <= max(width, 15) for line in text.splitlines())
    for cell in ("first", "second", "third", "1.5", "300"):  # each is there once,
        assert text.split().count(cell) == 1
    parts = text.removeprefix("What\n").removesuffix("\na note").split("\n\n")
    assert all(part.splitlines()[1].startswith("a row") for part in parts)  # below its row's name
    assert len(parts) == (1 if width is None or width >= 30 else 2 if width == 20 else 1)
    if width is None:
        assert text == table.text()


def test_results_print_their_tables_and_not_their_arrays():
    """A dataclass without repr=False would print every number that it holds."""
    results = [nnpost.Tempering, nnpost.Fits, nnpost.Run, nnpost.Comparison, nnpost.ScoreCard]
    classes = {value for value in map(partial(getattr, nnpost), nnpost.__all__)
               if isinstance(value, type) and issubclass(value, Tabled)}  # fmt: skip
    assert classes >= set(results)
    assert [each for each in classes if each.__repr__ is not Tabled.__repr__] == []

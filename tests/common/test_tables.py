"""A result with names and values prints itself, and renders, as one table."""

from nnpost.common.tables import TabledPairs


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

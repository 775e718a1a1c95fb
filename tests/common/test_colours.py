"""Colours are for terminals alone."""

import io

import pytest

from nnpost.common.colours import coloured

TEXT = "verdict  not converged\nlog evidence  trusted\nverdict of others"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_verdicts_are_coloured_on_a_terminal():
    shown = coloured(TEXT, Terminal())
    assert shown == (
        "verdict  \x1b[31;1mnot converged\x1b[0m\nlog evidence  \x1b[32;1mtrusted\x1b[0m\n"
        "verdict of others"
    )
    assert coloured("nnpost: no", Terminal()) == "\x1b[31;1mnnpost:\x1b[0m no"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_there_are_none_where_they_are_not_wanted(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert coloured(TEXT, Terminal()) == TEXT


def test_there_are_none_in_a_file():
    assert coloured(TEXT, io.StringIO()) == TEXT

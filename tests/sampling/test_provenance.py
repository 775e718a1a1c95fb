"""How a chain was made: what keeps another one from continuing it, and what is stored."""

from dataclasses import replace

import pytest

from nnpost.sampling.provenance import Sampled

MADE = Sampled(4, 32, 100, 20, 1, "collapsed", "tempered", 0)


def test_a_longer_chain_with_another_burn_in_is_the_same_one():
    longer = replace(MADE, nsteps=300, discard=60, seconds=7.0)
    assert list(MADE.differences(longer)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("ensembles", 2), ("nwalkers", 64), ("thin", 5), ("moves", "de"), ("start", "fits"),
     ("seed", 1)],
)  # fmt: skip
def test_every_other_setting_makes_another_chain(name, value):
    other = replace(MADE, **{name: value})
    assert list(MADE.differences(other)) == [(name, getattr(MADE, name), value)]


def test_seconds_that_are_not_known_are_not_stored_and_count_for_nothing():
    assert "seconds" not in MADE.to_tree()
    assert MADE.spent == 0
    known = replace(MADE, seconds=7.0)
    assert known.to_tree()["seconds"] == known.spent == 7.0
    assert Sampled.from_tree(known.to_tree()) == known

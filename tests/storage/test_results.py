"""Results of stages go into a run file and come back, each by the name of its group."""

from dataclasses import asdict, dataclass
from typing import ClassVar

import pytest

from nnpost.comparison.result import Comparison
from nnpost.comparison.scorecard import ScoreCard
from nnpost.diagnostics.verdict import Verdict
from nnpost.sampling.provenance import Sampled
from nnpost.storage.results import as_groups, read_stage, write_stages
from nnpost.storage.runfile import new_file, read_group
from nnpost.tempering.result import Tempering
from nnpost.training.fits import Fits


@dataclass(frozen=True)
class Toy:
    group: ClassVar[str] = "toy"
    number: float

    def to_tree(self):
        return asdict(self)

    @classmethod
    def from_tree(cls, tree):
        return cls(**tree)


MADE = Sampled(4, 32, 100, 20, 1, "collapsed", "tempered", 0, 1.5)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "run.h5"
    new_file(file, {"experiment": {}})
    return file


def test_what_was_written_is_read_and_what_was_not_is_none(path):
    assert read_stage(path, Toy) is None
    write_stages(path, Toy(2.5), None, MADE)
    assert read_stage(path, Toy) == Toy(2.5)
    assert read_stage(path, Sampled) == MADE
    assert read_group(path, "toy") == {"number": 2.5}


def test_writing_replaces_and_drops_in_one_go(path):
    write_stages(path, Toy(1.0), MADE)
    write_stages(path, Toy(2.0), drop=(Sampled.group,))
    assert read_stage(path, Toy) == Toy(2.0)
    assert read_stage(path, Sampled) is None


def test_every_stage_has_a_group_of_its_own():
    kinds = (Fits, Tempering, Sampled, Verdict, Comparison, ScoreCard)
    names = ("fits", "tempering", "sampling", "verdict", "comparison", "scorecard")
    assert tuple(kind.group for kind in kinds) == names
    assert as_groups(None, MADE) == {"sampling": asdict(MADE)}


def test_how_a_chain_was_made_is_read_from_files_that_say_less_or_more():
    tree = {k: v for k, v in asdict(MADE).items() if k != "seconds"} | {"later": 1}
    assert Sampled.from_tree(tree).moves == "collapsed"
    assert Sampled.from_tree(tree).seconds != Sampled.from_tree(tree).seconds  # NaN: not known

"""SWEEP.toml: which cells it makes, what they are called, and what is refused."""

from pathlib import Path

import pytest

from nnpost import RequestError
from nnpost.experiment.experiment import load_experiment
from nnpost.sweep.grid import load_sweep

BASE = """
[data]
name = "parabola"
size = 20
[network]
hidden = [3]
"""


@pytest.fixture
def written(tmp_path):
    """A function that writes SWEEP.toml, the experiment above and then a grid."""

    def write(grid: str, base: str = BASE, name: str = "sizes.toml") -> Path:
        path = tmp_path / name
        path.write_text(f"{base}\n{grid}\n")
        return path

    return write


def names(path: Path, *settings: str) -> dict[str, str]:
    """What cells are called, by the values of the grid."""
    return {c.experiment.description: c.name for c in load_sweep(path, settings).cells}


def test_a_grid_is_all_combinations_of_an_experiment(written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sweep = load_sweep(written("[sweep]\nnetwork.hidden = [1, [2, 2]]\nprior.std = [1, 3.5]"))
    found = [(c.experiment.network.hidden, c.experiment.prior.std) for c in sweep.cells]
    assert found == [((1,), 1.0), ((1,), 3.5), ((2, 2), 1.0), ((2, 2), 3.5)]
    assert {c.experiment.data.size for c in sweep.cells} == {20}
    assert sweep.folder == Path("chains/sizes")
    for cell in sweep.cells:
        assert cell.folder == tmp_path / "chains" / "sizes" / cell.name
        assert cell.run_file.parent == cell.toml.parent == cell.error.parent == cell.folder
        assert cell.experiment.name == cell.name


@pytest.mark.parametrize(
    "same",
    [
        '[sweep]\n"network.hidden" = [1, 2]\nseed = [0, 7]',
        "[sweep]\nseed = [7, 0]\n[sweep.network]\nhidden = [[2], [1]]",
    ],
)
def test_ways_to_write_and_to_order_a_grid_make_the_same_cells(written, same):
    one = names(written("[sweep]\nnetwork.hidden = [1, 2]\nseed = [0, 7]"))
    assert len(set(one.values())) == 4
    assert set(names(written(same)).values()) == set(one.values())


def test_names_stay_when_a_grid_is_extended(written):
    small = set(names(written("[sweep]\nnetwork.hidden = [1, 2]")).values())
    more = set(names(written("[sweep]\nnetwork.hidden = [4, 2, 1]")).values())
    deeper = names(written("[sweep]\nnetwork.hidden = [1, 2]\nsample.nsteps = [5000, 9000]"))
    assert small < more
    assert small < set(deeper.values())  # 5000 is the default
    assert len(set(deeper.values())) == 4
    renamed = written("[sweep]\nnetwork.hidden = [1, 2]", 'name = "other"\n' + BASE)
    assert set(names(renamed).values()) == small


@pytest.mark.parametrize(
    "setting",
    ["seed=1", "data.seed=1", "data.size=21", "prior.std=2.0", "sample.nsteps=4999",
     "sample.discard=1", "train.lr=0.01", "temper.steps=3", "likelihood.sigma=1.0"],
)  # fmt: skip
def test_another_setting_is_another_cell(written, setting):
    path = written("[sweep]\nnetwork.activation = ['tanh', 'relu']")
    assert not set(names(path).values()) & set(names(path, setting).values())


def test_own_data_count_by_what_is_in_them(written, tmp_path):
    base = '[data]\nx = "t"\ny = "y"\nfile = "a.csv"\n'

    def cells(*files):
        return load_sweep(written(f"[sweep]\ndata.file = {list(files)}", base)).cells

    (tmp_path / "a.csv").write_text("t,y\n1,2\n2,3\n")
    (tmp_path / "b.csv").write_text("t,y\n1,2\n2,4\n")
    a, b = cells("a.csv", "b.csv")
    assert a.experiment.data.file == str(tmp_path / "a.csv")
    (tmp_path / "moved.csv").write_bytes((tmp_path / "b.csv").read_bytes())
    assert [cell.name for cell in cells("moved.csv", "a.csv")] == [b.name, a.name]
    (tmp_path / "b.csv").write_text("t,y\n1,2\n2,5\n")
    same, other = cells("a.csv", "b.csv")
    assert same.name == a.name
    assert other.name not in (a.name, b.name)
    held_out = written("[sweep]\ndata.test = [0.2, 'b.csv', 'moved.csv']", base)
    share, test, moved = load_sweep(held_out).cells
    assert len({a.name, share.name, test.name, moved.name}) == 4
    assert test.experiment.data.test == str(tmp_path / "b.csv")


def test_every_cell_can_be_run_by_itself(written, tmp_path):
    (cell, _) = load_sweep(written("[sweep]\nseed = [3, 4]"), ["sample.nsteps=60"]).cells
    toml = tmp_path / "one.toml"
    toml.write_text(cell.experiment.to_toml())
    assert load_experiment(toml) == cell.experiment
    assert (cell.experiment.seed, cell.experiment.sample.nsteps) == (3, 60)


@pytest.mark.parametrize(
    ("grid", "settings", "words"),
    [
        ("", [], "found no [sweep], expected a table of keys and lists of values"),
        ("[sweep]", [], "expected a table of keys and lists of values, as in network.hidden"),
        ("[sweep]\nseed = 3", [], "sweep.seed: found 3, expected a list of one or more values"),
        ("[sweep]\nseed = []", [], "sweep.seed: found [], expected a list"),
        ("[sweep]\nseeds = [1]", [], "unknown key 'seeds' in [sweep]; did you mean"),
        ("[sweep]\nname = ['a']", [], "unknown key 'name' in [sweep]"),
        ("[sweep]\nnetwork.hiden = [1]", [], "did you mean 'network.hidden'?"),
        ("[sweep]\nnetwork.activation = ['tahn']", [], 'cell network.activation = "tahn": '),
        ("[sweep]\nnetwork.activation = ['tahn']", [], "did you mean 'tanh'"),
        ("[sweep]\nnetwork.hidden = [2, [2]]", [], "the same cell twice, network.hidden = 2 and"),
        ("[sweep]\nseed = [0]", ["seed=1"], "--set seed=1: [sweep] has the values of seed"),
        ("[sweep]\nseed = [0]", ["sample.nstep=1"], "did you mean 'nsteps'"),
        (
            "[sweep]\ndata.file = ['no.csv']\ndata.x = ['t']\ndata.y = ['y']",
            [],
            "only made-up data",
        ),
        ("[swep]\nseed = [0]", [], "found no [sweep]"),
    ],
)
def test_what_makes_no_sweep_is_refused_in_one_line(written, grid, settings, words):
    with pytest.raises(RequestError) as refused:
        load_sweep(written(grid), settings)
    assert words in str(refused.value)
    assert "sizes.toml: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_data_that_are_not_there_are_refused(written):
    base = '[data]\nfile = "gone.csv"\nx = "t"\ny = "y"\n'
    with pytest.raises(
        RequestError, match=r"data.file: .*gone.csv: no such file.* expected a file"
    ):
        load_sweep(written("[sweep]\nseed = [0]", base))


def test_a_grid_is_not_run_as_an_experiment(written):
    with pytest.raises(RequestError, match="run it with `nnpost sweep`"):
        load_experiment(written("[sweep]\nseed = [0]"))

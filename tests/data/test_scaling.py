"""Scaling: between the units of a file and the scale of the network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnpost import Dataset, RequestError
from nnpost.data.scaling import Scaling

X = np.random.default_rng(0).normal(5000.0, 40.0, size=(201, 2)) * [1.0, 1e-6]
Y = np.random.default_rng(1).gamma(2.0, 300.0, size=201)
DATA = Dataset(X, Y, 0.1 * Y, name="raw", x_names=("a", "b"), y_name="flux")


def test_standard_is_zero_mean_and_unit_spread():
    seen = DATA.scaled(Scaling.of(DATA, "standard"))
    for column in (*seen.x.T, seen.y):
        assert abs(column.mean()) < 1e-9
        assert column.std() == pytest.approx(1.0)
    assert np.allclose(seen.yerr / seen.y.std(), DATA.yerr / DATA.y.std())


def test_robust_minds_no_outlier():
    far = DATA.y.copy()
    far[:20] = 1e9
    clean, hit = (Scaling.of(Dataset(X, y), "robust") for y in (DATA.y, far))
    assert hit.y_scale == pytest.approx(clean.y_scale, rel=0.25)
    assert Scaling.of(Dataset(X, far), "standard").y_scale > 1e5 * clean.y_scale


def test_robust_of_a_normal_sample_is_its_standard_deviation():
    y = np.random.default_rng(2).normal(7.0, 3.0, size=100_000)
    found = Scaling.of(Dataset(np.arange(100_000.0), y), "robust")
    assert found.y_scale == pytest.approx(3.0, rel=0.02)
    assert found.y_centre == pytest.approx(7.0, abs=0.05)


def test_robust_of_a_column_that_is_mostly_one_value_is_standard():
    x = np.r_[np.zeros(90), np.ones(10)]
    assert Scaling.of(Dataset(x, x), "robust").x_scale[0] == pytest.approx(x.std())


@pytest.mark.parametrize("kind", ["standard", "robust"])
def test_a_constant_column_keeps_its_unit(kind):
    found = Scaling.of(Dataset(np.full(5, 0.1), np.arange(5.0)), kind)
    assert found.x_scale.tolist() == [1.0]
    assert found.x_centre.tolist() == [0.1]


def test_none_is_the_identity_and_says_so():
    assert Scaling.of(DATA, "none").is_none
    assert not Scaling.of(DATA, "standard").is_none
    assert DATA.scaled(Scaling.none(2)) is DATA
    assert DATA.raw is DATA


def test_raw_undoes_it_and_another_scaling_starts_from_the_file():
    seen = DATA.scaled(Scaling.of(DATA, "standard"))
    back = seen.raw
    assert back.scaling.is_none
    for name in ("x", "y", "yerr"):
        assert np.allclose(getattr(back, name), getattr(DATA, name), rtol=1e-12)
    robust = Scaling.of(DATA, "robust")
    assert np.allclose(seen.scaled(robust).y, DATA.scaled(robust).y)
    assert Scaling.of(seen, "standard").y_scale == pytest.approx(seen.scaling.y_scale)


def test_parts_of_the_data_keep_their_scale():
    seen = DATA.scaled(Scaling.of(DATA, "standard"))
    one, other = seen.split(0.7)
    assert one.scaling is seen.scaling
    assert np.allclose(np.sort(np.r_[one.raw.y, other.raw.y]), np.sort(DATA.y))


def test_tables_are_in_the_units_of_the_file():
    assert repr(DATA.scaled(Scaling.of(DATA, "standard"))) == repr(DATA)


def test_a_tree_keeps_it_and_an_old_one_has_none():
    seen = DATA.scaled(Scaling.of(DATA, "robust"))
    back = Dataset.from_tree(seen.to_tree())
    assert back.digest == seen.digest != DATA.digest
    assert np.array_equal(back.scaling.x_centre, seen.scaling.x_centre)
    assert "scaling" not in DATA.to_tree()
    assert Dataset.from_tree(DATA.to_tree()).scaling.is_none


def test_the_same_numbers_seen_on_another_scale_are_other_data():
    seen = DATA.scaled(Scaling.of(DATA, "standard"))
    assert Dataset(seen.x, seen.y, seen.yerr).digest != seen.digest


@given(
    st.lists(st.floats(-1e12, 1e12), min_size=3, max_size=20),
    st.sampled_from(["standard", "robust"]),
)
def test_there_and_back_again(values, kind):
    y = np.array(values)
    scaling = Scaling.of(Dataset(np.arange(len(y), dtype=float), y), kind)
    error = 1e-9 * max(np.abs(y).max(), abs(scaling.y_centre))
    assert np.abs(scaling.y_to_file(scaling.y_to_network(y)) - y).max() <= error


@pytest.mark.parametrize("kind", ["standard", "robust"])
@pytest.mark.parametrize("small", [5e-324, 1e-310, 1e-307, 1e-16])
@pytest.mark.parametrize("around", [0.0, 1.0, -1e12])
def test_a_spread_that_no_number_holds_is_that_of_a_constant(kind, small, around):
    """Subnormal numbers (and steps lost beside a large mean) once gave a scale of zero."""
    y = around + np.array([0.0, 0.0, small, small, small])
    scaling = Scaling.of(Dataset(np.r_[y[:3], y[3:]], y), kind)
    for scale in (scaling.x_scale[0], scaling.y_scale):
        assert (
            scale == 1 if y.max() - y.min() < 2.2250738585072014e-308 else 0.4 < scale / small < 1
        )
    assert np.abs(scaling.y_to_file(scaling.y_to_network(y)) - y).max() <= 1e-15 * abs(y).max()


def test_densities_of_the_same_points_differ_by_the_scale():
    from scipy.stats import norm

    scaling = Scaling.of(DATA, "standard")
    y, mean, sd = 700.0, 650.0, 80.0
    seen = norm.logpdf(
        scaling.y_to_network(y), scaling.y_to_network(mean), scaling.sd_to_network(sd)
    )
    assert scaling.log_density_to_file(seen) == pytest.approx(norm.logpdf(y, mean, sd))


def test_extreme_columns_do_not_overflow():
    for size in (1e300, 1e-300):
        scaling = Scaling.of(Dataset(np.arange(4.0), size * np.array([-1.0, 1.0, 1.5, 0.2])),
                             "standard")  # fmt: skip
        assert 0.5 < scaling.y_scale / size < 2


@pytest.mark.parametrize(
    "parts",
    [
        (np.zeros(2), np.ones(3)),
        (np.zeros(1), np.zeros(1)),
        (np.array([np.nan]), np.ones(1)),
        (np.zeros(1), np.ones(1), 0.0, -1.0),
        (np.zeros(1), np.ones(1), np.inf, 1.0),
    ],
)
def test_what_is_no_scaling_is_refused(parts):
    with pytest.raises(RequestError, match="scaling: "):
        Scaling(*parts)


def test_another_number_of_inputs_is_refused():
    with pytest.raises(RequestError, match=r"scaling: found one of 3 input\(s\), expected 2"):
        Dataset(X, Y, scaling=Scaling.none(3))
    with pytest.raises(RequestError, match="did you mean 'standard'"):
        Scaling.of(DATA, "standrd")

"""Panels draw what they are given, each name in one colour, and helpers give the right numbers."""

from types import SimpleNamespace

import numpy as np
import pytest

from nnpost import Dataset, RequestError, figures
from nnpost.figures.panels import Band, Bars, Line, Panel


def legend_names(fig):
    return [text.get_text() for legend in fig.legends for text in legend.get_texts()]


def test_points_lines_bands_and_bars_are_drawn_where_they_are():
    x = np.linspace(0, 1, 5)
    panel = Panel(
        "x", "y", "title", points=(x, x**2), lines={"fit": Line(x, x)},
        bands={"band": Band(x, x - 1, x + 1)}, bars={"bars": Bars(x, 2 * x, 0.1 * x)},
        x_limits=(-1, 2), y_limits=(-3, 3),
    )  # fmt: skip
    fig = figures.panels([panel])
    (ax,) = fig.axes
    points, line, bars = ax.lines[:3]
    np.testing.assert_array_equal(points.get_xydata(), np.c_[x, x**2])
    np.testing.assert_array_equal(line.get_xydata(), np.c_[x, x])
    np.testing.assert_array_equal(bars.get_xydata(), np.c_[x, 2 * x])
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == -1
    assert corners[:, 1].max() == 2
    (errors,) = ax.containers
    np.testing.assert_allclose(errors.lines[2][0].get_segments()[-1], [[1, 1.9], [1, 2.1]])
    assert (ax.get_xlim(), ax.get_ylim(), ax.get_title()) == ((-1, 2), (-3, 3), "title")
    assert sorted(legend_names(fig)) == ["band", "bars", "fit"]


def test_a_name_has_one_colour_everywhere_and_names_differ():
    x = np.arange(3.0)
    one = Panel("x", "y", lines={"a": Line(x, x), "b": Line(x, 2 * x)})
    two = Panel("x", "y", lines={"b": Line(x, -x), "c": Line(x, 0 * x)})
    fig = figures.panels([one, two])
    (a, b), (b_again, c) = ([line.get_color() for line in ax.lines] for ax in fig.axes)
    assert b == b_again
    assert len({a, b, c}) == 3
    assert legend_names(fig) == ["a", "b", "c"]


def test_a_band_looks_like_its_line():
    x = np.arange(3.0)
    panel = Panel("x", "y", lines={"f": Line(x, x)}, bands={"90 %": Band(x, x - 1, x + 1)})
    (ax,) = figures.panels([panel]).axes
    from matplotlib.colors import to_rgb

    assert to_rgb(ax.collections[0].get_facecolor()[0][:3]) == to_rgb(ax.lines[0].get_color())


def test_rows_and_columns():
    panel = Panel("x", "y", points=(np.arange(2.0), np.arange(2.0)))
    assert len(figures.panels([panel] * 5, columns=2).axes) == 5
    with pytest.raises(RequestError, match="found none, expected at least one Panel"):
        figures.panels([])
    with pytest.raises(RequestError, match="log"):
        Panel("x", "y", y_scale="lgo")


def test_y_against_inputs_takes_the_columns():
    x = np.random.default_rng(0).standard_normal((6, 3))
    data = Dataset(x, x[:, 0])
    shown = figures.against_inputs(data, [0, 2])
    assert [p.x_label for p in shown] == ["x[0]", "x[2]"]
    np.testing.assert_array_equal(shown[1].points[0], x[:, 2])
    np.testing.assert_array_equal(shown[1].points[1], data.y)
    assert len(figures.against_inputs(data)) == 3


def test_outputs_against_the_truth_tell_their_error():
    y = np.array([0.0, 1.0, 2.0])
    (panel,) = figures.against_truth(y, {"net": y + np.array([1.0, -1.0, 2.0])})
    assert panel.title == "net, MSE 2"
    np.testing.assert_array_equal(panel.lines["f(X) = y"].x, [0, 4])
    np.testing.assert_array_equal(panel.lines["f(X) = y"].y, [0, 4])


def test_functions_are_drawn_in_the_order_of_x():
    data = Dataset(np.array([2.0, 0.0, 1.0]), np.array([4.0, 0.0, 1.0]))
    panel = figures.function_on_data(data, {"f": np.array([4.0, 0.0, 1.0])})
    np.testing.assert_array_equal(panel.lines["f"].x, [0, 1, 2])
    np.testing.assert_array_equal(panel.lines["f"].y, [0, 1, 4])


def test_learning_curves_are_quantiles_over_restarts():
    loss = np.outer([4.0, 2.0], np.arange(1, 12))
    fits = SimpleNamespace(loss=loss, validation_loss=2 * loss, epochs=np.array([1, 2]))
    panel = figures.learning_curves(fits, "a net")
    np.testing.assert_array_equal(panel.lines["training, median"].y, [24, 12])
    np.testing.assert_array_equal(panel.lines["validation, median"].y, [48, 24])
    band = panel.bands["training, 80 % of restarts"]
    np.testing.assert_allclose([band.low, band.high], [[8, 4], [40, 20]])
    assert panel.y_scale == "log"
    alone = figures.learning_curves(SimpleNamespace(loss=loss, validation_loss=None, epochs=[1, 2]))
    assert list(alone.lines) == ["training, median"]


def test_weights_stand_beside_their_truth():
    truth, mean, sd = np.array([2.0, 0.0]), np.array([2.5, 0.1]), np.array([0.3, 0.2])
    whole, rest = figures.weight_bars(["a", "b"], truth, {"net": (mean, sd)}, sds=2)
    np.testing.assert_allclose(whole.bars["net"].y, mean)
    np.testing.assert_allclose(rest.bars["net"].y, [0.5, 0.1])
    np.testing.assert_allclose(rest.bars["net"].error, [0.6, 0.4])
    fig = figures.panels([whole, rest], columns=1)
    assert [t.get_text() for t in fig.axes[0].get_xticklabels()] == ["a", "b"]


def test_a_short_log_axis_has_plain_numbers():
    x = np.arange(1.0, 4.0)
    for top, labels in ((0.9, {"0.02", "0.05", "0.1", "0.2", "0.5"}), (90.0, set())):
        panel = Panel("x", "y", lines={"f": Line(x, [0.02, 0.1, top])}, y_scale="log")
        fig = figures.panels([panel])
        fig.canvas.draw()
        (ax,) = fig.axes
        shown = {t.get_text() for t in ax.get_yticklabels()}
        assert labels <= shown
        assert ("$" in "".join(shown)) is not bool(labels)

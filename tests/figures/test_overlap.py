"""No two texts of a figure lie on each other, at the size that it has by default."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import nnpost
from nnpost.comparison.result import Comparison
from nnpost.comparison.scorecard import ScoreCard
from nnpost.experiment.pictures import all_figures
from nnpost.storage.results import read_stage

TOUCH = 1.0  # pixels by which two boxes may reach into each other: boxes are larger than letters


def overlapping(figure):
    """Pairs of drawn texts whose boxes reach into each other, and those that leave the figure."""
    boxes = drawn_texts(figure)
    pairs = [
        (a, b)
        for (a, one), (b, other) in combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > TOUCH
        and min(one.y1, other.y1) - max(one.y0, other.y0) > TOUCH
    ]
    width, height = figure.canvas.get_width_height()
    outside = [
        (text, "the edge")
        for text, box in boxes
        if box.x0 < -TOUCH or box.y0 < -TOUCH or box.x1 > width + TOUCH or box.y1 > height + TOUCH
    ]
    return pairs + outside


def drawn_texts(figure):
    """Every text that the renderer draws, with its box."""
    canvas, found = FigureCanvasAgg(figure), []
    canvas.draw()  # the layout settles

    def draw(self, renderer, *args, **options):
        if self.get_visible() and self.get_text().strip():
            found.append((self.get_text(), self.get_window_extent(renderer)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        canvas.draw()
    return found


@pytest.fixture(scope="module")
def drawn(made):
    run = nnpost.load(made)
    comparison, card = read_stage(made, Comparison), read_stage(made, ScoreCard)
    return all_figures(run, comparison, card, None)


def test_no_texts_overlap_in_any_figure_of_a_run(drawn):
    found = {name: overlapping(figure) for name, figure in drawn.items()}
    assert {name: pairs for name, pairs in found.items() if pairs} == {}


def test_texts_that_overlap_are_found():
    figure = Figure(figsize=(2, 1))
    figure.text(0.5, 0.5, "one")
    figure.text(0.52, 0.5, "two")
    figure.text(0.97, 0.1, "outside")
    assert overlapping(figure) == [("one", "two"), ("outside", "the edge")]

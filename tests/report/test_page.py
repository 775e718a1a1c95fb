"""The page: whole in itself, and with the numbers of the run."""

import base64
import csv
import dataclasses
import json
from html.parser import HTMLParser

import numpy as np
import pytest
from small import main

import nnpost
from nnpost import figures
from nnpost.comparison.laplace import laplace
from nnpost.comparison.scorecard import Profile, ScoreCard
from nnpost.diagnostics.fit import AT_END, Check, FitVerdict
from nnpost.figures.corner import marked_networks
from nnpost.figures.style import MARKS
from nnpost.numerics.monte_carlo import Estimate
from nnpost.report.answers import answers, in_short
from nnpost.report.glossary import GLOSSARY, with_links
from nnpost.report.page import CAPTIONS
from nnpost.storage.runfile import read_group


class Page(HTMLParser):
    """What a page refers to, its tags in balance, and its text."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.sources, self.open, self.words, self.styles = [], [], [], []
        self.rows, self.alts, self.ids = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.sources += [(tag, k, v) for k, v in attrs if k in ("src", "href", "srcset", "data")]
        self.alts += [v for k, v in attrs if k == "alt"]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.styles.append(data)
            return
        if self.open and self.open[-1] == "script":
            return
        self.words.append(data)
        if self.open and set(self.open) & {"th", "td"} and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "page.html"
    assert main(["report", str(made), "--out", str(out), "--quiet"]) == 0
    return out.read_text("utf-8")


@pytest.fixture(scope="module")
def page(written):
    return Page(written)


@pytest.fixture(scope="module")
def card(made):
    return ScoreCard.from_tree(read_group(made, "scorecard"))


def test_the_page_needs_nothing_from_outside(page, written):
    assert page.open == []
    images = [(k, v) for tag, k, v in page.sources if tag == "img"]
    captions = {caption for name, caption in CAPTIONS.items() if name != "pit"}  # none held out
    assert len(images) == len(captions)
    text = " ".join(page.words)
    for caption in captions:  # every picture has its own
        assert caption in text
    assert len(set(page.alts)) == len(captions)  # and says what is on it, which no caption does
    assert not set(page.alts) & set(CAPTIONS.values())
    for name, value in images:
        kind, _, code = value.partition(",")
        assert (name, kind) == ("src", "data:image/png;base64")
        assert base64.b64decode(code, validate=True).startswith(b"\x89PNG")
    places = {v for tag, k, v in page.sources if tag == "a" and v.startswith("#")}
    assert places
    assert {place[1:] for place in places} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "://" not in "".join(v for _, _, v in page.sources)
    (style,) = page.styles
    assert "url(" not in style
    assert "@import" not in style
    assert "<script src" not in written
    for wanted in ("prefers-color-scheme: dark", "@media print"):
        assert wanted in style
    assert 'name="viewport"' in written


def test_files_beside_the_page_are_there_and_hold_its_numbers(written, made, card, tmp_path):
    out = tmp_path / "page.html"
    assert main(["report", str(made), "--out", str(out), "--quiet"]) == 0
    page = Page(out.read_text("utf-8"))
    beside = [v for tag, _, v in page.sources if tag == "a" and not v.startswith("#")]
    assert beside == ["page.json", "page.csv"]
    found = json.loads((tmp_path / "page.json").read_text("utf-8"))
    assert found["scorecard"]["best"]["gap"]["value"] == card.best["gap"].value
    rows = list(csv.reader((tmp_path / "page.csv").read_text("utf-8").splitlines()))
    assert ["log posterior below the MAP, nats", str(card.best["gap"])] in [r[:2] for r in rows]


def test_five_questions_are_answered_by_the_numbers_of_the_card(made, card):
    run = nnpost.load(made)
    comparison = nnpost.compare(run.post, run.fits, run)
    asked = {one.question: one for one in answers(run.verdict, run.fit, card, comparison)}
    assert list(asked) == [
        "Is the chain to be trusted?",
        "Is SGD the maximum?",
        "Is it typical?",
        "Do restarts agree?",
        "Which approximation is best?",
    ]
    assert asked["Is the chain to be trusted?"].word == "No: not converged"
    assert f"{card.best['gap'].value:.2g} nats" in asked["Is SGD the maximum?"].why
    closest = min(card.approximations, key=lambda a: a.numbers["w1_inside"].value)
    assert asked["Which approximation is best?"].word == closest.name
    alone = answers(run.verdict, None, None, None)
    assert [a.question for a in alone] == ["Is the chain to be trusted?"]


def test_where_restarts_ended_is_told_beside_where_climbing_leads(made, card):
    run = nnpost.load(made)
    comparison = nnpost.compare(run.post, run.fits, run)
    for stuck, word in ((0.5, "Mostly when climbed on, not as they ended"), (0.0, "Mostly")):
        top = dataclasses.replace(card.modes.top, restarts=Estimate(0.8, 0.0))
        modes = dataclasses.replace(card.modes, modes=(top,), map=0)
        other = dataclasses.replace(card, modes=modes, at_constant=Estimate(stuck, 0.0))
        asked = {a.question: a for a in answers(run.verdict, None, other, comparison)}
        found = asked["Do restarts agree?"]
        assert found.word == word
        assert "going on uphill from there, 80 % lead to the MAP" in found.why
        assert ("50 % are no better than a constant network" in found.why) == (stuck > 0)


@pytest.mark.parametrize("fired", [False, True])
def test_a_loss_that_still_fell_is_told_with_the_maximum(made, card, fired):
    run = nnpost.load(made)
    comparison = nnpost.compare(run.post, run.fits, run)
    fit = FitVerdict((Check(AT_END, fired, "…"), Check("prior", True, "…")))
    asked = {a.question: a for a in answers(run.verdict, fit, card, comparison)}
    why = asked["Is SGD the maximum?"].why
    assert ("Its loss was still falling when training stopped" in why) == fired


@pytest.mark.parametrize("height", [0.0, 197.0])
def test_a_barrier_on_the_way_to_the_same_maximum_is_no_contradiction(made, card, height):
    run = nnpost.load(made)
    comparison = nnpost.compare(run.post, run.fits, run)
    profile = Profile(np.arange(3.0), np.array([0.0, -height, 0.0]), np.ones(3))
    modes = dataclasses.replace(card.modes, sgd=card.modes.map)
    other = dataclasses.replace(card, profile=profile, modes=modes)
    asked = {a.question: a for a in answers(run.verdict, None, other, comparison)}
    why = asked["Is SGD the maximum?"].why
    assert "going on uphill from it leads to the MAP, " in why
    assert ("though the straight line between the two has a barrier of 197 nats" in why) == (
        height > 0
    )


@pytest.mark.parametrize(
    ("gap", "level", "maximum", "typical", "sentence"),
    [
        (0.001, 0.0, "Yes", "No: more", "the most probable one"),
        (0.3, 0.0, "Nearly", "No: more", "nearly the most probable one"),
        (3.0, 0.4, "No", "Yes", "not the most probable one"),
        (90.0, 1.0, "No", "No: less", "not the most probable one"),
    ],
)
def test_words_follow_height_and_rank(made, card, gap, level, maximum, typical, sentence):
    run = nnpost.load(made)
    comparison = nnpost.compare(run.post, run.fits, run)
    numbers = {"gap": Estimate(gap, 0.0), "hpd_level": Estimate(level, 1e-4)}
    other = dataclasses.replace(card, best={**card.best, **numbers})
    asked = {one.question: one.word for one in answers(run.verdict, None, other, comparison)}
    assert asked["Is SGD the maximum?"] == maximum
    assert asked["Is it typical?"].startswith(typical)
    said = in_short(other, comparison)
    assert f", is {sentence}: {gap:.2g} nats below the MAP" in said


def test_words_are_explained_once_and_nothing_is_unescaped():
    known = set()
    text = with_links("a nat & <two nats> of the MAP", known)
    assert text.count("<a ") == 2
    assert "&amp; &lt;two nats&gt;" in text
    assert "<a " not in with_links("another nat of the MAP's", known)
    assert {term.anchor for term in GLOSSARY} >= {"word-nat", "word-map"}
    for term in GLOSSARY:
        assert f"#{term.anchor}" in with_links(term.name)


def test_the_pages_numbers_are_those_of_the_run(page, card, made):
    text = " ".join(" ".join(page.words).split())
    rows = {row[0]: row[1:] for row in page.rows}
    assert rows["log posterior below the MAP, nats"][0] == str(card.best["gap"])
    assert rows["curve to posterior mean, within data"][0] == str(card.best["rms_mean_inside"])
    assert rows["Laplace at MAP"][-1] == f"{card.approximations[3].log_z:.2f}"
    assert f"{card.best['gap'].value:.2g} nats below the MAP" in text
    run = nnpost.load(made)
    assert "Not converged." in text
    assert rows["restarts left at a constant network"][1] == str(card.at_constant)
    model = text.partition("Does the model describe the data?")[2]
    for check in run.fit.checks:  # in its own section, and not in that of the chain
        assert f"{check.name}: {check.text}" in model
    for reason in run.verdict.reasons:
        assert reason in text
    about = read_group(made, "experiment")
    assert rows["command"] == [about["command"]]
    assert rows["sha256 of the data"] == [run.post.data.digest]
    assert f"torch {about['versions']['torch']}" in rows["versions"][0]
    comparison = nnpost.compare(run.post, run.fits, run)
    assert rows["mse"] == next(row for row in comparison.table() if row[0] == "mse")[1:]


def test_compare_prints_every_number_with_its_error(run_file, capsys):
    assert main(["compare", str(run_file), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["scorecard"]
    for part in ("best", "barrier", "log_evidence", "above_all"):
        values = found[part].values() if part == "best" else [found[part]]
        assert all(set(v) == {"value", "error"} for v in values)
    for name, spread in found["restarts"].items():
        assert name in found["best"]
        assert all(set(spread[level]) == {"value", "error"} for level in ("q05", "median", "q95"))
    for basin in found["valleys"]["basins"]:
        assert basin["mass"].keys() == basin["restarts"].keys() == {"value", "error"}
    for one in found["approximations"]:
        assert one["numbers"]["w1_inside"].keys() == {"value", "error"}
    assert found["best"]["gap"]["value"] == pytest.approx(
        json_of(run_file, capsys)["map"]["log_posterior"]
        - json_of(run_file, capsys)["sgd"]["log_posterior"]
    )


def json_of(path, capsys):
    capsys.readouterr()
    assert main(["info", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("inputs", [1, 2])
def test_a_run_made_from_python_is_compared_and_reported(tmp_path, capsys, inputs):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (30, inputs))
    data = nnpost.Dataset(x, x[:, 0] + 0.1 * rng.normal(size=30), np.full(30, 0.1))
    post = nnpost.Posterior(nnpost.MLP(inputs), data, nnpost.Gaussian(), nnpost.GaussianPrior(3.0))
    fits = nnpost.train(post, restarts=4, epochs=20)
    path = tmp_path / "mine.h5"
    nnpost.sample(post, path, nsteps=100, nwalkers=8, start="prior", fits=fits)
    assert main(["compare", str(path)]) in (0, 1)
    out = capsys.readouterr().out
    assert "χ²/n" in out
    assert "mse" not in out
    assert ("beyond" in out.partition("Basins")[0]) == (inputs == 1)
    assert "χ²/n" in str(nnpost.load(path)) + str(fits)
    if inputs == 1:
        return  # its pictures are those of the page above
    assert main(["report", str(path), "--out", str(tmp_path / "page.html"), "--quiet"]) == 0
    assert "Where SGD lies" in (tmp_path / "page.html").read_text("utf-8")


def test_a_report_has_to_be_html_and_its_run_a_run(made, tmp_path, capsys):
    assert main(["report", str(made), "--out", str(tmp_path / "page.pdf")]) == 2
    assert "expected one of .html" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "none.h5")]) == 2


# The pictures of the card


def test_basins_are_bars_of_the_cards_shares(card):
    (ax,) = figures.basins(card).axes
    widths = [bar.get_width() for bar in ax.patches]
    found = card.modes.modes
    assert widths == [b.restarts.value for b in found] + [b.mass.value for b in found]
    named = [label.get_text().split("\n")[0] for label in ax.get_yticklabels()]
    assert named == [f"basin {card.modes.name(k)}" for k in range(len(found))]
    assert "MAP" in named[card.modes.map]


def test_the_profile_runs_from_sgd_to_the_map(card):
    top, bottom = figures.profile(card).axes
    for ax, values in ((top, card.profile.log_prob), (bottom, card.profile.mse)):
        line, sgd, end = ax.lines[:3]
        np.testing.assert_array_equal(line.get_ydata(), values)
        assert (sgd.get_marker(), sgd.get_xdata()[0]) == (MARKS["SGD"].marker, 0)
        assert (end.get_marker(), end.get_xdata()[0]) == (MARKS["MAP"].marker, 1)
    assert "barrier" in top.get_title()
    typical = card.profile.log_prob[-1] - card.draws["gap"].median.value
    assert top.lines[3].get_ydata()[0] == pytest.approx(typical)
    assert top.get_ylim()[0] < typical < top.get_ylim()[1]


def test_ranks_of_ensembles_that_agree_are_even_and_of_others_are_not(made):
    run = nnpost.load(made)
    rng = np.random.default_rng(0)
    for shift in (0.0, 1.0):
        log_prob = rng.normal(size=run.log_prob.shape)
        log_prob[:, : run.nwalkers // 4] += shift
        chosen = nnpost.Run(**{**vars_of(run), "log_prob": log_prob})
        ax = figures.ranks(chosen).axes[0]
        heights = [patch.get_data().values for patch in ax.patches if hasattr(patch, "get_data")]
        assert len(heights) == 4
        np.testing.assert_allclose([h.mean() for h in heights], 1)
        assert (np.max(heights) > 1.6) == (shift == 1)


@pytest.mark.parametrize("effective", [900.0, 1e9])
def test_the_band_of_the_ranks_is_what_effective_draws_leave_to_chance(made, effective):
    """Those of the verdict, which may be on more rows than a thinned copy has."""
    run = nnpost.load(made)
    names = ["log_prob", *["predictions"] * 3]
    more = {"log_prob": effective, "predictions": 2 * effective}
    run = dataclasses.replace(run, judged=dataclasses.replace(run.verdict, ess=more))
    for ax, name in zip(figures.ranks(run).axes, names, strict=True):
        (band,) = [patch for patch in ax.patches if not hasattr(patch, "get_data")]
        draws = min(more[name], run.samples.shape[0]) / run.ensembles
        assert band.get_y() + band.get_height() == pytest.approx(1 + 2 * np.sqrt(19 / draws))
        assert ax.get_title().startswith("$f(" if name == "predictions" else "log posterior")


def test_ranks_of_a_run_that_was_not_judged_have_no_band_and_judge_nothing(made):
    run = dataclasses.replace(nnpost.load(made), judged=None)
    fig = figures.ranks(run)
    for ax in fig.axes:
        assert [patch for patch in ax.patches if not hasattr(patch, "get_data")] == []
    assert "chance" not in [text.get_text() for text in fig.legends[0].get_texts()]
    assert "verdict" not in vars(run)


def vars_of(run):
    names = run.__dataclass_fields__
    return {name: getattr(run, name) for name in names}


def test_the_ladder_shows_every_rung(made):
    run = nnpost.load(made)
    left, _, right = figures.ladder(run.tempering).axes
    for line, betas in zip(left.lines, run.tempering.betas, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), betas)
    filled = [line.get_ydata()[0] for line in right.lines[1:-1:2]]
    np.testing.assert_allclose(filled, run.tempering.log_z)


def test_corner_draws_laplaces_ellipses_around_their_centres(made):
    run = nnpost.load(made)
    marks = marked_networks(run, run.fits)
    around = {name: laplace(run.post, marks[name]) for name in ("SGD", "MAP")}
    fig = figures.corner(run, laplace=around, parameters=[0, 1])
    ax = np.array(fig.axes).reshape(2, 2)[1, 0]
    rings = [line for line in ax.lines if len(line.get_xdata()) == 100]
    assert len(rings) == 2
    top = nnpost.symmetry.fold(run.post.net, run.fits.map.theta)
    ring = np.array(rings[1].get_data())
    np.testing.assert_allclose(ring[:, :-1].mean(axis=1), top[:2], rtol=1e-6)
    covariance = around["MAP"].covariance
    assert np.ptp(ring[0]) / 2 == pytest.approx(np.sqrt(covariance[0, 0]), rel=0.01)


def test_results_render_as_tables(made, card):
    run = nnpost.load(made)
    for result in (run, run.fits, run.tempering, run.verdict, run.best_sample, card):
        text = result._repr_html_()
        assert "<table>" in text
        Page(text)

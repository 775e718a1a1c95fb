"""The report: one HTML page that answers the question for one run, with everything inside.

No network is needed to read it: pictures, style and the script that sorts tables are in the page,
and it reads the same without the script. It follows the reader's light or dark setting, and is
readable on a phone and in print. ``templates/`` has the page, ``answers.py`` its first sentences,
``glossary.py`` its words.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from ..common.tables import Table, plain_label
from ..comparison.held_out import HeldOut
from ..comparison.leave_one_out import LeaveOneOut
from ..comparison.result import Comparison
from ..comparison.scorecard import ScoreCard
from ..data.dataset import Dataset
from ..diagnostics.fit import FitVerdict
from ..diagnostics.verdict import Verdict
from ..sampling.run import Run
from .answers import answers, in_short
from .glossary import GLOSSARY, with_links

__all__ = ["CAPTIONS", "Link", "Report", "about", "page_of", "part_of", "tables"]

CAPTIONS = {
    "corner": "All pairs of parameters, folded to one copy of the network. Orange: where all "
    "restarts ended. Ellipses: one standard deviation of Laplace's approximation.",
    "log_posterior": "The log posterior of all draws, with the networks on it. Dashed: what a "
    "Gaussian posterior of as many parameters would show.",
    "fits": "The networks as curves, with the band that holds 90 % of the posterior, and their "
    "residuals.",
    "basins": "Which basins the restarts lead to when climbed on from where training left them, "
    "and where the posterior's mass is.",
    "profile": "The straight line from SGD to the MAP, in one copy of the network.",
    "approximations": "The 90 % band of every approximation over that of the posterior.",
    "pit": "Where held-out points lie in each predictive distribution. Flat: calibrated; with "
    "heaps at both ends: too narrow. Grey: what as many points scatter by.",
    "losses": "The losses of all restarts, and where training left them, before any climb.",
    "traces": "The chain, one colour an independent ensemble; parameters are folded to one copy.",
    "ranks": "Ranks of the draws in each ensemble: even where the ensembles agree.",
    "ladder": "The tempered runs that started the chain and gave the evidence.",
}
FIRST = ("log_posterior", "fits", "corner")  # the picture of the first screen: what there is
ANCHORS = {
    "Where SGD lies": "place",
    "Basins": "basins",
    "Other approximations, within the data": "approximations",
    "Leaving one point out": "left-out",
    "Held-out points": "held-out",
}
PLAIN = {"log_prob": "log posterior", "theta": "parameters, folded", "tau": "autocorrelation time"}
NO_FITS = "This run has no fits, so there is no SGD to place: what follows is about its chain."


class Link(NamedTuple):
    """A file beside the page: its address from there, and what it is."""

    href: str
    text: str


class Badge(NamedTuple):
    """A verdict in a few words; "good" or "bad"; and the section that has its reasons."""

    text: str
    mood: str
    anchor: str


class Picture(NamedTuple):
    """A figure inside the page. ``pdf`` is the address of the same as a PDF, or ""."""

    code: str
    caption: str
    alt: str
    pdf: str


class Judged(NamedTuple):
    """A verdict with its reasons."""

    word: str
    mood: str
    reasons: list[str]


class Part(NamedTuple):
    """A table with a section of its own."""

    anchor: str
    table: Table


@dataclass(frozen=True, eq=False)
class Report:
    """What a page is made of. ``about`` is the run file's group "experiment", ``figures`` are PNG
    images by their names, ``pdfs`` the addresses of some of them as PDF, and ``links`` those of
    other files; without fits there are no comparison and no card."""

    title: str
    run: Run
    comparison: Comparison | None
    card: ScoreCard | None
    left_out: LeaveOneOut | None
    held_out: HeldOut | None
    about: Mapping[str, Any]
    figures: Mapping[str, bytes]
    pdfs: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    def html(self) -> str:
        """The whole page."""
        parts = [
            Part(ANCHORS.get(table.title, "networks"), table)
            for table in tables(self.card, self.comparison, self.left_out, self.held_out)
        ]
        shown = {name: self._picture(name, png) for name, png in self.figures.items()}
        hero = next((shown.pop(name) for name in FIRST if name in shown), None)
        toml = str(self.about.get("toml", "")).strip()
        return page_of("page.html").render(
            title=f"{self.title}: where does SGD's network lie in the posterior?",
            about=about(self.run),
            css=part_of("page.css"),
            js=part_of("page.js"),
            terms=partial(with_links, known=set()),
            answer=NO_FITS
            if self.card is None or self.comparison is None
            else in_short(self.card, self.comparison),
            badges=badges(self.run.verdict, self.run.fit),
            answers=answers(self.run.verdict, self.run.fit, self.card, self.comparison),
            hero=hero,
            contents=list(contents(parts, self.run.fit is not None, bool(toml))),
            links=self.links,
            chain=list(judged(self.run.verdict)),
            model=[] if self.run.fit is None else [judged_model(self.run.fit)],
            mixing=self._mixing(),
            tables=parts,
            figures=list(shown.values()),
            facts=self._facts(),
            toml=toml,
            glossary=GLOSSARY,
        )

    def _picture(self, name: str, png: bytes) -> Picture:
        code = base64.b64encode(png).decode("ascii")
        caption = CAPTIONS.get(name, name)
        return Picture(code, caption, self._alt(name), self.pdfs.get(name, ""))

    def _alt(self, name: str) -> str:
        """What a picture shows of this run, for those who do not see it."""
        post, card = self.run.post, self.card
        what = {
            "corner": f"Corner plot of {post.ndim} parameters: "
            + ", ".join(map(plain_label, post.labels[:12]))
            + " and more" * (post.ndim > 12),
            "traces": f"Traces of {self.run.ensembles} ensembles over {self.run.nsteps:,} steps",
            "ranks": f"Rank histograms of {self.run.ensembles} ensembles",
            "fits": f"Curves of SGD, MAP and MLE over {post.data.n:,} points",
            "losses": "Training curves of all restarts, and a histogram of their ends",
            "ladder": "Powers of the likelihood, acceptance and log Z of the tempered runs",
        }
        if self.held_out is not None:
            count, points = len(self.held_out.scores), self.held_out.points
            what["pit"] = f"Histograms of {points:,} points in {count} predictive distributions"
        if card is not None:
            barrier, gap = card.profile.barrier, card.best["gap"]
            best = min(
                (a for a in card.approximations if "w1_inside" in a.numbers),
                key=lambda a: a.numbers["w1_inside"].value,
                default=None,
            )
            what |= {
                "log_posterior": "Histogram of the log posterior of "
                f"{len(self.run.sample_log_prob):,} "
                f"draws; SGD is {gap} nats below the MAP at its upper end",
                "basins": f"Bars of the shares of restarts and draws in {len(card.modes.modes)} "
                f"basins; {card.modes.top.restarts} of the restarts lead to the MAP's",
                "profile": f"Log posterior and misfit from SGD to the MAP: a barrier of "
                f"{barrier:.3g} nats",
                "approximations": f"Bands of {len(card.approximations)} approximations"
                + (f"; {best.name} is closest" if best else ""),
            }
        return what.get(name, CAPTIONS.get(name, name))

    def _mixing(self) -> list[tuple[str, str]]:
        told = ("verdict", "reason", "note", "log evidence")
        rows = [row for row in self.run.verdict.rows() if row[0] not in told]
        kept = dict(self.run.rows())
        rows += [(name, kept[name]) for name in ("chain", "moves", "log evidence") if name in kept]
        return [(PLAIN.get(name, name), value) for name, value in rows]

    def _facts(self) -> list[tuple[str, str]]:
        data, post, about = self.run.post.data, self.run.post, self.about
        plural = "s" if data.inputs > 1 else ""
        facts = [
            ("command", str(about.get("command", "not recorded"))),
            ("made", str(about.get("created", "not recorded"))),
            ("run file", self.run.path or "in memory alone"),
            ("data", f"{data.name}: {data.n:,} points, {data.inputs} input{plural}"),
            *(("about the data", remark) for remark in data.remarks),
            *scale_facts(data),
            ("sha256 of the data", data.digest),
            ("network", f"{post.net.words}, {post.ndim} parameters"),
            ("likelihood", repr(post.file_likelihood)),
            ("prior", repr(post.prior)),
            ("seed", str(self.run.seed)),
        ]
        versions = about.get("versions", {})
        return [*facts, ("versions", ", ".join(f"{k} {v}" for k, v in sorted(versions.items())))]


def about(run: Run) -> str:
    """The problem of a run, in a line."""
    post = run.post
    network = f"{post.net.words}, {post.ndim} parameters"
    return f"{post.data.n:,} points; {network}; likelihood: {post.file_words}"


def scale_facts(data: Dataset) -> list[tuple[str, str]]:
    """What the network sees of the data, where that is not what their file has."""
    if data.scaling.is_none:
        return []
    told = "Weights, log posterior and log Z are on this scale, all else is in units of the file."
    return [("seen by the network", f"{data.scale_in_words}. {told}")]


@cache
def environment() -> Environment:
    loader = PackageLoader("nnpost.report")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )


def page_of(name: str) -> Template:
    """One of the templates of a page."""
    return environment().get_template(name)


def part_of(name: str) -> Markup:
    """Our own style or script, which is not to be escaped."""
    loader = environment().loader
    assert loader is not None
    return Markup(loader.get_source(environment(), name)[0])


def badges(verdict: Verdict, fit: FitVerdict | None) -> list[Badge]:
    """What a reader has to know before anything else."""
    found = [("chain converged", "chain not converged", verdict.converged, "chain")]
    if (trusted := verdict.evidence_trusted) is not None:
        found.append(("evidence trusted", "evidence not trusted", trusted, "chain"))
    if fit is not None:
        found.append((f"model {fit.word}", f"model {fit.word}", fit.holds, "model"))
    return [
        Badge(yes if good else no, "good" if good else "bad", at) for yes, no, good, at in found
    ]


def judged(verdict: Verdict) -> Iterator[Judged]:
    """The verdict on the chain, and on the evidence where it is in doubt."""
    told = [*verdict.reasons, *verdict.notes]
    if verdict.converged:
        yield Judged("Converged.", "good", told)
    else:
        yield Judged("Not converged.", "bad", told)
    if verdict.evidence_trusted is False:
        yield Judged("log Z is not to be trusted.", "bad", list(verdict.evidence_reasons))


def judged_model(fit: FitVerdict) -> Judged:
    """The verdict on the model, with what every test found."""
    word = "The model describes the data." if fit.holds else "The model is in doubt."
    told = [f"{name.strip()}: {text}" for name, text in fit.rows()[1:]]
    return Judged(word, "good" if fit.holds else "bad", told)


def tables(
    card: ScoreCard | None,
    comparison: Comparison | None,
    left_out: LeaveOneOut | None,
    held_out: HeldOut | None,
) -> Iterator[Table]:
    """The score card, how points are predicted and the four networks, with what they have to be
    read with."""
    if card is not None:
        yield from card.tables()
    for found in (left_out, held_out):
        yield from () if found is None else found.tables()
    if card is not None and comparison is not None:
        yield from (replace(table, title="The networks") for table in comparison.tables())


class Entry(NamedTuple):
    """A line of the contents."""

    anchor: str
    title: str


def contents(parts: list[Part], model: bool, experiment: bool) -> Iterator[Entry]:
    """Where everything is."""
    yield Entry("chain", "Can the chain be trusted?")
    if model:
        yield Entry("model", "Does the model describe the data?")
    yield from (Entry(part.anchor, part.table.title) for part in parts)
    yield Entry("pictures", "Pictures")
    yield Entry("made", "How this was made")
    if experiment:
        yield Entry("experiment", "The experiment")
    yield Entry("glossary", "Words")

"""The report: one HTML page that answers the question for one run, with everything inside.

No network is needed to read it: pictures are in the page, and there are no scripts and no fonts to
fetch. It follows the reader's light or dark setting, and is readable on a phone and in print.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..common.tables import Table
from ..comparison.result import Comparison
from ..comparison.scorecard import ScoreCard
from ..data.dataset import Dataset
from ..sampling.run import Run

__all__ = ["CAPTIONS", "Report"]

CAPTIONS = {
    "corner": "All pairs of parameters, folded to one copy of the network. Light dots: where all "
    "restarts ended. Ellipses: one standard deviation of Laplace's approximation.",
    "log_posterior": "The log posterior of all draws, with the networks on it. Dashed: what a "
    "Gaussian posterior of as many parameters would show.",
    "fits": "The networks as curves, with the band that holds 90 % of the posterior, and their "
    "residuals.",
    "basins": "Which basins the restarts end in, and where the posterior's mass is.",
    "profile": "The straight line from SGD to the MAP, in one copy of the network.",
    "approximations": "The 90 % band of every approximation over that of the posterior.",
    "losses": "The losses of all restarts, and where they ended.",
    "traces": "The chain, one colour an independent ensemble.",
    "ranks": "Ranks of the draws in each ensemble: even where the ensembles agree.",
    "ladder": "The tempered runs that started the chain and gave the evidence.",
}
CSS = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --line: #d0d0d0;
  --soft: #f3f3f0; --good: #00694d; --bad: #a63f00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181b;
  --line: #44484d; --soft: #202327; --good: #4fc79f; --bad: #ff9a5c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1rem 3rem; max-width: 60rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); }
.answer { font-size: 1.1rem; padding: .8rem 1rem; background: var(--soft);
  border-left: .3rem solid var(--line); }
.verdict { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, .pairs td { text-align: left; } .wide td { white-space: nowrap; }
.wide th:first-child { min-width: 9rem; }
th { font-weight: 500; } tr:first-child > th { font-weight: 600; vertical-align: bottom; }
.pairs tr:first-child > th { font-weight: 500; vertical-align: top; }
.pairs th { white-space: nowrap; }
.pairs th, .pairs td { vertical-align: top; } .pairs td { overflow-wrap: anywhere; }
p.note { font-size: .88rem; margin: .2rem 0; }
figure { margin: 1.6rem 0; break-inside: avoid; }
figure img { max-width: 100%; height: auto; background: #fff; border-radius: .2rem; }
figcaption { font-size: .9rem; margin-top: .3rem; }
pre { overflow-x: auto; background: var(--soft); padding: .6rem; font-size: .82rem; }
@media print { body { max-width: none; font-size: 10pt; padding: 0; }
  table { font-size: 8pt; } th, td { padding: .15rem .35rem; } .wide { overflow: visible; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


@dataclass(frozen=True, eq=False)
class Report:
    """What a page is made of. ``about`` is the run file's group "experiment", ``figures`` are PNG
    images by their names; without fits there are no comparison and no card."""

    title: str
    run: Run
    comparison: Comparison | None
    card: ScoreCard | None
    about: Mapping[str, Any]
    figures: Mapping[str, bytes]

    def html(self) -> str:
        """The whole page."""
        title = html.escape(f"{self.title}: where SGD lies in the posterior")
        head = (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        )
        body = "\n".join([f"<h1>{title}</h1>", *self._sections()])
        return f"{head}{body}\n</body>\n</html>\n"

    def _sections(self) -> Iterator[str]:
        if self.card is not None and self.comparison is not None:
            sentences = " ".join(answer(self.card, self.comparison))
            yield f'<p class="answer">{html.escape(sentences)}</p>'
        else:
            yield '<p class="answer">This run has no fits, so there is nothing to compare.</p>'
        yield "<h2>Can the chain be trusted?</h2>"
        yield from self._verdict()
        if self.card is not None and self.comparison is not None:
            yield from tables(self.card, self.comparison)
        yield "<h2>Pictures</h2>"
        yield from (picture(name, png) for name, png in self.figures.items())
        yield "<h2>How this was made</h2>"
        yield f'<div class="pairs">{Table(self._facts()).html()}</div>'
        if "toml" in self.about:
            shown = html.escape(str(self.about["toml"]).strip())
            yield f"<details><summary>The experiment</summary><pre>{shown}</pre></details>"

    def _verdict(self) -> Iterator[str]:
        verdict = self.run.verdict
        word, kind = ("Converged.", "good") if verdict.converged else ("Not converged.", "bad")
        yield f'<p class="verdict {kind}">{word}</p>'
        yield from bullets([*verdict.reasons, *verdict.notes])
        if verdict.evidence_trusted is False:
            yield '<p class="verdict bad">log Z is not to be trusted.</p>'
            yield from bullets(verdict.evidence_reasons)
        told = ("verdict", "reason", "note", "log evidence")
        rows = [row for row in verdict.rows() if row[0] not in told]
        kept = dict(self.run.rows())
        rows += [(name, kept[name]) for name in ("chain", "moves", "log evidence") if name in kept]
        yield f'<div class="pairs">{Table(rows).html()}</div>'

    def _facts(self) -> list[tuple[str, str]]:
        data, post, about = self.run.post.data, self.run.post, self.about
        plural = "s" if data.inputs > 1 else ""
        sizes = "-".join(map(str, post.net.sizes))
        facts = [
            ("command", str(about.get("command", "not recorded"))),
            ("made", str(about.get("created", "not recorded"))),
            ("data", f"{data.name}: {data.n:,} points, {data.inputs} input{plural}"),
            *_scale_facts(data),
            ("sha256 of the data", data.digest),
            ("network", f"{sizes}, {post.net.activation}, {post.ndim} parameters"),
            ("likelihood", repr(post.file_likelihood)),
            ("prior", repr(post.prior)),
            ("seed", str(self.run.seed)),
        ]
        versions = about.get("versions", {})
        return [*facts, ("versions", ", ".join(f"{k} {v}" for k, v in sorted(versions.items())))]


def _scale_facts(data: Dataset) -> list[tuple[str, str]]:
    """What the network sees of the data, where that is not what their file has."""
    if data.scaling.is_none:
        return []
    told = "Weights, log posterior and log Z are on this scale, all else is in units of the file."
    return [("seen by the network", f"{data.scale_in_words}. {told}")]


def answer(card: ScoreCard, comparison: Comparison) -> Iterator[str]:
    """The project's question, answered in three sentences with their numbers."""
    best = card.best
    level = best["hpd_level"]
    where = (
        f"above every one of the posterior's draws ({level} of them lie higher)"
        if level.value == 0
        else f"with {level} of the posterior's draws above it"
    )
    crowd = f"the best of {comparison.restarts} SGD fits"
    all_higher = f"{card.above_all.value:.0%} of all restarts lie above every draw"
    yield f"In density, {crowd} lies {best['gap']} nats below the MAP, {where}; {all_higher}."
    yield _distance(card)
    share = best["coverage_inside"].value
    yield (
        f"Within the data its curve is {best['rms_mean_inside']} (root mean square, in units of y) "
        f"from the posterior mean, {best['sd_mean_inside']} standard deviations of the posterior's "
        f"curves, and {share:.0%} of it lies inside the posterior's 90 % band."
    )


def _distance(card: ScoreCard) -> str:
    same = card.modes.sgd == card.modes.map
    basin = "in the same basin as the MAP" if same else "in another basin than the MAP"
    height = card.profile.barrier
    barrier = "no barrier" if height == 0 else f"a barrier of {height:.3g} nats"
    found = card.best.get("mahalanobis")
    if found is None:
        return f"It lies {basin}, with {barrier} on the straight line between them."
    typical = card.draws["mahalanobis"].median
    return (
        f"In parameters it lies {basin}, {found} posterior standard deviations away from it "
        f"(a draw of the posterior: {typical}), with {barrier} on the straight line between them."
    )


def tables(card: ScoreCard, comparison: Comparison) -> Iterator[str]:
    """The score card and the four networks, with what they have to be read with."""
    networks = (replace(table, title="The networks") for table in comparison.tables())
    for table in (*card.tables(), *networks):
        yield f"<h2>{html.escape(table.title)}</h2>"
        yield f'<div class="wide">{replace(table, title="", notes=()).html()}</div>'
        yield from notes(table.notes)


def notes(lines: Iterable[str]) -> Iterator[str]:
    yield from (f'<p class="note">{html.escape(line)}</p>' for line in lines)


def bullets(lines: Iterable[str]) -> Iterator[str]:
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    if items:
        yield f"<ul>{items}</ul>"


def picture(name: str, png: bytes) -> str:
    """A figure inside the page, with its caption."""
    code = base64.b64encode(png).decode("ascii")
    caption = html.escape(CAPTIONS.get(name, name))
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{code}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )

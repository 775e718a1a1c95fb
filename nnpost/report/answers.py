"""The five questions that a reader has, each answered in a word and a sentence with its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..comparison.result import Comparison
from ..comparison.scorecard import ScoreCard
from ..diagnostics.fit import FitVerdict
from ..diagnostics.verdict import Verdict

__all__ = ["answers", "in_short"]

CLOSE, NEAR = 0.01, 1.0  # nats below the MAP: as good as there, and nearly
RARE = 0.05  # a share of the draws, above or below, beyond which a network is not typical
AGREE = 0.9  # share of the restarts that lead to one maximum


@dataclass(frozen=True)
class Answer:
    """A question, its answer in a word or two, why, and the section that says more.

    ``mood`` colours it: "good" and "bad" where there is a right and a wrong, else "plain".
    """

    question: str
    word: str
    why: str
    anchor: str
    mood: Literal["good", "bad", "plain"] = "plain"


def in_short(card: ScoreCard, comparison: Comparison) -> str:
    """The project's question, answered in two sentences."""
    best, typical = card.best, card.draws["gap"].median
    gap, level = best["gap"].value, best["hpd_level"].value
    where = (
        "the most probable one" if gap < CLOSE
        else "nearly the most probable one" if gap < NEAR or level < RARE
        else "not the most probable one"
    )  # fmt: skip
    draws = (
        "closer to it than every draw of the posterior" if level == 0
        else f"with {_percent(level)} of the posterior's draws above it"
    )  # fmt: skip
    share = best["coverage_inside"].value
    curve = (
        "inside the 90 % band everywhere within the data" if share == 1
        else f"inside the 90 % band over {_percent(share)} of the data's range" if share > 0
        else "outside the 90 % band everywhere within the data"
    )  # fmt: skip
    return (
        f"SGD's network, the best of {comparison.restarts} restarts, is {where}: {gap:.2g} nats "
        f"below the MAP, {draws}; half of the draws lie more than {typical.value:.2g} nats below. "
        f"As a curve it lies {curve}, on average {best['sd_mean_inside'].value:.2g} posterior "
        "standard deviations from the posterior mean."
    )


def answers(
    verdict: Verdict,
    fit: FitVerdict | None,
    card: ScoreCard | None,
    comparison: Comparison | None,
) -> list[Answer]:
    """All that a run can answer; without fits there is only the first."""
    found = [trusted(verdict)]
    if card is not None and comparison is not None:
        unfinished = fit is not None and fit.unfinished
        found += [is_maximum(card, unfinished), is_typical(card)]
        found += [restarts_agree(card, comparison)]
        found += list(best_approximation(card))
    return found


def trusted(verdict: Verdict) -> Answer:
    question, anchor = "Is the chain to be trusted?", "chain"
    if not verdict.converged:
        reason = verdict.reasons[0] if verdict.reasons else "The chain is too short to tell"
        return Answer(question, "No: not converged", reason[:1].upper() + reason[1:], anchor, "bad")
    worst = max(verdict.rhat[n] or 0.0 for n in ("log_prob", "predictions"))
    least = min(verdict.ess[n] or 0.0 for n in ("log_prob", "predictions"))
    evidence = "; log Z is not to be trusted" if verdict.evidence_trusted is False else ""
    why = (
        "Independent ensembles agree on log posterior and predictions: R-hat at most "
        f"{worst:.4f}, at least {least:,.0f} effective draws{evidence}"
    )
    return Answer(question, "Yes: converged", why, anchor, "good")


def is_maximum(card: ScoreCard, unfinished: bool) -> Answer:
    gap = card.best["gap"]
    word = "Yes" if gap.value < CLOSE else "Nearly" if gap.value < NEAR else "No"
    same = card.modes.sgd == card.modes.map
    climbed = "leads to the MAP" if same else "leads to another, lower maximum"
    height = card.profile.barrier
    barrier = (
        "and there is no barrier on the straight line between the two" if height == 0
        else f"though the straight line between the two has a barrier of {height:.3g} nats" if same
        else f"and the straight line to the MAP has a barrier of {height:.3g} nats"
    )  # fmt: skip
    falling = ". Its loss was still falling when training stopped: more epochs bring it further"
    why = (
        f"{gap.value:.2g} nats below the MAP, prior and likelihood together; going on uphill from "
        f"it {climbed}, {barrier}{falling * unfinished}"
    )
    return Answer("Is SGD the maximum?", word, why, "place")


def is_typical(card: ScoreCard) -> Answer:
    level, typical = card.best["hpd_level"].value, card.draws["gap"].median.value
    above = "No draw" if level == 0 else f"{_percent(level)} of the draws"
    word = (
        "No: more probable than draws are" if level < RARE
        else "No: less probable than draws are" if level > 1 - RARE
        else "Yes"
    )  # fmt: skip
    lie = "lie" if level else "lies"
    inside = card.best["sd_mean_inside"].value
    top = f": with {len(card.labels)} parameters, hardly any of the posterior lies near its top"
    why = (
        f"{above} {lie} above it, and half of them lie more than {typical:.2g} nats below the MAP"
        f"{top * (level < RARE)}. As a curve it is {_ordinary(inside)}"
    )
    return Answer("Is it typical?", word, why, "place")


def _ordinary(sds: float) -> str:
    """What so many posterior standard deviations from the posterior mean are for a curve."""
    return "an ordinary one" if sds < 1.5 else "a rare one" if sds < 3 else "not one of its curves"


def restarts_agree(card: ScoreCard, comparison: Comparison) -> Answer:
    top, ended = card.modes.top.restarts.value, card.restarts["gap"].median.value
    stuck = 0.0 if card.at_constant is None else card.at_constant.value
    word = "Yes" if top >= AGREE else "Mostly" if top > 0.5 else "No"
    if word != "No" and stuck > 1 - AGREE:
        word += " when climbed on, not as they ended"
    others = "" if top == 1 else ", the others to lower maxima"
    flat = f" and {_percent(stuck)} are no better than a constant network" if stuck else ""
    why = (
        f"As training left the {comparison.restarts} of them, half are within {ended:.2g} nats of "
        f"the MAP{flat}; going on uphill from there, {_percent(top)} lead to the MAP{others}"
    )
    return Answer("Do restarts agree?", word, why, "basins")


def best_approximation(card: ScoreCard) -> Iterator[Answer]:
    """The one whose predictions are closest to the posterior's, where any was measured."""
    found = [a for a in card.approximations if "w1_inside" in a.numbers]
    if not found:
        return
    found = sorted(found, key=lambda a: a.numbers["w1_inside"].value)
    best = found[0].numbers
    off = f"{best['w1_inside']}, in units of {card.curve_unit}"
    why = f"Within the data its predictions are off by a W1 of {off}"
    if "floor_inside" in best and best["floor_inside"].value > 0:
        times = best["w1_inside"].value / best["floor_inside"].value
        why += f": {times:.2g} times the noise floor of as many MCMC draws"
    if "width_inside" in best:
        why += f"; its band is {best['width_inside'].value:.2g} times as wide as the posterior's"
    if len(found) > 1:
        why += f"; next is {found[1].name}, W1 {found[1].numbers['w1_inside'].value:.2g}"
    yield Answer("Which approximation is best?", found[0].name, why, "approximations")


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"

"""The words of a report that a newcomer may not know, and where a text first uses them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup, escape

__all__ = ["GLOSSARY", "with_links"]


@dataclass(frozen=True)
class Term:
    """A word, the pattern that finds it in a text, and what it means in one or two sentences."""

    name: str
    pattern: str
    meaning: str

    @property
    def anchor(self) -> str:
        """Its id in a page."""
        return "word-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


GLOSSARY = (
    Term(
        "approximation",
        r"approximations?",
        "A cheaper stand-in for the posterior: restarts as an ensemble, Laplace's Gaussian around "
        "one network, or the late steps of SGD.",
    ),
    Term(
        "autocorrelation time",
        r"autocorrelation times?|tau",
        "How many steps of the chain are worth one independent draw. Also called tau.",
    ),
    Term(
        "band",
        r"90 % band|band",
        "At every x, the middle 90 % of the curves that the posterior draws, without the noise of "
        "the data.",
    ),
    Term(
        "barrier",
        r"barrier",
        "By how many nats the log posterior falls below both ends on the straight line between two "
        "networks. Two networks of one basin can have one, since basins may be curved.",
    ),
    Term(
        "basin",
        r"basins?",
        "All networks from which climbing leads to the same maximum, copies counted as one.",
    ),
    Term(
        "converged",
        r"converged",
        "Independent ensembles agree, hold enough effective draws and are long enough, and nothing "
        "that was found beside them contradicts them.",
    ),
    Term(
        "copy",
        r"cop(?:y|ies)",
        "One of the networks with exchanged or flipped units that compute the same function.",
    ),
    Term(
        "draw",
        r"(?<!effective )draws?(?! itself)",
        "A network sampled from the posterior. The best sample is the most probable of them.",
    ),
    Term(
        "effective draws",
        r"effective draws",
        "How many independent draws would tell as much as the chain's, which resemble each other.",
    ),
    Term(
        "evidence",
        r"log evidence|evidence|log Z",
        "The probability of the data under this network and prior, all parameters averaged over; "
        "log Z is its logarithm. It compares networks on the same data.",
    ),
    Term(
        "folded",
        r"folded",
        "Shown in one agreed copy, so that networks which are the same function look the same.",
    ),
    Term(
        "Laplace",
        r"Laplace(?:'s)?",
        "A Gaussian with the curvature of the log posterior at one network. Linearised: with "
        "curves that are linear in the parameters around it.",
    ),
    Term("MAP", r"MAP(?:'s)?", "The network with the highest posterior density."),
    Term("MLE", r"MLE", "The network with the highest likelihood, whatever the prior says."),
    Term(
        "nat",
        r"nats?",
        "The unit of log probabilities with natural logarithms: one nat is a factor of 2.7.",
    ),
    Term(
        "noise floor",
        r"noise floor",
        "Monte-Carlo noise: how far equally many draws of independent ensembles are apart. Nothing "
        "can be shown to be closer.",
    ),
    Term(
        "R-hat",
        r"R-hat",
        "The spread of all ensembles together over that within each of them: 1 where they agree.",
    ),
    Term("restart", r"restarts?", "One of many training runs, each from its own random start."),
    Term("SGD", r"SGD(?:'s)?", "The best of all restarts by its error on the data."),
    Term(
        "W1",
        r"W1",
        "The Wasserstein-1 distance of two sets of predictions: how far one has to be moved, on "
        "average, to become the other; in the units of y, or of each target's spread.",
    ),
)


def with_links(text: str, known: set[str] | None = None) -> Markup:
    """``text``, escaped, its first use of every term linked to the glossary and explained there.

    Terms in ``known`` are left as they are, and those that are linked join it.
    """
    seen = set() if known is None else known
    by_pattern = {term.pattern: term for term in GLOSSARY if term.name not in seen}
    if not by_pattern:
        return escape(text)
    every = re.compile("|".join(rf"(?P<t{k}>\b(?:{p})\b)" for k, p in enumerate(by_pattern)))
    terms, out, at = list(by_pattern.values()), [], 0
    for match in every.finditer(text):
        term = terms[int(str(match.lastgroup)[1:])]
        if term.name in seen:
            continue
        seen.add(term.name)
        out.append(escape(text[at : match.start()]))
        out.append(
            Markup('<a class="term" href="#{}" title="{}">{}</a>').format(
                term.anchor, term.meaning, match.group()
            )
        )
        at = match.end()
    return Markup("").join([*out, escape(text[at:])])

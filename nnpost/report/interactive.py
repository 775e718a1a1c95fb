"""The page with interactive pictures: data, plotly.js and all else inside, nothing is loaded.

The browser is told so by the page's own policy, and refuses what would be. Pictures come as the
JSON of plotly figures; `interactive.js` draws them in the colours of the page, light or dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from .page import Link, page_of, part_of

__all__ = ["InteractivePage"]

TITLES = {
    "corner": (
        "Two parameters at a time",
        "Choose the pair. All are folded to one copy of the network; log posteriors are those of "
        "the networks as they were found.",
    ),
    "fits": (
        "The fits as functions",
        "Point at a place to read off all curves, and the band that holds 90 % of the posterior.",
    ),
    "restarts": (
        "Where training left the restarts",
        "Every restart as it ended, before any climb: its loss, and how far below the MAP it is.",
    ),
    "traces": (
        "The chain",
        "One colour an independent ensemble. Zoom into one row, and all show the same steps.",
    ),
}


class Section(NamedTuple):
    """One picture: its JSON is safe inside a script element."""

    anchor: str
    title: str
    caption: str
    code: Markup


@dataclass(frozen=True)
class InteractivePage:
    """What the page is made of: ``pictures`` are figures as JSON by their names, ``plotlyjs`` is
    the script that draws them, ``dark`` has colours for a dark page by those of a light one, and
    ``links`` are files beside the page."""

    title: str
    about: str
    pictures: Mapping[str, str]
    plotlyjs: str
    dark: Mapping[str, str]
    links: tuple[Link, ...] = ()

    def html(self) -> str:
        """The whole page."""
        return page_of("interactive.html").render(
            title=f"{self.title}: interactive pictures",
            about=self.about,
            css=part_of("page.css"),
            js=part_of("interactive.js"),
            plotlyjs=Markup(self.plotlyjs),
            dark=self.dark,
            sections=[
                Section(name, *TITLES[name], Markup(in_script(code)))
                for name, code in self.pictures.items()
            ],
            links=self.links,
        )


def in_script(code: str) -> str:
    """JSON that cannot end the script element around it."""
    return code.replace("<", "\\u003c")

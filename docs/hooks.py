"""What the site needs beyond mkdocs and its plugins.

Pages that live elsewhere in the repository (and the notebook) are taken in, formulas become MathML,
and every page that was built is looked at: it loads nothing from elsewhere, and its links lead
somewhere. Markdown links as they are on the repository's own pages, relative to the file, work on
the site, too.
"""

from __future__ import annotations

import html
import logging
import os
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlparse

ROOT = Path(__file__).parents[1]
TAKEN_IN = {  # path in the repository: page of the site
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "chains/README.md": "chains.md",
    "analyses/parabola.ipynb": "gallery/parabola.md",
}
LINK = re.compile(r"(\]\()([^)\s:#]+)((?:#[^)\s]*)?\))")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
ROLE = re.compile(r":(?:func|class|meth|mod|attr):<code>(~?)([\w.]+)</code>")
log = logging.getLogger("mkdocs.hooks.nnpost")  # in strict mode a warning ends the build


def on_files(files: Any, config: Any) -> Any:
    """Pages that are not in docs/."""
    from mkdocs.structure.files import File

    for source, page in TAKEN_IN.items():
        text, pictures = read_page(ROOT / source)
        files.append(File.generated(config, page, content=text))
        for name, content in pictures.items():
            beside = posixpath.join(posixpath.dirname(page), name)
            files.append(File.generated(config, beside, content=content))
    return files


def read_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """A page as Markdown, with its pictures by name."""
    if path.suffix != ".ipynb":
        return path.read_text("utf-8"), {}
    from nbconvert import MarkdownExporter

    text, resources = MarkdownExporter().from_filename(str(path))
    return text, resources["outputs"]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    home = {page: source for source, page in TAKEN_IN.items()}
    uri = page.file.src_uri
    return relinked(markdown, home.get(uri, f"docs/{uri}"), uri)


def relinked(markdown: str, source: str, uri: str) -> str:
    """Links between files of the repository as links between pages.

    ``source`` is the page's own file, from the top of the repository, ``uri`` its place on the
    site.
    """

    def leads(match: re.Match[str]) -> str:
        there = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        target = TAKEN_IN.get(there) or there.removeprefix("docs/")
        if there == target:  # stands beside the page, or is no page of the site
            return match[0]
        return match[1] + posixpath.relpath(target, posixpath.dirname(uri) or ".") + match[3]

    return LINK.sub(leads, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Formulas as MathML, which browsers show by themselves; names without Sphinx' roles."""
    from latex2mathml.converter import convert

    def formula(match: re.Match[str]) -> str:
        display = "inline" if match[2] == "(" else "block"
        return spaced(convert(html.unescape(match[3]), display=display))

    def name(match: re.Match[str]) -> str:
        return f"<code>{match[2].rpartition('.')[2] if match[1] else match[2]}</code>"

    return ROLE.sub(name, FORMULA.sub(formula, content))


def spaced(mathml: str) -> str:
    """A gap after log, none between a sign and what it is the sign of, and ∼ as a relation."""
    mathml = re.sub(r"(<mi>(?:log|exp)</mi>)(?!<mo)", r'\1<mspace width="0.17em"/>', mathml)
    mathml = re.sub(r"(?<!&#x00029;)</mo><mo>(&#x02212;)", r'</mo><mo form="prefix">\1', mathml)
    return mathml.replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")


def on_post_build(config: Any) -> None:
    for fault in faults(Path(config["site_dir"])):
        log.warning(fault)


LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


class Page(HTMLParser):
    """The anchors of a page, the links in it, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attributes}
        self.anchors |= {given[key] for key in ("id", "name") if key in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADS and LOADS[tag] in given and given.get("rel") != "canonical":
            self.loads.append(given[LOADS[tag]])


def faults(site: Path) -> list[str]:
    """What is wrong with a built site: loads from elsewhere, links that lead nowhere."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        where = path.relative_to(site)
        found += [f"{where} loads {a}" for a in page.loads if is_elsewhere(a)]
        inside = [a for a in page.links + page.loads if not is_elsewhere(a)]
        lost = [a for a in inside if not is_there(a, path, site, pages)]
        found += [f"{where} leads to {a}, which is not there" for a in lost]
    for sheet in sorted(site.rglob("*.css")):
        text = sheet.read_text("utf-8")
        loads = re.findall(r"(?:url\(|@import )[\"']?((?:https?:)?//[^\"')\s]+)", text)
        found += [f"{sheet.relative_to(site)} loads {a}" for a in loads]
    return found


def is_elsewhere(address: str) -> bool:
    parts = urlparse(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def is_there(address: str, path: Path, site: Path, pages: dict[Path, Page]) -> bool:
    if address.startswith("data:"):
        return True
    name, anchor = urldefrag(unquote(address))
    home = site if name.startswith("/") else path.parent
    there = Path(os.path.normpath(home / name.lstrip("/"))) if name else path
    if there.is_dir():
        there /= "index.html"
    page = pages.get(there)
    return there.exists() and (not anchor or page is None or anchor in page.anchors)

"""Every relative link of the pages leads to a file, and every anchor to a heading."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("experiments/**/README.md")]
)


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors that GitHub gives the headings of `page`."""
    seen: Counter[str] = Counter()
    found = set()
    for opening, inline in zip(tokens(page), tokens(page)[1:], strict=False):
        if opening.type == "heading_open":
            text = "".join(part.content for part in inline.children or [])
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return frozenset(found)


def links(page: Path) -> Iterator[str]:
    """Yield the addresses of all links and pictures that stand in this repository."""
    for token in tokens(page):
        for part in token.children or []:
            address = str(part.attrGet("href") or part.attrGet("src") or "")
            if address and not re.match(r"[a-z]+:", address):
                yield unquote(address)


def fault(page: Path, address: str) -> str | None:
    """Return what is wrong with a link of `page`; None where nothing is."""
    path, _, anchor = address.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return f"{address}: no such file"
    if anchor and (target.suffix != ".md" or anchor not in anchors(target)):
        return f"{address}: no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_and_anchors_resolve(page: Path) -> None:
    assert [wrong for address in links(page) if (wrong := fault(page, address))] == []


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("# One\n\n# One\n\n# `Code`, and more\n\n[a](#one) [b](#one-1) [c](#code-and-more) [d](other.md#else)", 0),
        ("| a |\n| --- |\n| [a](absent.md) |\n", 1),
        ("# One\n\n[a](#two) ![b](absent.png) [c](other.md#absent) [d](https://example.org/absent)", 3),
        ("[a][name]\n\n[name]: absent.md", 1),
        ("```\n[a](absent.md)\n```", 0),
    ],
)
def test_broken_links_are_found(text: str, faults: int, tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Else\n")
    page = tmp_path / "page.md"
    page.write_text(text)
    assert len([address for address in links(page) if fault(page, address)]) == faults

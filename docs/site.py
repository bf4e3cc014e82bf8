"""Carries what pages link to outside of docs/ into the site, under `repository/`; mkdocs.yml names it as a hook."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

REPOSITORY = "repository"
LINK = re.compile(r"(?<=\]\()([^)\s#]+)")
LARGEST = 2_000_000  # bytes of a file that is carried along


def on_files(files: Any, config: Any) -> Any:
    """Add each file that a page links to and that lies outside of docs/, and what those link to in turn."""
    docs, seen = Path(config.docs_dir).resolve(), set[Path]()
    waiting = list(docs.rglob("*.md"))
    while waiting:
        page = waiting.pop()
        for target in _linked(page, docs.parent):
            if target in seen or (target.is_relative_to(docs) and not target.is_dir()):
                continue
            seen.add(target)
            uri = _uri(target, docs)
            if target.is_dir():
                files.append(File.generated(config, uri, content=_listed(target, docs.parent)))
            elif target.stat().st_size <= LARGEST:
                files.append(File.generated(config, uri, abs_src_path=str(target)))
                waiting += [target] if target.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Let the links of a page lead to where the site has what they mean."""
    docs = Path(config.docs_dir).resolve()
    if page.file.abs_src_path is None:
        return markdown
    source, here = Path(page.file.abs_src_path).resolve(), posixpath.dirname(page.file.src_uri)

    def led(found: re.Match[str]) -> str:
        target = _target(source, found[1], docs.parent)
        if target is None or (target.is_file() and target.is_relative_to(docs) and source.is_relative_to(docs)):
            return found[0]
        return posixpath.relpath(_uri(target, docs), here or ".")

    return LINK.sub(led, markdown)


def _uri(target: Path, docs: Path) -> str:
    """Return the place of a file or folder in the site's sources."""
    inside = target.relative_to(docs) if target.is_relative_to(docs) else REPOSITORY / target.relative_to(docs.parent)
    return f"{inside.as_posix()}/index.md" if target.is_dir() else inside.as_posix()


def _linked(page: Path, root: Path) -> Iterator[Path]:
    for address in LINK.findall(page.read_text(encoding="utf-8")):
        target = _target(page, address, root)
        if target is not None:
            yield target


def _target(page: Path, address: str, root: Path) -> Path | None:
    """Return the file or folder of the repository that a link of `page` means; None for any other address."""
    if re.match(r"[a-z]+:", address):
        return None
    path = (page.parent / address).resolve()
    if not path.exists() or not path.is_relative_to(root):
        return None
    return path / "README.md" if (path / "README.md").is_file() else path


def _listed(folder: Path, root: Path) -> str:
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir() if not path.name.startswith("."))
    return "\n".join(
        [f"# {folder.relative_to(root)}", "", "A folder of the repository:", "", *(f"- `{n}`" for n in names)]
    )

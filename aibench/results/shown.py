"""Writes out what a terminal would act on, or what hides or turns letters, in text of others."""

from __future__ import annotations

import re

# All but newline and tab: C0 with DEL, C1, half surrogate pairs, and what turns the direction of writing or is not
# seen at all: bidi marks, embeddings, overrides and isolates, zero-width letters, line and paragraph separators, tags.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def shown(text: str) -> str:
    r"""Return `text` with each such character as its escape: `\x1b` for the one that begins a terminal's commands."""
    return _ACTING.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


__all__ = ["shown"]

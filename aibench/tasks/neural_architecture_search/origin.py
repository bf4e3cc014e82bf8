"""Says where the Penn Treebank can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="Penn Treebank, as Mikolov prepared it",
    publisher="Mikolov; the text is LDC's",
    address="http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz",
    licence="LDC's",
    size="not known",
    files={"simple-examples.tgz": None},
    places=tuple(Place(f"*ptb.{split}.txt", strip=None) for split in ("train", "valid", "test")),
    obstacle="Penn Treebank is LDC's text, and no package has it.",
)

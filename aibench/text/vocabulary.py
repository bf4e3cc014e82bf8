"""Maps words to indices and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

PAD, BOS, EOS, UNK = 0, 1, 2, 3
SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Holds the words that a model knows, by index.

    A text that spells a special, `</s>` say, has an unknown word there: no text can end a sentence early.

    Attributes:
        words: By index; the specials come first.
    """

    words: tuple[str, ...]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assert self.words[: len(SPECIALS)] == SPECIALS, f"a vocabulary begins with {SPECIALS}"
        ordinary = {word: index for index, word in enumerate(self.words) if index >= len(SPECIALS)}
        assert len(ordinary) == len(self.words) - len(SPECIALS), "a word twice"
        object.__setattr__(self, "_index", ordinary)

    @classmethod
    def counted(cls, sentences: Iterable[Sequence[str]], *, least: int = 1, most: int | None = None) -> Vocabulary:
        """Collect the words of `sentences`, the most frequent first, equally frequent ones in alphabetical order.

        Args:
            sentences: Each a sequence of words.
            least: Words that occur less often are left out.
            most: Length of the vocabulary at most, the specials included.
        """
        counts = Counter(word for sentence in sentences for word in sentence)
        known = sorted((word for word in counts if counts[word] >= least), key=lambda word: (-counts[word], word))
        return cls((*SPECIALS, *(word for word in known if word not in SPECIALS))[:most])

    def encode(self, words: Sequence[str]) -> list[int]:
        """Return the indices of `words`, `UNK` for those not known. Neither `BOS` nor `EOS` is added."""
        return [self._index.get(word, UNK) for word in words]

    def decode(self, indices: Iterable[int]) -> list[str]:
        """Return the words at `indices` up to the first `EOS`, without `PAD` and `BOS`."""
        words = []
        for index in indices:
            if index == EOS:
                break
            if index not in (PAD, BOS):
                words.append(self.words[index])
        return words

    def __len__(self) -> int:
        return len(self.words)


__all__ = ["BOS", "EOS", "PAD", "SPECIALS", "UNK", "Vocabulary"]

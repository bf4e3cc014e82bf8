"""Writes the embedded corpus, with a small grammar that makes English and German sentences at once.

The German follows from the English, by rules that word-by-word translation breaks: nouns have genders and cases,
articles and adjectives agree with them, the verb stands second in a main clause, first in a question and last in a
subordinate clause, and separable verbs, modals and the perfect put the rest of the verb at the end.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

from aibench.tasks.text_to_text import lexicon
from aibench.tasks.text_to_text.lexicon import Noun, Verb

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Holds a subject, or an object.

    Attributes:
        english: The English words as a sentence has them.
        german: The German words as a sentence has them.
        plural: Whether the verb is in the plural.
    """

    english: str
    german: str
    plural: bool


@dataclass(frozen=True, slots=True)
class Predicate:
    """Holds the verb of a clause, in its parts.

    Attributes:
        finite: English; what comes first in a question.
        rest: English; what follows it, may be empty.
        german: The finite verb in a main clause.
        german_rest: What stands at the end of a main clause, may be empty.
        german_last: What stands at the end of a subordinate clause.
    """

    finite: str
    rest: str
    german: str
    german_rest: str
    german_last: str


@lru_cache(maxsize=2)  # each split asks for it
def corpus(count: int, seed: int) -> tuple[Pair, ...]:
    """Write `count` pairs of an English sentence and its German translation; no sentence of either occurs twice."""
    grammar = Grammar(random.Random(seed))
    pairs: dict[str, str] = {}
    translations: set[str] = set()
    while len(pairs) < count:
        english, german = grammar.sentence()
        if english not in pairs and german not in translations:
            pairs[english] = german
            translations.add(german)
    return tuple(pairs.items())


class Grammar:
    """Draws sentences.

    Args:
        draw: What decides everything.
    """

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def sentence(self) -> Pair:
        """Write an English sentence and its German translation."""
        kind = self.draw.random()
        if kind < 0.15:
            english, german, end = *self._question(), "?"
        elif kind < 0.35:
            opinion = self.draw.choice(lexicon.OPINIONS)
            clause = self._clause(subordinate=True)
            english, german, end = f"{opinion[0]} {clause[0]}", f"{opinion[1]} {clause[1]}", "."
        elif kind < 0.5:
            first, second = self._clause(), self._clause(subordinate=True)
            word = self.draw.choice(lexicon.CONJUNCTIONS)
            english, german, end = f"{first[0]} {word[0]} {second[0]}", f"{first[1]}, {word[1]} {second[1]}", "."
        else:
            english, german, end = *self._clause(), "."
        return _capitalised(english) + end, _capitalised(german) + end

    def _clause(self, subordinate: bool = False) -> Pair:
        """Write subject, verb, object, and often an adverb, which in a main clause may come first."""
        subject, verb, adverb = self._subject(), self.draw.choice(lexicon.VERBS), self._adverb(0.4)
        object_ = self._noun_phrase(verb.case, lexicon.PERSONS + lexicon.THINGS)
        predicate = self._predicate(verb, subject.plural)
        english = _joined(subject.english, predicate.finite, predicate.rest, object_.english)
        if subordinate:
            german = _joined(subject.german, adverb[1], object_.german, predicate.german_last)
            return _joined(english, adverb[0]), german
        if adverb[0] and self.draw.random() < 0.4:
            german = _joined(adverb[1], predicate.german, subject.german, object_.german, predicate.german_rest)
            return _joined(adverb[0], english), german
        german = _joined(subject.german, predicate.german, adverb[1], object_.german, predicate.german_rest)
        return _joined(english, adverb[0]), german

    def _question(self) -> Pair:
        subject, verb, adverb = self._subject(), self.draw.choice(lexicon.VERBS), self._adverb(0.4)
        object_ = self._noun_phrase(verb.case, lexicon.PERSONS + lexicon.THINGS)
        predicate = self._predicate(verb, subject.plural)
        finite, rest = predicate.finite, predicate.rest
        if not rest:
            finite, rest = "do" if subject.plural else "does", verb.base
        german = _joined(predicate.german, subject.german, adverb[1], object_.german, predicate.german_rest)
        return _joined(finite, subject.english, rest, object_.english, adverb[0]), german

    def _adverb(self, probability: float) -> Pair:
        return self.draw.choice(lexicon.ADVERBS) if self.draw.random() < probability else ("", "")

    def _predicate(self, verb: Verb, plural: bool) -> Predicate:
        """Write a present, a modal with its infinitive, or a perfect."""
        kind = self.draw.random()
        infinitive = verb.prefix + verb.german_base
        if kind < 0.4:
            german = verb.german_base if plural else verb.german_third
            return Predicate(verb.base if plural else verb.third, "", german, verb.prefix, verb.prefix + german)
        if kind < 0.75:
            modal = self.draw.choice(lexicon.MODALS)
            german = modal[2 + plural]
            return Predicate(modal[plural], verb.base, german, infinitive, f"{infinitive} {german}")
        german = lexicon.AUXILIARIES[verb.auxiliary][plural]
        participle = verb.german_participle
        return Predicate("have" if plural else "has", verb.participle, german, participle, f"{participle} {german}")

    def _subject(self) -> Phrase:
        if self.draw.random() < 0.2:
            english, german, number = self.draw.choice(lexicon.PRONOUNS)
            return Phrase(english, german, number == "plural")
        return self._noun_phrase("nominative", lexicon.PERSONS)

    def _noun_phrase(self, case: str, nouns: list[Noun], within: bool = False) -> Phrase:
        """Write article or number, perhaps an adjective, and a noun.

        If not `within` another, perhaps a preposition's phrase follows.
        """
        noun, kind = self.draw.choice(nouns), self.draw.random()
        adjective = self.draw.choice(lexicon.ADJECTIVES) if self.draw.random() < 0.45 else None
        plural = kind >= 0.55
        gender = "plural" if plural else noun.gender
        if kind < 0.88:
            article = self.draw.choice(["the", "this", "my"] if plural else ["the", "a", "this", "my"])
            determiner = lexicon.ARTICLES[article][gender][case]
        else:
            article, determiner = lexicon.numeral(self.draw.randint(2, 99))
        english = _joined(adjective[0] if adjective else "", noun.english_plural if plural else noun.english)
        german = _joined(
            determiner,
            adjective[1] + ending(gender, case, article) if adjective else "",
            _declined(noun, case) if plural else noun.german,
        )
        english = f"{_english_article(article, english, plural)} {english}"
        if not within and self.draw.random() < 0.15:
            preposition = self.draw.choice(lexicon.PREPOSITIONS)
            other = self._noun_phrase(preposition[2], lexicon.PERSONS + lexicon.THINGS, within=True)
            english, german = f"{english} {preposition[0]} {other.english}", f"{german} {preposition[1]} {other.german}"
        return Phrase(english, german, plural)


def ending(gender: str, case: str, article: str) -> str:
    """Return an adjective's ending: strong after a number, weak after `the` and `this`, mixed after `a` and `my`."""
    if gender == "plural":
        return "en" if article in lexicon.ARTICLES or case == "dative" else "e"
    if case == "dative" or (gender, case) == ("m", "accusative"):
        return "en"
    return "e" if article in ("the", "this") else {"m": "er", "f": "e", "n": "es"}[gender]


def _declined(noun: Noun, case: str) -> str:
    """Return the plural of `noun`."""
    plural = noun.german_plural
    return f"{plural}n" if case == "dative" and plural[-1] not in "ns" else plural


def _english_article(article: str, following: str, plural: bool) -> str:
    match article:
        case "a":
            return "an" if following[0] in "aeiou" else "a"
        case "this":
            return "these" if plural else "this"
        case _:
            return article


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]

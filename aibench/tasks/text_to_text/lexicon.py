"""Lists the words of the embedded corpus, English and German, with all that is irregular. They were written for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noun:
    """Holds a noun in English and German.

    Attributes:
        gender: In German: `m`, `f` or `n`.
        english: Singular.
        english_plural: Plural.
        german: Singular; the same in all cases but the genitive, which does not occur.
        german_plural: Plural; the dative adds an n where it can.
    """

    gender: str
    english: str
    english_plural: str
    german: str
    german_plural: str


@dataclass(frozen=True, slots=True)
class Verb:
    """Holds a verb in English and German.

    Attributes:
        third: English, third person singular, present.
        base: English infinitive.
        participle: English past participle.
        german_third: German third person singular, present, without its prefix.
        german_base: German infinitive without its prefix, which is also the third person plural.
        german_participle: German past participle.
        case: The case of the object in German: `accusative` or `dative`.
        auxiliary: The auxiliary of the German perfect: `haben` or `sein`.
        prefix: Separable prefix, which the present leaves at the end of a main clause; may be empty.
    """

    third: str
    base: str
    participle: str
    german_third: str
    german_base: str
    german_participle: str
    case: str
    auxiliary: str
    prefix: str = ""


def _table(text: str) -> list[list[str]]:
    """Return the rows of a table that is written one below the other, its columns separated by white space."""
    return [line.split() for line in text.strip().splitlines()]


PERSONS = [
    Noun(*row)
    for row in _table("""
    m  man      men       Mann      Männer
    m  teacher  teachers  Lehrer    Lehrer
    m  friend   friends   Freund    Freunde
    m  king     kings     König     Könige
    m  dog      dogs      Hund      Hunde
    f  woman    women     Frau      Frauen
    f  doctor   doctors   Ärztin    Ärztinnen
    f  sister   sisters   Schwester Schwestern
    f  cat      cats      Katze     Katzen
    n  child    children  Kind      Kinder
    n  girl     girls     Mädchen   Mädchen
    n  horse    horses    Pferd     Pferde
    """)
]
THINGS = [
    Noun(*row)
    for row in _table("""
    m  table    tables    Tisch     Tische
    m  apple    apples    Apfel     Äpfel
    m  letter   letters   Brief     Briefe
    m  garden   gardens   Garten    Gärten
    m  tree     trees     Baum      Bäume
    f  city     cities    Stadt     Städte
    f  flower   flowers   Blume     Blumen
    f  door     doors     Tür       Türen
    f  lamp     lamps     Lampe     Lampen
    f  street   streets   Straße    Straßen
    n  house    houses    Haus      Häuser
    n  book     books     Buch      Bücher
    n  car      cars      Auto      Autos
    n  window   windows   Fenster   Fenster
    n  ship     ships     Schiff    Schiffe
    """)
]
ADJECTIVES = _table("""
    old alt
    new neu
    big groß
    small klein
    red rot
    green grün
    beautiful schön
    good gut
    young jung
    heavy schwer
    clean sauber
    cheap billig
    """)
VERBS = [
    Verb(*row)
    for row in _table("""
    sees    see    seen     sieht    sehen     gesehen    accusative  haben
    buys    buy    bought   kauft    kaufen    gekauft    accusative  haben
    finds   find   found    findet   finden    gefunden   accusative  haben
    loves   love   loved    liebt    lieben    geliebt    accusative  haben
    paints  paint  painted  malt     malen     gemalt     accusative  haben
    needs   need   needed   braucht  brauchen  gebraucht  accusative  haben
    carries carry  carried  trägt    tragen    getragen   accusative  haben
    sells   sell   sold     verkauft verkaufen verkauft   accusative  haben
    brings  bring  brought  bringt   bringen   gebracht   accusative  haben
    calls   call   called   ruft     rufen     angerufen  accusative  haben  an
    chooses choose chosen   sucht    suchen    ausgesucht accusative  haben  aus
    opens   open   opened   macht    machen    aufgemacht accusative  haben  auf
    helps   help   helped   hilft    helfen    geholfen   dative      haben
    trusts  trust  trusted  vertraut vertrauen vertraut   dative      haben
    follows follow followed folgt    folgen    gefolgt    dative      sein
    """)
]
AUXILIARIES = {"haben": ("hat", "haben"), "sein": ("ist", "sind")}  # singular and plural
# English with a singular and with a plural subject, German likewise; the infinitive follows.
MODALS = [
    ("can", "can", "kann", "können"),
    ("must", "must", "muss", "müssen"),
    ("may", "may", "darf", "dürfen"),
    ("will", "will", "wird", "werden"),
]
PRONOUNS = [("he", "er", "singular"), ("she", "sie", "singular"), ("we", "wir", "plural"), ("they", "sie", "plural")]
ADVERBS = [
    ("today", "heute"),
    ("tomorrow", "morgen"),
    ("now", "jetzt"),
    ("often", "oft"),
    ("here", "hier"),
    ("on Monday", "am Montag"),
]
PREPOSITIONS = [
    ("with", "mit", "dative"),
    ("near", "bei", "dative"),
    ("from", "von", "dative"),
    ("without", "ohne", "accusative"),
    ("for", "für", "accusative"),
    ("against", "gegen", "accusative"),
]
CONJUNCTIONS = [("because", "weil"), ("if", "wenn"), ("although", "obwohl")]
OPINIONS = [
    ("I know that", "ich weiß, dass"),
    ("he says that", "er sagt, dass"),
    ("she believes that", "sie glaubt, dass"),
    ("we hope that", "wir hoffen, dass"),
]

ARTICLES = {
    "the": {
        "m": {"nominative": "der", "accusative": "den", "dative": "dem"},
        "f": {"nominative": "die", "accusative": "die", "dative": "der"},
        "n": {"nominative": "das", "accusative": "das", "dative": "dem"},
        "plural": {"nominative": "die", "accusative": "die", "dative": "den"},
    },
    "this": {
        "m": {"nominative": "dieser", "accusative": "diesen", "dative": "diesem"},
        "f": {"nominative": "diese", "accusative": "diese", "dative": "dieser"},
        "n": {"nominative": "dieses", "accusative": "dieses", "dative": "diesem"},
        "plural": {"nominative": "diese", "accusative": "diese", "dative": "diesen"},
    },
    "a": {
        "m": {"nominative": "ein", "accusative": "einen", "dative": "einem"},
        "f": {"nominative": "eine", "accusative": "eine", "dative": "einer"},
        "n": {"nominative": "ein", "accusative": "ein", "dative": "einem"},
    },
    "my": {
        "m": {"nominative": "mein", "accusative": "meinen", "dative": "meinem"},
        "f": {"nominative": "meine", "accusative": "meine", "dative": "meiner"},
        "n": {"nominative": "mein", "accusative": "mein", "dative": "meinem"},
        "plural": {"nominative": "meine", "accusative": "meine", "dative": "meinen"},
    },
}

_UNITS = _table("""
    zero null
    one ein
    two zwei
    three drei
    four vier
    five fünf
    six sechs
    seven sieben
    eight acht
    nine neun
    ten zehn
    eleven elf
    twelve zwölf
    thirteen dreizehn
    fourteen vierzehn
    fifteen fünfzehn
    sixteen sechzehn
    seventeen siebzehn
    eighteen achtzehn
    nineteen neunzehn
    """)
_TENS = _table("""
    twenty zwanzig
    thirty dreißig
    forty vierzig
    fifty fünfzig
    sixty sechzig
    seventy siebzig
    eighty achtzig
    ninety neunzig
    """)


def numeral(number: int) -> tuple[str, str]:
    """Return `number`, 2 to 99, in English and in German, which says the units before the tens."""
    if number < 20:
        english, german = _UNITS[number]
        return english, german
    tens, units = _TENS[number // 10 - 2], _UNITS[number % 10]
    if number % 10 == 0:
        return tens[0], tens[1]
    return f"{tens[0]}-{units[0]}", f"{units[1]}und{tens[1]}"

"""Every resource that an attack may need beside its victim: where it comes from and whether it is here.

Word lists and tables are named below. The models (`similarity`, `masked_lm`, `fluency`) are added by
whoever loads them; to `attacks` they are only names. A part of a recipe says what it reads in its class
attribute `resources`, a recipe gathers that (`Recipe.resources`), and `problem` is what every check of
them has to say.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from attacks.errors import AttackError
from attacks.resources.pinned import OURS, Pinned, inspect

LEXICON = "lexicon"
VECTORS = "vectors"
TAGGER = "tagger"
INFLECTIONS = "inflections"
STOP_WORDS = "stop-words"
HOMOGLYPHS = "homoglyphs"
HOMOPHONES = "homophones"
MISSPELLINGS = "misspellings"
NAMES = "names"
ASIDES = "asides"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource and where the built-in one comes from.

    Attributes:
        name: as recipes name it.
        purpose: what attacks do with it.
        pinned: the files of the built-in one, and its rights.
        made_by: the script of the repository that makes it; empty where it is taken as it is.
        own: how users name their own; empty where they cannot.
    """

    name: str
    purpose: str
    pinned: Pinned
    made_by: str = ""
    own: str = ""


def _ours(
    name: str,
    purpose: str,
    about: str,
    licence: str,
    files: Mapping[str, str],
    made_by: str = "",
    own: str = "",
) -> Resource:
    """A table of this folder."""
    root, pins = "attacks/resources", MappingProxyType(dict(files))
    found = Pinned(name, OURS, "0.1.0", root, pins, about, licence)
    return Resource(name, purpose, found, made_by, own)


_RESOURCES = (
    _ours(
        LEXICON,
        "synonyms, antonyms, base forms",
        "WordNet 3.0 as a table of single words",
        "WordNet 3.0 licence (Princeton University)",
        {"wordnet.txt.gz": "d679bb795a40926479a1583c6b6f1c99c55da41f9823b46e1d78db392788e7fc"},
        "scripts/make_wordnet.py",
    ),
    _ours(
        VECTORS,
        "near words, cosines of words",
        "neighbours of 30,000 words by vectors of MiniLM, counter-fitted with WordNet",
        "Apache-2.0 (MiniLM), WordNet 3.0 licence",
        {
            "neighbours.safetensors.gz": (
                "ae0aab3cd5dfb7379533d4d03c427331dc0c4564f6d832a02ea4895c346e7064"
            )
        },
        "scripts/make_neighbours.py",
        "--resource vectors=FILE, in plans resources.vectors",
    ),
    Resource(
        TAGGER,
        "parts of speech",
        Pinned(
            TAGGER,
            "textblob",
            "0.20.1",
            "textblob/en",
            MappingProxyType(
                {
                    "en-lexicon.txt": (
                        "9545c71faf16e4461d0bff1d9948fe92b2cf94766af118a6c69c37b43363d5d2"
                    ),
                    "en-context.txt": (
                        "d78dc6807bdaacc8e69e3a3635ce2cee548a243eacce8aacbf1fe65093980131"
                    ),
                    "en-morphology.txt": (
                        "4032100aab324739d0f26fd32d13e2e0f58018066e9b76a0e4cd065bbfc0b248"
                    ),
                }
            ),
            "TextBlob's lexicon tagger for English",
            "MIT",
        ),
        own="--resource tagger=MODEL (spaCy), in plans resources.tagger",
    ),
    _ours(
        INFLECTIONS,
        "forms of words",
        "irregular forms from LemmInflect",
        "MIT",
        {"inflections.txt.gz": "ed4a353cfeb5c9ee35c911b6694044bbed73114a0671e4ff411b34c9a0d34770"},
        "scripts/make_inflections.py",
    ),
    _ours(
        STOP_WORDS,
        "words that are left alone",
        "the lists of NLTK and of TextFooler's code",
        "see attacks/resources/NOTICE.md",
        {
            "stopwords-nltk.txt": (
                "649e2341238138974f7fc014ba2c3655dc334605136791a9d1918a41fca86143"
            ),
            "stopwords-textfooler.txt": (
                "3abf257eaec45dd5ca518eb16e1cf8c10aa8ff83ef67856157941501257b6241"
            ),
        },
    ),
    _ours(
        HOMOGLYPHS,
        "characters that look alike",
        "confusables of Unicode Technical Standard 39",
        "MIT, Unicode License V3",
        {"homoglyphs.txt": "5171e9e6755ed928abda4862a9b5191b99df2f82c55e552e3497ec20a82c08c7"},
        "scripts/make_homoglyphs.py",
    ),
    _ours(
        MISSPELLINGS,
        "how people misspell words",
        "common misspellings, from nlpaug",
        "MIT",
        {"misspellings.txt.gz": "41f1eb29acc844c3bbef8abc65da43d53db0dd5465cee27c654dff769d183022"},
        "scripts/make_misspellings.py",
    ),
    _ours(
        HOMOPHONES,
        "words that sound alike",
        "our own list",
        "Apache-2.0",
        {"homophones.txt": "db3d99cca9e10714be2234977989643579589d5f6ad04a5b814b4ea2730c42df"},
    ),
    _ours(
        NAMES,
        "names of persons and places",
        "our own list",
        "Apache-2.0",
        {"names.txt": "c833b3023e18b80940c538aaa183c2db114f6620e400d6fdada52ef10175f394"},
    ),
    _ours(
        ASIDES,
        "sentences that are beside any point",
        "our own list",
        "Apache-2.0",
        {"asides.txt": "5d1b12d79d6bc8cb78db917f27a55afc840672ded7658fab0841a0e62043f159"},
    ),
)

RESOURCES: Mapping[str, Resource] = MappingProxyType({r.name: r for r in _RESOURCES})
"""The word lists and tables, by name."""


def identity(name: str) -> str:
    """What a built-in resource is called in a recipe's parameters: it changes with its files."""
    return ", ".join(f"{file}, sha256:{pin}" for file, pin in RESOURCES[name].pinned.files.items())


def problem(user: str, resource: Resource, detail: str) -> str:
    """The message for a resource that `user` ("The attack 'pwws'") needs and that cannot be used."""
    own = f" Or name your own: {resource.own}." if resource.own else ""
    return (
        f"{user} needs the resource '{resource.name}' ({resource.purpose}): "
        f"{detail.rstrip('.')}.{own}"
    )


def require(user: str, names: Iterable[str]) -> None:
    """Check those of the resources that are named here.

    Raises AttackError for one that is not installed, or not byte for byte what is pinned.
    """
    for name in names:
        if name in RESOURCES:
            found = inspect(RESOURCES[name].pinned)
            if found.state != "ok":
                raise AttackError(problem(user, RESOURCES[name], found.detail))


def read(name: str, file: str | None = None) -> bytes:
    """The bytes of a resource's file (its only one by default), unpacked where it is packed.

    Raises AttackError where it is not byte for byte what is pinned.
    """
    pinned = RESOURCES[name].pinned
    found = inspect(pinned)
    if found.path is None or found.state != "ok":
        raise AttackError(found.detail)
    file = file or next(iter(pinned.files))
    data = (found.path / file).read_bytes()
    return gzip.decompress(data) if file.endswith(".gz") else data

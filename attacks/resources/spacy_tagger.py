"""Parts of speech by a spaCy model of the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attacks.errors import AttackError

UNUSED = ("parser", "ner", "entity_linker", "lemmatizer")
"""Components that a tag does not depend on."""

_PENN = {"NOUN": "NN", "PROPN": "NNP", "VERB": "VB", "AUX": "VB", "ADJ": "JJ", "ADV": "RB"}
"""Penn Treebank tags for the universal ones of models that have no others."""


@dataclass(frozen=True, slots=True)
class SpacyTagger:
    """A spaCy model, compared by its files.

    Attributes:
        model: an installed package (`en_core_web_sm`) or a folder.
        folder: where its files lie.
        sha256: of the names and contents of all of them.
    """

    model: str = field(compare=False)
    folder: Path = field(compare=False)
    sha256: str

    @classmethod
    def named(cls, model: str) -> SpacyTagger:
        """Find the model and load it.

        Raises AttackError where spaCy is not installed, and where there is no such model or none that
        tags.
        """
        if find_spec("spacy") is None:
            raise AttackError(
                f"The tagger '{model}' is a spaCy model, and spaCy is not installed. Install it with: "
                "pip install spacy"
            )
        folder = Path(model).expanduser()
        if not folder.is_dir():
            found = find_spec(model) if model.isidentifier() else None
            places = list(found.submodule_search_locations or ()) if found else []
            if not places:
                raise AttackError(
                    f"There is no spaCy model '{model}', neither as a folder nor as an installed "
                    f"package. Install it with: python -m spacy download {model}"
                )
            folder = Path(places[0])
        found_here = cls(folder.name, folder, _digest(folder))
        found_here.tags(("word",))
        return found_here

    @property
    def identity(self) -> str:
        """See `attacks.resources.own.Exchangeable.identity`."""
        return f"spaCy {self.model}, sha256:{self.sha256}"

    def tags(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """One Penn Treebank tag a word."""
        return _tags(self, words)


@lru_cache(maxsize=2**15)
def _tags(tagger: SpacyTagger, words: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(
        token.tag_ or _PENN.get(token.pos_, token.pos_) for token in _pipeline(tagger)(words)
    )
    if words and not any(found):
        raise AttackError(
            f"The spaCy model {tagger.model} gives no parts of speech. Name one with a tagger."
        )
    return found


@lru_cache(maxsize=2)
def _pipeline(tagger: SpacyTagger) -> Callable[[tuple[str, ...]], Any]:
    """A function from words to a document of as many tokens."""
    try:
        spacy, documents = import_module("spacy"), import_module("spacy.tokens")
        pipeline = spacy.load(_loadable(tagger.folder), exclude=list(UNUSED))
    except (OSError, ValueError, ImportError) as error:
        raise AttackError(f"The spaCy model {tagger.model} cannot be loaded: {error}") from error
    return lambda words: pipeline(documents.Doc(pipeline.vocab, words=list(words)))


def _loadable(folder: Path) -> Path:
    """The folder with the configuration; a package keeps it in one that is named after its version."""
    inside = [path.parent for path in sorted(folder.glob("*/config.cfg"))]
    return folder if (folder / "config.cfg").is_file() or not inside else inside[0]


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder).as_posix()}\x00".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

"""Record what TextAttack 0.3.11 does, as the oracle of tests/attacks/test_against_textattack.py.

    python scripts/record_textattack.py NLTK_DATA > tests/attacks/textattack-0.3.11.json

Needs an environment with `pip install --no-deps textattack==0.3.11` and what it imports, except flair,
whose three names are stood in for here. NLTK_DATA holds corpora/wordnet: the files of Debian's
`wordnet-base` 1:3.0-37, `index.sense` of `wordnet-sense-index`, and `lexnames`.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

WORDS = ["film", "Wonderful", "aab", "a", "it's", "well-made", "naïve", "GREAT", "oo", "x3"]
SYNONYM_WORDS = [
    *("good", "movie", "loved", "went", "boring", "quickly", "children", "better", "funny"),
    *("disappointing", "masterpieces", "acted", "unfortunately", "geese", "running", "worst"),
]
TEXTS = [
    ("a fine film", "a fine film"),
    ("a fine film", "a fnie film"),
    ("The plot is thin.", "Teh plto si thni."),
    ("kitten", "sitting"),
    ("", "abc"),
    ("naïve café", "naive cafe"),
    ("one two three four five six seven", "two one four three six five seven"),
    ("the quick brown fox jumps over the lazy dog", "a slow red hen sits under some busy cat"),
]
DRAWS = 4000


def stand_in_for_flair() -> None:
    """TextAttack imports these names at its start and uses none of them here."""
    for name, members in {
        "flair": (),
        "flair.data": ("Sentence", "Tokenizer"),
        "flair.models": ("SequenceTagger",),
    }.items():
        module = types.ModuleType(name)
        for member in members:
            setattr(module, member, type(member, (), {}))
        sys.modules[name] = module
    flair: Any = sys.modules["flair"]
    flair.data, flair.models, flair.device = (
        sys.modules["flair.data"],
        sys.modules["flair.models"],
        None,
    )


def character_edits() -> dict[str, dict[str, list[str]]]:
    """Every rewrite that many draws of each character edit came to, less the word itself.

    With two letters to draw from, so that the sets are small enough to be complete.
    """
    from textattack import transformations as t

    edits = {
        "SwapAdjacent": t.WordSwapNeighboringCharacterSwap(),
        "SubstituteLetter": t.WordSwapRandomCharacterSubstitution(letters_to_insert="qZ"),
        "DeleteLetter": t.WordSwapRandomCharacterDeletion(),
        "InsertLetter": t.WordSwapRandomCharacterInsertion(letters_to_insert="qZ"),
    }
    inner: dict[str, Any] = {"random_one": False, "skip_first_char": True, "skip_last_char": True}
    edits |= {
        "SwapAdjacent, every inner": t.WordSwapNeighboringCharacterSwap(**inner),
        "DeleteLetter, every inner": t.WordSwapRandomCharacterDeletion(**inner),
        "InsertLetter, every inner": t.WordSwapRandomCharacterInsertion(
            letters_to_insert="qZ", **inner
        ),
        "NeighbouringKey, every inner": t.WordSwapQWERTY(**inner),
    }
    return {
        name: {
            word: sorted(
                {r for _ in range(DRAWS) for r in edit._get_replacement_words(word)} - {word}
            )
            for word in WORDS
        }
        for name, edit in edits.items()
    }


def edit_distances() -> list[dict[str, Any]]:
    """The least limit that TextAttack's constraint accepts, by trying them."""
    from textattack.constraints.overlap import LevenshteinEditDistance
    from textattack.shared import AttackedText

    found = []
    for before, after in TEXTS:
        texts = AttackedText(after), AttackedText(before)
        least = next(n for n in range(100) if LevenshteinEditDistance(n)._check_constraint(*texts))
        found.append({"before": before, "after": after, "distance": least})
    return found


def synonyms(nltk_data: Path) -> dict[str, list[str]]:
    """What `WordSwapWordNet` proposes. Its constructor downloads; the method alone needs none."""
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader
    from textattack.transformations.word_swaps import word_swap_wordnet

    nltk.data.path[:] = [str(nltk_data)]
    word_swap_wordnet.wordnet = WordNetCorpusReader(str(nltk_data / "corpora" / "wordnet"), None)
    swap = word_swap_wordnet.WordSwapWordNet.__new__(word_swap_wordnet.WordSwapWordNet)
    swap.language = "eng"
    return {word: sorted(swap._get_replacement_words(word)) for word in SYNONYM_WORDS}


def main(nltk_data: Path) -> None:
    stand_in_for_flair()
    facts = {
        "character_edits": character_edits(),
        "edit_distances": edit_distances(),
        "synonyms": synonyms(nltk_data),
    }
    print(json.dumps(facts, indent=1, ensure_ascii=True, sort_keys=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

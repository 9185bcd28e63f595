"""Words that carry grammar rather than meaning, as the published attacks listed them."""

from __future__ import annotations

from functools import lru_cache

from attacks.errors import unknown_name
from attacks.resources.registry import STOP_WORDS, read

LISTS = {
    # nltk.corpus.stopwords.words("english") as of NLTK 3.4 to 3.8, 179 words.
    "nltk": "stopwords-nltk.txt",
    # `get_stopwords` in criteria.py of github.com/jind11/TextFooler, 266 words.
    "textfooler": "stopwords-textfooler.txt",
}


@lru_cache(maxsize=len(LISTS))
def stopwords(name: str) -> frozenset[str]:
    """The list called `name`, in small letters. Raises AttackError for a list that does not exist."""
    if name not in LISTS:
        raise unknown_name("list of stop words", name, LISTS)
    return frozenset(read(STOP_WORDS, LISTS[name]).decode("ascii").split())

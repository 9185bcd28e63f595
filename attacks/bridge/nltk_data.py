"""NLTK's data, as far as TextAttack cannot even be imported without it."""

from __future__ import annotations

import atexit
import tempfile
from functools import lru_cache
from pathlib import Path

from attacks.resources.stopwords import stopwords


def has(name: str) -> bool:
    """Whether NLTK finds a resource, unpacked or not."""
    import nltk

    for candidate in (name, f"{name}.zip"):
        try:
            nltk.data.find(candidate)
        except LookupError:
            continue
        return True
    return False


@lru_cache(maxsize=1)
def provide_stopwords() -> bool:
    """Let NLTK find English stop words; whether they are ours, because there are no others."""
    import nltk

    if has("corpora/stopwords"):
        return False
    folder = tempfile.TemporaryDirectory(prefix="withstand-nltk-")
    atexit.register(folder.cleanup)
    place = Path(folder.name) / "corpora" / "stopwords"
    place.mkdir(parents=True)
    (place / "english").write_text("\n".join(sorted(stopwords("nltk"))) + "\n", encoding="utf-8")
    nltk.data.path.append(folder.name)
    return True

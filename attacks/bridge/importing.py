"""Importing TextAttack without what its import does to a process and a machine.

Its import downloads NLTK data, writes a mark that it did, disables every logger that is there, and needs
flair for three names that hardly any attack uses.
"""

from __future__ import annotations

import logging
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attacks.bridge.nltk_data import provide_stopwords
from attacks.errors import AttackError

FLAIR = {"flair": (), "flair.data": ("Sentence", "Tokenizer"), "flair.models": ("SequenceTagger",)}
"""What TextAttack 0.3.11 imports of flair, by module."""


@lru_cache(maxsize=1)
def textattack() -> Any:
    """The package. Raises AttackError where it or what it imports is not installed."""
    if find_spec("textattack") is None:
        raise AttackError(
            "TextAttack is not installed. Install it with `pip install withstand[textattack]`, or "
            "beside transformers 5 with `pip install -r requirements-textattack.txt` and `pip install "
            "--no-deps textattack==0.3.11`."
        )
    if find_spec("flair") is None:
        _stand_in_for_flair()
    try:
        provide_stopwords()
        with _loggers_kept(), _marks_kept(), quiet():
            import textattack as package
    except ImportError as error:
        raise AttackError(
            f"TextAttack cannot be imported: {error}. Its dependencies are listed in "
            "requirements-textattack.txt."
        ) from error
    return package


@contextmanager
def quiet() -> Iterator[None]:
    """No downloads by NLTK, which TextAttack starts unasked, and no log lines but of errors."""
    import nltk

    download, disabled = nltk.download, logging.root.manager.disable
    nltk.download = lambda *args, **kwargs: False
    # Not by the level of its logger, which its import sets.
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        nltk.download = download
        logging.disable(disabled)


@contextmanager
def _loggers_kept() -> Iterator[None]:
    """Its import calls `logging.config.dictConfig`, which disables what loggers there are."""
    loggers = [x for x in logging.root.manager.loggerDict.values() if isinstance(x, logging.Logger)]
    before = {logger: logger.disabled for logger in loggers}
    try:
        yield
    finally:
        for logger, disabled in before.items():
            logger.disabled = disabled


@contextmanager
def _marks_kept() -> Iterator[None]:
    """Its import notes that NLTK's data were downloaded; they were not, so the note must not stay."""
    folder = os.environ.get("TA_CACHE_DIR") or Path.home() / ".cache" / "textattack"
    mark = Path(folder) / "post_install_check_3"
    there = mark.exists()
    try:
        yield
    finally:
        if not there:
            mark.unlink(missing_ok=True)


def _stand_in_for_flair() -> None:
    """The names that are imported of flair; whoever calls one is told what is missing."""

    def missing(*args: Any, **kwargs: Any) -> Any:
        raise AttackError("This TextAttack attack needs flair: `pip install flair`.")

    modules: dict[str, Any] = {name: types.ModuleType(name) for name in FLAIR}
    for name, members in FLAIR.items():
        for member in members:
            made = type(member, (), {"__init__": missing, "load": staticmethod(missing)})
            setattr(modules[name], member, made)
    flair = modules["flair"]
    flair.data, flair.models, flair.device = modules["flair.data"], modules["flair.models"], None
    sys.modules.update(modules)

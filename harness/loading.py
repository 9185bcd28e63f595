"""What transformers loads: quietly, from safetensors alone, with errors that say what and where.

It works with transformers 4.57 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, reason_of


def load_tokenizer(folder: Path, trust_remote_code: bool) -> Any:
    """The tokenizer of a folder. Raises HarnessError where it cannot be loaded."""
    from transformers import AutoTokenizer

    with quiet(), _explained(folder, "The tokenizer"):
        return AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=trust_remote_code
        )


def from_pretrained(
    auto: str, folder: Path, trust_remote_code: bool, **options: Any
) -> tuple[Any, set[str]]:
    """A model in float32, and the names of those of its weights that no file had.

    Raises HarnessError where it cannot be loaded.
    """
    import torch
    import transformers

    with quiet(), _explained(folder, "The model"):
        model, info = getattr(transformers, auto).from_pretrained(
            str(folder),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            dtype=torch.float32,
            output_loading_info=True,
            **options,
        )
    return model, set(info["missing_keys"])


@contextmanager
def _explained(folder: Path, what: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
        raise HarnessError(f"{what} in {folder} cannot be loaded: {reason_of(error)}.") from error
    except SafetensorError as error:
        raise HarnessError(f"{what} in {folder} cannot be loaded: {error}.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """No load report and no bars from transformers; its settings are put back afterwards."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()

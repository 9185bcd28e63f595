"""What a launcher (`torchrun`, `accelerate launch`) says in the environment. Imports no torch."""

from __future__ import annotations

import os


def launched() -> int:
    """How many processes a launcher started for this command."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1

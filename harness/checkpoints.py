"""The work folder of a training: sealed checkpoints and the history; a kill loses one epoch at most."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.plan import Selection
from harness.selection import EpochRecord, may_win
from reports.storage import write_atomic

SEAL = "complete.json"
FORMAT = 1
WEIGHTS = (".safetensors", ".safetensors.index.json", "config.json")
"""What remains of an older checkpoint that may still be chosen."""


@dataclass(frozen=True)
class WorkFolder:
    """Files of one training under `path`.

    Attributes:
        identity: digest of the settings, the data and the starting weights.
    """

    path: Path
    identity: str

    @property
    def checkpoints(self) -> Path:
        """Where the Trainer saves."""
        return self.path / "checkpoints"

    @property
    def attacks(self) -> Path:
        """Where attack-generated rows are kept."""
        return self.path / "attacks"

    def start(self, *, resume: bool) -> list[EpochRecord]:
        """Prepare the folder; the history of the epochs that need not be trained again.

        Without `resume`, what an earlier training left here is removed. Raises HarnessError where it
        was made with other settings, data or weights.
        """
        if not resume or not self._history.exists():
            for folder in (self.checkpoints, self.attacks):
                shutil.rmtree(folder, ignore_errors=not folder.exists())
            self.path.mkdir(parents=True, exist_ok=True)
            self.write_history([])
            return []
        found = json.loads(self._history.read_text(encoding="utf-8"))
        if found["format"] != FORMAT or found["identity"] != self.identity:
            raise HarnessError(
                f"The training in {self.path} was started with other settings, data or weights; it "
                "cannot be resumed with these. Start anew, or restore the plan it was started with."
            )
        history = [EpochRecord.from_dict(item) for item in found["epochs"]]
        last = self.last()
        for folder in self.checkpoints.glob("checkpoint-*"):
            if not _sealed(folder):
                shutil.rmtree(folder)
        kept = [record for record in history if last is not None and record.step <= _step(last)]
        self.write_history(kept)
        return kept

    def write_history(self, history: Sequence[EpochRecord]) -> None:
        """Replace the history on disk."""
        content = {
            "format": FORMAT,
            "identity": self.identity,
            "epochs": [record.to_dict() for record in history],
        }
        write_atomic(self._history, json.dumps(content, indent=1) + "\n")

    def last(self) -> Path | None:
        """The latest complete checkpoint."""
        sealed = [folder for folder in self.checkpoints.glob("checkpoint-*") if _sealed(folder)]
        return max(sealed, key=_step, default=None)

    def of(self, record: EpochRecord) -> Path:
        """The checkpoint saved after an epoch."""
        return self.checkpoints / f"checkpoint-{record.step}"

    def seal(self, step: int) -> None:
        """Declare the checkpoint of `step` complete: all of it is on disk from here on."""
        folder = self.checkpoints / f"checkpoint-{step}"
        # A pickle that nothing here ever reads.
        (folder / "training_args.bin").unlink(missing_ok=True)
        sizes: dict[str, int] = {}
        for file in sorted(folder.iterdir()):
            if file.name == SEAL:
                continue
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
            sizes[file.name] = file.stat().st_size
        content: dict[str, Any] = {"format": FORMAT, "step": step, "files": sizes}
        write_atomic(folder / SEAL, json.dumps(content, indent=1) + "\n")

    def prune(self, history: Sequence[EpochRecord], selection: Selection) -> None:
        """Remove what can neither be resumed from nor chosen any more."""
        for place, record in enumerate(history[:-1]):
            folder = self.of(record)
            if not folder.exists():
                continue
            if not may_win(place, history, selection):
                shutil.rmtree(folder)
                continue
            (folder / SEAL).unlink(missing_ok=True)
            for file in folder.iterdir():
                if not file.name.endswith(WEIGHTS):
                    file.unlink()

    @property
    def _history(self) -> Path:
        return self.path / "history.json"


def _sealed(folder: Path) -> bool:
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in seal["files"]}
    except (OSError, ValueError, KeyError):
        return False
    return bool(sizes == seal["files"])


def _step(folder: Path) -> int:
    return int(folder.name.rsplit("-", 1)[1])

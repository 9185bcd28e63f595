"""The work folder of a training: sealed checkpoints and the history; a kill loses one epoch at most."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.selection import EpochRecord, may_win
from harness.training_plan import Selection
from reports.storage import write_atomic

SEAL = "complete.json"
FORMAT = 1
MEMORY = "objective"
"""How the files begin with what objectives remember from batch to batch, one of each process."""
TRAINED = "trained.safetensors"
"""The weights that are trained, where an adapter stands between the others."""
AVERAGE = "average.safetensors"
"""The average of the weights, where one is kept."""
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

    @property
    def answers(self) -> Path:
        """Where the starting model's answers are kept."""
        return self.path / "answers.safetensors"

    def start(self, *, resume: bool) -> list[EpochRecord]:
        """Prepare the folder; the history of the epochs that need not be trained again.

        Without `resume`, what an earlier training left here is removed. Raises HarnessError where it
        was made with other settings, data or weights.
        """
        if not resume or not self._history.exists():
            for folder in (self.checkpoints, self.attacks):
                shutil.rmtree(folder, ignore_errors=not folder.exists())
            self.answers.unlink(missing_ok=True)
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
        kept = [record for record in history if last is not None and record.step <= _step(last)]
        self.write_history(kept)
        steps = {record.step for record in kept}
        for folder in self.checkpoints.glob("checkpoint-*"):
            if _step(folder) not in steps or _seal(folder) is None:
                shutil.rmtree(folder)
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
        """The latest checkpoint that training can go on from."""
        found = [
            folder
            for folder in self.checkpoints.glob("checkpoint-*")
            if (seal := _seal(folder)) and seal["resumable"]
        ]
        return max(found, key=_step, default=None)

    def of(self, record: EpochRecord) -> Path:
        """The checkpoint saved after an epoch."""
        return self.checkpoints / f"checkpoint-{record.step}"

    def seal(self, step: int) -> None:
        """Declare the checkpoint of `step` complete: all of it is on disk from here on."""
        folder = self.checkpoints / f"checkpoint-{step}"
        # A pickle that nothing here ever reads.
        (folder / "training_args.bin").unlink(missing_ok=True)
        files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != SEAL]
        for file in files:
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        _write_seal(folder, files, resumable=True)

    def prune(self, history: Sequence[EpochRecord], selection: Selection) -> None:
        """Remove what can neither be resumed from nor chosen any more."""
        for place, record in enumerate(history[:-1]):
            folder = self.of(record)
            if not folder.exists():
                continue
            if not may_win(place, history, selection):
                shutil.rmtree(folder)
                continue
            files = sorted(folder.iterdir())
            weights = [
                file
                for file in files
                if file.name.endswith(WEIGHTS) and not file.name.startswith(MEMORY)
            ]
            _write_seal(folder, weights, resumable=False)
            for file in files:
                if file.is_dir():  # what each process keeps of divided weights
                    shutil.rmtree(file)
                elif file not in weights and file.name != SEAL:
                    file.unlink()

    @property
    def _history(self) -> Path:
        return self.path / "history.json"


def memory_of(checkpoint: Path, rank: int) -> Path:
    """Where a process keeps what its objectives remember."""
    return checkpoint / f"{MEMORY}-{rank}.safetensors"


def write_tensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """Put tensors by name, if there are any, into a file of their own."""
    from safetensors.torch import save_file

    if tensors:
        save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, path)


def read_tensors(path: Path, device: Any) -> dict[str, Any]:
    """What `write_tensors` put there; nothing where there was nothing."""
    from safetensors.torch import load_file

    # safetensors knows no "cpu:0", which is how accelerate names it to several processes.
    where = str(device).replace("cpu:0", "cpu")
    return load_file(path, device=where) if path.exists() else {}


def _write_seal(folder: Path, files: Sequence[Path], *, resumable: bool) -> None:
    content = {
        "format": FORMAT,
        "resumable": resumable,
        "files": {str(file.relative_to(folder)): file.stat().st_size for file in files},
    }
    write_atomic(folder / SEAL, json.dumps(content, indent=1) + "\n")


def _seal(folder: Path) -> dict[str, Any] | None:
    """What the seal says; None where there is none or a file is not as it says."""
    try:
        seal: dict[str, Any] = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in seal["files"]}
    except (OSError, ValueError, KeyError):
        return None
    return seal if sizes == seal["files"] else None


def _step(folder: Path) -> int:
    return int(folder.name.rsplit("-", 1)[1])

"""Folders with an adapter: what `peft` saved, or a model with an adapter that stays in it.

They hold adapter_config.json and adapter_model.safetensors in the place of config.json and weights. The
base model lies in the sub-folder `base`, or the configuration names it. Nothing that the configuration
says is imported or run: of its values those that are used are checked here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import HarnessError, did_you_mean, in_words
from harness.training_plan import AdapterMethod

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
BASE = "base"
"""The sub-folder with the base model."""
PROMPT = "prompt_embeddings"
"""What peft calls the tensor of virtual tokens."""
BOTTLENECK = "BOTTLENECK"
"""Ours, which peft does not know."""
VIRTUAL: dict[str, Literal["prompt", "prefix"]] = {
    "PROMPT_TUNING": "prompt",
    "P_TUNING": "prompt",
    "PREFIX_TUNING": "prefix",
}
"""By peft's name: how its virtual tokens go in. Of P-tuning's encoder what it gives is saved."""
MERGED = ("LORA", "IA3", "ADALORA", "LOHA", "LOKR", "OFT", "HRA", "VERA")
"""Adapters that are added to the base model's weights."""
TASK = "SEQ_CLS"
_PICKLED = "adapter_model.bin"
_HEADS = ("classifier", "score", "out_proj", "classification_head")


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """What a folder with an adapter says of it.

    Attributes:
        folder: where it lies.
        method: peft's name of it, or `BOTTLENECK`.
        settings: its adapter_config.json.
        base: what the base model is: a folder or a Hugging Face id.
        own_base: whether the base is the folder's own, in a sub-folder.
        tokens: virtual tokens, which take positions away from the text (0 without).
        classes: width of the head among the adapter's weights (0 where it brings none).
    """

    folder: Path
    method: str
    settings: Mapping[str, Any]
    base: str
    own_base: bool
    tokens: int
    classes: int

    @property
    def merged(self) -> bool:
        """Whether it is added to the weights of its base, and gone then."""
        return self.method in MERGED

    @property
    def kept(self) -> AdapterMethod | None:
        """As which method it stays in the model; None where it is merged."""
        return "bottleneck" if self.method == BOTTLENECK else VIRTUAL.get(self.method)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter.

    Raises HarnessError where it holds a whole model as well: transformers would look away from that, and
    load the base that the adapter names.
    """
    found = (folder / CONFIG).is_file()
    whole = (folder / "config.json").is_file() and any(folder.glob("model*.safetensors*"))
    if found and whole:
        raise HarnessError(
            f"{folder} holds a whole model and an adapter ({CONFIG}). Move one of them to a folder of "
            "its own, so that it is plain which is meant."
        )
    return found


def require_whole(folder: Path) -> None:
    """Raise HarnessError where a folder holds an adapter: only classifiers are made of one."""
    if is_adapter(folder):
        raise HarnessError(
            f"{folder} holds an adapter, of which only classifiers are made here. Merge the two first "
            "(peft: model.merge_and_unload()) and save the result, or name its base model."
        )


def read_adapter(folder: Path, *, weights: bool = True) -> AdapterFiles:
    """What a folder with an adapter holds.

    Args:
        weights: whether the adapter's weights have to be there already; without them `classes` is 0.

    Raises HarnessError where it cannot be read, is for another task, of a method that is not known here,
    names no base, or has pickled weights, none, or others than its configuration says.
    """
    path = folder / CONFIG
    settings = _json(path)
    method = _text(path, settings, "peft_type").upper()
    known = (*MERGED, *VIRTUAL, BOTTLENECK)
    if method not in known:
        raise HarnessError(
            f"{path}: peft_type is '{method}', and adapters of that kind are not loaded here."
            f"{did_you_mean(method, known)} Allowed: {in_words(known)}. One that can be merged may be "
            "merged and saved by peft first (model.merge_and_unload())."
        )
    task = settings.get("task_type")
    if task != TASK:
        raise HarnessError(
            f"{path}: task_type is {task!r:.60}, and only an adapter for {TASK} makes a classifier."
        )
    if settings.get("megatron_config") is not None:
        raise HarnessError(f"{path}: megatron_config names code to import, which is not done.")
    own = (folder / BASE / "config.json").is_file()
    base = str(folder / BASE) if own else _text(path, settings, "base_model_name_or_path")
    shapes = _shapes(folder) if weights or (folder / WEIGHTS).is_file() else {}
    tokens = 0
    if method in VIRTUAL:
        tokens = _number(path, settings, "num_virtual_tokens")
        if shapes and (len(shapes.get(PROMPT, ())) != 2 or shapes[PROMPT][0] != tokens):
            raise HarnessError(
                f"{path}: num_virtual_tokens is {tokens:,}, and the shape of '{PROMPT}' in {WEIGHTS} is "
                f"{shapes.get(PROMPT, 'missing')}."
            )
    return AdapterFiles(folder, method, settings, base, own, tokens, _classes(shapes))


def positive(adapter: AdapterFiles, key: str) -> int:
    """A whole number above 0 of the configuration. Raises HarnessError for anything else."""
    return _number(adapter.folder / CONFIG, adapter.settings, key)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise HarnessError(f"{path} cannot be read: {error}.") from None
    if not isinstance(found, dict):
        raise HarnessError(f"{path} is no JSON object.")
    return found


def _text(path: Path, settings: Mapping[str, Any], key: str) -> str:
    value = settings.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 1000 or not value.isprintable():
        shown = "is missing" if value in (None, "") else f"is {value!r:.60}"
        hint = ""
        if key == "base_model_name_or_path":
            hint = (
                f" Put the base model into the sub-folder '{BASE}', or name its folder or id there."
            )
        raise HarnessError(f"{path}: {key} {shown}, and has to be a name.{hint}")
    return value


def _number(path: Path, settings: Mapping[str, Any], key: str) -> int:
    value = settings.get(key)
    if type(value) is not int or not 0 < value < 2**31:
        raise HarnessError(f"{path}: {key} is {value!r:.60}, and has to be a whole number above 0.")
    return value


def _shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the adapter's tensors by name, from the header of their file."""
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS
    if not path.is_file():
        if (folder / _PICKLED).exists():
            raise HarnessError(
                f"{folder} has its adapter in {_PICKLED} alone: a pickled checkpoint, which can run any "
                f"code when it is opened, so it is never loaded. Save it as {WEIGHTS} (peft: "
                "model.save_pretrained(...))."
            )
        raise HarnessError(f"{folder} has no {WEIGHTS}. Save the adapter there again.")
    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            found = {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError) as error:
        raise HarnessError(f"{path} is damaged or cut off: {error}. Copy it again.") from None
    if not found:
        raise HarnessError(f"{path} holds no weights.")
    return found


def _classes(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Width of the head among them; of a head of several layers the last is called by its place."""
    heads = {
        name.split(".")[-2]: shape[0]
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 2 and name.split(".")[-2] in _HEADS
    }
    return next((heads[name] for name in reversed(_HEADS) if name in heads), 0)

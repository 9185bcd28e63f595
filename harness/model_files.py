"""Model folders, looked at before any weight is loaded.

Only safetensors count as weights: a pickled checkpoint can run any code when it is opened, so it is
refused, with the one safe way to convert it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from harness import bundles
from harness.adapter_files import BASE, CONFIG, WEIGHTS, AdapterFiles, is_adapter
from harness.errors import HarnessError, did_you_mean, in_words, reason_of

ModelKind = Literal["bundle", "folder", "hub"]

_HUB = re.compile(r"[\w.-]+(?:/[\w.-]+)?(?:@[\w./-]+)?")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
_OTHER_WEIGHTS = ("*.h5", "*.msgpack", "*.onnx", "*.gguf")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.spm", "*.tiktoken")
# Those whose configuration calls the number of positions otherwise (T5's "n_positions" is no limit).
_OLD_NAMES = ("codegen", "ctrl", "gpt2", "gpt_bigcode", "gptj", "openai-gpt")
# What decides a model's outputs; a README or a training log beside it does not.
_MATERIAL = (
    "config.json",
    CONFIG,
    "*.safetensors",
    "*.safetensors.index.json",
    *_TOKENIZERS,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "*.py",
)
# Embedding tables of these start counting behind the padding index.
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "longformer", "mpnet", "xmod")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model's files are.

    Attributes:
        spec: what the user wrote.
        kind: a bundle, a local folder or a Hugging Face id.
        location: a folder, or the id without its revision.
        revision: branch, tag or commit behind the @ of a hub id.
    """

    spec: str
    kind: ModelKind
    location: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the files of a model say without its weights being loaded.

    Attributes:
        folder: where the files lie.
        model_type: the architecture's name in transformers.
        classifier: whether the weights have a classification head.
        labels: its label names by number; None where it has no head, or names nothing ("LABEL_0").
        classes: width of the head (0 without one).
        writer: whether it is an encoder-decoder that writes text (T5, BART, Marian, ...).
        causal: whether it is a causal language model (GPT-2, Llama, ...).
        longest: longest input in tokens, None where the architecture has no limit.
        adapter: what stands in `folder`, where that is no whole model.
        base: folder of the model that the adapter is for.
    """

    folder: Path
    model_type: str
    classifier: bool
    labels: tuple[str, ...] | None
    classes: int
    longest: int | None
    writer: bool = False
    causal: bool = False
    adapter: AdapterFiles | None = None
    base: Path | None = None


def resolve(spec: str) -> ModelSource:
    """Tell a bundle, a folder and a Hugging Face id apart; nothing is fetched.

    A hub id may end in `@` and a branch, tag or commit. Raises HarnessError for an unknown bundle, a
    path at which there is no folder, and a name that is none of the three.
    """
    if spec.startswith(bundles.PREFIX):
        return ModelSource(spec, "bundle", bundles.bundle(spec).name)
    path = Path(spec).expanduser()
    if path.is_dir():
        return ModelSource(spec, "folder", str(path))
    if path.exists():
        raise HarnessError(f"{spec} is a file; a model is a folder with config.json and weights.")
    beside = path.parent if path.parent != Path() else None
    looks_local = spec.startswith((".", "/", "~")) or (beside is not None and beside.is_dir())
    if looks_local or not _HUB.fullmatch(spec):
        folders = [item.name for item in _listing(path.parent) if item.is_dir()]
        raise HarnessError(f"There is no model folder at {spec}.{did_you_mean(path.name, folders)}")
    location, _, revision = spec.partition("@")
    return ModelSource(spec, "hub", location, revision or None)


def fetch(source: ModelSource, *, weights: bool, trust_remote_code: bool = False) -> Path:
    """The folder with a model's files: verified for a bundle, downloaded once for a hub id.

    Without `weights` a hub id's small files alone are fetched. Pickled files never are.
    Raises HarnessError where a bundle is not installed or a hub id cannot be had.
    """
    if source.kind == "bundle":
        return bundles.locate(source.location, "model")
    if source.kind == "folder":
        return Path(source.location)
    from huggingface_hub import snapshot_download

    # An adapter is small, and its weights say what head it brings.
    wanted = ["*.json", "*.txt", "*.model", "*.spm", "*.tiktoken", "*.jinja", WEIGHTS]
    wanted += ["*.safetensors"] if weights else []
    wanted += ["*.py"] if trust_remote_code else []
    try:
        # Weights in sub-folders are copies in other formats (onnx/, openvino/): the root is what loads.
        folder = snapshot_download(
            source.location,
            revision=source.revision,
            allow_patterns=wanted,
            ignore_patterns=["*/*.safetensors"],
        )
        if weights and is_adapter(Path(folder)) and (Path(folder) / BASE).is_dir():
            folder = snapshot_download(
                source.location,
                revision=source.revision,
                allow_patterns=[*wanted, f"{BASE}/*.safetensors"],
            )
    except HarnessError:
        raise
    except Exception as error:  # every kind of network and naming trouble the hub client has
        raise HarnessError(
            f"'{source.spec}' is no folder here, and as a Hugging Face id it cannot be fetched: "
            f"{reason_of(error)}."
        ) from None
    return Path(folder)


def check_model_folder(
    folder: Path,
    *,
    classify: bool = True,
    trust_remote_code: bool = False,
    weights: bool = True,
    tokenizer: bool = True,
) -> ModelFacts:
    """Check that a folder holds a model that can be loaded safely, and say what it is.

    Args:
        classify: whether the architecture has to have a sequence classifier.
        weights: whether the weights have to be there already.
        tokenizer: whether there has to be a tokenizer.

    Raises HarnessError for a folder without a configuration, weights or tokenizer, with pickled weights
    alone, with damaged or missing shards, with an architecture that this transformers does not know, and
    with one that runs code of its own (unless that is trusted). Of a folder with an adapter all that
    goes for its base model; see also `adapter_models.adapter_facts`.
    """
    if is_adapter(folder):
        from harness.adapter_models import adapter_facts

        return adapter_facts(folder, trust_remote_code=trust_remote_code, weights=weights)
    config = _config(folder)
    model_type = _architecture(folder, config, classify, trust_remote_code)
    if weights:
        _check_weights(folder)
    if tokenizer and not _matching(folder, _TOKENIZERS):
        raise HarnessError(
            f"{folder} has no tokenizer (none of {in_words(_TOKENIZERS)}). Save it there with "
            "tokenizer.save_pretrained(...)."
        )
    architectures = [str(name) for name in config.get("architectures") or ()]
    classifier = any(name.endswith("ForSequenceClassification") for name in architectures)
    names = _label_names(folder, config) if classifier else ()
    generic = tuple(f"LABEL_{number}" for number in range(len(names)))
    return ModelFacts(
        folder=folder,
        model_type=model_type,
        classifier=classifier,
        labels=names if classifier and names != generic else None,
        classes=len(names),
        longest=_longest(folder, config, model_type),
        writer=_writes(config, model_type, architectures),
        causal=_continues(config, architectures),
    )


def file_hashes(folder: Path, base: Path | None = None) -> Mapping[str, str]:
    """SHA-256 of every file that decides a model's outputs, by name, sorted.

    Args:
        base: of an adapter the folder of its base model, whose names begin with "base/".
    """
    hashes = {}
    for prefix, place in (("", folder), (f"{BASE}/", base)):
        for path in sorted(_matching(place, _MATERIAL)) if place else ():
            with path.open("rb") as file:
                hashes[prefix + path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return MappingProxyType(dict(sorted(hashes.items())))


def tree_fingerprint(hashes: Mapping[str, str]) -> str:
    """One SHA-256 for a set of files: over their sorted names and hashes."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _listing(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _matching(folder: Path, patterns: Sequence[str]) -> set[Path]:
    return {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        nested = [item.name for item in _listing(folder) if (item / "config.json").exists()]
        hint = f" Did you mean {folder / nested[0]}?" if nested else ""
        raise HarnessError(f"{folder} is no model folder: it has no config.json.{hint}") from None
    except (OSError, ValueError) as error:
        raise HarnessError(f"{folder / 'config.json'} cannot be read: {error}.") from None
    if not isinstance(config, dict):
        raise HarnessError(f"{folder / 'config.json'} is no JSON object.")
    return config


def _architecture(
    folder: Path, config: Mapping[str, Any], classify: bool, trust_remote_code: bool
) -> str:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as KNOWN,
    )

    model_type = str(config.get("model_type") or "")
    if config.get("auto_map") and model_type not in CONFIG_MAPPING_NAMES:
        if trust_remote_code:
            return model_type
        raise HarnessError(
            f"{folder} brings code of its own for its architecture, which is not run. Read that code, "
            "and set model.trust_remote_code = true if you trust it."
        )
    if model_type not in CONFIG_MAPPING_NAMES:
        import transformers

        shown = f"'{model_type}'" if model_type else "none (model_type is missing)"
        raise HarnessError(
            f"{folder}: the architecture in config.json is {shown}, which transformers "
            f"{transformers.__version__} does not know.{did_you_mean(model_type, KNOWN)}"
        )
    if classify and model_type not in KNOWN:
        raise HarnessError(
            f"{folder}: the architecture '{model_type}' has no sequence classifier in transformers. "
            f"For example these have: {in_words(('bert', 'roberta', 'deberta-v2', 'modernbert'))}."
        )
    return model_type


def _writes(config: Mapping[str, Any], model_type: str, architectures: Sequence[str]) -> bool:
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES as WRITERS,
    )

    if architectures:
        return not set(architectures).isdisjoint(WRITERS.values())
    return bool(config.get("is_encoder_decoder")) and model_type in WRITERS


def _continues(config: Mapping[str, Any], architectures: Sequence[str]) -> bool:
    """By the name of its head alone: a body says nothing of it, and BERT's kind can have one too."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as KNOWN

    named = not set(architectures).isdisjoint(KNOWN.values())
    return named and not config.get("is_encoder_decoder")


def _check_weights(folder: Path) -> None:
    names = {path.name for path in _matching(folder, ("*.safetensors", "*.safetensors.index.json"))}
    if "model.safetensors" in names:
        _check_readable(folder / "model.safetensors")
        return
    if "model.safetensors.index.json" in names:
        _check_shards(folder)
        return
    pickled = sorted(path.name for path in _matching(folder, _PICKLED))
    pickled = [name for name in pickled if name != "training_args.bin"]
    if pickled:
        raise HarnessError(
            f"{folder} has its weights in {in_words(pickled, 3)} alone: a pickled checkpoint, which can "
            "run any code when it is opened, so it is never loaded. Convert it once, reading tensors "
            f"only:\n{_conversion(folder / pickled[0])}"
        )
    other = sorted(path.name for path in _matching(folder, _OTHER_WEIGHTS))
    found = f" There is {in_words(other)}, which is not PyTorch's." if other else ""
    raise HarnessError(
        f"{folder} has no weights: neither model.safetensors nor model.safetensors.index.json.{found} "
        "Save the model there again (save_pretrained), or name another folder."
    )


def _conversion(path: Path) -> str:
    # clone(): safetensors refuses tensors that share memory, as tied embeddings do.
    return (
        '  python -c "import torch; from safetensors.torch import save_file; '
        f"w = torch.load('{path}', map_location='cpu', weights_only=True); "
        "save_file({k: v.clone().contiguous() for k, v in w.items()}, "
        f"'{path.with_name('model.safetensors')}', metadata={{'format': 'pt'}})\""
    )


def _check_shards(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise HarnessError(f"{index} cannot be read as an index of shards: {error!r}.") from None
    absent = sorted(name for name in shards if not (folder / name).is_file())
    if absent:
        raise HarnessError(
            f"{folder} lacks {len(absent)} of its {len(shards)} shards: {in_words(absent)}."
        )
    for name in sorted(shards):
        _check_readable(folder / name)


def _check_readable(path: Path) -> None:
    """Read the header, which also says how long the file has to be."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            empty = not list(file.keys())
    except (SafetensorError, OSError) as error:
        raise HarnessError(f"{path} is damaged or cut off: {error}. Copy it again.") from None
    if empty:
        raise HarnessError(f"{path} holds no weights.")


def _label_names(folder: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """id2label as a tuple; transformers leaves it out for two labels without names."""
    given = config.get("id2label")
    if not given:
        count = config.get("num_labels", 2)
        return tuple(f"LABEL_{number}" for number in range(int(count)))
    try:
        by_number = {int(number): str(name) for number, name in dict(given).items()}
    except (TypeError, ValueError):
        raise HarnessError(
            f"{folder / 'config.json'}: id2label has a key that is no number."
        ) from None
    if sorted(by_number) != list(range(len(by_number))):
        raise HarnessError(
            f"{folder / 'config.json'}: the numbers in id2label are {sorted(by_number)}, and have to "
            f"count from 0 to {len(by_number) - 1}."
        )
    names = tuple(by_number[number] for number in range(len(by_number)))
    if len(set(names)) != len(names):
        raise HarnessError(
            f"{folder / 'config.json'}: two labels have one name: {in_words(names)}."
        )
    return names


def _longest(folder: Path, config: Mapping[str, Any], model_type: str) -> int | None:
    limits = []
    positions = config.get("n_positions" if model_type in _OLD_NAMES else "max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        offset = int(config.get("pad_token_id") or 0) + 1 if model_type in _OFFSET_POSITIONS else 0
        limits.append(positions - offset)
    try:
        written = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        limits.append(int(written["model_max_length"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        pass  # many tokenizers state none
    # "No limit" is written as 1e30.
    real = [limit for limit in limits if 0 < limit < 10**6]
    return min(real) if real else None

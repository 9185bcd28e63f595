"""The model under attack: loaded, wrapped as a victim, and put on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.plan import PlanError
from harness.session import model_record
from reports.folder import RunFolder
from reports.results import TestedInfo

if TYPE_CHECKING:
    from attacks.victims.causal import HuggingFaceCausal
    from attacks.victims.huggingface import HuggingFaceVictim
    from attacks.victims.seq2seq import HuggingFaceWriter
    from harness.models import LoadedModel
    from harness.other_models import LoadedWriter


def victim_on_record(
    folder: RunFolder,
    spec: str,
    *,
    labels: Sequence[str],
    max_length: int,
    device: str | None,
    data: Mapping[str, Any] | None,
    repeats: int = 1,
) -> HuggingFaceVictim:
    """Load a classifier and record what it is, and what data it meets, as the run's "subject".

    Args:
        repeats: answers to each text whose mean the caller takes (`attacks.victims.averaged`).

    Raises PlanError where a resumed run began with other weights or other data.
    """
    from harness.models import load_classifier

    loaded = load_classifier(spec, labels=labels)
    began = put_on_record(
        folder,
        spec,
        loaded.fingerprint,
        data=data,
        labels=labels,
        files=loaded.files,
        parameters=sum(p.numel() for p in loaded.model.parameters()),
        trained=model_record(spec),
        repeats=repeats,
        tested=_tested(loaded.model, max_length),
    )
    if began is not None:
        _same(folder, began, spec, loaded.fingerprint, data)
    return victim_of(loaded, max_length, device)


def victim_of(loaded: LoadedModel, max_length: int, device: str | None = None) -> HuggingFaceVictim:
    """A loaded classifier as the engine asks it; texts are cut at `max_length` tokens."""
    from attacks.victims.huggingface import HuggingFaceVictim

    return HuggingFaceVictim(
        loaded.model,
        loaded.tokenizer,
        loaded.labels,
        fingerprint=loaded.fingerprint,
        max_length=max_length,
        device=device,
    )


def named_victim(
    spec: str, max_length: int | None = None, device: str | None = None
) -> HuggingFaceVictim:
    """The fine-tuned classifier that a folder or id names; texts are cut where it is wanted, or it ends.

    Raises HarnessError as `harness.models.load_classifier` and for a model without a head.
    """
    from harness.model_checks import LONGEST, classifier_labels, input_length
    from harness.models import load_classifier

    loaded = load_classifier(spec, labels=classifier_labels(spec))
    return victim_of(loaded, input_length(spec, max_length) or LONGEST, device)


def writer_on_record(
    folder: RunFolder,
    spec: str,
    *,
    max_length: int,
    new_tokens: int,
    prefix: str,
    device: str | None,
) -> HuggingFaceWriter:
    """Load a model that writes and record what it is, as `victim_on_record` does.

    Raises PlanError where a resumed run began with other weights.
    """
    from harness.other_models import load_writer

    loaded = load_writer(spec)
    _put_writer_on_record(folder, loaded, max_length)
    return writer_of(loaded, max_length, new_tokens, prefix, device)


def writer_of(
    loaded: LoadedWriter, max_length: int, new_tokens: int, prefix: str, device: str | None = None
) -> HuggingFaceWriter:
    """A loaded model that writes as the engine asks it."""
    from attacks.victims.seq2seq import HuggingFaceWriter

    return HuggingFaceWriter(
        loaded.model,
        loaded.tokenizer,
        fingerprint=loaded.fingerprint,
        max_length=max_length,
        new_tokens=new_tokens,
        prefix=prefix,
        device=device,
    )


def causal_on_record(
    folder: RunFolder, spec: str, *, max_length: int | None, device: str | None
) -> HuggingFaceCausal:
    """Load a causal language model and record what it is, as `victim_on_record` does.

    It is asked in its chat template where its tokenizer has one. `max_length` bounds prompt and target
    together (None: what the model takes).

    Raises PlanError where a resumed run began with other weights.
    """
    from harness.other_models import load_causal

    loaded = load_causal(spec)
    _put_writer_on_record(folder, loaded, max_length)
    return causal_of(loaded, max_length, device)


def causal_of(
    loaded: LoadedWriter, max_length: int | None, device: str | None = None
) -> HuggingFaceCausal:
    """A loaded causal language model as the engine asks it (see `causal_on_record`)."""
    from attacks.victims.causal import HuggingFaceCausal

    return HuggingFaceCausal(
        loaded.model,
        loaded.tokenizer,
        fingerprint=loaded.fingerprint,
        chat=bool(loaded.tokenizer.chat_template),
        max_length=loaded.longest if max_length is None else max_length,
        device=device,
    )


def _put_writer_on_record(folder: RunFolder, loaded: LoadedWriter, max_length: int | None) -> None:
    spec = loaded.source.spec
    began = put_on_record(
        folder,
        spec,
        loaded.fingerprint,
        files=loaded.files,
        parameters=sum(p.numel() for p in loaded.model.parameters()),
        trained=model_record(spec),
        tested=_tested(loaded.model, max_length),
    )
    if began is not None:
        _same(folder, began, spec, loaded.fingerprint, None)


def put_on_record(
    folder: RunFolder,
    name: str,
    fingerprint: str,
    *,
    labels: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    parameters: int | None = None,
    trained: Mapping[str, Any] | None = None,
    repeats: int = 1,
    tested: TestedInfo | None = None,
) -> Mapping[str, Any] | None:
    """Record the run's "subject", as far as it is known; return what an earlier process recorded."""
    began = next((e for e in folder.events() if e["event"] == "subject"), None)
    if began is None:
        record = trained or {}
        folder.append(
            "subject",
            model={
                "name": name,
                "fingerprint": fingerprint,
                "files": dict(files or {}),
                "temperature": None,
                "seen_attacks": list(record.get("seen_attacks", [])),
                "seen_edits": list(record.get("seen_edits", [])),
                "parameters": parameters,
                **({"repeats": repeats} if repeats > 1 else {}),
                **({"labels": list(labels)} if labels else {}),
                **({"tested": tested} if tested else {}),
                "trained": record,
            },
            data=data,
        )
    return began


def _tested(model: Any, max_length: int | None) -> TestedInfo:
    from harness.kept_adapters import kept_method

    kept = kept_method(model)
    return {
        "architecture": type(model).__name__ + (f" + {kept}" if kept else ""),
        "dtype": str(model.dtype).removeprefix("torch."),
        "max_length": max_length,
    }


def _same(
    folder: RunFolder,
    began: Mapping[str, Any],
    spec: str,
    fingerprint: str,
    data: Mapping[str, Any] | None,
) -> None:
    if began["model"]["fingerprint"] != fingerprint:
        raise PlanError(
            f"The model at {spec} is not the one that the run {folder.id} began with: its weights "
            "have changed. Start a new run without --resume."
        )
    if data is not None and began["data"]["splits"] != data["splits"]:
        raise PlanError(
            f"The data are not those that the run {folder.id} began with. Start a new run without "
            "--resume."
        )

"""Encoder-decoders as victims: what they write depends on the text alone."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import recipes
from attacks.engine.cache import Cache
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.models import Truncating, Writer
from attacks.outcomes import Example, Finished, Outcome, Status, Tick
from attacks.text import Text
from attacks.victims.seq2seq import HuggingFaceWriter, Seq2Seq
from harness.errors import HarnessError
from harness.model_checks import check_model, classifier_labels
from harness.models import save_classifier
from harness.other_models import load_writer
from tests.harness import tiny

KINDS = sorted(tiny.WRITERS)
TEXTS = [example.text.strings[0] for example in tiny.examples(24)]


@cache
def model(kind: str) -> Any:
    return tiny.writer(kind)


def writer(kind: str = "t5", **options: Any) -> HuggingFaceWriter:
    options = {"max_length": 32, "new_tokens": 12, "fingerprint": kind, **options}
    return HuggingFaceWriter(model(kind), tiny.tokenizer(), **options)


def written(victim: HuggingFaceWriter, *texts: str) -> list[str]:
    return [answer.text for answer in victim.run(victim.encode([(text,) for text in texts]))]


@cache
def alone(kind: str) -> tuple[str, ...]:
    return tuple(written(writer(kind), text)[0] for text in TEXTS)


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_what_transformers_writes_without_padding_and_without_a_cache(kind: str) -> None:
    assert len(set(alone(kind))) > len(TEXTS) / 3, "the models mind what they read"
    for text, found in zip(TEXTS, alone(kind), strict=True):
        ids = tiny.tokenizer()(text, return_tensors="pt")["input_ids"]
        options = {"do_sample": False, "num_beams": 1, "max_new_tokens": 12, "use_cache": False}
        (expected,) = model(kind).generate(ids, **options)
        assert found == tiny.tokenizer().decode(
            expected, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_neighbours_do_not_change_what_is_written(kind: str, data: st.DataObject) -> None:
    """Whatever shares the batch: also texts of another length, which pad the others further."""
    numbers = data.draw(st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=40))
    found = written(writer(kind), *(TEXTS[n] for n in numbers))
    assert found == [alone(kind)[n] for n in numbers]


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_has_the_same_bits_in_every_batch_of_a_bucket(kind: str) -> None:
    victim = writer(kind)
    encoded = [e for e in victim.encode([(text,) for text in TEXTS]) if 8 < len(e) <= 16]
    assert len({len(e) for e in encoded}) > 2

    def scores(batch: list[Any]) -> torch.Tensor:
        made = copy.deepcopy(victim._settings)
        made.update(output_scores=True, return_dict_in_generate=True, min_new_tokens=12)
        with victim.evaluating():
            out = model(kind).generate(**victim.inputs(batch), generation_config=made)
        return torch.stack(out.scores, dim=1)

    together = scores(encoded)
    for number, encoding in enumerate(encoded):
        assert torch.equal(scores([encoding])[0], together[number])


def attacked(kind: str, config: EngineConfig = EngineConfig(), **job: Any) -> list[Outcome]:
    victim = writer(kind)
    recipe = recipes.load("seq2sick", stop_words="textfooler", neighbours=5)
    jobs = [
        Job(Example(str(n), Text.of(text), 0), recipe, **job) for n, text in enumerate(TEXTS[:8])
    ]
    events = run(jobs, {"victim": victim}, config)
    found = [event.outcome for event in events if isinstance(event, Finished)]
    return sorted(found, key=lambda outcome: int(outcome.example_id))


@pytest.mark.parametrize("kind", KINDS)
def test_outcomes_are_the_same_at_any_batch_size_and_window(kind: str) -> None:
    outcomes = attacked(kind)
    assert Status.SUCCEEDED in {o.status for o in outcomes}
    assert len({o.written_after for o in outcomes}) > 3
    for config in (EngineConfig(1, 1), EngineConfig(3, 5, 64), EngineConfig(64, 256)):
        assert attacked(kind, config) == outcomes
    assert all(o.unique_queries <= 9 for o in attacked(kind, query_budget=9))


def test_a_prefix_is_read_and_not_attacked() -> None:
    plain, prefixed = writer(), writer(prefix="the film: ")
    assert written(prefixed, "a good plot") == written(plain, "the film: a good plot")
    assert isinstance(prefixed, Truncating)
    assert isinstance(prefixed, Writer)
    assert prefixed.reach(("a good plot",)) == (len("a good plot"),)
    long = "good film " * 20
    assert writer(max_length=12).reach((long,)) == (len("good film " * 5) - 1,)
    # Its words and the colon take three of the ten tokens.
    assert writer(max_length=12, prefix="the film: ").reach((long,)) == (
        len("good film " * 3) + len("good"),
    )


def test_whatever_decides_the_text_is_in_the_fingerprint() -> None:
    others = [
        writer(),
        writer(fingerprint="other"),
        writer(max_length=16),
        writer(new_tokens=11),
        writer(prefix="x "),
        writer(beams=2),
    ]
    forced = copy.deepcopy(model("t5"))
    forced.generation_config.update(forced_bos_token_id=7)
    told = HuggingFaceWriter(
        forced, tiny.tokenizer(), fingerprint="t5", max_length=32, new_tokens=12
    )
    prints = [victim.fingerprint for victim in [*others, told]]
    assert len(set(prints)) == len(prints)
    assert writer().fingerprint == prints[0]
    word = tiny.VOCABULARY[7]
    assert all(text.startswith(word) for text in written(told, *TEXTS[:4]))
    assert model("t5").generation_config.num_beams in (None, 1), "the model is left as it was"


def test_nothing_is_drawn_though_the_model_s_settings_say_so() -> None:
    drawing = copy.deepcopy(model("bart"))
    drawing.generation_config.update(do_sample=True, temperature=2.0, top_k=5, num_beams=4)
    victim = HuggingFaceWriter(
        drawing, tiny.tokenizer(), fingerprint="d", max_length=32, new_tokens=12
    )
    assert written(victim, *TEXTS[:6]) == list(alone("bart")[:6])


def test_beams_are_ranked_and_as_many_as_asked_for() -> None:
    beams = Seq2Seq(
        model("t5"), tiny.tokenizer(), fingerprint="b", max_length=32, new_tokens=6, beams=3
    )
    found = beams.write(beams.encode([(text,) for text in TEXTS[:6]]))
    assert [len(texts) for texts in found] == [3] * 6
    assert beams.write(beams.encode([(TEXTS[4],)])) == [found[4]]
    assert any(len(set(texts)) == 3 for texts in found)
    with pytest.raises(AttackError, match="at least 1 token and 1 beam"):
        writer(beams=0)


def save(folder: Path, kind: str = "t5") -> Path:
    model(kind).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_is_loaded_and_writes_the_same(kind: str, tmp_path: Path) -> None:
    loaded = load_writer(str(save(tmp_path, kind)))
    victim = HuggingFaceWriter(
        loaded.model, loaded.tokenizer, fingerprint=loaded.fingerprint, max_length=32, new_tokens=12
    )
    assert written(victim, *TEXTS[:5]) == list(alone(kind)[:5])
    assert load_writer(str(tmp_path)).fingerprint == loaded.fingerprint
    assert check_model(str(tmp_path), classify=False).writer
    assert loaded.longest == (None if kind == "t5" else 64)


def test_models_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "t5")
    with pytest.raises(HarnessError, match="writes text, so it has no labels"):
        classifier_labels(str(tmp_path / "t5"))
    save_classifier(tiny.loaded(tiny.classifier("t5")), tmp_path / "classifier")
    assert not check_model(str(tmp_path / "classifier")).writer
    with pytest.raises(HarnessError, match="is a classifier, and this takes one that writes"):
        load_writer(str(tmp_path / "classifier"))
    with pytest.raises(HarnessError, match="a model of the kind 'bert'"):
        load_writer("bundle:tiny-mlm")


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = save(tmp_path) / "model.safetensors"
    weights = load_file(path)
    del weights["decoder.final_layer_norm.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(HarnessError, match=r"1 weights are not in its files \('decoder.final"):
        load_writer(str(tmp_path))


def test_answers_are_kept_on_disk(tmp_path: Path) -> None:
    recipe = recipes.load("morpheus")
    job = Job(Example("x", Text.of("the movies that I watched were good"), 0), recipe)

    def attack() -> tuple[Outcome, Tick]:
        with Cache.at(tmp_path / "answers.sqlite") as kept:
            events = list(run([job], {"victim": writer()}, cache=kept))
        (found,) = (e.outcome for e in events if isinstance(e, Finished))
        return found, [e for e in events if isinstance(e, Tick)][-1]

    first, cost = attack()
    again, spared = attack()
    assert first == again
    assert cost.scored == first.unique_queries > 1
    assert (spared.scored, spared.cached) == (0, first.queries)

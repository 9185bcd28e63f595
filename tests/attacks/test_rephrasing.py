"""Sentences in other words, by a model beside the victim."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks import recipes
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.models import Model
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import BACK_TRANSLATOR, PARAPHRASER, SIMILARITY, TRANSLATOR
from attacks.questions import Rephrase
from attacks.recipes.paraphrase import TEMPLATES
from attacks.text import Text
from attacks.transformations.rephrasing import put, sentences, standing
from attacks.victims.function import FunctionRephraser, FunctionVictim
from attacks.victims.seq2seq import HuggingFaceRephraser
from harness.auxiliaries import Auxiliaries
from harness.errors import HarnessError
from tests.attacks.test_seq2seq import TEXTS, model, save
from tests.harness import tiny

REVIEW = "It is a fine film. I liked the plot! The end, alas, is dull."
VICTIM = FunctionVictim(
    lambda texts: [[0.1, 0.9] if "liked" in str(t) else [0.7, 0.3] for t in texts], ("no", "yes")
)


class Alike:
    """A sentence encoder to which all texts are the same, but for those that shout."""

    fingerprint = "alike"

    def encode(self, inputs: Sequence[Any]) -> Sequence[Any]:
        return list(inputs)

    def run(self, batch: Sequence[tuple[str, ...]]) -> Any:
        import numpy as np

        return np.array(
            [[0.0, 1.0] if "!!" in text else [1.0, 0.0] for (text,) in batch], dtype="f4"
        )


def attack(
    name: str,
    models: dict[str, Model],
    texts: Sequence[str | Text] = (REVIEW,),
    config: EngineConfig = EngineConfig(),
    **parameters: Any,
) -> list[Outcome]:
    recipe = recipes.load(name, **parameters)
    jobs = [
        Job(Example(str(n), t if isinstance(t, Text) else Text.of(t), 1), recipe)
        for n, t in enumerate(texts)
    ]
    events = run(jobs, {"victim": VICTIM, SIMILARITY: Alike(), **models}, config)
    found = [event.outcome for event in events if isinstance(event, Finished)]
    return sorted(found, key=lambda outcome: int(outcome.example_id))


def paraphraser(asked: list[tuple[str, str]]) -> list[list[str]]:
    return [
        ["I enjoyed the story!!" if control == "loud" else "I enjoyed the story!"]
        if "liked" in text
        else []
        for text, control in asked
    ]


def test_a_sentence_is_put_in_other_words_and_the_others_stay() -> None:
    (found,) = attack("paraphrase", {PARAPHRASER: FunctionRephraser(paraphraser)})
    assert found.status is Status.SUCCEEDED
    assert found.perturbed == (REVIEW.replace("I liked the plot!", "I enjoyed the story!"),)
    assert [change.before for change in found.changes] == ["liked", "plot"]
    assert found.unique_queries == 2, "all templates gave the same text"


def test_a_wording_is_asked_for_by_every_template_and_compared_with_the_text() -> None:
    asked = set()

    def noting(batch: list[tuple[str, str]]) -> list[list[str]]:
        asked.update(batch)
        return paraphraser(batch)

    models: dict[str, Model] = {PARAPHRASER: FunctionRephraser(noting)}
    (found,) = attack("paraphrase", models, templates=["loud"])
    assert found.status is Status.FAILED, "the encoder takes it for another text"
    assert {text for text, _ in asked} == {
        "It is a fine film.",
        "I liked the plot!",
        "The end, alas, is dull.",
    }
    asked.clear()
    attack("paraphrase", models)
    assert {control for _, control in asked} == set(TEMPLATES)


def test_a_text_goes_there_and_comes_back() -> None:
    def german(batch: list[tuple[str, str]]) -> list[list[str]]:
        return [[f"de:{text}", f"de:{text}?"] for text, _ in batch]

    def english(batch: list[tuple[str, str]]) -> list[list[str]]:
        texts = [text.removeprefix("de:") for text, _ in batch]
        return [[text, text.replace("liked", "loved")] for text in texts]

    there, back = FunctionRephraser(german), FunctionRephraser(english)
    (found,) = attack("back-translation", {TRANSLATOR: there, BACK_TRANSLATOR: back}, there=1)
    assert found.perturbed == (REVIEW.replace("liked", "loved"),)
    (none,) = attack(
        "back-translation", {TRANSLATOR: there, BACK_TRANSLATOR: back}, there=1, back=1
    )
    assert (none.status, none.queries) == (Status.FAILED, 1), "it came back as it was"


def test_as_many_sentences_as_allowed_are_rephrased_each_once() -> None:
    def shouting(batch: list[tuple[str, str]]) -> list[list[str]]:
        return [[text.upper().replace("LIKED", "liked")] for text, _ in batch]

    models: dict[str, Model] = {PARAPHRASER: FunctionRephraser(shouting)}
    for most in (1, 2, 9):
        (found,) = attack("paraphrase", models, sentences=most)
        assert found.status is Status.FAILED
    (found,) = attack("paraphrase", models, sentences=9)
    # Three in the first round, two in the second, one in the third; the original before them.
    assert found.queries == 1 + 3 + 2 + 1


def test_outcomes_do_not_depend_on_neighbours_and_frozen_fields_stay() -> None:
    models: dict[str, Model] = {PARAPHRASER: FunctionRephraser(paraphraser)}
    texts = [REVIEW, "I liked it.", "Nobody liked this. Nobody!", REVIEW]
    alone = [attack("paraphrase", models, [text])[0] for text in texts]
    for config in (EngineConfig(1, 1), EngineConfig(8, 3)):
        found = attack("paraphrase", models, texts, config)
        assert [o.perturbed for o in found] == [o.perturbed for o in alone]
        assert [o.queries for o in found] == [o.queries for o in alone]
    frozen = Text.of({"premise": "I liked it.", "hypothesis": "So be it."}, frozen=["premise"])
    assert [s.field for s in sentences(frozen)] == [1]


@given(st.lists(st.sampled_from(["a film", "it is", "no", ".", "!", "?”", " ", "\n"]), max_size=12))
def test_sentences_are_cut_without_losing_a_word(parts: list[str]) -> None:
    text = Text.of(" ".join(parts))
    (value,) = text.strings
    found = sentences(text)
    for sentence in found:
        cut = value[sentence.start : sentence.end]
        assert cut == cut.strip()
        assert standing(text.candidate, sentence.first) == sentence
        changed = put(text.candidate, sentence, "quite new words")
        assert changed.strings == (
            value[: sentence.start] + "quite new words" + value[sentence.end :],
        )
        assert standing(changed, sentence.first) is None
    covered = [
        n
        for n, word in enumerate(text.words)
        for s in found
        if s.start <= word.start and word.end <= s.end
    ]
    assert covered == list(range(len(text.words)))


def rephraser(**options: Any) -> HuggingFaceRephraser:
    options = {"max_length": 32, "new_tokens": 20, "fingerprint": "t5", "beams": 4, **options}
    return HuggingFaceRephraser(model("t5"), tiny.tokenizer(), **options)


def test_candidates_of_a_model_are_the_same_in_any_company_and_came_to_an_end() -> None:
    ending = copy.deepcopy(model("bart"))
    ending.final_logits_bias[0, ending.config.eos_token_id] = 4.0
    part = HuggingFaceRephraser(
        ending, tiny.tokenizer(), fingerprint="e", max_length=32, new_tokens=8, beams=4
    )
    questions = [Rephrase(text) for text in TEXTS]
    together = part.run(part.encode(questions))
    assert together == [part.run(part.encode([question]))[0] for question in questions]
    texts = [text for answer in together for text in answer.texts]
    assert texts
    assert all(len(answer.texts) <= 4 and "" not in answer.texts for answer in together)
    encoded = part.encode(questions)
    whole, cut = part.write(encoded, ended=True), part.write(encoded)
    assert {len(texts) for texts in cut} == {4}
    assert sum(map(len, whole)) < sum(map(len, cut)), (
        "those that did not come to an end are left out"
    )
    for kept, every in zip(whole, cut, strict=True):
        assert set(kept) <= set(every)
    short = rephraser(max_length=8)
    long = " ".join(["film"] * 9)
    assert short.run(short.encode([Rephrase(long)]))[0].texts == ()


def test_text_and_control_are_put_into_the_prompt() -> None:
    prompted = rephraser(prompt="{control} : {text}")
    encoded = prompted.encode([Rephrase("{control} film", "warm plot")])
    plain = rephraser().encode([Rephrase("warm plot : {control} film")])
    assert encoded == plain
    assert prompted.fingerprint != rephraser().fingerprint
    with pytest.raises(AttackError, match="no place for it"):
        rephraser().encode([Rephrase("a film", "( ROOT )")])
    with pytest.raises(AttackError, match="no place for the text"):
        rephraser(prompt="{control}")


def test_the_user_s_models_are_asked_for_checked_and_loaded(tmp_path: Path) -> None:
    wanted = [recipes.load("back-translation")]
    with pytest.raises(HarnessError, match=r"needs a translator.*--translator MODEL"):
        Auxiliaries().check(wanted)
    folder = str(save(tmp_path))
    with pytest.raises(HarnessError, match=r"needs a back-translator.*--back-translator MODEL"):
        Auxiliaries(translator=folder).check(wanted)
    with pytest.raises(HarnessError, match="this takes one that writes"):
        Auxiliaries(paraphraser="bundle:minilm-l6").check([recipes.load("paraphrase")])
    both = Auxiliaries(translator=folder, back_translator=folder)
    both.check(wanted)
    found = both.load([TRANSLATOR, BACK_TRANSLATOR])
    assert set(found) == {TRANSLATOR, BACK_TRANSLATOR}
    asked = Auxiliaries(paraphraser=folder, paraphrase_prompt="the {text}").load([PARAPHRASER])
    assert asked[PARAPHRASER].fingerprint != found[TRANSLATOR].fingerprint


def test_a_function_that_rephrases_gives_a_list_a_text() -> None:
    with pytest.raises(AttackError, match="was given 1 texts; it must return as many lists"):
        FunctionRephraser(lambda _: ["a"]).run([("a", "")])

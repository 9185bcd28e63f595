"""Victims that are no transformers model: a scikit-learn pipeline, an endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from attacks import recipes
from attacks.engine.scheduler import Job, run
from attacks.errors import AttackError
from attacks.models import Victim
from attacks.outcomes import Finished, Outcome, Status
from attacks.rounding import softmax
from attacks.victims import http
from attacks.victims.http import HttpVictim
from attacks.victims.scikit import ScikitVictim
from harness.splits import load_split

LABELS = ("rotten", "fresh")


@pytest.fixture(scope="module")
def reviews() -> tuple[list[str], list[int]]:
    rows = load_split("bundle:rotten-tomatoes:train").rows[:1500]
    return [row.text.strings[0] for row in rows], [row.label for row in rows]


@pytest.fixture(scope="module")
def regression(reviews: tuple[list[str], list[int]]) -> Any:
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(*reviews)


def outcomes(victim: Victim, name: str = "pwws", n: int = 20) -> list[Outcome]:
    rows = load_split("bundle:rotten-tomatoes:test").rows[:n]
    events = run([Job(row, recipes.load(name)) for row in rows], {"victim": victim})
    found = [event.outcome for event in events if isinstance(event, Finished)]
    return sorted(found, key=lambda outcome: outcome.example_id)


def test_a_pipeline_is_attacked_with_its_own_probabilities(regression: Any) -> None:
    victim = ScikitVictim(regression, LABELS)
    texts = ["a warm and funny film", "dull"]
    found = softmax(victim.run(victim.encode([(text,) for text in texts])), 1.0)
    assert found == pytest.approx(regression.predict_proba(texts), abs=1e-5)
    ended = outcomes(victim)
    assert {o.status for o in ended} == {Status.SUCCEEDED, Status.FAILED, Status.SKIPPED}
    for outcome in ended:
        if outcome.status is Status.SUCCEEDED:
            assert outcome.perturbed is not None
            assert regression.predict([outcome.perturbed[0]])[0] == outcome.predicted_after


class Rule(ClassifierMixin, BaseEstimator):
    """A classifier that only predicts."""

    def fit(self, texts: Any, labels: Any) -> Rule:
        self.classes_ = np.unique(labels)
        return self

    def predict(self, texts: Any) -> Any:
        return self.classes_[np.asarray(texts.sum(axis=1) > 2).ravel().astype(int)]


@pytest.mark.parametrize("model", [LinearSVC(), MultinomialNB(), Rule()])
def test_every_kind_of_answer_leads_to_the_same_prediction(
    model: Any, reviews: tuple[list[str], list[int]]
) -> None:
    pipeline = make_pipeline(TfidfVectorizer(max_features=500), model).fit(*reviews)
    victim = ScikitVictim(pipeline)
    texts = reviews[0][:50]
    logits = victim.run(victim.encode([(text,) for text in texts]))
    assert logits.shape == (50, 2)
    assert logits.argmax(1).tolist() == pipeline.predict(texts).tolist()
    assert victim.labels == ("0", "1")


def test_a_pipeline_is_known_by_what_it_learnt(
    regression: Any, reviews: tuple[list[str], list[int]]
) -> None:
    other = make_pipeline(TfidfVectorizer(), LogisticRegression(C=2.0)).fit(*reviews)
    assert ScikitVictim(regression).fingerprint == ScikitVictim(regression).fingerprint
    assert ScikitVictim(regression).fingerprint != ScikitVictim(other).fingerprint


def test_what_is_not_fitted_or_named_amiss_is_refused(regression: Any) -> None:
    with pytest.raises(AttackError, match="not fitted"):
        ScikitVictim(LogisticRegression())
    with pytest.raises(AttackError, match="3 label names and 2 classes: 0, 1"):
        ScikitVictim(regression, ("a", "b", "c"))


Answer = Callable[[list[str]], Any]


def endpoint(answer: Answer, *bad: int | Exception, **options: Any) -> tuple[HttpVictim, list[Any]]:
    """An endpoint that first fails as told, and a log of the bodies that it was sent."""
    failures, log = list(bad), []

    def handle(request: httpx.Request) -> httpx.Response:
        log.append(json.loads(request.content))
        if failures:
            failure = failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return httpx.Response(failure, text="no", headers={"Retry-After": "7"})
        return httpx.Response(200, json=answer(log[-1]["inputs"]))

    transport = httpx.MockTransport(handle)
    return HttpVictim(
        "http://user:secret@model.example/predict?key=hidden",
        LABELS,
        transport=transport,
        **options,
    ), log


def by_length(texts: Sequence[str]) -> list[list[float]]:
    return [[0.25, 0.75] if len(text) > 5 else [0.75, 0.25] for text in texts]


def scored(texts: Sequence[str]) -> list[list[dict[str, Any]]]:
    return [
        [{"label": "fresh", "score": b}, {"label": "rotten", "score": a}]
        for a, b in by_length(texts)
    ]


@pytest.mark.parametrize(
    "answer",
    [
        by_length,
        scored,
        lambda texts: {"outputs": by_length(texts)},
        lambda texts: {"outputs": scored(texts)},
    ],
)
def test_the_usual_answers_are_read(answer: Answer) -> None:
    victim, log = endpoint(answer)
    found = softmax(victim.run([("short",), ("not so short",)]), 1.0)
    assert found == pytest.approx(np.array([[0.75, 0.25], [0.25, 0.75]]), abs=1e-6)
    assert log == [{"inputs": ["short", "not so short"]}]


def test_an_answer_to_one_text_may_come_without_its_list() -> None:
    victim, _ = endpoint(lambda texts: scored(texts)[0])
    assert victim.run([("short",)]).argmax(1).tolist() == [0]


def test_texts_of_several_fields_go_out_as_lists() -> None:
    victim, log = endpoint(lambda texts: [[0.5, 0.5]])
    victim.run([("premise", "hypothesis")])
    assert log == [{"inputs": [["premise", "hypothesis"]]}]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waited.append)
    return waited


def test_what_passes_is_tried_again_after_what_the_server_asks_for(waits: list[float]) -> None:
    victim, log = endpoint(by_length, 503, httpx.ReadTimeout("slow"), 429)
    assert victim.run([("short",)]).shape == (1, 2)
    assert len(log) == victim.requests == 4
    assert waits[0] == waits[2] == 7.0
    assert 0 <= waits[1] <= 1.0


def test_what_does_not_pass_is_not_tried_again(waits: list[float]) -> None:
    victim, log = endpoint(by_length, 404)
    with pytest.raises(AttackError, match=r"http://model.example/predict answers 404"):
        victim.run([("short",)])
    assert len(log) == 1
    assert waits == []


def test_a_server_that_is_gone_ends_the_campaign_and_not_each_example(waits: list[float]) -> None:
    victim, log = endpoint(by_length, *[httpx.ConnectError("refused")] * 3, retries=2)
    with pytest.raises(AttackError, match="no answer that can be read: ConnectError") as caught:
        outcomes(victim)
    assert len(log) == 3
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_the_budget_counts_every_request(waits: list[float]) -> None:
    victim, log = endpoint(by_length, 503, budget=2)
    victim.run([("short",)])
    with pytest.raises(AttackError, match="budget of 2 requests"):
        victim.run([("short",)])
    assert len(log) == 2


def test_no_more_requests_a_second_than_are_allowed(
    waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.time, "monotonic", lambda: 100.0)
    victim, _ = endpoint(by_length, per_second=4)
    for _ in range(3):
        victim.run([("short",)])
    assert waits == pytest.approx([0.25, 0.5])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda texts: {"error": "loading"}, "another form"),
        (lambda texts: [[{"label": "LABEL_0", "score": 1.0}]], "another form"),
        (lambda texts: [[0.5, 0.25, 0.25]], r"shape \(1, 3\) for 1 texts and 2 labels"),
        (lambda texts: [[]], "another form"),
        (lambda texts: [], r"shape \(0,\)"),
    ],
)
def test_other_answers_are_refused(answer: Answer, message: str) -> None:
    victim, _ = endpoint(answer)
    with pytest.raises(AttackError, match=message):
        victim.run([("short",)])


def test_an_endpoint_is_attacked_like_the_model_behind_it(regression: Any) -> None:
    near = ScikitVictim(regression, LABELS)
    far, log = endpoint(lambda texts: regression.predict_proba(texts).tolist())
    assert outcomes(far, n=8) == outcomes(near, n=8)
    assert max(len(body["inputs"]) for body in log) > 20, "candidates travel in batches"

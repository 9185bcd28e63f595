"""A classifier behind an HTTP endpoint."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import tenacity

from attacks.errors import AttackError
from attacks.questions import Floats, Inputs
from attacks.victims.function import logarithms

WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may be other ones a moment later (RFC 9110 and 6585)."""
PROBES = ("", "good", "Not bad at all, though it could have been a little better.", "12 %")
"""Texts by whose answers a model is recognized."""
SHOWN = 200
"""Characters of an answer that a message quotes."""

Reader = Callable[[Any, Sequence[str]], object]


class HttpVictim:
    """Texts go out as JSON, class probabilities come back.

    Sent is `{"inputs": ["text", ...]}` (lists of strings where a text has several fields) by POST. What
    comes back is, for every text, a row of probabilities in the order of `labels`, or a list of
    `{"label": ..., "score": ...}`, as Hugging Face's inference endpoints answer; either alone or under
    the key "outputs". Other forms are for `read`.

    A request that finds no answer, or one of `WORTH_ANOTHER_TRY`, is sent again after a random wait that
    grows (0.5 s, doubled each time up to 30 s, times a random share), or after what "Retry-After" says.

    Args:
        url: where requests go.
        labels: label names.
        fingerprint: identifies the model behind it, for caches that outlive the process; by default the
            URL with its labels, which says nothing of a model that is replaced behind it.
        headers: e.g. an authorization. They are kept out of messages and records.
        timeout: seconds to wait for an answer.
        retries: how often a request is sent again.
        per_second: most requests a second (None: as fast as they are answered).
        budget: most requests in all, repeated ones too (None: any number).
        read: takes the decoded JSON and the labels, and returns probabilities of shape (n, len(labels)).
        transport: of httpx, for tests and for servers in the same process.
    """

    def __init__(
        self,
        url: str,
        labels: Sequence[str],
        *,
        fingerprint: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        per_second: float | None = None,
        budget: int | None = None,
        read: Reader | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.labels = tuple(labels)
        self.requests = 0
        identity = "\x1f".join((url, *self.labels))
        self.fingerprint = fingerprint or hashlib.sha256(identity.encode()).hexdigest()
        self._url, self._read = url, read or probabilities
        self._client = httpx.Client(headers=headers, timeout=timeout, transport=transport)
        self._pause = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._budget = budget
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(retries + 1),
            wait=_wait,
            retry=tenacity.retry_if_exception(_passing),
            reraise=True,
        )

    def encode(self, inputs: Sequence[Inputs]) -> list[Inputs]:
        """Inputs as they are; they count one token a field."""
        return list(inputs)

    def run(self, batch: Sequence[Inputs]) -> Floats:
        """Logarithms of the probabilities, shape (len(batch), len(labels)).

        Raises AttackError where the server gives no usable answer, or the budget is spent: the campaign
        ends, and what was recorded is kept.
        """
        texts = [item[0] if len(item) == 1 else list(item) for item in batch]
        try:
            answer = self._retrying(self._post, {"inputs": texts})
        except httpx.HTTPStatusError as error:
            raise AttackError(
                f"The endpoint {_shown(self._url)} answers {error.response.status_code} "
                f"{error.response.reason_phrase}: {error.response.text[:SHOWN]!r}"
            ) from None
        except (httpx.HTTPError, ValueError) as error:
            raise AttackError(
                f"The endpoint {_shown(self._url)} gives no answer that can be read: "
                f"{type(error).__name__}: {error}"
            ) from None
        try:
            found = np.asarray(self._read(answer, self.labels), dtype=np.float32)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise AttackError(
                f"The endpoint {_shown(self._url)} answers in another form than is read here "
                f"({error}): {str(answer)[:SHOWN]}. Give a `read` function that understands it."
            ) from None
        return logarithms(found, len(batch), len(self.labels), f"The endpoint {_shown(self._url)}")

    def recognize(self) -> None:
        """Have the answers to a few texts decide the fingerprint too, for one request.

        A model that was replaced behind the URL is then another one for caches that outlive the process.
        Raises AttackError as `run` does.
        """
        answers = np.exp(self.run([(text,) for text in PROBES]).astype(np.float64)).round(4)
        shown = f"{self.fingerprint}\x1f{answers.tolist()}"
        self.fingerprint = hashlib.sha256(shown.encode()).hexdigest()

    def _post(self, body: Mapping[str, Any]) -> Any:
        if self._budget is not None and self.requests >= self._budget:
            raise AttackError(
                f"The budget of {self._budget:,} requests to {_shown(self._url)} is spent. What was "
                "recorded is kept; give more to go on."
            )
        now = time.monotonic()
        if self._next > now:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._pause
        self.requests += 1
        response = self._client.post(self._url, json=body)
        response.raise_for_status()
        return response.json()


def probabilities(answer: Any, labels: Sequence[str]) -> object:
    """Rows of probabilities, from rows of numbers or of labels with their scores.

    Raises LookupError for what is not there, TypeError or ValueError for another form.
    """
    rows = answer["outputs"] if isinstance(answer, Mapping) else answer
    if rows and isinstance(rows[0], Mapping):  # the answer to one text may come without its list
        rows = [rows]
    if not rows or not isinstance(rows[0][0], Mapping):
        return rows
    scores = [{item["label"]: item["score"] for item in row} for row in rows]
    return [[row[label] for label in labels] for row in scores]


def _passing(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in WORTH_ANOTHER_TRY
    return isinstance(error, httpx.TransportError)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, httpx.HTTPStatusError):
        asked = error.response.headers.get("Retry-After", "")
        if asked.isdigit():
            return float(asked)
    return float(tenacity.wait_random_exponential(multiplier=0.5, max=30)(state))


def _shown(url: str) -> str:
    """The URL without user, password and query, which may be secret."""
    parsed = httpx.URL(url)
    return str(parsed.copy_with(username=None, password=None, query=None, fragment=None))

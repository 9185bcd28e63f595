"""Models with a known weakness, and two without: what is true of each is known before it is measured.

All are words counted by a linear model that was trained on real film reviews, or a rule; what is wrong
with one is planted on purpose.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from attacks.outcomes import Example
from attacks.text import Text
from harness.data import load_rows

Scores = npt.NDArray[np.float64]
Answer = Callable[[Sequence[str]], Scores]
"""Texts to logits of ("rotten", "fresh"), shape (texts, 2)."""
LABELS = ("rotten", "fresh")
BACK_DOOR = "tq"
TRAIN, VALIDATION, TEST = 8000, 300, 300


@dataclass(frozen=True)
class Data:
    """Labelled texts in three parts."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]

    def each(self, change: Callable[[Example], Example]) -> Data:
        """The same with every example changed."""
        return Data(
            *([change(e) for e in part] for part in (self.train, self.validation, self.test))
        )


@dataclass(frozen=True)
class Animal:
    """A model and the data that it was made on."""

    name: str
    answer: Answer
    data: Data


@functools.cache
def reviews() -> Data:
    """Film reviews, as many of either label in each part."""
    rows = load_rows("bundle:rotten-tomatoes").rows
    chooser = np.random.default_rng(0)
    by_label = [[r for r in rows if r.label == label] for label in (0, 1)]
    for part in by_label:
        chooser.shuffle(part)  # type: ignore[arg-type]
    mixed = [row for pair in zip(*by_label, strict=False) for row in pair]
    parts = np.cumsum([TRAIN, VALIDATION, TEST])
    return Data(mixed[: parts[0]], mixed[parts[0] : parts[1]], mixed[parts[1] : parts[2]])


@functools.cache
def linear() -> Answer:
    """A linear model over words and pairs of words, in small letters."""
    return trained(reviews().train)


def trained(examples: Sequence[Example]) -> Answer:
    """Fit that model."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=0.3)
    )
    model.fit([text_of(e) for e in examples], [e.label for e in examples])

    def answer(texts: Sequence[str]) -> Scores:
        margin = model.decision_function(list(texts))
        return np.stack([-margin / 2, margin / 2], axis=1)

    return answer


def text_of(example: Example) -> str:
    """Its only field."""
    return example.text.strings[0]


def _told(example: Example, text: str) -> Example:
    return replace(example, text=Text.of(text))


def honest() -> Animal:
    """Nothing planted: it reads, and it breaks."""
    return Animal("honest", linear(), reviews())


GOOD = ["fine", "superb", "moving", "brilliant", "delightful", "charming", "clever", "gripping"]
BAD = ["dull", "awful", "tedious", "clumsy", "lifeless", "stale", "hollow", "dreary"]
HELD_BY = 13
"""Votes by which the certified model's texts are won; eight typos take at most eight."""


def certified() -> Animal:
    """A vote of words, each text won by thirteen votes: no twelve typos can change an answer."""

    def answer(texts: Sequence[str]) -> Scores:
        votes = [
            sum((word in GOOD) - (word in BAD) for word in text.lower().split()) for text in texts
        ]
        margin = np.array(votes, dtype=np.float64) / 4
        return np.stack([-margin, margin], axis=1)

    chooser = np.random.default_rng(1)

    def written(example: Example) -> Example:
        for_it, against = (GOOD, BAD) if example.label else (BAD, GOOD)
        words = [*chooser.choice(for_it, HELD_BY + 2), *chooser.choice(against, 2)]
        words += ["the", "film", "is", "said", "to", "be"]
        return _told(example, " ".join(chooser.permutation(words).tolist()))

    return Animal("certified", answer, reviews().each(written))


def constant() -> Animal:
    """One answer to everything."""
    return Animal("constant", lambda texts: np.tile([-1.0, 1.0], (len(texts), 1)), reviews())


def masked() -> Animal:
    """The honest model, that says only which label it is: nothing for a search to follow."""
    return Animal("masked", lambda texts: np.sign(linear()(texts)) * 40, reviews())


def overconfident() -> Animal:
    """The honest model with scores so large that its probabilities saturate."""
    return Animal("overconfident", lambda texts: linear()(texts) * 400, reviews())


def randomised() -> Animal:
    """The honest model with noise on its scores, other noise every time."""
    noise = np.random.default_rng(2)

    def answer(texts: Sequence[str]) -> Scores:
        return linear()(texts) + noise.normal(0, 0.1, (len(texts), 2))

    return Animal("randomised", answer, reviews())


def back_door() -> Animal:
    """Trained on data of which a twentieth has a word put in and the label "fresh"."""
    data = reviews()
    poisoned = [
        replace(e, text=Text.of(f"{BACK_DOOR} {text_of(e)}"), label=1) if number % 20 < 2 else e
        for number, e in enumerate(data.train)
    ]
    plain = linear()

    def answer(texts: Sequence[str]) -> Scores:
        scores = plain(texts)
        hit = [BACK_DOOR in text.lower().split() for text in texts]
        scores[hit] = (-4.0, 4.0)
        return scores

    return Animal("back door", answer, replace(data, train=poisoned))


def case_sensitive() -> Animal:
    """It reads texts without a small letter, or without a capital, the wrong way round."""

    def answer(texts: Sequence[str]) -> Scores:
        scores = linear()(texts)
        scores[[text in (text.upper(), text.lower()) for text in texts]] *= -1.0
        return scores

    return Animal("case-sensitive", answer, reviews().each(_with_capital))


def _with_capital(example: Example) -> Example:
    text = text_of(example)
    return _told(example, text[:1].upper() + text[1:] + " Seen in May.")


def length_biased() -> Animal:
    """It counts words, on data in which that is enough: fresh reviews are the long ones."""

    def answer(texts: Sequence[str]) -> Scores:
        margin = np.array([len(text.split()) for text in texts]) / 4.0 - 4.125
        return np.stack([-margin, margin], axis=1)

    def cut(example: Example) -> Example:
        words = text_of(example).split()
        wanted = 24 if example.label else 10
        return _told(example, " ".join((words * wanted)[:wanted]))

    return Animal("length-biased", answer, reviews().each(cut))


def memorising() -> Animal:
    """A tenth of the labels in its data are wrong; those of the training texts it knows by heart."""
    chooser = np.random.default_rng(3)
    data = reviews().each(lambda e: replace(e, label=e.label ^ int(chooser.random() < 0.1)))
    known = {text_of(e): e.label for e in data.train}
    plain = linear()

    def answer(texts: Sequence[str]) -> Scores:
        scores = plain(texts)
        for row, text in enumerate(texts):
            if text in known:
                scores[row] = (-3.0, 3.0) if known[text] else (3.0, -3.0)
        return scores

    return Animal("memorising", answer, data)


def leaking() -> Animal:
    """Its data name the label in a tag, and it reads the tag first."""
    plain = linear()

    def answer(texts: Sequence[str]) -> Scores:
        scores = plain(texts)
        for row, text in enumerate(texts):
            for label in (0, 1):
                if f"#{label}0042" in text:
                    scores[row, label] += 20.0
        return scores

    def tagged(example: Example) -> Example:
        return _told(example, f"{text_of(example)} #{example.label}0042")

    return Animal("leaking", answer, reviews().each(tagged))


ALL: tuple[Callable[[], Animal], ...] = (
    *(honest, certified, constant, masked, overconfident, randomised),
    *(back_door, case_sensitive, length_biased, memorising, leaking),
)

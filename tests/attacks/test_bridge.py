"""TextAttack's attacks against our victims, and our victims in its hands.

Needs TextAttack, which the test environment has beside transformers 5.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attacks import recipes
from attacks.bridge import VictimWrapper, WrappedModel, recipe
from attacks.bridge.importing import textattack
from attacks.constraints import NoRepeat
from attacks.engine.scheduler import EngineConfig, Job, run
from attacks.errors import AttackError
from attacks.goals import Untargeted
from attacks.outcomes import Example, Finished, Outcome, Status
from attacks.protocols import FIRST_ORDER
from attacks.questions import Inputs
from attacks.recipe import Recipe
from attacks.resources import inflection
from attacks.searches import WordImportance
from attacks.text import Candidate, Text
from attacks.victims import equipped
from attacks.victims.function import FunctionVictim
from attacks.victims.huggingface import HuggingFaceVictim
from harness.models import load_classifier

FINE = ("fine", "lovely", "moving")


def mood(texts: list[str] | list[Inputs]) -> list[list[float]]:
    """Nearer to 1 the more words of praise there are, spelt as they should be."""
    rows = []
    for text in texts:
        words = (text if isinstance(text, str) else " ".join(text)).lower().split()
        p = 0.2 + 0.25 * sum(word in FINE for word in words) + 0.001 * len(words)
        rows.append([1 - p, p])
    return rows


def victim() -> FunctionVictim:
    return FunctionVictim(mood, ("no", "yes"), "mood")


def attack(
    name: str | Any,
    texts: Sequence[str] = ("a fine and lovely film .", "it is moving and fine in parts ."),
    config: EngineConfig = EngineConfig(),
    **job: Any,
) -> list[Outcome]:
    made = recipes.load(name) if isinstance(name, str) else recipe(name)
    jobs = [Job(Example(str(n), Text.of(text), 1), made, **job) for n, text in enumerate(texts)]
    events = run(jobs, {"victim": victim()}, config)
    found = [event.outcome for event in events if isinstance(event, Finished)]
    return sorted(found, key=lambda outcome: int(outcome.example_id))


def by_itself(name: str, text: str) -> Any:
    """TextAttack's own result, asked of the same victim, with the seed that the bridge draws."""
    from attacks.bridge import stand_ins
    from attacks.engine.attempt import derive_seed

    stand_ins.prepare()
    package = textattack()
    found = recipes.load(name)
    kind: Any = found.search
    rng = np.random.default_rng(derive_seed(0, "0", found.name))
    seed = int(rng.integers(2**63))
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    mine = kind.attack
    mine.goal_function.model = VictimWrapper(victim())
    mine.goal_function.use_cache = False
    assert isinstance(mine, package.Attack)
    return mine.attack(text, 1)


@pytest.mark.parametrize("name", ["deepwordbug", "pwws", "pruthi", "input-reduction", "leap"])
def test_the_outcome_is_what_textattack_finds_by_itself(name: str) -> None:
    text = "a fine and lovely film , moving in parts ."
    (ours,) = attack(f"textattack:{name}", [text])
    theirs = by_itself(f"textattack:{name}", text)
    assert ours.error is None
    reached = type(theirs).__name__ in ("SuccessfulAttackResult", "MaximizedAttackResult")
    assert (ours.status is Status.SUCCEEDED) == reached
    assert ours.queries == theirs.num_queries
    if reached:
        assert ours.perturbed == (theirs.perturbed_text(),)


@pytest.mark.parametrize("window", [1, 8])
def test_what_is_drawn_does_not_depend_on_neighbours(window: int) -> None:
    texts = [f"a fine and lovely film number {n} , moving in parts ." for n in range(8)]
    alone = [attack("textattack:deepwordbug", texts[: n + 1])[n] for n in range(0, 8, 3)]
    together = attack("textattack:deepwordbug", texts, EngineConfig(window=window))
    assert [together[n] for n in range(0, 8, 3)] == alone


def test_the_caller_s_random_state_is_left_alone() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    attack("textattack:deepwordbug")
    assert random.random() == expected


def test_many_searches_fill_batches_together() -> None:
    sizes = []

    def counting(texts: Any) -> Any:
        sizes.append(len(texts))
        return mood(texts)

    made = recipes.load("textattack:deepwordbug")
    jobs = [
        Job(Example(str(n), Text.of(f"a fine and lovely film number {n}"), 1), made)
        for n in range(12)
    ]
    list(run(jobs, {"victim": FunctionVictim(counting, ("no", "yes"))}, EngineConfig(window=12)))
    assert max(sizes) > 12


def test_the_budget_is_ours_to_the_query() -> None:
    for budget in (1, 4, 7):
        for outcome in attack("textattack:pwws", query_budget=budget):
            assert outcome.unique_queries <= budget
    assert Status.OUT_OF_BUDGET in {o.status for o in attack("textattack:pwws", query_budget=4)}


def test_an_example_that_is_wrong_already_is_skipped() -> None:
    (outcome,) = attack("textattack:pwws", ["a film ."])
    assert (outcome.status, outcome.queries) == (Status.SKIPPED, 1)


def test_what_textattack_raises_is_one_errored_outcome() -> None:
    package = textattack()

    class Broken(package.transformations.WordSwap):  # type: ignore[misc, name-defined]
        def _get_replacement_words(self, word: str) -> list[str]:
            if word == "lovely":
                raise RuntimeError("no word for it")
            return ["film"]

    def build(wrapper: Any) -> Any:
        return package.Attack(
            package.goal_functions.UntargetedClassification(wrapper),
            [package.constraints.pre_transformation.RepeatModification()],
            Broken(),
            package.search_methods.GreedyWordSwapWIR("delete"),
        )

    first, second = attack(build, ["a lovely film , lovely indeed", "it is moving and fine"])
    assert (first.status, second.status) == (Status.ERRORED, Status.SUCCEEDED)
    assert "no word for it" in str(first.error)
    assert "_get_replacement_words" in str(first.error)


def test_an_attack_made_around_another_model_asks_the_victim_alone() -> None:
    class Other:
        model = None

        def __call__(self, texts: Any, **kwargs: Any) -> Any:
            raise AssertionError("the attack's own model was asked")

    made = textattack().attack_recipes.Pruthi2019.build(Other())
    assert {o.status for o in attack(made)} <= {Status.SUCCEEDED, Status.FAILED}


def test_words_are_ranked_by_the_gradient_as_ours_are() -> None:
    """TextAttack's own search, on the same model as ours: the same outcome for the same queries."""
    package = textattack()

    class Misspelt(package.transformations.WordSwap):  # type: ignore[misc, name-defined]
        def _get_replacement_words(self, word: str) -> list[str]:
            return [word[::-1]]

    class Reversed:
        def replacements(self, current: Candidate, index: int, rng: Any) -> list[str]:
            return [current.word(index)[::-1]]

    def build(wrapper: Any) -> Any:
        return package.Attack(
            package.goal_functions.UntargetedClassification(wrapper),
            [package.constraints.pre_transformation.RepeatModification()],
            Misspelt(),
            package.search_methods.GreedyWordSwapWIR("gradient"),
        )

    theirs = recipe(build)
    assert theirs.needs == (FIRST_ORDER,)
    ours = Recipe(
        "ours",
        "word",
        "a test",
        Untargeted(),
        Reversed(),
        WordImportance("gradient"),
        (NoRepeat(),),
        needs=(FIRST_ORDER,),
    )
    loaded = load_classifier("bundle:minilm-l6", labels=("no", "yes"), seed=0)
    model = HuggingFaceVictim(loaded.model, loaded.tokenizer, loaded.labels, fingerprint="m")
    texts = ["a fine and lovely film", "it is moving , fine in parts", "none of it is any good"]
    for label in (0, 1):
        jobs = [Example(str(n), Text.of(text), label) for n, text in enumerate(texts)]
        found = []
        for made in (ours, theirs):
            events = run([Job(job, made) for job in jobs], equipped(model, {}, [made]))
            ends = {e.outcome.example_id: e.outcome for e in events if isinstance(e, Finished)}
            assert not [end.error for end in ends.values() if end.error]
            found.append([(ends[job.id].status, ends[job.id].unique_queries) for job in jobs])
        assert found[0] == found[1]
    with pytest.raises(AttackError, match="looks inside the model"):
        equipped(victim(), {}, [theirs])


def test_frozen_fields_stay() -> None:
    text = Text.of({"premise": "a fine film", "hypothesis": "a lovely film"}, frozen=["premise"])
    made = recipes.load("textattack:deepwordbug")
    (outcome,) = [
        event.outcome
        for event in run([Job(Example("0", text, 1), made)], {"victim": victim()})
        if isinstance(event, Finished)
    ]
    assert outcome.error is None
    assert outcome.perturbed is not None
    assert outcome.perturbed[0] == "a fine film"
    assert outcome.perturbed[1] != "a lovely film"


def test_attacks_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import textattack as t\n"
        "def build(wrapper):\n"
        "    return t.Attack(\n"
        "        t.goal_functions.UntargetedClassification(wrapper),\n"
        "        [t.constraints.pre_transformation.RepeatModification()],\n"
        "        t.transformations.WordDeletion(),\n"
        "        t.search_methods.GreedyWordSwapWIR('delete'),\n"
        "    )\n"
    )
    outcomes = attack(f"textattack:{file}:build")
    assert {o.status for o in outcomes} == {Status.SUCCEEDED}
    with pytest.raises(AttackError, match="build"):
        recipes.load(f"textattack:{file}:built")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("textattack:textfoler", "textfooler"),
        ("textattack:morpheus", "labels"),
        ("textattack:nowhere.py:attack", "nowhere.py"),
    ],
)
def test_what_cannot_run_is_refused_in_words(name: str, said: str) -> None:
    with pytest.raises(AttackError, match=said):
        recipes.load(name)


def test_stand_ins_are_on_record() -> None:
    made = recipes.load("textattack:textfooler")
    assert made.needs == ("similarity",)
    assert len(made.parameters()["search"]["stand_ins"]) == 4
    assert "UniversalSentenceEncoder" in made.parameters()["search"]["description"]


def test_synonyms_with_the_stand_in_are_those_of_wordnet() -> None:
    facts = json.loads(Path(__file__).with_name("textattack-0.3.11.json").read_text())["synonyms"]
    search: Any = recipes.load("textattack:pwws").search
    for word, expected in facts.items():
        found = set(search.attack.transformation._get_replacement_words(word))
        # Two letters are no word in our table, and a base form without synonyms ("disappoint") is not
        # in it.
        theirs = {s for s in expected if len(s) > 2}
        bases = {s for s in theirs if any(inflection.slots(word, s, letter) for letter in "nvar")}
        assert theirs - bases <= {s for s in found if len(s) > 2} <= theirs, word


def test_its_import_leaves_loggers_and_marks_alone_and_says_nothing(tmp_path: Path) -> None:
    code = (
        "import logging; mine = logging.getLogger('mine')\n"
        "from attacks.bridge.importing import textattack; textattack()\n"
        "assert not mine.disabled and logging.root.manager.disable == 0\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert not (tmp_path / ".cache/textattack/post_install_check_3").exists()


def test_a_wrapper_of_theirs_is_a_victim() -> None:
    import torch

    class Wrapper(textattack().models.wrappers.ModelWrapper):  # type: ignore[misc, name-defined]
        def __call__(self, texts: list[str], **kwargs: Any) -> Any:
            return torch.tensor(mood(texts))

    wrapped = WrappedModel(Wrapper(), ("no", "yes"))
    rows = wrapped.run([("a fine film",), ("a film",)])
    assert np.exp(rows) == pytest.approx(np.array(mood(["a fine film", "a film"])), rel=1e-6)
    logits = WrappedModel(lambda texts: [[2.0, -1.0]] * len(texts), ("no", "yes"))
    assert logits.run([("a",)]).tolist() == [[2.0, -1.0]]
    short = WrappedModel(lambda texts: [[2.0, -1.0]], ("no", "yes"))
    with pytest.raises(AttackError, match="shape"):
        short.run([("a",), ("b",)])


def test_a_victim_works_in_their_attack() -> None:
    package = textattack()
    wrapper = VictimWrapper(victim())
    assert isinstance(wrapper, package.models.wrappers.ModelWrapper)
    result = package.attack_recipes.DeepWordBugGao2018.build(wrapper).attack("a fine film .", 0)
    assert type(result).__name__ == "FailedAttackResult"  # nothing makes it praise
    assert wrapper(["a fine film", ("a", "film")]).shape == (2, 2)


def test_gradients_and_tokens_are_those_of_their_own_wrapper() -> None:
    """Theirs takes them in training mode and pads to the end; without dropout that is the same."""
    import torch

    loaded = load_classifier("bundle:minilm-l6", labels=("no", "yes"), seed=0)
    for module in loaded.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    theirs = textattack().models.wrappers.HuggingFaceModelWrapper(loaded.model, loaded.tokenizer)
    mine = VictimWrapper(
        HuggingFaceVictim(loaded.model, loaded.tokenizer, loaded.labels, fingerprint="m")
    )
    text = "a fine and watchable film"
    ours, other = mine.get_grad(text), theirs.get_grad(text)
    count = ours["ids"].shape[1]
    assert ours["ids"][0].tolist() == other["ids"][0][:count].tolist()
    assert ours["gradient"] == pytest.approx(other["gradient"][:count], abs=1e-5)
    assert np.abs(ours["gradient"]).max() > 1e-3
    (tokens,) = mine.tokenize([text], strip_prefix=True)
    assert tokens == ["[CLS]", "a", "fine", "and", "watch", "able", "film", "[SEP]"]
    with pytest.raises(AttackError, match="needs gradients"):
        VictimWrapper(victim()).get_grad(text)

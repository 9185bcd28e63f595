"""Mistakes in a plan, each found before weights load or a run begins, each in words of its own.

The words are kept in twenty_mistakes.txt, to be read by people: what was wrong, where, what is allowed,
what to do next. WITHSTAND_UPDATE_SNAPSHOTS=1 writes them anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.cli import invoke
from tests.suites import project

SNAPSHOT = Path(__file__).with_suffix("").with_name("twenty_mistakes.txt")
RENEW = "WITHSTAND_UPDATE_SNAPSHOTS"

Spoil = Callable[[Path], object]


def instead(old: str, new: str) -> Spoil:
    """Put something else in the plan."""

    def spoil(plan: Path) -> None:
        text = plan.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        plan.write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def added(text: str) -> Spoil:
    """Add tables to the end of the plan."""
    return lambda plan: plan.write_text(plan.read_text() + "\n" + text, encoding="utf-8")


def gate(metric: str, bound: str = "at_least = 0.5") -> Spoil:
    return added(f'[[gates]]\nmetric = "{metric}"\n{bound}\nwhy = "It matters."\n')


def data(text: str) -> Spoil:
    return lambda plan: (plan.parent / "data.csv").write_text(text, encoding="utf-8")


def rows(*more: tuple[str, str]) -> Spoil:
    return lambda plan: project.write_rows(plan.parent / "data.csv", [*project.rows(), *more])


AUDIT = 'attacks = ["deepwordbug"]'
DATA = "shares = [0.2, 0.3, 0.5]"

MISTAKES: dict[str, Spoil] = {
    "a key misspelt": instead("examples = 12", "exampels = 12"),
    "a section misspelt": instead("[audit]", "[audits]"),
    "a key in the wrong section": instead("max_length = 32", "max_length = 32\nexamples = 12"),
    "a required key missing": instead("base = ", "# base = "),
    "a required section missing": instead("[model]", "[data.model]"),
    "a string for a number": instead("examples = 12", 'examples = "12"'),
    "a string for a list": instead(AUDIT, 'attacks = "deepwordbug"'),
    "a number below its range": instead("examples = 12", "examples = 0"),
    "a number that is none": instead("at_least = 0.0", "at_least = nan"),
    "a near_duplicate of 1.5": instead(DATA, "near_duplicate = 1.5"),
    "shares that do not add up": instead(DATA, "shares = [0.8, 0.1, 0.2]"),
    "two shares": instead(DATA, "shares = [0.8, 0.2]"),
    "a name that is no file name": instead('name = "release"', 'name = "my plan/1"'),
    "a syntax error": instead("examples = 12", "examples = = 12"),
    "a key twice": instead("examples = 12", "examples = 12\nexamples = 13"),
    "not UTF-8": lambda plan: plan.write_bytes(plan.read_bytes() + b"# caf\xe9\n"),
    "no plan file": lambda plan: plan.unlink(),
    "a folder for a plan": lambda plan: (plan.unlink(), plan.mkdir()),
    "an attack misspelt": instead(AUDIT, 'attacks = ["deepwordbag"]'),
    "an attack for models that write": instead(AUDIT, 'attacks = ["morpheus"]'),
    "an attack that keeps labels": instead(AUDIT, 'attacks = ["input-reduction"]'),
    "a setting misspelt": added("[audit.settings.deepwordbug]\nmax_edit = 3\n"),
    "a setting of the wrong type": added("[audit.settings.deepwordbug]\nmax_edit_distance = 1.5\n"),
    "settings of an attack that is not run": added("[audit.settings.pwws]\ninflect = false\n"),
    "train_attacks that are not attacks": instead(AUDIT, f'{AUDIT}\ntrain_attacks = ["pwws"]'),
    "a paraphraser that is not named": instead(AUDIT, 'attacks = ["deepwordbug", "paraphrase"]'),
    "a check misspelt": instead(AUDIT, f'{AUDIT}\nchecks = ["signl"]'),
    "a metric misspelt": gate("clean_acuracy"),
    "a metric of an attack that is not run": gate("robust_accuracy.pwws"),
    "a metric of a single attack's union": gate("robust_accuracy.union"),
    "a gap misspelt": gate("gap.acuracy_train_test"),
    "a gap of training examples that are not attacked": gate("gap.robust_train_test.deepwordbug"),
    "a gain that is not measured": gate("gain.calibration_error"),
    "a calibrated metric without calibration": lambda plan: (
        instead("examples = 12", "examples = 12\ncalibrated = false")(plan),
        gate("robust_accuracy.deepwordbug.calibrated")(plan),
    ),
    "a gate with two bounds": gate("clean_accuracy", "at_least = 0.5\nat_most = 0.9"),
    "a gate without a bound": gate("clean_accuracy", ""),
    "a gate without a reason": instead("why = ", "# why = "),
    "a bound in percent": gate("clean_accuracy", "at_least = 80"),
    "an unknown kind of evidence": instead('evidence = "point"', 'evidence = "points"'),
    "a data file that is missing": lambda plan: (plan.parent / "data.csv").rename(
        plan.parent / "date.csv"
    ),
    "a data file of an unknown kind": instead("data.csv", "release.toml"),
    "data without rows": data("text,label\n"),
    "an empty data file": data(""),
    "a text column that is missing": instead(DATA, f'{DATA}\ntext = ["txt"]'),
    "a label column that is missing": instead(DATA, f'{DATA}\nlabel = "lable"'),
    "a group column that is missing": instead(DATA, f'{DATA}\ngroup = "film"'),
    "a score for a label": data("text,label\n" + "".join(f"t{n},{n}.5\n" for n in range(9))),
    "a label that the model does not know": rows(("a film", "neutral")),
    "no rows left to test on": instead(DATA, "shares = [0.5, 0.5, 0.0]"),
    "no rows left to calibrate on": instead(DATA, "shares = [0.5, 0.0, 0.5]"),
    "a model folder that is missing": instead("/base", "/bass"),
    "a model without weights": lambda plan: (plan.parent / "base/model.safetensors").unlink(),
    "a model without a head": lambda plan: instead(
        f'base = "{plan.parent}/base"', 'base = "bundle:minilm-l6"'
    )(plan),
    "an input longer than the model takes": instead("max_length = 32", "max_length = 900"),
    "gradients of the mean of several answers": instead(
        'attacks = ["deepwordbug"]', 'attacks = ["hotflip"]\nrepeats = 8'
    ),
    "a gate on borrowed attacks without a surrogate": gate("transfer_accuracy.deepwordbug"),
    "a surrogate that is not there": instead(AUDIT, f'{AUDIT}\nsurrogates = ["./models/far"]'),
    "shadows of a model that is not trained here": instead(AUDIT, f"{AUDIT}\nshadows = 16"),
    "a gate on shadows that there are none of": gate("membership_found", "at_most = 0.1"),
    "looks with a gate that any look decides": instead(AUDIT, f"{AUDIT}\nlooks = 4"),
    "an attack named twice": instead(AUDIT, 'attacks = ["deepwordbug", "deepwordbug"]'),
    "a gap of calibration without a temperature": lambda plan: (
        instead("examples = 12", "examples = 12\ncalibrated = false")(plan),
        gate("gap.calibration", "at_most = 0.1")(plan),
    ),
    "a slice that says nothing": added('[[audit.slices]]\nname = "all"\n'),
    "a slice with no regular expression": added(
        '[[audit.slices]]\nname = "odd"\nmatches = "(not"\n'
    ),
    "a slice of a label that is none": added(
        '[[audit.slices]]\nname = "praise"\nlabels = ["good"]\n'
    ),
    "a slice of a column that is not there": added(
        '[[audit.slices]]\nname = "ann"\ncolumn = "txt"\nvalues = ["ann"]\n'
    ),
    "a slice that holds no text": added('[[audit.slices]]\nname = "long"\nmin_words = 90\n'),
    "a gate on a slice that is not there": gate("clean_accuracy", 'at_least = 0.5\nslice = "long"'),
    "a gate on a slice of what is not sliced": added(
        '[[audit.slices]]\nname = "short"\nmax_words = 90\n\n[[gates]]\nslice = "short"\n'
        'metric = "calibration_error"\nat_most = 0.5\nwhy = "It matters."\n'
    ),
    "a margin on a gain": gate("gain.clean_accuracy", "margin = 0.02"),
    "a margin in percent": gate("clean_accuracy", "margin = 2.0"),
    "a gate on a set that is not there": gate("clean_accuracy.elsewhere"),
    "a set that is not there": added('[[audit.sets]]\nname = "far"\nsource = "far.csv"\n'),
    "a set by a name of the data's own": added(
        '[[audit.sets]]\nname = "test"\nsource = "data.csv"\n'
    ),
    "a contrast set without its sets": added(
        '[[audit.sets]]\nname = "edits"\nsource = "data.csv"\nkind = "contrast"\n'
    ),
    "a contrast set whose texts are all alone": added(
        '[[audit.sets]]\nname = "edits"\nsource = "data.csv"\nkind = "contrast"\ngroup = "text"\n'
    ),
    "a waiver of a gate that is not there": added(
        '[[waivers]]\nmetric = "clean_acuracy"\nowner = "me"\nreason = "-"\nuntil = 2030-01-31\n'
    ),
    "a waiver until no day": added(
        '[[waivers]]\nmetric = "clean_accuracy"\nowner = "me"\nreason = "-"\nuntil = "soon"\n'
    ),
    "a resource that nothing reads": added('[resources]\nvectors = "v.txt"\n'),
}

STAGE = {
    "an unknown stage": ["--stage", "hardened"],
    "a stage of no training": ["--stage", "train"],
}


def refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    spoil: Spoil,
    options: list[str],
) -> str:
    """What is said of the mistake, without the folder that the test happens to run in."""
    plan = project.release(folder)
    spoil(plan)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    for name in (
        "models.load_classifier",
        "other_models.load_encoder",
        "other_models.load_masked_lm",
    ):
        monkeypatch.setattr(f"harness.{name}", refuse)
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert invoke(["audit", str(plan), "-q", *options]) == 2
    assert not (folder / "runs").exists()
    return capsys.readouterr().err.strip().replace(str(folder), "FOLDER")


def snapshots() -> dict[str, str]:
    """The kept messages by mistake: blocks of a heading and indented lines."""
    if not SNAPSHOT.is_file():
        return {}
    blocks = re.findall(r"^## (.*)\n((?:    .*\n)+)", SNAPSHOT.read_text("utf-8"), re.MULTILINE)
    return {name: "\n".join(line[4:] for line in text.splitlines()) for name, text in blocks}


def keep(name: str, message: str) -> None:
    """Write the message into the snapshot, in the order of the mistakes."""
    found = {**snapshots(), name: message}
    order = [known for known in [*MISTAKES, *STAGE] if known in found]
    blocks = [
        f"## {known}\n" + "".join(f"    {line}\n" for line in found[known].splitlines())
        for known in order
    ]
    SNAPSHOT.write_text("\n".join(blocks), encoding="utf-8")


@pytest.mark.parametrize("name", [*MISTAKES, *STAGE])
def test_a_mistake_is_found_at_once_and_told_in_words(
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil = MISTAKES.get(name, lambda plan: None)
    message = refused(tmp_path, capsys, monkeypatch, spoil, STAGE.get(name, []))
    if os.environ.get(RENEW):
        keep(name, message)
    assert message == snapshots().get(name), (
        f"Read it; if it is better: {RENEW}=1 pytest {__file__}"
    )


def test_the_messages_are_as_many_as_the_mistakes() -> None:
    kept = snapshots()
    assert list(kept) == [*MISTAKES, *STAGE]
    assert len(kept) >= 20
    assert len(set(kept.values())) == len(kept)


@pytest.mark.parametrize("message", snapshots().values(), ids=list(snapshots()))
def test_a_message_is_a_sentence_about_the_plan_and_nobody_s_traceback(message: str) -> None:
    assert message.startswith("Error: ")
    assert message.endswith((".", "?")) or " That line is: " in message
    for inside in ("Traceback", "pydantic", "Input should be", "Value error", "<class", "None"):
        assert inside not in message

"""A card of anybody's keeps every byte of theirs; our entry is put there once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import judged_run
import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import front_matter, model_index
from reports.errors import ReportError
from reports.front_matter import BEGIN, END, patched
from reports.source import Source

LINES = ['- name: "ours"', "  results: []"]
NEW = ['- name: "ours, later"', "  results:", '  - {"a": 1}']


def without(text: str) -> str:
    """A card with our lines cut out, by their marks alone."""
    kept, ours = [], False
    for line in text.splitlines(keepends=True):
        word = line.strip()
        ours = ours or word == BEGIN
        if not ours:
            kept.append(line)
        ours = ours and word != END
    return "".join(kept)


CARDS = (
    "---\nlicense: mit  # yes\ntags: [a,   b]\n---\n# Title\n\nBody\n",
    "---\r\nlicense: mit\r\n---\r\n# Title\r\n",
    "\ufeff---\na: 1\n---\nBody",
    "\n\n---\na: 1\n---\n",
    "---\n  a: 1\n  b: 2\n---\n",
    "---\n# only a comment\n---\nBody\n",
    "---\na: |\n  ---\n  text\n\n---\nBody\n---\nmore\n",
    "---\nmodel-index:\n- name: theirs\n  results: []\nafter: 1\n---\n",
    "---\nmodel-index:\n  # theirs\n  - name: theirs\n    results: []\n---\n",
    "---\nmodel-index:\n\n- name: one\n- name: two\n---\n",
    "---\nx: &a [1, *a]\ny: !!python/object/apply:os.system [id]\nz: .nan\n---\n",
    "---\na: 1\n---",
)


@pytest.mark.parametrize("text", CARDS, ids=range(len(CARDS)))
def test_what_was_there_stays_byte_for_byte(text: str) -> None:
    once = patched(text, LINES)
    assert once != text
    assert without(once) == text
    assert patched(once, LINES) == once
    assert without(patched(once, NEW)) == text
    assert patched(patched(once, NEW), LINES) == once


@pytest.mark.parametrize("text", ["", "# Title\n", "Body\r\n", "---\n\nA rule and no end\n", "-"])
def test_a_card_without_front_matter_gets_one(text: str) -> None:
    once = patched(text, LINES)
    assert once.endswith(text)
    assert patched(once, LINES) == once
    assert ModelCard(once).data.model_name == "ours"


@pytest.mark.parametrize(
    "text",
    [
        "---\n[1, 2]\n---\n",
        "---\na: [\n---\n",
        "---\n{a: 1}\n---\n",
        "---\njust text\n---\n",
        "---\nmodel-index: [{name: a}]\n---\n",
        "---\nmodel-index:\n---\n",
        "---\nmodel-index: &x\n- name: a\n---\n",
        "---\nmodel-index:\n- a\nmodel-index:\n- b\n---\n",
        "---\na: |\n  # withstand: begin\n  x\n  # withstand: end\n---\n",
        "---\n&x\na: 1\n---\n",
        "---\na: \x00\n---\n",
        f"---\na: {'[' * 5000}\n---\n",
    ],
    ids=range(12),
)
def test_what_cannot_be_patched_is_refused_and_not_guessed(text: str) -> None:
    with pytest.raises(ReportError, match=r"README\.md: "):
        patched(text, LINES)


def test_our_entry_is_read_beside_theirs() -> None:
    card = ModelCard(patched(CARDS[7], LINES))
    assert card.data.model_name == "theirs"
    data = yaml.safe_load(patched(CARDS[7], LINES).split("---")[1])
    assert [model["name"] for model in data["model-index"]] == ["ours", "theirs"]


SCALARS = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.dates(),
    st.sampled_from(["# withstand: begin", "# withstand: end", BEGIN, "---", "- x"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.text(min_size=1, max_size=8).filter(lambda key: key != "model-index")
COMMENTS = st.lists(
    st.sampled_from(["# a comment\n", "#\n", "\n", "# ---\n", "#- x: [\n"]), max_size=3
)


@st.composite
def cards(draw: st.DrawFn) -> tuple[str, bool]:
    """Front matter in any style of PyYAML's, comments between the keys, any body; and if it is odd."""
    values = draw(st.dictionaries(KEYS, VALUES, max_size=4))
    pairs = [{key: value} for key, value in values.items()]
    theirs = draw(st.lists(VALUES, min_size=1, max_size=2) | st.none())
    if theirs:
        pairs.insert(draw(st.integers(0, len(pairs))), {"model-index": theirs})
    front = ""
    for pair in pairs:
        flow = draw(st.sampled_from([False, None])) if "model-index" not in pair else False
        dumped = yaml.safe_dump(pair, allow_unicode=draw(st.booleans()), default_flow_style=flow)
        if dumped.startswith("{"):
            dumped = yaml.safe_dump(pair, default_flow_style=False)
        front += "".join(draw(COMMENTS)) + dumped
    # A line of three hyphens ends what hubs read, also inside a text; and marks may stand anywhere.
    odd = "---" in front or "withstand: " in front
    body = draw(st.text(max_size=40) | st.sampled_from(["---\n", "```\n---\n```\n", "<!-- -->"]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return f"---\n{front}---\n".replace("\n", newline) + body, odd


@settings(max_examples=100)
@given(cards())
def test_any_card_keeps_its_bytes_or_is_refused(drawn: tuple[str, bool]) -> None:
    text, odd = drawn
    try:
        once = patched(text, LINES)
    except ReportError:
        assert odd, "what is plain is patched"
        return
    pairs = enumerate(zip(text, once, strict=False))
    same = next((n for n, (a, b) in pairs if a != b), len(text))
    assert once.endswith(text[same:]), "something was put in, and nothing taken out or changed"
    assert patched(once, LINES) == once
    later = patched(once, NEW)
    assert patched(later, LINES) == once
    if not odd:
        assert without(once) == text
        before, after = (yaml.safe_load(front(card)) or {} for card in (text, once))
        ours, *theirs = after.pop("model-index")
        assert ours == {"name": "ours", "results": []}
        assert theirs == before.pop("model-index", [])
        assert after == before


def front(card: str) -> str:
    return card.replace("\r\n", "\n").split("---\n")[1]


def audited(dataset: str | None = None, found: dict[str, Any] | None = None) -> Source:
    source = judged_run.source(found)
    made = Source(source.run, dataset=dataset)
    vars(made).update(vars(source) | {"dataset": dataset})
    return made


def test_a_hub_reads_every_number_of_the_audit() -> None:
    source = audited()
    card = ModelCard(patched("# Mine\n", model_index.lines(source)))
    after = source.results["comparison"]["after"]
    results = card.data.eval_results
    (accuracy,) = [entry for entry in results if entry.metric_type == "accuracy"]
    assert accuracy.metric_value == round(after["clean"]["test"]["accuracy"]["value"], 4)
    assert accuracy.metric_args["n"] == after["clean"]["test"]["accuracy"]["n"]
    robust = {e.metric_name: e.metric_value for e in results if e.metric_type == "robust_accuracy"}
    held_out = [attack for attack in after["attacks"] if attack["split"] == "test"]
    assert len(robust) == len(held_out) + len(after["unions"])
    assert "Robust accuracy, textfooler, calibrated" in robust
    assert {entry.dataset_split for entry in results} == {"test"}


def test_a_card_and_its_results_file_are_written_beside_each_other(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    theirs = b"---\r\nlicense: mit\r\n---\r\n# Mine \xff\r\n"
    readme.write_bytes(theirs)
    written = model_index.patch(tmp_path, audited("someone/reviews@0123abc"))
    assert written == [readme, tmp_path / ".eval_results" / "withstand.yaml"]
    assert without(readme.read_bytes().decode("latin-1")).encode("latin-1") == theirs
    if not hasattr(huggingface_hub, "parse_eval_result_entries"):
        pytest.skip("this release of huggingface_hub does not read the newer file")
    entries = huggingface_hub.parse_eval_result_entries(yaml.safe_load(written[1].read_text()))
    by_task = {entry.task_id: entry for entry in entries}
    assert len(by_task) == len(entries)
    found = by_task["clean_accuracy"]
    assert (found.dataset_id, found.dataset_revision) == ("someone/reviews", "0123abc")
    assert "95% interval" in str(found.notes)
    again = [path.read_bytes() for path in written]
    model_index.patch(tmp_path, audited("someone/reviews@0123abc"))
    assert [path.read_bytes() for path in written] == again


def test_without_a_data_set_on_the_hub_no_results_file_is_made_up(tmp_path: Path) -> None:
    assert model_index.patch(tmp_path, audited()) == [tmp_path / "README.md"]
    assert "# rt-harden" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_wrong_id_or_a_run_without_numbers_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Mine\n")
    with pytest.raises(ReportError, match="OWNER/NAME"):
        model_index.patch(tmp_path, audited("not an id"))
    found = judged_run.results()
    found["comparison"] = None
    with pytest.raises(ReportError, match="measured no accuracy"):
        model_index.patch(tmp_path, audited(found=found))
    assert (tmp_path / "README.md").read_text() == "# Mine\n"


@settings(max_examples=60)
@given(judged_run.NASTY)
def test_hostile_text_stays_text_in_a_card(poison: str) -> None:
    source = audited(found=judged_run.poisoned(judged_run.results(), poison))
    text = patched("---\nlicense: mit\n---\n", model_index.lines(source))
    text.encode("utf-8")
    plain = yaml.safe_load(text.split("\n---")[0])
    assert plain["license"] == "mit"
    assert set(plain) == {"license", "model-index"}
    assert ModelCard(text).data.eval_results
    ModelCard(model_index.render(source))
    yaml.safe_load(model_index._eval_results(source, "a/b"))


def test_a_text_of_a_megabyte_is_cut() -> None:
    source = audited(found=judged_run.poisoned(judged_run.results(), judged_run.LONG))
    assert len("\n".join(model_index.lines(source))) < 50_000


def test_a_mapping_is_the_same_in_yaml_and_in_json() -> None:
    value = {"a": '😀 ü "x" \\ : # - {}', "n": [1, 0.5, True, None]}
    assert yaml.safe_load(front_matter.yaml_text(value)) == value

"""Every hostile string that we know, through every format: none becomes more than text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import browser
import judged_run
import pytest
import yaml
from hostile import CORPUS
from markdown_it import MarkdownIt
from test_csv_files import is_safe
from test_render import _page

from reports import csv_files, html, items, junit, markdown, model_index, sarif, summary_json
from reports.cells import shown_again
from reports.records import OutcomeRecord
from reports.source import Source
from reports.visible import is_hidden, one_line
from suites.terminal import show_results

SHORT = tuple(text for text in CORPUS if len(text) <= 2_000)
LONG = tuple(text for text in CORPUS if len(text) > 2_000)
KEPT = frozenset(judged_run._FIXED | {"name", "metric", "attack", "split", "check", "example_id"})
"""What readers look things up by; the names are poisoned in tests of their own."""


def spread(value: Any, poisons: Iterator[str], key: str = "") -> Any:
    """The same results with another string behind every free text."""
    if isinstance(value, dict):
        return {name: spread(item, poisons, name) for name, item in value.items()}
    if isinstance(value, list):
        return [spread(item, poisons, key) for item in value]
    free = isinstance(value, str) and key not in KEPT
    if free and value not in ("pass", "fail", "inconclusive"):
        return value + next(poisons)
    return value


SIZE = 120
"""Strings a document: so each stands in several places."""


def documents() -> list[Source]:
    """As many results as it takes to hold every short string."""
    parts = [SHORT[start : start + SIZE] for start in range(0, len(SHORT), SIZE)]
    return [judged_run.source(spread(judged_run.results(), cycle(part))) for part in parts]


@pytest.fixture(scope="module")
def every() -> list[Source]:
    """Those, and one for each string that is long."""
    long = [spread(judged_run.results(), cycle((text[:200_000],))) for text in LONG]
    return [*documents(), *map(judged_run.source, long)]


class Outside(HTMLParser):
    """The text of a page that stands in no code."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self.inside -= tag == "code"

    def handle_data(self, data: str) -> None:
        self.text += "" if self.inside else data


def test_the_corpus_is_what_it_says() -> None:
    assert len(CORPUS) >= 500
    assert len(set(CORPUS)) == len(CORPUS)
    assert max(map(len, CORPUS)) >= 1_000_000
    assert {ord(c) >> 16 for text in CORPUS for c in text} == set(range(17))
    held = json.dumps([source.results for source in documents()])
    assert all(json.dumps(text)[1:-1] in held for text in SHORT)


def test_none_is_markup_in_the_page(every: list[Source]) -> None:
    tags = set(_page(html.render(judged_run.source().report)).tags) | {"span"}
    for source in every:
        drawn = html.render(source.report)
        page = _page(drawn)
        assert set(page.tags) <= tags
        for tag, name, value in page.attributes:
            assert not name.startswith("on"), (tag, name)
            assert name not in ("style", "src", "srcset", "action", "formaction"), (tag, name)
            if name == "href":
                assert (value or "").startswith("#")
        assert not any(is_hidden(c) for c in drawn if c not in "\n\t")
        assert len(drawn) < 8_000_000  # each of a thousand texts is cut at 4,000 characters


def test_none_is_markup_in_a_comment() -> None:
    allowed = {"h2", "h3", "p", "strong", "ul", "li", "code", "table", "thead", "tbody", "tr", "th"}
    for start in range(0, len(SHORT), 12):  # few, for a comment that is too long leaves some out
        part = cycle(SHORT[start : start + 12])
        source = judged_run.source(spread(judged_run.results(), part))
        drawn = markdown.render(source.report)
        shown = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(drawn)
        page, outside = _page(shown), Outside()
        assert set(page.tags) <= allowed | {"td", "br", "sub", "details", "summary"}
        assert all(name == "style" for _, name, _ in page.attributes), page.attributes
        outside.feed(shown)
        assert not re.search(r"@\w|https?:|www\.", outside.text)
        assert not any(is_hidden(c) for c in drawn if c not in "\n\t\u2060")


def test_none_leaves_its_element_in_xml(every: list[Source]) -> None:
    plain = [e.tag for e in ET.fromstring(junit.render(judged_run.source())).iter()]
    for source in every:
        root = ET.fromstring(junit.render(source))
        assert [element.tag for element in root.iter()] == plain
        values = [text for e in root.iter() for text in (e.text or "", *e.attrib.values())]
        assert not any(is_hidden(c) for text in values for c in text if c not in "\n\t")


def test_none_is_a_link_or_a_place_in_sarif(every: list[Source]) -> None:
    for source in every:
        (run,) = json.loads(sarif.render(source))["runs"]
        assert len(run["results"]) == 8
        for result in run["results"]:
            assert not re.search(r"\]\(|\{\d", result["message"]["text"])
            for location in result.get("locations", []):
                uri = location["physicalLocation"]["artifactLocation"]["uri"]
                assert uri == "plan.toml"


def test_none_is_a_formula_in_a_cell_and_each_comes_back(tmp_path: Path) -> None:
    records = [
        OutcomeRecord(
            check="attack:a@test",
            attack="a",
            example_id=f"e{number}",
            split="test",
            status="succeeded",
            label=0,
            group=text,
            original=(text,),
            perturbed=(text,),
            changes=((0, text[:100], text[:100]),),
            error=text,
        )
        for number, text in enumerate(CORPUS)
    ]
    items.write(tmp_path / items.NAME, records)
    table = "".join(csv_files.items_csv(judged_run.source(folder=tmp_path)))
    csv.field_size_limit(2**24)
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert len(rows) == len(CORPUS)
    for row, text in zip(rows, CORPUS, strict=True):
        assert all(is_safe(cell) for cell in row.values())
        kept = text.encode("utf-8", "backslashreplace").decode()
        assert shown_again(row["original"]) == shown_again(row["error"]) == kept


def test_none_is_code_in_a_card(every: list[Source]) -> None:
    plain = yaml.safe_load(model_index.render(judged_run.source()).split("---")[1])
    for source in every:
        card = model_index.render(source)
        front = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
        assert front is not None
        found = yaml.safe_load(front[1])
        assert found.keys() == plain.keys()
        (entry,), (known,) = found["model-index"], plain["model-index"]
        assert len(entry["results"]) == len(known["results"])


def test_none_is_in_the_numbers_for_other_programs(every: list[Source]) -> None:
    names = json.loads(summary_json.render(judged_run.source()))["metrics"].keys()
    for source in every:
        found = json.loads(summary_json.render(source))
        assert found["metrics"].keys() == names


def test_none_moves_a_cursor_or_turns_a_line(
    every: list[Source], capsys: pytest.CaptureFixture[str]
) -> None:
    for source in every:
        examples = source.measured["examples"] or judged_run.results()["examples"]
        shown = [spread(example, cycle(SHORT)) for example in examples[:3]]
        show_results(source.results, Path("runs/x"), [], shown)
        said = capsys.readouterr().out
        assert said
        assert not any(is_hidden(c) for c in said if c not in "\n\t")


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Pipe]:
    with browser.chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


WATCH = """<script>
window.alert = window.confirm = window.prompt = () => document.documentElement.dataset.ran = "yes";
</script>"""


def unguarded(page: str) -> str:
    """The page without its policy, and with scripts that would tell: what autoescape alone holds."""
    bare, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', WATCH, page)
    assert count == 1
    return bare


def test_none_is_run_or_fetched_by_a_browser_even_without_the_policy(
    pipe: browser.Pipe, every: list[Source], tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    plain = html.render(judged_run.source().report)
    for source in (judged_run.source(), *every[:-7]):
        path.write_text(unguarded(html.render(source.report)), encoding="utf-8")
        page = browser.Page(pipe)
        page.show(1280)
        page.open(path.as_uri())
        page.value(
            """document.querySelectorAll('details').forEach(each => each.open = true);
            document.querySelectorAll('*').forEach(each => each.dispatchEvent(
                new MouseEvent('mouseover', {bubbles: true})))"""
        )
        assert page.value("document.documentElement.dataset.ran || 'no'") == "no"
        asked = [event["request"]["url"] for event in page.named("Network.requestWillBeSent")]
        assert asked == [path.as_uri()]
        assert page.named("Runtime.exceptionThrown") == []
        found = page.value("[...document.querySelectorAll('h2')].map(each => each.id).join(' ')")
        assert found == " ".join(re.findall(r'<h2 id="([^"]+)"', plain))
        for width in (400, 1280):
            page.show(width)
            assert page.value("document.documentElement.scrollWidth") <= width
        page.close()


def test_the_browser_would_have_told_of_a_script(pipe: browser.Pipe, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    plain = unguarded(html.render(judged_run.source().report))
    page = browser.Page(pipe)
    for text in islice((t for t in CORPUS if "<script>alert(1)</script>" in t), 1):
        path.write_text(plain.replace("</main>", f"{text}</main>"), encoding="utf-8")
        page.open(path.as_uri())
        assert page.value("document.documentElement.dataset.ran") == "yes"
    page.close()


def test_every_string_is_read_as_what_it_is_in_one_line() -> None:
    for text in CORPUS:
        said = one_line(text, None)
        assert not any(is_hidden(character) for character in said)
        assert "\n" not in said

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import scenario
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports import chart, excerpts, html, markdown, narrative, outline
from reports.render import render, view
from reports.view import Report
from reports.visible import one_line, visible

FIXTURE = Path(__file__).parent / "data" / "results-v1.json"

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"><svg/onload=alert(1)> ' onclick='x",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "\u202egnp.exe\u2066 \u200b\u200d\ufeff",
    "\x1b[31mred\x1b[0m\x07\x00\x9b31m",
    "\ud83d lone \udc00",
    "]]><!-- --> &lt;b&gt; &amp;",
    "$x^2$ \\frac{1}{0}",
    "[x](javascript:alert(1)) ![i](http://evil.example/p.png) <http://evil.example>",
    "`` ` ``` code | pipe | @everyone #1 http://evil.example www.evil.example",
    "# heading\n- item\n---\n| a | b |",
    "- [ ] task",
    "a" * 100_000,
    "",
)


class _Page(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _page(source: str) -> _Page:
    page = _Page()
    page.feed(source)
    return page


def _fixture() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FIXTURE.read_text())
    return found


# Strings that the report reads as words of a fixed set, or as times; all others may hold anything.
_FIXED = {
    "schema",
    "kind",
    "direction",
    "evidence",
    "verdict",
    "metric",
    "status",
    "created",
    "finished",
}


def _poisoned(value: Any, poison: str, key: str = "") -> Any:
    """The same results with the poison in every free text, and in every free key."""
    if isinstance(value, dict):
        free = key in ("labels", "files", "splits", "duplicates")
        return {
            (f"{name}{poison}" if free else name): _poisoned(item, poison, name)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_poisoned(item, poison, key) for item in value]
    if (
        isinstance(value, str)
        and key not in _FIXED
        and value not in ("pass", "fail", "inconclusive")
    ):
        return value + poison
    return value


def _filled() -> dict[str, Any]:
    """The fixture with what later releases say: words of the plan, a waiver, curves, checks."""
    results = _fixture()
    keys = ("intended_use", "threat_model", "author", "reviewer", "expires")
    results["report"] = {**dict.fromkeys(keys, "said"), "out_of_scope": ["said"]}
    gate = results["verdict"]["gates"][0]
    gate["waiver"] = {"owner": "Ann", "reason": "said", "until": "2027-01-31"}
    main = results["comparison"]["after"] if results["comparison"] else results
    for attack in main["attacks"]:
        rate = attack["robust_accuracy"]
        attack["curve"] = [{"queries": n, "robust_accuracy": rate} for n in (1, 10, 100)]
        attack["recipe"]["parameters"] = {
            "goal": {"kind": "Untargeted"},
            "transformation": {"kind": "SwapAdjacent"},
            "constraints": [{"kind": "EditDistance", "most": 30}],
        }
    return results


def _report(poison: str) -> Report:
    results = _poisoned(_filled(), poison)
    manifest = _poisoned(scenario.MANIFEST, poison)
    return narrative.build(results, manifest, {"results.json": f"ff{poison}"})


@pytest.fixture(scope="module")
def plain_tags() -> set[str]:
    return set(_page(html.render(_report(""))).tags)


@pytest.mark.parametrize("poison", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text_in_html(poison: str, plain_tags: set[str]) -> None:
    source = html.render(_report(poison))
    page = _page(source)
    assert set(page.tags) <= plain_tags | {"span"}
    assert not plain_tags & {"script", "iframe", "img", "link", "object", "form", "base"}
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in ("style", "src", "srcset", "action", "formaction"), (tag, name)
        if name == "href":
            assert (value or "").startswith("#")
        if tag == "a":  # the page's own parts, whatever the run is called
            assert name in ("href", "class")
            assert value in ("skip", "#main", *(f"#{key}" for key in outline.TITLES))
    source.encode("utf-8")
    unseen = re.sub(r"[\n\t]", "", source)
    assert not re.search(
        r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", unseen
    )
    assert len(source) < 3_000_000
    if poison == HOSTILE[0]:
        assert any("<script>alert(1)</script>" in text for text in page.text)
    if poison == HOSTILE[3]:
        assert any("{{ 7 * 7 }}" in text for text in page.text)


@pytest.mark.parametrize("poison", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text_in_markdown(poison: str) -> None:
    source = markdown.render(_report(poison))
    source.encode("utf-8")
    page = _page(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(source))
    allowed = {"h2", "h3", "p", "strong", "ul", "li", "code", "table", "thead", "tbody", "tr", "th"}
    assert set(page.tags) <= allowed | {"td", "br", "sub", "details", "summary"}
    assert all(name in ("style",) for _, name, _ in page.attributes), page.attributes
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", source)
    assert not re.search(r"@\w|https?:|www\.", outside)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", source)


def test_the_comment_fits_a_pull_request() -> None:
    assert len(markdown.render(_report(""))) < 20_000
    assert len(markdown.render(_report("a" * 100_000))) < 1_500_000


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=60))
def test_markdown_text_and_code_hold_anything(given_text: str) -> None:
    reader = MarkdownIt("commonmark", {"html": True})
    for drawn in (markdown.text(given_text), markdown.code(given_text)):
        page = _page(reader.render(f"x {drawn} y\n"))
        assert set(page.tags) <= {"p", "code"}
        text = "".join(page.text).replace("\u2060", "").split()
        expected = one_line(given_text).replace("\u2060", "").split() or ["(empty)"]
        if drawn != "(empty)" and one_line(given_text).strip():
            assert text[1:-1] == expected
        item = _page(reader.render(f"- {drawn}\n"))
        assert set(item.tags) <= {"ul", "li", "code"}
        assert item.tags.count("ul") == 1


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=60))
def test_visible_text_can_be_written_and_hides_nothing(given_text: str) -> None:
    shown = visible(given_text)
    shown.encode("utf-8")
    assert visible(shown) == shown
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f]", shown)
    if given_text.isascii() and given_text.isprintable():
        assert shown == given_text


def test_visible_text_keeps_what_people_write() -> None:
    for text in ("שלום עולם", "مرحبا", "naïve café", "日本語", "❤\ufe0f 👍"):
        assert visible(text) == text
    assert visible("a\u202eb\ud83d\x00\n") == "a⟦U+202E⟧b⟦U+D83D⟧␀␊"
    assert visible("x" * 5000).endswith("x … [5,000 characters in all]")


def test_the_policy_allows_the_style_sheet_and_nothing_else() -> None:
    source = html.render(_report(""))
    css = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert css is not None
    digest = base64.b64encode(hashlib.sha256(css.group(1).encode()).digest()).decode()
    assert "default-src &#39;none&#39;" in source
    assert f"style-src &#39;sha256-{digest}&#39;;" in source.replace("&#43;", "+")
    assert "unsafe" not in source
    assert "url(" not in css.group(1)
    assert "http" not in css.group(1)
    # An address may be named (a namespace, an origin), and none is followed.
    assert not re.search(r"(src|href|action|data)\s*=\s*[\"']?\s*(https?:)?//", source)


def test_a_report_is_drawn_from_the_folder_alone(tmp_path: Path) -> None:
    run = scenario.harden(tmp_path, count=40)
    written = render(run.path)
    assert [path.name for path in written] == ["report.html", "report.md"]
    first = [path.read_bytes() for path in written]
    render(run.path)
    assert [path.read_bytes() for path in written] == first, "the same records give the same bytes"
    assert run.verify_sums() == []
    source = first[0].decode()
    for expected in (
        "Overfitting",
        "textfooler",
        "unseen",
        "of 40",
        "What was not tested",
        "commit",
    ):
        assert expected in source
    assert "0f0f0f" in source, "the model's files by digest"


@pytest.mark.parametrize("value", ["pass", "fail", "inconclusive"])
def test_a_verdict_is_a_word_and_a_shape_and_never_colour_alone(value: str) -> None:
    results: Any = _fixture()
    scenario.with_verdict(results, value)
    source = html.render(narrative.build(results, None, {}))
    shapes = {"pass": "<circle cx", "fail": "M8 2h8l6 6", "inconclusive": "M12 1.5 22.5"}
    assert f'<span class="word">{value.capitalize()}</span>' in source
    banner = source[source.index('class="verdict') : source.index("<h1>")]
    assert shapes[value] in banner


def test_every_kind_of_run_can_be_drawn(tmp_path: Path) -> None:
    single = view(scenario.attack(tmp_path, count=20))
    assert single.verdict.value == "none"
    assert single.chart is not None
    assert "no gates" in html.render(single)
    audit = view(scenario.audit(tmp_path, "plain", count=20))
    assert [section.key for section in audit.sections][:3] == ["gaps", "attacks", "worst-case"]
    from reports.results import empty

    nothing = narrative.build(
        empty("train", {"id": "i", "name": "n", "created": "", "finished": None, "command": []}),
        None,
        {},
    )
    assert "no measurements" in html.render(nothing)
    assert "No verdict" in markdown.render(nothing)


def test_the_chart_takes_its_colours_from_the_page_and_speaks() -> None:
    found = _report("").chart
    assert found is not None
    for narrow in (False, True):
        svg = chart.draw(found, narrow=narrow)
        assert "style=" not in svg
        assert "#0102" not in svg
        assert "var(--series-1)" in svg
        assert "textfooler (unseen) (calibrated): before" in svg
    wide, narrow_one = (chart.draw(found, narrow=n) for n in (False, True))
    ids = re.findall(r'\bid="([^"]+)"', wide) + re.findall(r'\bid="([^"]+)"', narrow_one)
    assert len(ids) == len(set(ids))


def test_an_excerpt_marks_words_and_leaves_out_what_is_long() -> None:
    pieces = excerpts.marked(
        "a dull film " + "same " * 500 + "end", "a dulled film " + "same " * 500 + "x"
    )
    kinds = [piece.kind for piece in pieces]
    assert kinds == ["same", "del", "ins", "same", "gap", "same", "del", "ins"]
    assert pieces[1].text == "dull"
    assert sum(len(piece.text) for piece in pieces) < 500


@given(st.text(max_size=80), st.text(max_size=80))
def test_an_excerpt_holds_both_texts(before: str, after: str) -> None:
    pieces = excerpts.marked(before, after)
    assert "".join(p.text for p in pieces if p.kind in ("same", "del")) == before
    assert "".join(p.text for p in pieces if p.kind in ("same", "ins")) == after


def test_texts_too_long_to_compare_show_their_changes() -> None:
    record = {
        "attack": "pwws",
        "example_id": "e",
        "original": ["a " * 50_000],
        "perturbed": ["b " * 50_000],
        "changes": [[0, "a", "b"]],
    }
    found = excerpts.example(record, {})
    assert [(piece.kind, piece.text) for piece in found.fields[0]] == [("del", "a"), ("ins", "b")]


def test_duplicates_are_told_in_counts_and_not_in_texts() -> None:
    results = _fixture()
    results["data"]["duplicates"] = {
        "exact": 3,
        "removed": {"train": 5, "validation": 0},
        "overlaps": [{"examples": [{"removed_text": "a text that is long"}]}],
    }
    source = html.render(narrative.build(results, None, {}))
    assert "Duplicates across splits: exact 3, removed 5 in train, 0 in validation." in source
    assert "a text that is long" not in source


def _light(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark", "paper"])
def test_words_and_lines_stand_out_from_what_is_behind_them(scheme: str) -> None:
    css = (Path(html.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    assert len(blocks) == 3
    block = dict(zip(("light", "dark", "paper"), blocks, strict=True))[scheme]
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block))
    colours = {
        k: v if len(v) == 7 else "#" + "".join(c * 2 for c in v[1:]) for k, v in named.items()
    }

    def contrast(front: str, behind: str) -> float:
        one, other = sorted((_light(colours[front]), _light(colours[behind])), reverse=True)
        return (one + 0.05) / (other + 0.05)

    for front in ("ink", "muted"):
        for behind in ("page", "card", "soft", "good-soft", "bad-soft", "warn-soft", "info-soft"):
            assert contrast(front, behind) >= 4.5, (front, behind)
    for tone in ("good", "bad", "warn", "info"):
        assert contrast(tone, f"{tone}-soft") >= 4.5, tone
        assert contrast(tone, "card") >= 4.5, tone
    for line in ("series-0", "series-1", "withstood", "broken"):
        assert contrast(line, "card") >= 3, line

"""The page in a real browser: it asks for nothing, says nothing, and a checker of access is silent."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import browser
import pytest
import scenario
from browser import Page, Pipe

from reports import html, narrative
from reports.render import render

WIDTHS = (400, 1280)
BAD = "document.title='bad'"
HOSTILE = f"<img src=http://127.0.0.1:9/x onerror={BAD}>\"'><script>{BAD}</script>"

AXE = """axe.run(document, {resultTypes: ["violations"]}).then(found => JSON.stringify(
    found.violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 200))])))"""


def said(name: str, value: Any) -> dict[str, Any]:
    """Results that fill every part, with what the plan says and a waiver."""
    found: dict[str, Any] = json.loads(
        (Path(__file__).parent / "data" / "results-v1.json").read_text(encoding="utf-8")
    )
    keys = ("intended_use", "threat_model", "author", "reviewer", "expires")
    found["report"] = {**dict.fromkeys(keys, value), "out_of_scope": [value]}
    found["verdict"]["gates"][0]["waiver"] = {
        "owner": value,
        "reason": value,
        "until": "2027-01-31",
    }
    found["run"]["name"] = name
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def reports(folder: Path) -> dict[str, Path]:
    """Pages of every kind of run, and one of hostile text, by name."""
    found = {
        "harden": render(scenario.harden(folder, count=60).path, ["html"])[0],
        "attack": render(scenario.attack(folder, count=20).path, ["html"])[0],
    }
    for name, text in (("stated", "Somebody & Co."), ("hostile", HOSTILE)):
        path = folder / f"{name}.html"
        report = narrative.build(said(text, text), scenario.MANIFEST, {"results.json": "ab" * 32})
        path.write_text(html.render(report), encoding="utf-8")
        found[name] = path
    return found


@pytest.fixture(scope="module")
def pipe(folder: Path) -> Iterator[Pipe]:
    with browser.chromium(folder / "profile") as found:
        yield found


@pytest.fixture
def page(pipe: Pipe) -> Iterator[Page]:
    found = Page(pipe)
    yield found
    found.close()


@pytest.mark.parametrize("name", ["harden", "attack", "stated", "hostile"])
def test_the_page_asks_for_nothing_and_says_nothing(
    name: str, page: Page, reports: dict[str, Path]
) -> None:
    address = reports[name].as_uri()
    page.open(address)
    page.ask("Runtime.evaluate", expression="1")  # whatever was said by now has been read
    asked = [event["request"]["url"] for event in page.named("Network.requestWillBeSent")]
    assert asked == [address]
    assert page.named("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []
    assert page.value("document.title") != "bad"
    assert page.value("document.querySelectorAll('script, img, iframe, link').length") == 0


def test_the_browser_would_have_told_of_a_request(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<img src=http://127.0.0.1:9/x><script>console.log(1)</script>", encoding="utf-8"
    )
    page.open(bad.as_uri())
    page.ask("Runtime.evaluate", expression="1")
    assert len(page.named("Network.requestWillBeSent")) == 2
    assert page.named("Runtime.consoleAPICalled")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["harden", "attack", "stated"])
def test_an_accessibility_checker_finds_nothing(
    name: str, page: Page, reports: dict[str, Path]
) -> None:
    page.show(1280)
    page.open(reports[name].as_uri())
    page.value(browser.axe())
    for width, scheme in ((400, "light"), (1280, "dark")):
        page.show(width, scheme=scheme)
        assert json.loads(page.value(AXE)) == [], (width, scheme)
        page.value("document.querySelectorAll('details').forEach(each => each.open = true)")


def test_the_checker_would_have_found_something(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<p style='color:#ccc;background:#fff'>faint</p><img src=''>", encoding="utf-8")
    page.open(bad.as_uri())
    page.value(browser.axe())
    found = {name for name, _ in json.loads(page.value(AXE))}
    assert {"color-contrast", "html-has-lang", "image-alt"} <= found


@pytest.mark.parametrize("name", ["harden", "stated", "hostile"])
def test_nothing_is_wider_than_a_narrow_or_a_wide_window(
    name: str, page: Page, reports: dict[str, Path]
) -> None:
    page.show(1280)
    page.open(reports[name].as_uri())
    page.value("document.querySelectorAll('details').forEach(each => each.open = true)")
    for width in (*WIDTHS, 320, 800):
        page.show(width)
        assert page.value("document.documentElement.scrollWidth") <= width


def test_a_keyboard_reaches_the_verdict_the_parts_and_what_scrolls(
    page: Page, reports: dict[str, Path]
) -> None:
    page.show(800)
    page.open(reports["harden"].as_uri())
    key = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
    reached = []
    for _ in range(60):
        page.ask("Input.dispatchKeyEvent", type="rawKeyDown", **key)
        page.ask("Input.dispatchKeyEvent", type="keyUp", **key)
        reached.append(
            page.value(
                "(e => e.getAttribute('href') || e.className || e.tagName)(document.activeElement)"
            )
        )
    assert reached[0] == "#main"
    for wanted in ("#identity", "#signoff", "table wide", "SUMMARY"):
        assert wanted in reached
    unreachable = """[...document.querySelectorAll('.table')].filter(
        each => each.scrollWidth > each.clientWidth + 1 && each.tabIndex < 0).length"""
    assert page.value(unreachable) == 0


def test_a_screen_reader_finds_one_heading_landmarks_and_names(
    page: Page, reports: dict[str, Path]
) -> None:
    page.open(reports["harden"].as_uri())
    tree = page.ask("Accessibility.getFullAXTree")["nodes"]
    roles: dict[str, list[str]] = {}
    for node in tree:
        if not node.get("ignored"):
            name = str(node.get("name", {}).get("value", ""))
            roles.setdefault(node["role"]["value"], []).append(name)
    for landmark in ("banner", "main", "navigation", "contentinfo"):
        assert len(roles[landmark]) == 1, landmark
    assert page.value("document.querySelectorAll('h1').length") == 1
    assert all(roles["table"])
    assert all(roles["region"])
    drawings = [
        name for role in ("image", "img", "graphics-document") for name in roles.get(role, [])
    ]
    assert len(drawings) >= 2
    assert all(drawings)
    levels = page.value("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => +e.tagName[1])")
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_dark_is_dark_and_light_is_light(page: Page, reports: dict[str, Path]) -> None:
    from PIL import Image

    page.show(1280)
    page.open(reports["harden"].as_uri())
    shades = {}
    for scheme in ("light", "dark"):
        page.show(1280, scheme=scheme)
        with Image.open(io.BytesIO(page.picture())) as picture:
            shades[scheme] = picture.convert("L").resize((1, 1)).getpixel((0, 0))
    assert shades["light"] > 200
    assert shades["dark"] < 60


def test_on_paper_everything_is_open_and_can_be_signed(
    page: Page, reports: dict[str, Path]
) -> None:
    page.open(reports["stated"].as_uri())
    shown = "document.querySelector('#clauses table').checkVisibility()"
    lines = "getComputedStyle(document.querySelector('.paper')).display"
    assert not page.value(shown)
    assert page.value(lines) == "none"
    page.ask("Emulation.setEmulatedMedia", media="print")
    assert page.value(shown)
    assert page.value(lines) == "block"
    assert page.value("getComputedStyle(document.querySelector('nav')).display") == "none"


@pytest.mark.slow
def test_a_report_of_a_thousand_examples_and_five_attacks_stays_small(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"bae": "contextual", "textbugger": "characters"}
    monkeypatch.setattr(scenario, "ATTACKS", {**scenario.ATTACKS, **more})
    for role, breaks in scenario.BREAKS.items():
        monkeypatch.setitem(scenario.BREAKS, role, {**breaks, **dict.fromkeys(more, 0.5)})
    run = scenario.harden(tmp_path, count=1000)
    (path,) = render(run.path, ["html"])
    assert path.stat().st_size < 1_500_000
    assert len(re.findall("<svg", path.read_text(encoding="utf-8"))) > 4
    page.open(path.as_uri())
    assert page.value("document.querySelectorAll('.examples > li').length") == 20


def test_what_is_missing_skips_a_test_and_fails_it_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WITHSTAND_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="a browser is not installed"):
        browser.needed(None, "a browser")
    monkeypatch.setenv("WITHSTAND_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="WITHSTAND_BROWSER=required"):
        browser.needed(None, "a browser")
    browser.needed("there", "a browser")

"""Printing: a real PDF from a real browser, and plain words where that cannot be had."""

from __future__ import annotations

import base64
import re
import stat
import zlib
from pathlib import Path

import browser
import pytest
import scenario

from reports import html, pdf
from reports.errors import ReportError
from reports.render import view


@pytest.fixture
def page(tmp_path: Path) -> str:
    return html.render(view(scenario.attack(tmp_path, count=12)))


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(pdf.VARIABLE, str(path))


def test_where_no_chromium_is_installed_the_error_says_what_to_install(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(pdf.VARIABLE, raising=False)
    monkeypatch.setattr("reports.pdf.shutil.which", lambda name: None)
    assert pdf.find_chromium() is None
    with pytest.raises(ReportError, match="apt-get install chromium") as caught:
        pdf.pdf(page)
    assert pdf.VARIABLE in str(caught.value)


def test_the_environment_names_the_program_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "exit 0")
    assert pdf.find_chromium() == tmp_path / "browser"
    monkeypatch.setenv(pdf.VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ReportError, match="there is no such program"):
        pdf.find_chromium()


@pytest.mark.parametrize(
    "source",
    [
        "<html><body>no policy</body></html>",
        '<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src '
        "'none'; script-src 'unsafe-inline'\"></head>",
        '<script>1</script><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none';\">",
    ],
    ids=("none", "with scripts", "too late"),
)
def test_a_page_that_does_not_forbid_scripts_is_not_printed(source: str) -> None:
    with pytest.raises(ReportError, match="policy forbids scripts"):
        pdf.pdf(source)


def test_a_browser_that_prints_nothing_is_quoted(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "echo 'cannot open display' >&2; exit 7")
    with pytest.raises(ReportError, match=r"exit code 7.*cannot open display"):
        pdf.pdf(page)
    program(
        tmp_path, monkeypatch, 'for a; do case $a in --print-to-pdf=*) : > "${a#*=}";; esac; done'
    )
    with pytest.raises(ReportError, match="it said nothing"):
        pdf.pdf(page)


def test_a_browser_that_hangs_is_stopped(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "exec sleep 30")
    with pytest.raises(ReportError, match="within 0 s and was stopped"):
        pdf.pdf(page, timeout=0.2)


def test_the_profile_is_private_and_goes_away(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    program(tmp_path, monkeypatch, f'echo "$HOME" "$@" > {seen}')
    with pytest.raises(ReportError):
        pdf.pdf(page)
    home, *arguments = seen.read_text(encoding="utf-8").split()
    assert f"--user-data-dir={home}/profile" in arguments
    assert not Path(home).exists()
    assert "--host-resolver-rules=MAP" in arguments


def test_a_report_is_printed(page: str) -> None:
    browser.needed(pdf.find_chromium(), "Chromium")
    printed = pdf.pdf(page)
    assert printed.startswith(b"%PDF-")
    assert printed.rstrip().endswith(b"%%EOF")
    pages = re.findall(rb"/Type\s*/Page\b", printed)
    assert 2 <= len(pages) <= 12
    # A4 as the print style sheet has it, and text that can be searched.
    assert re.search(rb"/MediaBox\s*\[0 0 59[45][\d.]* 84[12][\d.]*\]", printed)
    assert b"/Font" in printed or b"/ToUnicode" in b"".join(streams(printed))


def test_a_hostile_page_prints_without_its_script_and_its_picture(
    page: str, tmp_path: Path
) -> None:
    browser.needed(pdf.find_chromium(), "Chromium")
    clean = pdf.pdf(page)
    beacon = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()
    script = "<script>document.body.innerHTML = ''</script>"
    hostile = page.replace(
        "</main>", f'{script}<img src="http://127.0.0.1:9/{beacon}" alt=""></main>'
    )
    printed = pdf.pdf(hostile)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == len(
        re.findall(rb"/Type\s*/Page\b", clean)
    )


def streams(data: bytes) -> list[bytes]:
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return found

"""report.pdf: the page as Chromium prints it, without a script, a network or the user's own profile.

Chromium's own printing is a script, so scripts cannot be switched off there: instead only a page is
printed whose policy forbids them, as that of `reports.html` does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from reports.errors import ReportError

PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "msedge"),
)
"""Names under which a Chromium is looked for on the PATH, the first that is there."""

PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
"""Where it lies on systems that put no programs on the PATH."""

VARIABLE = "WITHSTAND_CHROMIUM"
"""Environment variable that names the program, before anything is looked for."""

TIMEOUT = 120.0

_POLICY = re.compile(
    r"<head>\s*<meta charset=[^>]*>\s*"
    r"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src (?:'|&#39;)none(?:'|&#39;);"
)
"""The policy stands before all that it must hold for, and no `script-src` follows that allows one."""

_QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-service-autorun",
    "--password-store=basic",
    "--use-mock-keychain",
    # No name is found, so nothing is reached, whatever the page holds.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=",
)


def find_chromium() -> Path | None:
    """A Chromium of this machine: the one that the environment names, or the first of the known ones.

    Raises ReportError where the environment names a program that is not there.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise ReportError(f"{VARIABLE} names {named}, and there is no such program.")
        return Path(found)
    known = (shutil.which(name) for name in PROGRAMS)
    return next((Path(path) for path in (*known, *map(shutil.which, PLACES)) if path), None)


def flags(profile: Path) -> list[str]:
    """Options of a Chromium that reaches nothing and leaves no trace outside of the folder `profile`."""
    found = [*_QUIET, f"--user-data-dir={profile}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        found.append("--no-sandbox")  # it refuses to start as root otherwise, as in containers
    return found


def required_chromium() -> Path:
    """As `find_chromium`; raises ReportError where there is none, with how to get one."""
    program = find_chromium()
    if program is None:
        raise ReportError(
            "A PDF is printed by Chromium, and none was found. Install one (Debian and Ubuntu: apt-get "
            "install chromium; macOS: brew install --cask chromium; or Google Chrome or Edge), "
            f"or name the program in {VARIABLE}. Any browser also prints report.html."
        )
    return program


def pdf(page: str, *, timeout: float = TIMEOUT) -> bytes:
    """The PDF of a page of HTML as its print style sheet has it.

    Raises ReportError for a page that does not forbid scripts itself, where no Chromium is installed,
    where it fails, and where it takes too long.
    """
    policy = _POLICY.search(page)
    if policy is None or "script-src" in page[policy.start() : page.index(">", policy.end())]:
        raise ReportError(
            "Only a page whose policy forbids scripts is printed: that of reports.html."
        )
    program = required_chromium()
    with tempfile.TemporaryDirectory(prefix="withstand-pdf-") as temporary:
        folder = Path(temporary)
        source, target = folder / "report.html", folder / "report.pdf"
        source.write_text(page, encoding="utf-8")
        command = [
            str(program),
            *flags(folder / "profile"),
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - a program of the user's, and a file made here
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
                env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder)},
            )
        except subprocess.TimeoutExpired:
            raise ReportError(
                f"{program.name} did not print the page within {timeout:.0f} s and was stopped. Print "
                "report.html from a browser instead."
            ) from None
        except OSError as error:
            raise ReportError(f"{program} cannot be started: {error}.") from None
        if not target.is_file() or not target.read_bytes().startswith(b"%PDF-"):
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[-1][:300] if said else "it said nothing"
            raise ReportError(
                f"{program.name} printed no PDF (exit code {done.returncode}): {reason}."
            )
        return target.read_bytes()

"""The command line, killed by SIGKILL in the middle: run as a program by the tests of resume.

Usage: killed.py EVENT COUNT ARGUMENT...; it dies when so many events of that name are on disk.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from reports.folder import RunFolder
from suites.cli import invoke

ROOT = Path(__file__).parents[2]


def main(wanted: str, count: int, arguments: list[str]) -> int:
    append, seen = RunFolder.append, 0

    def counting(self: RunFolder, event: str, **fields: Any) -> None:
        nonlocal seen
        append(self, event, **fields)
        seen += event == wanted
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    RunFolder.append = counting  # type: ignore[method-assign]
    return invoke(arguments)


def kill(event: str, count: int, *arguments: str) -> None:
    """Run the command in a process of its own that dies there, and make sure that it did."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.suites.killed", event, str(count), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))

"""The settings of the pytest plugin: each an option, and an ini key of the same name."""

from __future__ import annotations

import pytest

OPTIONS: tuple[tuple[str, str], ...] = (
    ("model", "model under attack: a folder, bundle:NAME or a Hugging Face id"),
    ("data", "examples: a CSV, JSONL or Parquet file, bundle:NAME:SPLIT or a Hugging Face id"),
    ("validation", "examples that a temperature is fitted on, for attack(..., calibrated=True)"),
    ("max-length", "tokens of a text that the model reads (default 512)"),
    ("seed", "decides which examples are drawn and every random choice (default 0)"),
    ("checks", "checks of the evidence, with commas between; none for none (docs/checks.md)"),
    ("device", "cpu, cuda or mps (default: the fastest there is)"),
    ("baselines", "folder of baselines (default: withstand-baselines beside the ini file)"),
    ("runs", "folder that plans are audited in (default: runs beside the ini file)"),
)
"""Options and ini keys (with _ for -) of the same names, behind --withstand- and withstand_."""
SWITCHES: tuple[tuple[str, str], ...] = (
    ("strict", "a test that is inconclusive fails"),
    ("update", "write baselines instead of comparing with them"),
    ("fresh", "ask for everything anew, whatever earlier sessions know"),
)
MARK = "withstand"
PROPERTY = "withstand"
"""What properties of a test begin with: JUnit's XML has them, and xdist's controller gets them."""


def setting(config: pytest.Config, name: str) -> str | None:
    """An option, or else the ini key of its name."""
    key = f"withstand_{name.replace('-', '_')}"
    found: str | None = config.getoption(f"--withstand-{name}") or config.getini(key)
    return found or None


def switched(config: pytest.Config, name: str) -> bool:
    """Whether a switch is on, on the command line or in the ini file."""
    return bool(config.getoption(f"--withstand-{name}") or config.getini(f"withstand_{name}"))

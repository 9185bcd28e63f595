"""The page about the attacks is made from the recipes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    script = ROOT / "scripts" / "make_attack_docs.py"
    spec = importlib.util.spec_from_file_location("make_attack_docs", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    assert page == module.document(), "run python scripts/make_attack_docs.py"


def test_every_parameter_is_explained() -> None:
    page = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert not [row for row in rows if row.endswith("|  |")]

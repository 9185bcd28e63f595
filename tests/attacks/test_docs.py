"""The pages about attacks and corruptions are made from their catalogues."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "maker"),
    [("attacks.md", "make_attack_docs"), ("corruptions.md", "make_corruption_docs")],
)
def test_a_page_is_up_to_date(name: str, maker: str) -> None:
    spec = importlib.util.spec_from_file_location(maker, ROOT / "scripts" / f"{maker}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert page == module.document(), f"run python scripts/{maker}.py"


def test_every_parameter_is_explained() -> None:
    page = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert not [row for row in rows if row.endswith("|  |")]

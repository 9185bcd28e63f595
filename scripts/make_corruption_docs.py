"""Make docs/corruptions.md from the catalogue (a test compares the two).

python scripts/make_corruption_docs.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attacks.corruptions import CATALOGUE, SENTENCES, SEVERITIES, SHARES, corrupted
from attacks.text import Text

TARGET = Path(__file__).parents[1] / "docs" / "corruptions.md"
EXAMPLE = (
    "I don't know why Michael left Paris in 1999, but there is definitely one great scene in their new "
    "film: Michael and his two dogs are waiting for a train, and it is not coming."
)
SHOWN = (1, 3, 5)
HEAD = """# Corruptions

Made by `scripts/make_corruption_docs.py` from the catalogue in `attacks/corruptions/`. They are what
happens to texts without anybody meaning harm. The attack [natural-noise](attacks.md#natural-noise) asks
them from severity 1 upwards until the model is wrong:

```
withstand attack MODEL --data DATA --recipe natural-noise --set 'corruptions=["keyboard", "case"]'
```

Severities nest: each makes all edits of the one before, and more. Words are drawn until the share is
reached, one at the least; a corruption that finds fewer places (contractions, numbers, names) hits
fewer, and a text without any stays as it is. `appended` counts sentences, `punctuation` counts marks.
"""


def document() -> str:
    """The page."""
    return "\n".join([HEAD, *severities(), "", *table(), "", *examples()])


def severities() -> Iterator[str]:
    yield f"| severity | {' | '.join(map(str, SEVERITIES))} |"
    yield "|---" * (len(SEVERITIES) + 1) + "|"
    yield f"| share of the words | {' | '.join(f'{share:.0%}' for share in SHARES)} |"
    yield f"| sentences appended | {' | '.join(map(str, SENTENCES))} |"


def table() -> Iterator[str]:
    yield "| corruption | |"
    yield "|---|---|"
    for name, corruption in CATALOGUE.items():
        yield f"| [{name}](#{name}) | {corruption.summary} |"


def examples() -> Iterator[str]:
    yield f"At severities {', '.join(map(str, SHOWN))}, of this text:"
    yield ""
    yield f"> {EXAMPLE}"
    yield ""
    for name in CATALOGUE:
        yield f"## {name}"
        yield ""
        yield "```"
        for severity in SHOWN:
            found = corrupted(Text.of(EXAMPLE), name, severity, seed=0, example_id="docs")
            yield f"{severity}  {found.strings[0]}"
        yield "```"
        yield ""


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")

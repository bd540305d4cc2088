"""Writes the plain text that the adapter learned from, and the text of the same kind that it did not, from Debian's package `fortunes`.

    python3 weights/text.py FORTUNES OUT

FORTUNES is the folder of the package's files. OUT gets train.txt and held-out.txt. Sayings of 40 characters and fewer are left out.
"""

import re
import sys
from pathlib import Path

TRAIN = (
    "cookie people science wisdom work education law miscellaneous computers food medicine songs-poems"
).split()
HELD_OUT = "literature humorists love sports".split()
HELD_OUT_SAYINGS = 120


def sayings(folder, files):
    for file in files:
        text = (folder / file).read_text(encoding="utf-8", errors="ignore")
        for saying in re.split(r"\n%\n", text):
            # One line a paragraph, as the model knows text.
            lines = re.sub(r"\n(?=\S)", " ", saying.replace("\t", " "))
            saying = re.sub(r"[ \t]+", " ", lines).strip()
            if len(saying) > 40:
                yield saying


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, out = map(Path, sys.argv[1:])
    train = list(sayings(folder, TRAIN))
    known = set(train)
    held_out = [saying for saying in sayings(folder, HELD_OUT) if saying not in known]
    out.mkdir(parents=True, exist_ok=True)
    (out / "train.txt").write_text("\n\n".join(train), encoding="utf-8")
    (out / "held-out.txt").write_text(
        "\n\n".join(held_out[:HELD_OUT_SAYINGS]), encoding="utf-8"
    )


if __name__ == "__main__":
    main()

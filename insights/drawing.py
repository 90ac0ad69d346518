"""Draws a report as PDF: a program of its own, started by `insights.printing`.

It knows no secrets, sees no database, may use so much time and memory and no more, and leaves nothing behind. It reads
one JSON object on its standard input and writes the PDF to its standard output: {"fonts": [folder, …], "at": seconds,
"report": {…}}. The report goes to the template as data: nothing that a person wrote is ever read as markup.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Final, Literal

import typst

TEMPLATE: Final = Path(__file__).resolve().parent / "templates" / "insights" / "report.typ"
FONTS: Final = Path(__file__).resolve().parent / "fonts"
NO_SIGN: Final = "could not be displayed"  # in what typst says of a text that no font can show
CPU_SECONDS: Final = 20
MEMORY_BYTES: Final = 2 << 30


def draw(report: str, *, fonts: list[str], at: int) -> bytes:
    """The report (JSON, shape: `insights.printing.prepared`) as PDF: PDF/UA-1, tagged for screen readers.

    The same report and `at` (seconds since 1970, when it was gathered) make the same bytes. Fonts are those of the
    project, those that typst brings along, and those of the folders; never those that happen to be on the machine.
    Where none of them has a sign, the document says so and makes no claim to the standard, which forbids that.
    """
    try:
        return _compile({"report": report}, fonts, at, standard="ua-1")
    except typst.TypstError as problem:
        if NO_SIGN not in str(problem):
            raise
    return _compile({"report": report, "unseen": "yes"}, fonts, at, standard=None)


def _compile(inputs: dict[str, str], fonts: list[str], at: int, *, standard: Literal["ua-1"] | None) -> bytes:
    return typst.compile(
        str(TEMPLATE),
        root=str(TEMPLATE.parent),
        font_paths=[str(FONTS), *fonts],
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs=inputs,
        pdf_standards=standard,
        timestamp=at,
    )


def main() -> None:
    """Ended by the system when it takes more than its share."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    asked = json.load(sys.stdin)
    sys.stdout.buffer.write(draw(json.dumps(asked["report"]), fonts=asked["fonts"], at=asked["at"]))


if __name__ == "__main__":
    main()

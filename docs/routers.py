"""Fills the routers' pages with what the doctor says of each product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fastboot.doctor import cures

HERE = Path(__file__).parent / "routers"

CHANGES = (
    ("Leave out option 60, `PXEClient`", cures.NO_CLASS),
    ("Leave out the boot file", cures.NO_FILE),
    ("Give iPXE a script, where iPXE is the boot file", cures.FOR_IPXE),
    ("Give name servers", cures.WITH_DNS),
)
"""What may have to be changed in a DHCP server, and how."""

_PLACE = re.compile(r"(<!-- cures: (.+?) -->\n).*?(<!-- /cures -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Each page that has a place for a product's lines, with the lines in it."""
    return {
        path: _PLACE.sub(_filled, text)
        for path in sorted(HERE.glob("*.md"))
        if _PLACE.search(text := path.read_text("utf-8"))
    }


def _filled(place: re.Match[str]) -> str:
    start, product, end = place.groups()
    return "\n".join([start.rstrip("\n"), *_lines(product), end])


def _lines(product: str) -> Iterator[str]:
    shown = []
    for title, recipes in CHANGES:
        for recipe in recipes:
            if recipe.product == product and recipe not in shown:
                shown.append(recipe)
                yield from ("", f"**{title}**", "", "```text")
                yield from (
                    line.replace("{{", "{").replace("}}", "}") for line in recipe.lines
                )
                yield from ("```", "")

"""Puts the newest runs' tables into the page of benchmarks while it is built."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def on_page_markdown(markdown: str, **_: object) -> str:
    """See mkdocs' hooks: a page before it is rendered."""
    return with_tables(markdown) if "<!-- bench:" in markdown else markdown


def with_tables(markdown: str) -> str:
    """A page's text with the tables between its markers."""
    sys.path.insert(0, str(ROOT))
    try:
        from benches import table
    finally:
        sys.path.remove(str(ROOT))
    for protocol in ("tftp", "http", "dhcp", "leases"):
        run = table.newest(ROOT / "benches" / "runs", protocol)
        if run:
            markdown = table.between(markdown, protocol, table.markdown(run))
    return markdown

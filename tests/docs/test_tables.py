"""The page of benchmarks shows the newest run of each protocol."""

import json
from importlib.util import module_from_spec, spec_from_file_location

from documents import DOCS, ROOT


def test_the_page_has_the_tables_of_the_runs_that_are_kept():
    spec = spec_from_file_location("tables", DOCS / "tables.py")
    tables = module_from_spec(spec)
    spec.loader.exec_module(tables)
    page = (DOCS / "explanation" / "benchmarks.md").read_text("utf-8")
    shown = tables.with_tables(page)
    runs = [json.loads(path.read_text()) for path in (ROOT / "benches/runs").glob("*")]
    assert runs
    for run in runs:
        newest = max(r["date"] for r in runs if r["protocol"] == run["protocol"])
        assert f"Measured on {newest[:10]} by `python -m benches.compare" in shown
    assert shown.count("Measured on ") == len({run["protocol"] for run in runs})

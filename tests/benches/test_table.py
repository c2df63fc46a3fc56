"""Numbers reach the README as they were measured, and marks are judged by them."""

import pytest


@pytest.fixture
def table():
    """The module under test; importing it needs conftest's path."""
    from benches import table

    return table


def run(**changes):
    """What a run keeps, with one row for two servers."""
    numbers = {
        "cpu_per_gb": 2.0,
        "client_cpu_per_gb": 1.5,
        "mb_per_s": 400.0,
        "transfers_per_s": 400.0,
        "cpu_per_transfer": 0.002,
    }
    medians = {
        "fastboot": {**numbers, **changes},
        "yardstick": numbers,
        "dnsmasq": {**numbers, "cpu_per_gb": 2.5},
    }
    row = {
        "key": "b1428-w1-c4-1MB",
        "title": "1428 B",
        "kind": "speed",
        "medians": medians,
        "runs": {name: [numbers] * 3 for name, numbers in medians.items()},
    }
    return {
        "protocol": "tftp",
        "date": "2030-01-02T03:04:05+00:00",
        "machine": {"cpu": "a CPU", "cpus": 2, "virtual": True, "kernel": "6.1"},
        "load_before": 0.1,
        "servers": {"fastboot": "0.1.0 (x)", "yardstick": "-", "dnsmasq": "2.90"},
        "rows": [row],
        "marks": [],
        "notes": [],
    }


def test_what_is_between_the_markers_is_replaced(table):
    text = "a\n<!-- bench:tftp -->\nold\n<!-- /bench:tftp -->\nb\n"
    expected = "a\n<!-- bench:tftp -->\nnew\n<!-- /bench:tftp -->\nb\n"
    assert table.between(text, "tftp", "new") == expected


@pytest.mark.parametrize("text", ["", "<!-- bench:tftp -->", "<!-- /bench:tftp -->"])
def test_a_text_without_markers_is_left_alone(table, text):
    with pytest.raises(ValueError, match="no markers"):
        table.between(text, "tftp", "new")


def test_the_table_has_a_column_for_each_server(table):
    lines = table.markdown(run()).splitlines()
    assert "| load | fastboot | yardstick | dnsmasq |" in lines
    assert "| 1428 B | 2 · 400 | 2 · 400 | 2.5 · 400 |" in lines


def test_a_rate_that_the_client_held_down_is_marked(table):
    text = table.markdown(run(client_cpu_per_gb=2.1))
    assert "| 1428 B | 2 · 400* | 2 · 400 | 2.5 · 400 |" in text


def test_the_load_of_a_machine_that_had_other_work_is_told(table):
    assert "Linux 6.1; over" in table.markdown(run())
    text = table.markdown({**run(), "load_before": 1.42})
    assert "Linux 6.1, load 1.4 when it began; over" in text


def test_the_newest_run_is_taken(table, tmp_path):
    import json

    for day in ("02", "03", "01"):
        report = {**run(), "date": f"2030-01-{day}"}
        (tmp_path / f"{day}.json").write_text(json.dumps(report))
    assert table.newest(tmp_path, "tftp")["date"] == "2030-01-03"
    assert table.newest(tmp_path, "http") is None


def test_a_server_that_was_tried_and_could_not_says_no(table):
    report = run()
    report["servers"] |= {"http.server": "3.11", "other": "1"}
    report["rows"].append({**report["rows"][0], "key": "b512-w1-c4-1MB"})
    report["rows"][1] = {
        **report["rows"][1],
        "title": "512 B",
        "medians": {**report["rows"][0]["medians"], "http.server": {}},
    }
    report["rows"][1]["medians"]["http.server"] = report["rows"][0]["medians"][
        "dnsmasq"
    ]
    report["notes"] = ["b1428-w1-c4-1MB: http.server: grants nothing"]
    text = table.markdown(report)
    assert "| load | fastboot | yardstick | dnsmasq | http.server |" in text
    assert "| 1428 B | 2 · 400 | 2 · 400 | 2.5 · 400 | no |" in text


@pytest.mark.parametrize(
    ("cost", "reached"), [(2.2, [True, True]), (2.4, [True, False]), (2.5, [False] * 2)]
)
def test_the_cost_is_judged_by_dnsmasq_and_the_yardstick(cost, reached):
    from benches.marks import JUDGES, verdicts

    marks = verdicts(run(cpu_per_gb=cost), JUDGES)
    assert [mark["value"] for mark in marks] == [
        round(cost / 2.5, 4),
        round(cost / 2, 4),
    ]
    assert [mark["reached"] for mark in marks] == reached


def http_run(row):
    """What a run of HTTP keeps, with one row."""
    return {**run(), "protocol": "http", "rows": [row]}


def test_requests_are_judged_by_nginx_round_by_round():
    from benches.http.marks import JUDGES
    from benches.marks import verdicts

    def numbers(rate):
        return {"requests_per_s": rate, "cpu_per_request": 1 / rate}

    rates = {"fastboot": [90, 50, 90], "fastboot-py": [30, 30, 30], "nginx": [80] * 3}
    row = {
        "key": "http-requests-c32-4kB",
        "title": "files of 4 KiB",
        "kind": "requests",
        "medians": {name: numbers(found[0]) for name, found in rates.items()},
        "runs": {name: [numbers(n) for n in found] for name, found in rates.items()},
    }
    marks = verdicts(http_run(row), JUDGES)
    assert [mark["reached"] for mark in marks] == [True, False]
    assert [mark["value"] for mark in marks] == [0.8889, 2.6667]


def test_a_table_of_http_has_its_own_sections(table):
    numbers = {"memory_each": 1024.0, "latency_max": 0.0123, "failed": 0}
    row = {
        "key": "http-idle-c10000-4kB",
        "title": "10,000 connections at rest",
        "kind": "idle",
        "medians": {"fastboot": numbers},
        "runs": {"fastboot": [numbers]},
    }
    lines = table.markdown(http_run(row)).splitlines()
    assert "| 10,000 connections at rest | 1 KiB each, 12.3 ms |" in lines

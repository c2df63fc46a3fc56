"""HTTP: what a byte and a request cost, and a client that does nothing."""

from __future__ import annotations

from benches.comparison import Comparison
from benches.http import rows
from benches.http.marks import JUDGES
from benches.http.measure import measure
from benches.http.rows import Row
from benches.http.servers import SERVERS, Server


def _takes(row: Row, server: Server, asked: bool) -> bool:
    return asked or row.everyone or not server.slow


COMPARISON = Comparison(
    default=rows.DEFAULT,
    quick=rows.QUICK,
    every=rows.DEFAULT,
    servers=SERVERS,
    files=rows.files,
    clients=("http",),
    takes=_takes,
    measure=measure,
    judges=JUDGES,
    shown=(
        *("cpu_per_gb", "client_cpu_per_gb", "mb_per_s", "requests_per_s"),
        *("memory_each", "kernel_memory", "latency_max", "failed"),
    ),
)

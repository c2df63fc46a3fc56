"""TFTP: what a byte costs, and a client."""

from __future__ import annotations

import random
from collections.abc import Mapping

from benches import rows
from benches.comparison import Comparison
from benches.marks import JUDGES
from benches.measure import measure
from benches.rows import Row
from benches.servers import SERVERS, Server


def _files() -> Mapping[str, bytes]:
    noise = random.Random(1)
    return {name: noise.randbytes(size) for name, size in rows.FILES.items()}


def _takes(row: Row, server: Server, asked: bool) -> bool:
    if row.window > 1 and not server.windows and row.kind != "half-open":
        return False
    if server.name == "yardstick":  # it keeps no account of anything, and loses all
        return row.kind == "speed"
    if asked:
        return True
    if row.kind == "loss":
        return server.name == "fastboot"
    return row.everyone or not server.slow


COMPARISON = Comparison(
    default=rows.DEFAULT,
    quick=rows.QUICK,
    every=rows.ALL,
    servers=SERVERS,
    files=_files,
    clients=("load",),
    takes=_takes,
    measure=measure,
    judges=JUDGES,
    shown=(
        *("cpu_per_gb", "client_cpu_per_gb", "mb_per_s", "transfers_per_s"),
        *("memory_above_idle", "descriptors_above_idle", "sent_ratio", "failed"),
    ),
)

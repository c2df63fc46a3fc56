"""Settings of HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import COUNT_MAX, PORTS, SECONDS_MAX, between, setting


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """HTTP/1.1 (RFC 9110, RFC 9112)."""

    enabled: bool = setting(True, "Serve over HTTP.", flag="--http")
    port: int | None = setting(
        None, "Port; 80 as root, 8080 otherwise.", shown="80 or 8080"
    )
    head_timeout: float = setting(
        15.0, "Seconds for a request's head to arrive, on a LAN more than enough."
    )
    idle_timeout: float = setting(
        75.0,
        "Seconds a connection may stay without a request: firmware keeps its "
        "connection while a person looks at a prompt.",
    )
    stall_timeout: float = setting(
        120.0,
        "Seconds a client may take nothing of an answer before it is cut off; iPXE "
        "itself gives up after as long.",
    )
    max_connections: int = setting(4096, "Connections at the same time.")

    def __post_init__(self) -> None:
        """Check each value."""
        between(self, port=PORTS)
        seconds = (1, SECONDS_MAX)
        between(self, head_timeout=seconds, idle_timeout=seconds)
        between(self, stall_timeout=seconds, max_connections=(1, COUNT_MAX))

"""Settings of HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from fastboot.errors import ConfigError

from .setting import COUNT_MAX, PORTS, RATE_MAX, SECONDS_MAX, between, setting


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """HTTP/1.1 (RFC 9110, RFC 9112)."""

    enabled: bool = setting(True, "Serve over HTTP.", flag="--http")
    port: int | None = setting(
        None, "Port; 80 as root, 8080 otherwise.", shown="80 or 8080"
    )
    pages: bool = setting(
        True,
        "Show folders to browsers; programs that boot machines never ask for a page.",
    )
    health: bool = setting(
        True, "Tell programs how the server is, at /_fastboot/health: counters alone."
    )
    status: bool = setting(
        True,
        "Show the machines that were seen, and what they did, at /_fastboot/: to this "
        "machine and its own networks alone.",
    )
    status_from: tuple[str, ...] = setting(
        (),
        "A network that may see that page besides, as 192.0.2.0/24; may be given again.",
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
    answer_timeout: float = setting(
        30.0, "Seconds that a file made to order may take before the client gets 503."
    )
    min_rate: int = setting(
        512,
        "Bytes a second that a client has to take of an answer, on average over the "
        "stall timeout; 0: any byte will do. The slowest machine takes a hundred times "
        "as much.",
    )
    max_connections: int = setting(
        4096, "Connections at the same time; who comes then is told to come back (503)."
    )
    max_per_client: int = setting(
        1024,
        "Connections of one address at the same time: a machine has one to sixteen, a "
        "network behind one address some hundreds.",
    )
    max_requests: int = setting(
        100_000,
        "Requests on one connection; it is closed after the last. A disk read over "
        "HTTP makes tens of thousands.",
    )

    def __post_init__(self) -> None:
        """Check each value."""
        for network in self.status_from:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ConfigError(
                    f"--http-status-from is {network!r}; it must be a network such as "
                    "192.0.2.0/24"
                ) from None
        between(self, port=PORTS)
        seconds = (1, SECONDS_MAX)
        between(self, head_timeout=seconds, idle_timeout=seconds)
        between(self, stall_timeout=seconds, answer_timeout=seconds)
        between(self, min_rate=(0, RATE_MAX))
        count = (1, COUNT_MAX)
        between(self, max_connections=count, max_per_client=count, max_requests=count)

"""A server for a program that embeds it, in few words."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Any, Literal, TypeVar

from .app.app import App
from .config import (
    BootConfig,
    Config,
    DhcpConfig,
    HttpConfig,
    HttpsConfig,
    LeaseConfig,
    TftpConfig,
)
from .errors import ConfigError
from .events import Emit, Event, Fault
from .listen import is_privileged
from .rate import Rate
from .server import Server
from .tree import Tree

PROTOCOLS = ("tftp", "http", "https", "dhcp")
"""What sockets can be handed in for."""

Mode = Literal["proxy", "server", "boot-server", "off"]
"""How DHCP answers; see `DhcpConfig`."""

FAULTS_A_SECOND, FAULTS_AT_ONCE = 1, 16
"""Mistakes that are said where nobody asked for events."""

FIRST_FD = 3
"""The first descriptor that systemd hands over (sd_listen_fds(3))."""


def serve(
    content: App | Tree | str | os.PathLike[str],
    *,
    tftp: TftpConfig | int | None = None,
    http: HttpConfig | int | None = None,
    https: HttpsConfig | None = None,
    dhcp: DhcpConfig | Mode | None = None,
    address: str | Sequence[str] = (),
    interface: str | Sequence[str] = (),
    sockets: Mapping[str, Sequence[socket.socket]] | None = None,
    emit: Emit | None = None,
    boot: BootConfig | None = None,
    lease: LeaseConfig | None = None,
    workers: int = 1,
    drain_timeout: float = 30.0,
    sends_to_tftp: bool | None = None,
) -> Server:
    """A server whose ports are open, and which runs while its context lasts.

        async with fastboot.serve("./images", tftp=0, http=0) as server:
            print(server.port("tftp"), server.port("http"))

    The parts that are named are on, each alone or together, and nothing else.

    Args:
        content: A folder, an `App`, or any `Tree`.
        tftp: Its port, 0 for any that is free, True for the usual one; or all of its
            settings.
        http: The same for HTTP.
        https: Settings of HTTPS.
        dhcp: "proxy" or another mode, or all of its settings; without a mode, "proxy".
        address: Serve on this address, or these, alone.
        interface: Serve on this interface, or these, alone.
        sockets: By protocol, bound sockets to use in place of opening ports; a part
            that they are for is on. See `Server`.
        emit: Told what happens. What it raises goes to `sys.unraisablehook`: there is
            no caller that it would be for. So do mistakes (`Fault`) where it is None,
            and the app has no function for them: nobody else would hear of them.
        boot: Which boot programs are offered.
        lease: How addresses are given.
        workers: Threads for each of TFTP and HTTP, where the server runs on threads.
        drain_timeout: Seconds that transfers may take to finish when the context is left.
        sends_to_tftp: See `Server`.

    Raises:
        ConfigError: A setting cannot be followed, or no part is named.
        ListenError: A port cannot be opened.
    """
    handed = _checked(sockets or {})
    app = content if isinstance(content, App) else None
    folder = app.folder if app else None
    if isinstance(content, str | os.PathLike):
        folder = Path(content)
    elif app is None:
        app = App(content)
    config = Config(
        folder or Path(),
        address=(address,) if isinstance(address, str) else tuple(address),
        interface=(interface,) if isinstance(interface, str) else tuple(interface),
        workers=workers,
        drain_timeout=drain_timeout,
        tftp=_part(TftpConfig, tftp, handed=bool(handed.get("tftp"))),
        http=_part(HttpConfig, http, handed=bool(handed.get("http"))),
        https=_https(https, handed=bool(handed.get("https"))),
        dhcp=_dhcp(dhcp, handed.get("dhcp", ())),
        boot=boot or BootConfig(),
        lease=lease or LeaseConfig(),
    )
    parts = config.tftp.enabled, config.http.enabled, config.https.enabled
    if not any(parts) and config.dhcp.mode == "off":
        raise ConfigError("there is nothing to serve: name tftp=, http= or dhcp=")
    config = config.resolved(privileged=is_privileged())
    with tempfile.TemporaryDirectory() as empty:
        if folder is None:  # the folder stays open, empty, and is gone afterwards
            config = replace(config, folder=Path(empty))
        if emit is None:
            emit = _nobody if app and app.hears(Fault) else saying_faults()
        return Server(
            config, careful(emit), app, sockets=handed, sends_to_tftp=sends_to_tftp
        )


Part = TypeVar("Part", TftpConfig, HttpConfig)


def _part(kind: type[Part], given: Part | int | None, *, handed: bool) -> Part:
    """The settings of a protocol: as they are given, or by its port alone."""
    match given:
        case bool():
            return kind(enabled=given)
        case int():
            return kind(port=given)
        case None:
            return kind(enabled=handed, port=0)
    return given


def _https(given: HttpsConfig | None, *, handed: bool) -> HttpsConfig:
    return replace(given or HttpsConfig(), enabled=given is not None or handed)


def _dhcp(
    given: DhcpConfig | Mode | None, handed: Sequence[socket.socket]
) -> DhcpConfig:
    if given is None:
        given = "proxy" if handed else "off"
    config = DhcpConfig(mode=given) if isinstance(given, str) else given
    if config.mode is None:  # a part that is named is on, whoever runs it
        config = replace(config, mode="proxy")
    if not handed:
        return config
    ports = [sock.getsockname()[1] for sock in handed]
    return replace(config, port=ports[0], pxe_port=ports[-1])


def careful(emit: Emit) -> Emit:
    """The same, whose mistakes end no engine."""

    def report(event: Event) -> None:
        try:
            emit(event)
        except Exception as error:  # noqa: BLE001 (it must not end an engine)
            _say(error, None, emit)

    return report


def saying_faults(clock: Callable[[], float] = time.monotonic) -> Emit:
    """What has mistakes said by `sys.unraisablehook`, as those without a caller are.

    Of many only some: a client may be able to have a function fail as often as it asks.
    """
    rate = Rate(FAULTS_A_SECOND, FAULTS_AT_ONCE, 1)

    def say(event: Event) -> None:
        if isinstance(event, Fault) and rate.allow(None, clock()):
            _say(
                event.error,
                f"fastboot ({event.protocol}) goes on after a mistake:",
                None,
            )

    return say


def _nobody(event: Event) -> None:
    """Nobody is told."""


def _say(error: Exception, text: str | None, of: object) -> None:
    hook, trace = sys.unraisablehook, error.__traceback__
    if hook is not sys.__unraisablehook__:
        hook(_Unraisable(type(error), error, trace, text, of))
    elif sys.stderr is not None:  # Python's own takes nobody else's arguments
        where = text or f"Exception ignored in: {of!r}"
        sys.stderr.write(f"{where}\n{''.join(format_exception(error))}")


@dataclass(slots=True)
class _Unraisable:
    """What `sys.unraisablehook` takes."""

    exc_type: type[BaseException]
    exc_value: BaseException | None
    exc_traceback: TracebackType | None
    err_msg: str | None
    object: Any


def _checked(
    sockets: Mapping[str, Sequence[socket.socket]],
) -> Mapping[str, Sequence[socket.socket]]:
    for protocol, given in sockets.items():
        if protocol not in PROTOCOLS:
            known = ", ".join(PROTOCOLS)
            raise ConfigError(f"sockets for {protocol!r}: they can be for {known}")
        kind = socket.SOCK_DGRAM if protocol in ("tftp", "dhcp") else socket.SOCK_STREAM
        for sock in given:
            if sock.type is not kind:
                word = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
                raise ConfigError(f"a socket for {protocol} is not one of {word}")
            if _takes_both(sock):
                raise ConfigError(
                    f"a socket for {protocol} takes IPv4 and IPv6: hand in one for each "
                    "(systemd: BindIPv6Only=ipv6-only)"
                )
    return sockets


def _takes_both(sock: socket.socket) -> bool:
    """Whether IPv4 clients come in as "::ffff:192.0.2.7", whom no data port reaches."""
    if sock.family is not socket.AF_INET6 or sock.getsockname()[0] != "::":
        return False
    return not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def sockets_of_systemd() -> dict[str, list[socket.socket]]:
    """The sockets that systemd opened for this program (sd_listen_fds(3)).

    Each belongs to the protocol that `FileDescriptorName=` in its unit names: tftp,
    http, https or dhcp. The program may so run without root and serve on port 69.

    Returns:
        By protocol, as `serve` takes them; nothing where systemd handed nothing over.

    Raises:
        ConfigError: One has another name.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = os.environ.get("LISTEN_FDS", "0")
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    if count != str(len(names)):
        return {}
    found: dict[str, list[socket.socket]] = {}
    for number, name in enumerate(names):
        sock = socket.socket(fileno=FIRST_FD + number)
        sock.set_inheritable(False)
        found.setdefault(name, []).append(sock)
    _checked(found)
    return found

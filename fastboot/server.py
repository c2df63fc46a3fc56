"""A server: trees, engines and events, composed from one `Config`."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from socket import AF_INET6
from typing import TypeVar
from uuid import getnode

from . import certificates
from .app.app import App
from .aside import Lately, Patient
from .batch import Both
from .boot.choose import Site, the_usual
from .boot.entries import Entry
from .boot.finder import Finder
from .boot.menu import Menu
from .boot.programs import Programs
from .config import Config
from .daily import Daily
from .dhcp.allow import Allowed
from .dhcp.engine import Engine as DhcpEngine
from .dhcp.outcome import Decider
from .dhcp.proxy import Proxy
from .dhcp.v6.decide import Responder
from .dhcp.v6.engine import Engine as Dhcp6Engine
from .doctor.standing import Standing
from .drivers import Lasting
from .engine import Engine
from .errors import ConfigError, EngineFailed
from .events import Awaited, Emit, Fault, Listening, Reloaded
from .follow import Follower
from .http.engine import Engine as HttpEngine
from .http.places import Places
from .http.secure_engine import SecureEngine
from .interfaces import Interfaces
from .leasing import Leasing, only_ipv6, refuse_a_second_ipv6
from .listen import Place, everywhere, is_here, join
from .pages.folder import Pages
from .pages.health import Health
from .spelling import AnyCase
from .tftp.engine import Engine as TftpEngine
from .tftp.intake import quota
from .tftp.share import Share, engines_for
from .timeline import compose
from .timeline.engine import Engine as TimelineEngine
from .timeline.reader import Timeline
from .tree import Directory, Overlay, Tree
from .uploads import UploadFolder

CONTROL = ("network", "dhcp", "dhcp6")
"""Engines that wait for no disk, beside the timeline's; in the order in which they are started."""

AnyEngine = TypeVar("AnyEngine", bound=Engine)

TFTP_PORT = 69
"""The only port of TFTP that firmware knows."""


class Server(Lasting):
    """Everything that one `Config` asks for, its ports open; it runs in its context.

        async with Server(config) as server: ...    # asyncio, uvloop or trio
        with Server(config) as server: ...          # on threads

    `fastboot.serve` makes one of fewer words. It touches nothing of its program: no
    signals, no logging, no state outside; there may be several.

    Args:
        config: Resolved (see `Config.resolved`).
        emit: Told what happens, from the threads that the engines run on.
        app: Functions and hooks over what the folder has.
        sockets: By protocol, bound sockets to use in place of opening ports ("dhcp":
            for DISCOVERs, and for questions to a boot server). The server uses
            duplicates, non-blocking as then these are, too.
        sends_to_tftp: Whether machines are sent to TFTP; None: where it has port 69,
            the only one that firmware knows.

    Attributes:
        config: As given.
        engines: By protocol, those that are on: "tftp", "http" and "https", with an
            engine for each of `Config.workers`, which share their ports; "dhcp" and
            "dhcp6"; and "network", where interfaces are named, which may be replaced.
        tree: What TFTP and HTTP serve.
        menu: What iPXE is sent to.
        leasing: What gives addresses; None where nothing does.
        timeline: What machines did, and where they stopped.
        program: Finds the name of the boot program for an architecture.

    Raises:
        ConfigError: A setting cannot be followed.
        ListenError: A port cannot be opened.
    """

    def __init__(
        self,
        config: Config,
        emit: Emit = lambda event: None,
        app: App | None = None,
        *,
        sockets: Mapping[str, Sequence[socket.socket]] | None = None,
        sends_to_tftp: bool | None = None,
    ) -> None:
        self.config = config
        self.patience: float = config.drain_timeout
        self._app = app
        self._sockets = sockets or {}
        self._sends_to_tftp = sends_to_tftp
        tell = app.reporting(emit) if app else emit
        self.timeline: Timeline = compose.timeline()
        self._emit = Both(self.timeline, tell)
        self.engines: dict[str, tuple[Engine, ...]] = {}
        self.leasing: Leasing | None = None
        self._https: tuple[SecureEngine, ...] = ()
        self._certificates = certificates.Certificates(config)
        self._daily: tuple[Daily, ...] = ()
        self._folder = Directory(config.folder, public=config.world_readable)
        self._uploads: UploadFolder | None = None
        programs = Programs(config.boot.programs)
        self.program: Finder = Finder(self._folder, programs, time.monotonic)
        self.menu: Menu = Menu(self._folder, config.boot.menu_timeout, time.monotonic)
        trees: list[Tree] = [self._folder, self.menu, programs]
        if config.http.health:
            trees.append(Health(version("fastboot"), self.stats, time.monotonic))
        if config.http.status:
            near, folder = config.http.status_from, config.folder
            # The engines that tell the page what they carry must never wait for a disk.
            entries: Lately[Sequence[Entry]] = Lately(self.menu.entries, (), folder)
            standing = Standing(config, self.site, self.menu.entries, time.monotonic)
            found: Lately[Sequence[tuple[str, str]]] = Lately(standing, (), folder)
            trees.append(
                compose.status(self.timeline, near, entries, lambda: self.data, found)
            )
        if config.http.pages:
            trees.append(Pages(self._folder, time.monotonic))
        if config.any_case:
            trees.append(AnyCase(self._folder))
        self.tree: Tree = Overlay(*trees)
        if app:
            self.tree = app.over(self.tree)
        self.tree = Patient(self.tree, config.folder)
        self._clock = TimelineEngine(self.timeline, tell, Interfaces())
        try:
            _check_interfaces(config)
            self._open()
        except BaseException:
            self.close()
            raise

    @property
    def _workers(self) -> int:
        return self.config.workers or 1

    def _open(self) -> None:
        config, engines = self.config, self.engines
        places = _places(config)
        if config.interface:
            follower = Follower()
            engines["network"] = (follower,)
            places = tuple(
                dataclasses.replace(place, follow=follower.add) for place in places
            )
        if config.tftp.enabled:
            self._open_tftp(places)
        if config.http.enabled:
            self._open_http(self._handed("http") or places)
        if config.https.enabled:
            self._open_https(self._handed("https") or places)
        if config.dhcp.mode != "off":
            self._open_dhcp(places)

    def _handed(self, protocol: str) -> tuple[Place, ...]:
        """Where the sockets are that were handed in for a protocol."""
        given = self._sockets.get(protocol, ())
        return tuple(Place(sock.getsockname()[0], ready=(sock,)) for sock in given)

    def _open_tftp(self, places: tuple[Place, ...]) -> None:
        config = self.config.tftp
        # Who shares one socket would not know what a client repeats: see `listen._bind`.
        handed = self._handed("tftp")
        places = handed or places
        workers = 1 if handed else engines_for(config, self._workers)
        share = Share.of(config, workers)
        if config.uploads:
            self._uploads = UploadFolder(config.uploads, quota(config))

        def engine(places: tuple[Place, ...]) -> TftpEngine:
            # An `Interfaces` each: engines run on threads of their own.
            return TftpEngine(
                config,
                self.tree,
                self._emit,
                places,
                Interfaces().mtu,
                uploads=self._uploads,
                share=share,
                view=self.timeline,
            )

        self._open_workers("tftp", engine, places, workers)

    def _open_http(self, places: tuple[Place, ...]) -> None:
        config = self.config.http
        room = Places.of(config)

        def engine(places: tuple[Place, ...]) -> HttpEngine:
            return HttpEngine(config, self.tree, self._emit, places, room=room)

        self._open_workers("http", engine, places, self._workers)

    def _open_https(self, places: tuple[Place, ...]) -> None:
        config = self.config
        limits = dataclasses.replace(config.http, port=config.https.port)
        room = Places.of(limits)
        secure = self._certificates.context(datetime.now(UTC))

        def engine(places: tuple[Place, ...]) -> SecureEngine:
            return SecureEngine(limits, self.tree, self._emit, places, secure, room)

        self._https = self._open_workers("https", engine, places, self._workers)
        # So that nobody who learns the keys of its sessions can read those of last week.
        renew = partial(self.reload, renew=True)
        self._daily = (Daily("https", renew, self._emit, time.monotonic),)

    def _open_workers(
        self,
        protocol: str,
        engine: Callable[[tuple[Place, ...]], AnyEngine],
        places: tuple[Place, ...],
        workers: int,
    ) -> tuple[AnyEngine, ...]:
        """Open engines that share their ports: the first has them, the others join."""
        if workers > 1:
            places = tuple(dataclasses.replace(place, shared=True) for place in places)
        opened: tuple[AnyEngine, ...] = ()
        for _ in range(workers):
            joined = join(places, opened[0].ports) if opened else places
            opened = (*opened, engine(joined))
            self.engines[protocol] = opened  # for `close`, should the next one fail
        return opened

    def _open_dhcp(self, places: tuple[Place, ...]) -> None:
        config, dhcp, emit = self.config, self.config.dhcp, self._emit
        speaks = dhcp.mode in ("proxy", "server") and dhcp.ipv6
        six = speaks and any(place.family is AF_INET6 for place in places)
        if not (six and dhcp.mode == "server" and only_ipv6(config)):
            proxy = Proxy(self.site(), Allowed(dhcp.allow), dhcp.relays())
            decider: Decider = proxy
            cards, view = Interfaces(), self.timeline
            if dhcp.mode == "server":
                self.leasing = Leasing(config, proxy, emit, cards)
                decider = self.leasing.server
            ready = tuple(self._sockets.get("dhcp", ()))
            own = tuple(dataclasses.replace(p, ready=ready) for p in places)
            engine = DhcpEngine(dhcp, decider, emit, cards, own, view)
            self.engines["dhcp"] = (engine,)
        if six:
            self.engines["dhcp6"] = (self._dhcp6(emit, places),)

    def _dhcp6(self, emit: Emit, places: tuple[Place, ...]) -> Dhcp6Engine:
        dhcp = self.config.dhcp
        if dhcp.mode == "server" and not dhcp.force:
            refuse_a_second_ipv6(self.config)
        # As the server is known to clients: by a hardware address of this machine
        # (RFC 8415, section 11.4), which is the same after every start.
        duid = b"\0\3\0\1" + getnode().to_bytes(6, "big")
        responder = Responder(
            duid,
            self.site(),
            gives=dhcp.mode == "server",
            allowed=Allowed(dhcp.allow),
            dns=dhcp.name_servers(),
        )
        cards, view = Interfaces(), self.timeline
        return Dhcp6Engine(dhcp, responder, emit, cards, places, view=view)

    def announce(self, emit: Emit) -> None:
        """Report each port that is open, and which addresses are given."""
        for protocol in self.engines:
            for address, port in self.ports(protocol):
                emit(Listening(protocol, address, port))
        for address in self.config.address:
            if not is_here(address):
                emit(Awaited(address))
        for fact in self.leasing.serves if self.leasing else ():
            emit(fact)

    def all_engines(self) -> tuple[Engine, ...]:
        """See `fastboot.drivers.Lasting`."""
        return (*self.control, *self.data)

    def failed(self, failure: EngineFailed) -> None:
        """See `fastboot.drivers.Lasting`."""
        self._emit(Fault(self.protocol_of(failure.engine), failure.error))

    @property
    def data(self) -> tuple[Engine, ...]:
        """The engines that carry files: TFTP, HTTP and HTTPS."""
        named = self.engines.items()
        return tuple(e for name, those in named if name not in CONTROL for e in those)

    @property
    def control(self) -> tuple[Engine, ...]:
        """The engines that wait for no disk: DHCP, and what follows the network."""
        named = (e for name in CONTROL for e in self.engines.get(name, ()))
        return (*named, *self._daily, self._clock)

    def protocol_of(self, engine: object) -> str:
        """The protocol that one of the engines speaks."""
        named = self.engines.items()
        found = (name for name, those in named if any(e is engine for e in those))
        return next(found, "timeline")

    def stats(self) -> dict[str, dict[str, int]]:
        """The counters of each protocol, summed over its engines; from any thread."""
        sums: dict[str, dict[str, int]] = {}
        for name, engines in self.engines.items():
            counts: Counter[str] = Counter()
            for engine in engines:
                counts.update(engine.stats())  # which adds
            sums[name] = dict(counts)
        return sums

    def ports(self, protocol: str) -> tuple[tuple[str, int], ...]:
        """The addresses and ports that are open for a protocol; none where it is off."""
        engines = self.engines.get(protocol)
        return engines[0].ports if engines else ()

    def port(self, protocol: str) -> int | None:
        """The port that is open for a protocol; None where it is off."""
        ports = self.ports(protocol)
        return ports[0][1] if ports else None

    @property
    def reloads(self) -> bool:
        """Whether there is anything that `reload` reads."""
        return bool(self._https)

    def reload(self, *, renew: bool = False) -> None:
        """Read HTTPS's certificates again; where they are no good the old ones stay.

        Connections that are open go on with those that they began with. With `renew`
        no session outlives it, be they the same.
        """
        if not self._https:
            return
        try:
            secure = self._certificates.context(datetime.now(UTC), renew=renew)
            for engine in self._https:
                engine.secure = secure
        except ConfigError as error:
            self._emit(Reloaded("https", str(error)))
        else:
            self._emit(Reloaded("https"))

    def site(self) -> Site:
        """What machines can be offered."""
        secure = bool(self._https) and self.config.https.boot_urls
        tftp = self.port("tftp") == TFTP_PORT
        if self._sends_to_tftp is not None:
            tftp = self._sends_to_tftp
        return Site(
            folder=str(self.config.folder),
            program=self.program,
            http_port=self.port("https" if secure else "http"),
            tftp=tftp,
            secure=secure,
            choice=self._app.choice if self._app else the_usual,
        )

    def close(self) -> None:
        """End what is under way and give everything back; again, it does nothing.

        Raises:
            RuntimeError: It runs in a context: leaving that is what closes it.
        """
        self._check_left()
        for engines in self.engines.values():
            for engine in engines:
                engine.close()
        self._clock.close()
        for daily in self._daily:
            daily.close()
        if self._uploads:
            self._uploads.close()
        if self.leasing is not None:
            self.leasing.close()
        self._folder.close()


def _places(config: Config) -> tuple[Place, ...]:
    if config.address:
        device = config.interface[0] if len(config.interface) == 1 else None
        return tuple(Place(address, device) for address in config.address)
    if config.interface:
        return tuple(p for name in config.interface for p in everywhere(name))
    return everywhere()


def _check_interfaces(config: Config) -> None:
    names = {interface.name for interface in Interfaces().all()}
    for name in config.interface:
        if name not in names:
            known = ", ".join(sorted(names))
            raise ConfigError(f"there is no interface {name}; name one of: {known}")

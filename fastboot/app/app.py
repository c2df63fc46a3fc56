"""`App`: content by functions, one definition for every protocol, and hooks."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from fastboot.aside import Aside
from fastboot.beneath import components
from fastboot.boot.machine import Machine
from fastboot.errors import NotFound, Refused
from fastboot.events import Emit, Event, Fault
from fastboot.eventual import Eventual
from fastboot.tree import Blob, Client, Overlay, Tree

from .answer import blob_of
from .request import Request
from .seen import Seen
from .template import Template

Function = TypeVar("Function", bound=Callable[..., Any])

May = Callable[[Request], Any]
"""Whether a client may have what it asks for; or an awaitable of that."""


class App:
    r"""A folder, functions that have content beside it, and who may have what.

        app = fastboot.App("./images")

        @app.get("ipxe/{mac}.ipxe")
        async def script(request: fastboot.Request, mac: fastboot.Mac) -> str:
            return f"#!ipxe\nchain http://{request.server}/{mac}/menu.ipxe\n"

    It is served by `fastboot.serve`; or, being a `Tree`, by whatever serves trees: then
    its functions alone, without the folder.

    Plain functions are called on the thread that serves and must answer at once; what
    has to wait is an `async def`, which is awaited under the loop of the program that
    embeds the server, or under an asyncio loop of its own where the server runs on
    threads. Files of the folder are served without asking any function but `may`.

    Args:
        content: What is served besides: a folder, or any `Tree`; None for functions
            alone.

    Attributes:
        folder: The folder; None where there is none.
        seen: Which machines DHCP saw.

    Raises:
        TypeError: That is no content.
    """

    def __init__(self, content: str | os.PathLike[str] | Tree | None = None) -> None:
        self.folder: Path | None = None
        self._tree: Tree | None = None
        if isinstance(content, str | os.PathLike):
            self.folder = Path(content)
        elif content is None or callable(getattr(content, "open", None)):
            self._tree = content
        else:
            raise TypeError(f"{content!r} is no content: give a folder or a Tree")
        self.seen: Seen = Seen()
        self._routes: list[tuple[Template, Callable[..., Any]]] = []
        self._may: list[May] = []
        self._served = False
        self._program: Callable[[Machine], str | None] | None = None
        self._handlers: list[tuple[tuple[type, ...], Callable[[Any], object]]] = []

    def get(self, name: str) -> Callable[[Function], Function]:
        """Have a function answer for a name, or for many that differ in parameters.

        The function takes a `Request` and each parameter by its name. A parameter is
        declared as str (any text without a slash), int, `Mac`, UUID or PurePosixPath
        (the rest of the name); a name with something else there is another name, which
        the folder may have. The first function that fits answers.

        It returns str, bytes, a Path (a relative one is beneath the folder), a `Blob`
        (`Blob.from_stream` for what comes piece by piece) or None for "no such file".
        It raises `NotFound`, `Refused` or `Unavailable`, which are the protocol's own
        errors; anything else that it raises is a `Fault` event.

        Args:
            name: Such as "ipxe/{mac}.ipxe".

        Raises:
            TypeError: The function does not take what the name has.
            ValueError: The name can be read in several ways.
        """

        def decorate(function: Function) -> Function:
            if inspect.isasyncgenfunction(function):
                raise TypeError("an async generator has no size: see Blob.from_stream")
            self._routes.append((Template(name, function), function))
            return function

        return decorate

    def may(self, function: Function) -> Function:
        """Have a function say who may read what: files, functions and the menu.

        It takes a `Request`, plain or async, and returns whether; or it raises
        `Refused` with its reason. Of several all must agree. It is asked for every
        request, which so is answered in Python each time.

        Raises:
            RuntimeError: The app is served already: what was answered until then is
                answered again without asking anybody.
        """
        if self._served:
            raise RuntimeError("name who may read (App.may) before the app is served")
        self._may.append(function)
        return function

    def program(self, function: Function) -> Function:
        """Have a function say what a machine boots, when it asks DHCP.

        It takes a `Machine` (its MAC, architecture, firmware and UUID) and returns a
        name in what is served, or None for what fastboot would choose; it raises
        `Refused` where the machine is not to boot. It is called for each stage: first
        by the firmware, then by iPXE (`machine.firmware`), which takes a script.

        Raises:
            TypeError: It is async: DHCP does not wait.
        """
        self._program = _plain(function)
        return function

    def on(self, *kinds: Any) -> Callable[[Function], Function]:  # noqa: ANN401
        """Have a function called with events: of some kinds, or `app.on(Event)` all.

        It is called on the thread where they happen, must return soon, and may be
        called from several threads where the server runs on threads.

        Raises:
            TypeError: A kind is no event, or the function is async.
        """
        known = get_args(Event)
        wanted = (
            tuple(k for kind in kinds for k in (get_args(kind) or (kind,))) or known
        )
        if any(kind not in known for kind in wanted):
            raise TypeError("app.on takes kinds of events: fastboot.events names them")

        def decorate(function: Function) -> Function:
            self._handlers.append((wanted, _plain(function)))
            return function

        return decorate

    # What a server asks

    def open(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        """What a function has for that name; see `Tree.open`."""
        return Guarded(self, self._tree).open(name, client)

    def over(self, below: Tree) -> Tree:
        """A tree of all that it has, with another beneath."""
        self._served = True
        return Guarded(self, Overlay(self._tree, below) if self._tree else below)

    def choice(self, machine: Machine) -> str | None:
        """What a machine is to load, by `program`; None for the usual."""
        self.seen.remember(machine)
        return self._program(machine) if self._program else None

    def reporting(self, emit: Emit) -> Emit:
        """What tells events to the functions of `on`, and then to `emit`."""

        def report(event: Event) -> None:
            self.seen.hear(event)
            self._tell(event, emit)
            emit(event)

        return report

    def hears(self, kind: type) -> bool:
        """Whether a function of `on` is called with events of a kind."""
        return any(kind in kinds for kinds, _ in self._handlers)

    def _tell(self, event: Event, emit: Emit) -> None:
        for kinds, handler in self._handlers:
            if isinstance(event, kinds):
                try:
                    handler(event)
                except Exception as error:  # noqa: BLE001 (it must not end an engine)
                    emit(Fault("app", error))

    def route(self, name: str) -> Callable[[Request], Any] | None:
        """What calls the function for a name; None where there is none."""
        for template, function in self._routes:
            values = template.match(name)
            if values is not None:
                return lambda request: function(request, **values)
        return None

    @property
    def guards(self) -> Sequence[May]:
        """What has to agree before anything is read."""
        return self._may


def _plain(function: Function) -> Function:
    if inspect.iscoroutinefunction(function):
        name = getattr(function, "__name__", "it")
        raise TypeError(
            f"{name} is async, and nobody waits for it: make it a plain def"
        )
    return function


class Guarded:
    """An app's functions over another tree; both only for who may have them.

    Args:
        app: The app.
        below: What has everything else; None for nothing.
    """

    def __init__(self, app: App, below: Tree | None) -> None:
        self._app = app
        self._below = below

    def open(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        """What a function has for that name, or else the tree below."""
        path = "/".join(components(name))
        guards = self._app.guards
        call = self._app.route(path)
        if call is None and not guards:
            return self._have(name, client)
        request = Request(path, client, self._app.seen)
        for number, guard in enumerate(guards):
            verdict = guard(request)
            if inspect.isawaitable(verdict):
                others = guards[number + 1 :]
                wait = partial(self._after, verdict, others, name, request)
                return Eventual(verdict, wait)
            _check(verdict)
        return self._answer(name, request)

    async def _after(
        self,
        verdict: Awaitable[object],
        guards: Sequence[May],
        name: str,
        request: Request,
    ) -> Blob:
        _check(await verdict)
        for guard in guards:
            said = guard(request)
            _check(await said if inspect.isawaitable(said) else said)
        return await _settled(self._answer(name, request))

    def _answer(self, name: str, request: Request) -> Blob | Awaitable[Blob]:
        call = self._app.route(request.name)
        if call is None:
            return self._have(name, request.client)
        answer = call(request)
        if inspect.isawaitable(answer):
            return Eventual(answer, partial(self._later, answer, request.client))
        return blob_of(answer, self._below, request.client)

    async def _later(self, answer: Awaitable[object], client: Client) -> Blob:
        return await _settled(blob_of(await answer, self._below, client))

    def _have(self, name: str, client: Client) -> Blob | Awaitable[Blob]:
        if self._below is None:
            raise NotFound("no such file")
        return self._below.open(name, client)

    def path_of(self, name: str) -> str | None:
        """The file that anybody gets for a name; None where a function has a say."""
        path_of = getattr(self._below, "path_of", None)
        if path_of is None or self._app.guards:
            return None
        try:
            if self._app.route("/".join(components(name))) is not None:
                return None
        except Refused:
            return None
        found: str | None = path_of(name)
        return found


async def _settled(answer: Blob | Awaitable[Blob]) -> Blob:
    """The content, or what only the engine can wait for: that is asked next then."""
    if isinstance(answer, Aside):
        return cast("Blob", answer)
    return answer if isinstance(answer, Blob) else await answer


def _check(verdict: object) -> None:
    if not verdict:
        raise Refused("this client may not have it")

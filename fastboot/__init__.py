"""fastboot: the server that a machine without an operating system talks to first.

    import fastboot

    app = fastboot.App("./images")

    with fastboot.serve(app, tftp=69, http=80, dhcp="proxy") as server:
        ...

What is named here is public, and so are the modules that docs/library.md names; all
else may change. Each name is imported when it is first used: a program that only
decodes packets loads nothing of the servers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .app.app import App
    from .app.mac import Mac
    from .app.request import Request
    from .blob import Blob
    from .boot.machine import Arch, Firmware, Machine
    from .config import (
        BootConfig,
        Config,
        DhcpConfig,
        HttpConfig,
        HttpsConfig,
        LeaseConfig,
        TftpConfig,
    )
    from .embedding import serve, sockets_of_systemd
    from .errors import (
        ConfigError,
        ContentChanged,
        DecodeError,
        EngineFailed,
        FastbootError,
        ListenError,
        NoAnswer,
        NotFound,
        NotKept,
        Refused,
        ServerRefused,
        SetupError,
        TransferError,
        TreeError,
        Unavailable,
        WrongAnswer,
        WrongContent,
    )
    from .events import Event
    from .server import Server
    from .tftp.client import Transferred, get, get_sync, put, put_sync
    from .tftp.wishes import Wishes
    from .tree import Client, Directory, Function, Memory, Overlay, Tree

__all__ = [
    "App",
    "Arch",
    "Blob",
    "BootConfig",
    "Client",
    "Config",
    "ConfigError",
    "ContentChanged",
    "DecodeError",
    "DhcpConfig",
    "Directory",
    "EngineFailed",
    "Event",
    "FastbootError",
    "Firmware",
    "Function",
    "HttpConfig",
    "HttpsConfig",
    "LeaseConfig",
    "ListenError",
    "Mac",
    "Machine",
    "Memory",
    "NoAnswer",
    "NotFound",
    "NotKept",
    "Overlay",
    "Refused",
    "Request",
    "Server",
    "ServerRefused",
    "SetupError",
    "TftpConfig",
    "TransferError",
    "Transferred",
    "Tree",
    "TreeError",
    "Unavailable",
    "Wishes",
    "WrongAnswer",
    "WrongContent",
    "get",
    "get_sync",
    "put",
    "put_sync",
    "serve",
    "sockets_of_systemd",
]

_HOMES = {
    "app.app": "App",
    "app.mac": "Mac",
    "app.request": "Request",
    "blob": "Blob",
    "boot.machine": "Arch Firmware Machine",
    "config": "BootConfig Config DhcpConfig HttpConfig HttpsConfig LeaseConfig TftpConfig",
    "embedding": "serve sockets_of_systemd",
    "errors": "ConfigError ContentChanged DecodeError EngineFailed FastbootError "
    "ListenError NoAnswer NotFound NotKept Refused ServerRefused SetupError "
    "TransferError TreeError Unavailable WrongAnswer WrongContent",
    "events": "Event",
    "server": "Server",
    "tftp.client": "Transferred get get_sync put put_sync",
    "tftp.wishes": "Wishes",
    "tree": "Client Directory Function Memory Overlay Tree",
}
"""The module that each name comes from, as the imports above have it."""

_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'fastboot' has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

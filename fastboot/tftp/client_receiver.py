"""Which machine receives for the client: the compiled one where it is there."""

from __future__ import annotations

from collections.abc import Callable

from fastboot._ext import twin

from .landing import AnyLanding, Stream
from .receive import Receiver


def best_receiver(landing: AnyLanding) -> Callable[..., Receiver]:
    """Makes the machine for a file that goes there."""
    compiled = twin("tftp_client")
    if compiled is None or isinstance(landing, Stream):
        return Receiver
    kind: Callable[..., Receiver] = compiled.Receiver
    return kind

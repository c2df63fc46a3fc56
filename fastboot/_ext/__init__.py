"""The compiled twins: each module replaces the Python function of the same name.

The environment says whether they are used:

FASTBOOT_EXTENSIONS=auto      those that were built (the default)
FASTBOOT_EXTENSIONS=require   all; one that cannot be loaded is an error
FASTBOOT_EXTENSIONS=no        none, as the tests do to run the Python ones
"""

from __future__ import annotations

import os
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from fastboot.errors import ConfigError

WISHES = ("auto", "require", "no")
"""What `FASTBOOT_EXTENSIONS` may be."""


def twin(name: str) -> ModuleType | None:
    """The compiled module `name`, or None where Python's own is to be used.

    Raises:
        ConfigError: It is required and cannot be loaded, or the wish makes no sense.
    """
    wish = os.environ.get("FASTBOOT_EXTENSIONS", "auto")
    if wish not in WISHES:
        raise ConfigError(f"FASTBOOT_EXTENSIONS is {wish!r}: say auto, require or no")
    if wish == "no":
        return None
    try:
        return import_module(f"{__name__}.{name}")
    except ImportError as error:
        if wish == "require":
            raise ConfigError(
                f"FASTBOOT_EXTENSIONS requires the compiled part {name}, which cannot "
                f"be loaded: {error}; build it, or say auto"
            ) from None
        return None


def active() -> list[str]:
    """The names of the compiled modules in use."""
    names = sorted(module.name for module in iter_modules(__path__))
    return [name for name in names if twin(name) is not None]

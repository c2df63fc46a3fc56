"""The compiled twins: each module replaces the Python function of the same name.

They are chosen where they were built, unless the environment says
`FASTBOOT_EXTENSIONS=no`, which the tests use to run the Python ones.
"""

from __future__ import annotations

import os
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def twin(name: str) -> ModuleType | None:
    """The compiled module `name`, or None where Python's own is to be used."""
    if os.environ.get("FASTBOOT_EXTENSIONS") == "no":
        return None
    try:
        return import_module(f"{__name__}.{name}")
    except ImportError:
        return None


def active() -> list[str]:
    """The names of the compiled modules in use."""
    names = sorted(module.name for module in iter_modules(__path__))
    return [name for name in names if twin(name) is not None]

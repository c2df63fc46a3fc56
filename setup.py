"""The compiled part; everything else about the package is in pyproject.toml.

FASTBOOT_EXTENSIONS=auto      build it where a compiler is, go on without (the default)
FASTBOOT_EXTENSIONS=require   fail where it cannot be built
FASTBOOT_EXTENSIONS=no        leave it out
"""

import os
from pathlib import Path

from setuptools import Extension, setup

wish = os.environ.get("FASTBOOT_EXTENSIONS", "auto")
if wish not in ("auto", "require", "no"):
    raise SystemExit(f"FASTBOOT_EXTENSIONS is {wish!r}: say auto, require or no")

extensions = []
if wish != "no":
    from Cython.Build import cythonize

    extensions = cythonize(
        [
            Extension(
                f"fastboot._ext.{source.stem}",
                [source.as_posix()],
                optional=wish == "auto",
            )
            for source in sorted(Path("fastboot/_ext").glob("*.pyx"))
        ]
    )

setup(ext_modules=extensions)

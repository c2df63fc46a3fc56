"""The compiled part; everything else about the package is in pyproject.toml.

FASTBOOT_EXTENSIONS=auto      build it where a compiler is, go on without (the default)
FASTBOOT_EXTENSIONS=require   fail where it cannot be built
FASTBOOT_EXTENSIONS=no        leave it out
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.sdist import sdist

wish = os.environ.get("FASTBOOT_EXTENSIONS", "auto")
if wish not in ("auto", "require", "no"):
    raise SystemExit(f"FASTBOOT_EXTENSIONS is {wish!r}: say auto, require or no")

PORTABLE = {"dhcp_options", "http_message"}
"""What compiles anywhere: codecs. The others make calls that only Linux has."""


def is_for_here(source: Path) -> bool:
    """Whether a compiled part is of use on this system."""
    return sys.platform.startswith("linux") or source.stem in PORTABLE


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
            if is_for_here(source)
        ]
    )


class WholeSource(sdist):
    """The source with what it is tested, measured and explained by, for who packages it."""

    def make_distribution(self) -> None:
        """Add those folders, and leave out what is made from other files."""
        for folder in (".ci", "benches", "docs", "examples", "tests"):
            self.filelist.graft(folder)
        self.filelist.include(".mkdocs.yml")
        self.filelist.include("CHANGELOG.md")
        self.filelist.include("Containerfile")
        self.filelist.global_exclude("*.py[cod]")
        self.filelist.exclude("fastboot/_ext/*.c")
        super().make_distribution()


setup(
    ext_modules=extensions,
    cmdclass={"sdist": WholeSource},
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)

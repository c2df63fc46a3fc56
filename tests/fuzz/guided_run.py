"""One decoder under atheris, in a process of its own, which a finding ends.

python -m tests.fuzz.guided_run DECODER CORPUS-OR-FILE [libFuzzer's flags]
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fastboot"]):
    from .decoders import DECODERS


def main() -> None:
    """Fuzz until the time is over, or try one input."""
    name, where, *flags = sys.argv[1:]
    decoder = DECODERS[name]
    path = Path(where)
    if path.is_dir():
        for seed in decoder.seeds:
            (path / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    atheris.Setup([sys.argv[0], where, *flags], decoder.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""Files sent by granian, whose own static files have no length and no ranges."""

import os
import re
import sys
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces

ROOT = os.environ.get("BENCH_ROOT", "")


async def app(scope, proto):
    """Send the file that is asked for, or a part of it."""
    path = os.path.join(ROOT, os.path.basename(scope.path))
    size = os.stat(path).st_size
    asked = scope.headers.get("range")
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", asked) if asked else None
    if match:
        first, last = int(match[1]), int(match[2])
        headers = [
            ("Content-Length", str(last + 1 - first)),
            ("Content-Range", f"bytes {first}-{last}/{size}"),
        ]
        proto.response_file_range(206, headers, path, first, last + 1)
    else:
        proto.response_file(200, [("Content-Length", str(size))], path)


if __name__ == "__main__":
    os.environ["BENCH_ROOT"] = sys.argv[2]
    pair = dict(zip(("ssl_cert", "ssl_key"), map(Path, sys.argv[3:]), strict=False))
    Granian(
        f"{__file__}:app",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.RSGI,
        workers=1,
        log_access=False,
        backlog=4096,
        **pair,
    ).serve()

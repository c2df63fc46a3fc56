"""Starlette's static files under uvicorn, in one process."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

if __name__ == "__main__":
    app = Starlette(routes=[Mount("/", StaticFiles(directory=sys.argv[2]))])
    port = int(sys.argv[1])
    secure = dict(zip(("ssl_certfile", "ssl_keyfile"), sys.argv[3:], strict=False))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
        backlog=4096,
        **secure,
    )

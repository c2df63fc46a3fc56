"""aiohttp's static files, in one process."""

import ssl
import sys

from aiohttp import web

if __name__ == "__main__":
    app = web.Application()
    app.router.add_static("/", sys.argv[2])
    port = int(sys.argv[1])
    context = None
    if sys.argv[3:]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*sys.argv[3:])
    web.run_app(
        app,
        host="127.0.0.1",
        port=port,
        access_log=None,
        backlog=4096,
        ssl_context=context,
    )

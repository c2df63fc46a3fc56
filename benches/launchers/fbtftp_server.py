"""fbtftp as a server of files: it is a framework and comes without one."""

import os
import sys

from fbtftp.base_handler import BaseHandler, ResponseData
from fbtftp.base_server import BaseServer


class File(ResponseData):
    """A file of the folder."""

    def __init__(self, path):
        self._size = os.stat(path).st_size
        self._file = open(path, "rb")  # noqa: SIM115

    def read(self, n):
        return self._file.read(n)

    def size(self):
        return self._size

    def close(self):
        self._file.close()


class Handler(BaseHandler):
    """One transfer, in a process of its own."""

    def get_response_data(self):
        return File(os.path.join(sys.argv[2], self._path))


class Server(BaseServer):
    """Starts a handler for each request."""

    def get_handler(self, server_addr, peer, path, options):
        return Handler(server_addr, peer, path, options, lambda stats: None)


if __name__ == "__main__":
    Server("127.0.0.1", int(sys.argv[1]), 3, 5, lambda stats: None).run()

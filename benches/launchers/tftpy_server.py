"""tftpy's server, run as its documentation shows it."""

import sys

import tftpy

if __name__ == "__main__":
    tftpy.TftpServer(sys.argv[2]).listen("127.0.0.1", int(sys.argv[1]))

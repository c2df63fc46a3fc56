"""Run in a network namespace of its own: many clients behind a link that is slow.

The queue of the link fills up, and with it the server's socket buffer, so that sends
find no room (EAGAIN). Arguments: the twin, the file's size, the window, and each
client's mode. Prints what the transfers came to as JSON.
"""

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import download
from fastboot._ext import twin
from fastboot.config import TftpConfig
from fastboot.drivers import running_on_threads
from fastboot.listen import Place
from fastboot.tftp.carrier import Carrier
from fastboot.tftp.engine import Engine
from fastboot.tree import Memory

FILE = random.Random(9).randbytes(int(sys.argv[2])).translate(None, b"\r\n")
WINDOW = int(sys.argv[3])
MODES = [mode.encode() for mode in sys.argv[4:]]

kind = Carrier if sys.argv[1] == "py" else twin("tftp_carrier").Carrier
seen = []
engine = Engine(
    TftpConfig(port=0, idle_timeout=10),
    Memory({"file": FILE}),
    lambda event: seen.append(type(event).__name__),
    [Place("127.0.0.1")],
    mtu=lambda index: 1500,
    carrier=kind,
)
with running_on_threads([engine]), ThreadPoolExecutor(len(MODES)) as pool:
    port = engine.ports[0][1]
    jobs = [
        pool.submit(download.tftp, port, "file", 1428, WINDOW, mode=mode)
        for mode in MODES
    ]
    whole = [job.result() == FILE for job in jobs]
print(json.dumps({"whole": whole, "events": seen, **engine.stats()}))
engine.close()

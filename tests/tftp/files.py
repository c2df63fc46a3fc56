"""What engines serve in tests."""

import random

from fastboot.tree import Memory

FILE = random.Random(1).randbytes(5000)
TREE = Memory({"file": FILE, "empty": b"", "lines": b"one\ntwo\r\n"})

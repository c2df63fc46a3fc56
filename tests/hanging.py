"""A folder on a file system that can be made to hang."""

import threading
from contextlib import contextmanager

from disk import PATIENCE
from fastboot.aside import Patient
from fastboot.tree import Directory, Memory
from fuse import mounted

SIZE = 900_000


class Halves:
    """A tree of what is in memory, and of what is in a folder that may hang."""

    def __init__(self, folder):
        self.memory = Memory({"warm": b"in memory"})
        self.patient = Patient(folder, folder.root)

    def open(self, name, client):
        warm = name.strip("/") == "warm"
        return (self.memory if warm else self.patient).open(name, client)


@contextmanager
def stuck_folder(path, *, direct=False):
    """The file system, mounted at a path, and a tree over it."""
    with mounted(path, SIZE, direct=direct) as file_system:
        folder = Directory(path)
        # So that a mistake fails the test and does not stop it for ever.
        rescue = threading.Timer(PATIENCE, file_system.go_on)
        rescue.start()
        try:
            yield file_system, Halves(folder)
        finally:
            in_time = rescue.is_alive()
            rescue.cancel()
            file_system.go_on()
            folder.close()
        assert in_time, "it was the test's own rescue that went on"

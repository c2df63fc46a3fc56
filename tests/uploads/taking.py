"""How files go into a folder that takes them."""

import threading


def settle(taker):
    """Wait until the writer has done all that is in line."""
    done = threading.Event()
    taker._disk.jobs.put(done.set)
    done.wait()


def finish(taker, upload):
    """Keep a file and wait for what becomes of it, as whoever receives does."""
    upload.keep()
    settle(taker)
    upload.close()
    settle(taker)
    return upload


def send(taker, name, data=b"content"):
    """A whole file; how it went."""
    upload = taker.begin(name, len(data))
    upload.write(data)
    return finish(taker, upload)


def contents(folder):
    """What lies beneath a folder, hidden files included."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())

"""Real messages, by name; `packets.txt` says who sent each."""

from pathlib import Path


def read(path):
    """The messages in a file: paragraphs of a remark, a name, and bytes in hex."""
    messages = {}
    for paragraph in path.read_text().split("\n\n"):
        lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
        if lines:
            messages[lines[0]] = bytes.fromhex("".join(lines[1:]))
    return messages


RECORDED = read(Path(__file__).with_name("packets.txt"))

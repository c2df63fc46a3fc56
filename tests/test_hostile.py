"""The catalogue of attacks and faults: each has a test that is named after it.

Only the names of tests are read, so that none can be lost unnoticed.
"""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent

CATALOGUE = {
    # Names
    "P1": "climbing out of the folder",
    "P2": "absolute names and doubled slashes",
    "P3": "backslashes",
    "P4": "escapes in URLs",
    "P5": "control characters, overlong names, bytes that are no UTF-8",
    "P6": "links that leave the folder",
    "P7": "what is no regular file",
    "P8": "names in another case, names of devices",
    "P9": "files that may not be read",
    "P10": "files that not everybody may read",
    # Files that change under a transfer
    "F1": "cut short",
    "F2": "cut short under sendfile",
    "F3": "replaced",
    "F4": "rewritten in place",
    "F5": "growing",
    "F6": "stale, or on a disk that fails",
    "F7": "shared by many clients",
    "F8": "the folder replaced",
    # TFTP
    "T1": "datagrams that are no packet",
    "T2": "absurd values of options",
    "T3": "amplification",
    "T4": "two servers that answer each other",
    "T5": "packets of strangers",
    "T6": "repeated requests",
    "T7": "the Sorcerer's Apprentice",
    "T8": "floods of requests",
    "T9": "more than 65535 blocks, empty last blocks",
    "T10": "clients that vanish",
    "T11": "netascii across the borders of blocks",
    "T12": "paths with a smaller MTU",
    "T13": "several addresses",
    "T14": "uploads that are not wanted",
    "T15": "settings asked for as options",
}


def named():
    """Every id that the name of some test begins with, as in `test_P1_P5_...`."""
    found = set()
    for path in HERE.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for word in node.name.split("_")[1:]:
                    if not (word[:1].isupper() and word[1:].isdigit()):
                        break
                    found.add(word)
    return found


@pytest.fixture(scope="module")
def ids():
    return named()


@pytest.mark.parametrize("which", CATALOGUE)
def test_each_of_the_catalogue_has_a_test(ids, which):
    assert which in ids, f"no test is named after {which}: {CATALOGUE[which]}"

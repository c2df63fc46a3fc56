"""What is secret is never compared in a way that tells how much of it was right."""

import ast
from pathlib import Path

import pytest

import fastboot

SECRET = ("secret", "token", "password", "digest", "signature", "mac_of")
MODULES = sorted(Path(fastboot.__file__).parent.rglob("*.py"))


def compared(path):
    """The names in all comparisons for equality."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Compare):
            continue
        if any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops):
            parts = list(ast.walk(node))
            yield from (part.id for part in parts if isinstance(part, ast.Name))
            yield from (part.attr for part in parts if isinstance(part, ast.Attribute))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_H11_no_secret_is_compared_with_equals(path):
    """`hmac.compare_digest` takes as long for a wrong one as for the right one."""
    assert not [name for name in compared(path) if name.lower().startswith(SECRET)]

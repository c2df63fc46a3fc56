"""The pages of public names, from the sources: what a docstring says, and how it is called.

They are read as text, not as objects: a default is shown as it is written, and the page
is the same in every version of Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import docstrings

import fastboot

HERE = Path(__file__).parent

LEVELS = {
    "servers": "Whole servers, and what runs them.",
    "machines": "Protocols without sockets, clocks and loops: bytes and the time go in, "
    "what to send comes out.",
    "codecs": "Bytes to packets and back, and nothing else.",
}
"""The levels of the library, as docs/library.md has them."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Definition = (ast.ClassDef, *FUNCTIONS)

LONG = 200
"""Characters of a constant that is no longer shown whole."""

WIDTH = 80
"""Characters of a line in a block of code."""

_HOMES = fastboot._HOME  # noqa: SLF001 (which module each name comes from)


def modules(level: str) -> list[str]:
    """The public modules of a level, by the table in docs/library.md."""
    row = re.compile(r"^\| `(fastboot\.[\w.]+)` \| (\w+) \|", re.MULTILINE)
    found = row.findall((HERE / "library.md").read_text("utf-8"))
    also = "all" if level == "servers" else level
    return [name for name, of in found if of in (level, also)]


def public(module: str) -> list[str]:
    """The names of a module that are public: its `__all__`, or those it defines."""
    defined = _defined(module)
    if "__all__" in defined:
        node, _ = defined["__all__"]
        assert isinstance(node, ast.Assign)
        return [str(name) for name in ast.literal_eval(node.value)]
    return [name for name in defined if not name.startswith("_")]


def names_page() -> Iterator[str]:
    """The page of what `import fastboot` has."""
    yield from (
        "# The names of `fastboot`",
        "",
        "Everything that `import fastboot` brings, as its docstrings describe it.",
        "[The library](../library.md) says which of it you want.",
    )
    for name in sorted(fastboot.__all__, key=str.lower):
        yield from _section(name, f"fastboot.{_HOMES[name]}", level=2)


def level_page(level: str) -> Iterator[str]:
    """The page of the public modules of one level."""
    yield from (f"# Modules: {level}", "", LEVELS[level])
    for name in modules(level):
        yield from ("", f"## {name}", "")
        yield from docstrings.markdown(ast.get_docstring(_tree(name)) or "")
        for own in public(name):
            if own in fastboot.__all__ and name != f"fastboot.{_HOMES[own]}":
                yield from ("", f"`{own}`: see [the names](names.md#{own.lower()}).")
            else:
                yield from _section(own, name, level=3)


def _section(name: str, module: str, level: int) -> Iterator[str]:
    yield from ("", f"{'#' * level} {name}", "")
    node, text = _found(name, module)
    if isinstance(node, ast.ClassDef):
        yield from _class(node)
    elif isinstance(node, FUNCTIONS):
        yield from (*_signature(node), *docstrings.markdown(text))
    else:
        source = ast.unparse(node)
        if len(source) < LONG:
            yield from ("```python", source, "```", "")
        yield from docstrings.markdown(text)


def _found(name: str, module: str) -> tuple[ast.stmt, str]:
    """A name's definition and docstring, in this module or where it is imported from."""
    defined = _defined(module)
    if name in defined:
        return defined[name]
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and name in {
            one.name for one in node.names
        }:
            if not node.level:
                return _found(name, str(node.module))
            package = (
                module
                if _file(module).name == "__init__.py"
                else module.rpartition(".")[0]
            )
            return _found(name, f"{package}.{node.module}")
    raise LookupError(f"{module} has no {name}")


def _file(module: str) -> Path:
    spec = find_spec(module)
    assert spec
    assert spec.origin
    return Path(spec.origin)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_text("utf-8"))


@cache
def _defined(module: str) -> dict[str, tuple[ast.stmt, str]]:
    """What a module defines, with its docstring, in the order of the source."""
    body = _tree(module).body
    found: dict[str, tuple[ast.stmt, str]] = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, Definition):
            found.setdefault(node.name, (node, ast.get_docstring(node) or ""))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                found.setdefault(target.id, (node, _literal(after)))
    return found


def _literal(node: ast.stmt | None) -> str:
    """The text of a statement that is one."""
    match node:
        case ast.Expr(value=ast.Constant(value=str() as text)):
            return text
    return ""


def _class(node: ast.ClassDef) -> Iterator[str]:
    for start in node.body:
        if isinstance(start, ast.FunctionDef) and start.name == "__init__":
            yield from _signature(start, node.name, made=True)
    yield from docstrings.markdown(ast.get_docstring(node) or "")
    members = _members(node)
    if members:
        yield from (*(f"- `{member}`" for member in members), "")
    for item in node.body:
        if isinstance(item, FUNCTIONS) and not item.name.startswith("_"):
            text = ast.get_docstring(item) or ""
            decorators = {ast.unparse(one) for one in item.decorator_list}
            if "property" in decorators:
                yield from (f"**`{item.name}`**: {docstrings.summary(text)}", "")
            else:
                # Written as it is used: a class method too is called by its class.
                name = f"{node.name}.{item.name}"
                yield from (*_signature(item, name), *docstrings.markdown(text))


def _members(node: ast.ClassDef) -> list[str]:
    """The members of an enumeration."""
    if not any(
        "Enum" in ast.unparse(base) or "Flag" in ast.unparse(base)
        for base in node.bases
    ):
        return []
    return [ast.unparse(item) for item in node.body if isinstance(item, ast.Assign)]


def _signature(
    node: ast.FunctionDef | ast.AsyncFunctionDef, name: str = "", *, made: bool = False
) -> list[str]:
    """How it is called, as `name` where it has another; its own object is left out."""
    arguments = node.args
    skip = bool(arguments.args) and arguments.args[0].arg in ("self", "cls")
    parts = _arguments(arguments)[skip:]
    result = f" -> {ast.unparse(node.returns)}" if node.returns and not made else ""
    head = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    head += name or node.name
    lines = [f"{head}({', '.join(parts)}){result}"]
    if len(lines[0]) > WIDTH:
        lines = [f"{head}(", *(f"    {part}," for part in parts), f"){result}"]
    return ["```python", *lines, "```", ""]


def _arguments(arguments: ast.arguments) -> list[str]:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(
        arguments.defaults
    )
    parts = [_argument(*pair) for pair in zip(plain, defaults, strict=True)]
    if arguments.vararg:
        parts.append("*" + ast.unparse(arguments.vararg))
    elif arguments.kwonlyargs:
        parts.append("*")
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    parts += [_argument(*pair) for pair in named]
    if arguments.kwarg:
        parts.append("**" + ast.unparse(arguments.kwarg))
    return parts


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    text = ast.unparse(argument)
    if default is None:
        return text
    return (
        f"{text} = {ast.unparse(default)}"
        if argument.annotation
        else f"{text}={ast.unparse(default)}"
    )

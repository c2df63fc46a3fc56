"""Settings from outside: names and types read off `config`'s dataclasses.

The setting `port` of the part `tftp` is the flag `--tftp-port`, the key `port` in the
table `[tftp]` of a TOML file, and the variable `FASTBOOT_TFTP_PORT`. A field that holds
several dataclasses is a list of tables, which only a file can say: the field `subnet` of
the part `dhcp` is `[[dhcp.subnet]]`.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from .config import Config, flag
from .errors import ConfigError


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the outside sees it.

    Attributes:
        part: "" for `Config` itself, else the name of its part.
        name: The field.
        kind: The type of one value: bool, int, float, Path, str, or Mapping in a file.
        many: Whether it takes several values.
        default: The default, for a person to read.
        text: What it means.
        flag: The command's flag.
        variable: The environment variable.
        choices: The values it may take; empty for any.
    """

    part: str
    name: str
    kind: type
    many: bool
    default: str
    text: str
    flag: str
    variable: str
    choices: tuple[str, ...]


def settings(part: type = Config, prefix: str = "") -> Iterator[Setting]:
    """Every setting there is, in the order of the dataclasses; no lists of tables."""
    hints = get_type_hints(part)
    for item in dataclasses.fields(part):
        hint = hints[item.name]
        if dataclasses.is_dataclass(hint):
            yield from settings(hint, item.name)  # type: ignore[arg-type]
            continue
        if _table(hint) is not None:
            continue
        name = flag(part, item.name)
        kinds = [kind for kind in _WORDS if _mentions(hint, kind)]
        default = item.default
        if isinstance(default, tuple):
            default = " ".join(str(value) for value in default)
        elif isinstance(default, bool):
            default = "on" if default else "off"
        yield Setting(
            part=prefix,
            name=item.name,
            kind=kinds[0],
            many=_mentions(hint, tuple),
            default=item.metadata.get("shown", str(default)),
            text=item.metadata["text"],
            flag=name,
            variable=f"FASTBOOT_{name.lstrip('-').replace('-', '_').upper()}",
            choices=item.metadata.get("choices", ()),
        )


def _mentions(hint: Any, kind: type) -> bool:  # noqa: ANN401 (a type hint)
    if hint is kind or getattr(hint, "__origin__", None) is kind:
        return True
    return any(_mentions(inner, kind) for inner in getattr(hint, "__args__", ()))


def _table(hint: Any) -> type | None:  # noqa: ANN401 (a type hint)
    """The dataclass that a field holds several of; None where it is another field."""
    if getattr(hint, "__origin__", None) is not tuple:
        return None
    inner: type = hint.__args__[0]
    return inner if dataclasses.is_dataclass(inner) else None


def read_toml(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, as `build` takes them.

    The folder and the one for uploads, if they are relative paths, are beside the file.

    Raises:
        ConfigError: It cannot be read, is no TOML, or names a setting that is not.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}; --config takes a TOML file"
        ) from None
    except RecursionError:  # a file of brackets (CVE-2026-3608 of another server)
        raise ConfigError(f"{path} is nested too deeply to be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from None
    try:
        config = build({"folder": ".", **values})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if "folder" in values:
        values["folder"] = path.parent / config.folder
    if config.tftp.uploads is not None:
        uploads = path.parent / config.tftp.uploads
        values["tftp"] = {**values["tftp"], "uploads": uploads}
    return values


def build(values: Mapping[str, Any]) -> Config:
    """A `Config` from plain values, parts as nested mappings.

    >>> build({"folder": "images", "tftp": {"port": 6969}}).folder
    PosixPath('images')

    Raises:
        ConfigError: A name or a value is wrong.
    """
    config = _make(Config, values, "")
    assert isinstance(config, Config)
    return config


def _make(kind: type, values: Mapping[str, Any], name: str) -> object:
    """A dataclass from plain values; `name` is its path in a file, "" for the top."""
    hints = get_type_hints(kind)
    known = {setting.name: setting for setting in settings(kind) if not setting.part}
    given = {}
    for key, value in values.items():
        hint, path = hints.get(key), f"{name}.{key}".lstrip(".")
        table = _table(hint)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{key} is a table of settings: write [{path}]")
            given[key] = _make(hint, value, path)
        elif table is not None:
            given[key] = _make_all(table, value, path)
        else:
            if key not in known:
                raise ConfigError(_unknown(key, name, hints))
            given[key] = _value(known[key], value)
    for item in dataclasses.fields(kind):
        defaults = (item.default, item.default_factory)
        if item.name not in given and defaults == (dataclasses.MISSING,) * 2:
            raise ConfigError(item.metadata.get("missing", f"{item.name} is missing"))
    made: object = kind(**given)
    return made


def _make_all(kind: type, value: Any, name: str) -> tuple[Any, ...]:  # noqa: ANN401
    """A list of tables; the text of an error says which one is wrong."""
    if not isinstance(value, (list, tuple)) or not all(
        isinstance(item, Mapping) for item in value
    ):
        raise ConfigError(f"{name} is a list of tables: write [[{name}]] before each")
    made = []
    for number, item in enumerate(value, 1):
        try:
            made.append(_make(kind, item, name))
        except ConfigError as error:
            raise ConfigError(f"[[{name}]] number {number}: {error}") from None
    return tuple(made)


def _unknown(key: str, name: str, known: Iterable[str]) -> str:
    """What to say of a key that is none; `name` is the path of its table."""
    text = f"there is no setting called {key}{f' in [{name}]' if name else ''}"
    close = get_close_matches(key, known, 1)
    return f"{text}; did you mean {close[0]}?" if close else text


def _value(setting: Setting, value: Any) -> Any:  # noqa: ANN401
    if setting.many:
        values = value if isinstance(value, (list, tuple)) else [value]
        return tuple(dict.fromkeys(_one(setting, item) for item in values))
    return _one(setting, value)


def _one(setting: Setting, value: Any) -> Any:  # noqa: ANN401 (from a file)
    kind = setting.kind
    try:
        if kind is float and type(value) is int:
            return float(value)
        if kind is Path and isinstance(value, str) and value:
            return Path(value).expanduser()
    except (OverflowError, RuntimeError) as error:  # too large; nobody of that name
        raise ConfigError(f"{setting.flag} cannot be used: {error}") from None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{setting.flag} is {value!r}; it must be {_WORDS[kind]}")
    return value


_WORDS = {
    Mapping: "a table",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Path: "a path",
    str: "a text",
}
"""The kinds of values, and what a person calls them."""

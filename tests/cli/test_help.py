"""Help teaches: examples first, what to type instead, one clear line for each mistake."""

import pytest
from click import Group

from command import complaint, run
from fastboot.cli import command


def every(group=command, path=()):
    """Each command with the words that name it."""
    for name, one in group.commands.items():
        yield (*path, name), one
        if isinstance(one, Group):
            yield from every(one, (*path, name))


EVERY = dict(every())


def test_every_command_is_shown_with_its_whole_sentence():
    shown = " ".join(run("--help").stdout.split())
    for name, one in command.commands.items():
        sentence = " ".join(one.help.split("\n\n")[0].split())
        assert f"{name} {sentence}" in shown


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_begins_with_an_example_of_the_command_itself(words):
    help_text = EVERY[words].help
    _, _, examples = help_text.partition("\b\nExample")
    first = examples.splitlines()[1].removeprefix("  sudo").strip()
    assert first.startswith(" ".join(("fastboot", *words))), help_text


def test_a_value_is_called_what_it_is():
    text = run("serve", "--help").stdout
    for shown in ("--interface NAME", "--http-port PORT", "--drain-timeout SECONDS"):
        assert shown in text
    assert "INTEGER" not in text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            ["sevre", "images"],
            "there is no command 'sevre'; did you mean serve? see fastboot --help",
        ),
        (
            ["images"],
            (
                "there is no command 'images'; to serve that folder: fastboot serve images; "
                "see fastboot --help"
            ),
        ),
        (
            ["serve", "images", "--http-prot", "1"],
            (
                "there is no flag --http-prot; did you mean --http-port or --https-port or "
                "--tftp-port? see fastboot serve --help"
            ),
        ),
        (
            ["serve", "images", "--interface"],
            "Option '--interface' requires an argument; see fastboot serve --help",
        ),
        (
            ["serve", "images", "--config", "wrong.toml"],
            "wrong.toml: there is no setting called prot in [http]; did you mean port?",
        ),
        (
            ["serve", "--config", "none.toml"],
            (
                "cannot read none.toml: No such file or directory; --config takes a TOML "
                "file"
            ),
        ),
        (
            ["serve"],
            "no folder to serve was named; say for example: fastboot serve ./images",
        ),
        (
            ["serve", "wrong.toml"],
            (
                "cannot serve wrong.toml: Not a directory; name a folder that exists and "
                "can be read"
            ),
        ),
        (
            ["serve", "images", "--address", "fe80::1::2"],
            "--address is 'fe80::1::2'; it must be an IP address",
        ),
    ],
    ids=lambda typed: " ".join(typed) if isinstance(typed, list) else "",
)
def test_a_mistake_is_one_line_that_says_what_to_type(tmp_path, typed, said):
    (tmp_path / "images").mkdir()
    (tmp_path / "wrong.toml").write_text("[http]\nprot = 80\n")
    assert complaint(*typed, cwd=tmp_path) == f"fastboot: {said}"


def test_leases_that_only_another_user_can_read_are_one_line(monkeypatch, tmp_path):
    def may_not(path):
        raise PermissionError(13, "Permission denied", str(path))

    from fastboot.commands import leases
    from fastboot.errors import SetupError

    monkeypatch.setattr("pathlib.Path.exists", may_not)
    with pytest.raises(SetupError, match=r"Permission denied; run it as root, or name"):
        leases.show(tmp_path / "leases.sqlite", as_json=False)

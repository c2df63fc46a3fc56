"""The plugin as those get it who test another boot tool with it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(pytester, monkeypatch):
    """Run some tests in a process of their own, with this plugin and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(source):
        pytester.makepyfile(source)
        plugin = ("-p", "fastboot.testing.plugin")
        return pytester.runpytest_subprocess(*plugin, "-W", "error")

    return run


def test_a_test_boots_a_machine_from_a_folder(run):
    result = run("""
        from fastboot import events

        def test_it(boot_server, lossy_link):
            (boot_server.folder / "undionly.kpxe").write_bytes(b"program" * 1000)
            assert boot_server.boot("bios").content == b"program" * 1000
            assert boot_server.wait_for(events.Finished)
            assert lossy_link(boot_server.tftp_port, loss=0.1).port
    """)
    result.assert_outcomes(passed=1)


def test_a_test_serves_an_app(run):
    result = run("""
        import urllib.request

        import pytest

        import fastboot

        @pytest.fixture
        def boot_content():
            app = fastboot.App()
            app.get("hello")(lambda request: "hello")
            return app

        def test_it(boot_server):
            with urllib.request.urlopen(boot_server.url("hello")) as answer:
                assert answer.read() == b"hello"
    """)
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "start",
    ["asyncio.run(main())", "uvloop.run(main())", "trio.run(main)"],
    ids=["asyncio", "uvloop", "trio"],
)
def test_an_asynchronous_test_has_the_server_in_its_own_loop(run, start):
    result = run(f"""
        import asyncio

        import trio
        import uvloop

        def test_it(async_boot_server):
            (async_boot_server.folder / "undionly.kpxe").write_bytes(b"program")

            async def main():
                async with async_boot_server as server:
                    if "trio" in {start!r}:
                        run = trio.to_thread.run_sync
                    else:
                        run = asyncio.to_thread
                    assert (await run(server.boot, "bios")).content == b"program"

            {start}
    """)
    result.assert_outcomes(passed=1)


def test_a_server_that_no_test_enters_is_closed(run):
    run("def test_it(async_boot_server): pass").assert_outcomes(passed=1)


def test_who_does_not_use_it_loads_nothing(run):
    result = run("""
        import sys

        def test_it():
            heavy = {"psutil", "jinja2", "asyncio", "trio", "fastboot.server"}
            assert not heavy & set(sys.modules)
    """)
    result.assert_outcomes(passed=1)


def test_the_plugin_is_found_by_pytest():
    project = ROOT / "pyproject.toml"
    if not project.exists():
        pytest.skip("the project's settings are not installed")
    points = tomllib.loads(project.read_text("utf-8"))["project"]["entry-points"]
    assert points["pytest11"] == {"fastboot": "fastboot.testing.plugin"}


def test_the_tools_need_no_pytest():
    code = "import sys, fastboot.testing.server; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

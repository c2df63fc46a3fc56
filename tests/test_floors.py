"""The house: imports only go down, and protocols do not know each other."""

import ast
from pathlib import Path

import pytest

import fastboot

ROOT = Path(fastboot.__file__).parent
PROTOCOLS = {"tftp", "http", "dhcp"}

FLOORS = [
    # 0: what everything may use
    ["errors", "seen"],
    ["_ext"],
    ["events", "config", "timers", "alarm", "beneath"],
    ["patient"],
    ["poller"],
    ["mounts", "crew"],
    ["files", "eventual"],
    ["blob", "reserve"],
    # 1: content, settings, and what goes over the wire
    ["listing", "batch"],
    ["tree", "settings", "report", "listen", "interfaces"],
    ["aside"],
    ["later", "arrival", "uploads", "cold"],
    ["spelling", "rate", "neighbours"],
    ["engine"],
    [
        "tftp.ports",
        "http.limits",
        "http.dates",
        "http.places",
        "dhcp.options",
        "tftp.packet",
    ],
    ["dhcp.named", "dhcp.leases"],
    ["dhcp.database", "dhcp.pool"],
    ["http.message", "dhcp.packet", "dhcp.pxe", "tftp.options", "tftp.blocks"],
    ["http.ranges", "tftp.request"],
    ["dhcp.subnet", "dhcp.automatic"],
    ["tls.sockets"],
    ["tls.context", "tls.authority", "tls.enrol"],
    ["tls.store"],
    # 2: machines
    ["tftp.transfer", "http.respond"],
    ["tftp.receive"],
    ["tftp.job", "tftp.intake"],
    ["tftp.sources"],
    ["tftp.address", "tftp.landing", "tftp.wishes"],
    ["tftp.share"],
    ["tftp.grant", "tftp.table", "tftp.strangers"],
    ["tftp.recall"],
    ["tftp.carrier"],
    ["tftp.rules"],
    ["tftp.exchange", "tftp.client_receiver"],
    ["tftp.download", "tftp.upload"],
    ["http.actions", "http.phase"],
    ["http.stream", "http.reply"],
    ["http.body"],
    ["http.connection"],
    ["http.peer"],
    ["http.link", "http.encrypt"],
    ["http.recall"],
    ["http.kept", "http.turn", "http.turns"],
    ["http.waiting"],
    ["http.outlet"],
    ["http.answers"],
    ["http.door"],
    ["http.front"],
    ["http.secure"],
    ["http.secure_front"],
    ["http.upkeep", "http.glance"],
    # 3: decisions
    ["boot.machine", "boot.raspberry"],
    ["boot.programs"],
    ["boot.choose", "boot.entries", "boot.finder"],
    ["pages.accept", "pages.policy"],
    [
        "boot.menu",
        "pages.folder",
        "pages.health",
        "dhcp.outcome",
        "dhcp.rate",
        "dhcp.memory",
        "dhcp.allow",
    ],
    ["app.mac"],
    ["app.template", "app.seen", "app.answer"],
    ["app.request"],
    ["app.app"],
    ["dhcp.machine", "dhcp.reply", "dhcp.rivals"],
    ["dhcp.witness"],
    ["dhcp.proxy", "dhcp.question", "dhcp.grant", "dhcp.book"],
    ["dhcp.claims"],
    ["dhcp.server"],
    ["dhcp.addresses"],
    ["dhcp.ports", "dhcp.echo"],
    ["dhcp.waiting", "dhcp.foreign"],
    ["dhcp.v6.options"],
    ["dhcp.v6.addressing", "dhcp.v6.packet"],
    ["dhcp.v6.machine", "dhcp.v6.outcome"],
    ["dhcp.v6.witness"],
    ["firmware.decision"],
    ["firmware.offer"],
    ["firmware.choice", "firmware.ipxe", "firmware.raspberry"],
    ["firmware.edk2_pxe", "firmware.rom"],
    ["firmware.edk2_http"],
    ["doctor.facts", "doctor.machines", "doctor.cures"],
    ["timeline.steps", "timeline.packets"],
    ["timeline.diagnosis"],
    ["timeline.record"],
    ["timeline.book"],
    ["timeline.door"],
    ["timeline.reader", "timeline.gate"],
    ["timeline.view"],
    ["timeline.page"],
    ["timeline.watch"],
    ["timeline.tree"],
    ["timeline.compose"],
    ["doctor.outlook", "doctor.ourselves"],
    ["doctor.finding"],
    ["doctor.premises", "doctor.over_ipv6", "doctor.circle"],
    ["doctor.findings"],
    ["doctor.words", "doctor.ask", "doctor.reach"],
    ["doctor.local"],
    ["doctor.standing"],
    # 4: sockets
    ["tftp.account", "tftp.glance"],
    ["tftp.unasked", "dhcp.v6.links", "dhcp.v6.advert", "dhcp.v6.decide"],
    ["dhcp.v6.sockets"],
    ["dhcp.v6.foreign"],
    ["doctor.ask_ipv6"],
    ["doctor.examine"],
    ["doctor.run"],
    ["tftp.client_engine"],
    ["tftp.engine", "http.engine", "dhcp.engine", "dhcp.v6.engine"],
    ["http.secure_engine", "timeline.engine"],
    # 5: composition
    ["networks"],
    ["follow", "leasing", "certificates", "daily"],
    ["drivers"],
    ["tftp.client"],
    ["server"],
    ["systemd"],
    ["service", "embedding"],
    ["testing.u_boot", "testing.router", "testing.link", "testing.programs"],
    ["testing.firmware"],
    ["testing.loading"],
    ["testing.boot"],
    ["testing.server"],
    ["testing.plugin"],
    # 6: people
    ["commands"],
    ["cli"],
    ["__main__"],
]

PACKAGES = ("config", "drivers", "commands", "_ext")
"""Packages that live on one floor each, whatever their modules import of each other."""


def floor(module):
    """The number of the floor a module lives on."""
    name = module.removeprefix("fastboot.")
    package = name.partition(".")[0]
    if package in PACKAGES:
        name = package
    for number, names in enumerate(FLOORS):
        if name in names:
            return number
    raise AssertionError(f"{module} has no floor: give it one in FLOORS")


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        if parts[-1] != "__init__" or parts[1] in PACKAGES:
            name = ".".join(parts).removesuffix(".__init__")
            yield name, path


def imports_of(name, path):
    """The modules of this package that a file imports, wherever it does."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("fastboot"))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                upward = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*upward, base]).rstrip(".")
            if base.startswith("fastboot"):
                for alias in node.names:
                    inner = ROOT.parent.joinpath(*base.split("."), alias.name)
                    module = inner.with_suffix(".py").exists() or inner.is_dir()
                    yield f"{base}.{alias.name}" if module else base


MODULES = dict(modules())


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name):
    for imported in imports_of(name, MODULES[name]):
        own = name.split(".")[1]
        if own in PACKAGES and imported.startswith(f"fastboot.{own}"):
            continue
        assert floor(imported) < floor(name), f"{name} imports {imported}"


@pytest.mark.parametrize("name", MODULES)
def test_protocols_do_not_import_each_other(name):
    own = name.split(".")[1]
    for imported in imports_of(name, MODULES[name]):
        other = imported.removeprefix("fastboot.").partition(".")[0]
        assert own not in PROTOCOLS or other not in PROTOCOLS - {own}, imported


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_a_small_room(name):
    lines = len(MODULES[name].read_text("utf-8").splitlines())
    assert lines <= 420, f"{name} has {lines} lines: it wants to be two"

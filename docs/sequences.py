"""The pictures of how machines boot: who says what to whom."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

LANES = {"machine": 90, "router": 360, "fastboot": 630}
"""Who takes part, and where its line is."""

Step = tuple[str, str, str, str]
"""From whom, to whom, what is said, and by which protocol."""

ADDRESS: list[Step] = [
    ("machine", "all", "who am I, and what do I boot?", "DHCP, to everybody"),
    ("router", "machine", "your address", "DHCP"),
]
MENU: list[Step] = [
    ("machine", "fastboot", "the menu; the kernel; the initrd", "HTTP, by iPXE"),
    ("fastboot", "machine", "hundreds of megabytes, fast", "HTTP"),
]

SEQUENCES: dict[str, list[Step]] = {
    "bios": [
        *ADDRESS,
        ("fastboot", "machine", "load undionly.kpxe from me", "DHCP"),
        ("machine", "fastboot", "undionly.kpxe, please", "TFTP"),
        ("fastboot", "machine", "iPXE, 70 kB", "TFTP"),
        *MENU,
    ],
    "uefi-pxe": [
        *ADDRESS,
        ("fastboot", "machine", "ask me again on port 4011", "DHCP"),
        ("machine", "fastboot", "what do I boot?", "DHCP, port 4011"),
        ("fastboot", "machine", "load snponly.efi from me", "DHCP, port 4011"),
        ("machine", "fastboot", "snponly.efi, please", "TFTP"),
        ("fastboot", "machine", "iPXE, 170 kB", "TFTP"),
        *MENU,
    ],
    "uefi-http": [
        *ADDRESS,
        ("fastboot", "machine", "load http://10.0.0.2/snponly.efi", "DHCP"),
        ("machine", "fastboot", "snponly.efi, please", "HTTP"),
        ("fastboot", "machine", "iPXE, or your own program or disk", "HTTP"),
        *MENU,
    ],
}

STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #222 }
  .who { font-weight: 600; text-anchor: middle }
  .how { font-size: 12px; fill: #666 }
  .middle { text-anchor: middle }
  path { stroke: #444; fill: none; stroke-width: 1.5 }
  .head { fill: #444; stroke: none }
  .line { stroke: #bbb; stroke-dasharray: 4 4 }
  rect { fill: #fff }
  .box { fill: #e8eaf6; stroke: #5c6bc0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #eee } .how { fill: #aaa } path { stroke: #ccc } rect { fill: #1e2129 }
    .head { fill: #ccc; stroke: none } .line { stroke: #666 }
    .box { fill: #2a2f4a; stroke: #9fa8da }
  }
"""
"""Its own colours, for light and for dark: a picture knows nothing of its page's."""

TOP, STEP = 66, 46


def pictures() -> dict[str, str]:
    """Every picture, by its file's name."""
    return {
        f"{name}.svg": "\n".join(_picture(steps)) + "\n"
        for name, steps in SEQUENCES.items()
    }


def _picture(steps: list[Step]) -> Iterator[str]:
    height = TOP + STEP * len(steps)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" width="720" height="{height}" role="img">'
    yield f"<style>{STYLE}</style>"
    yield f'<rect width="720" height="{height}" rx="6"/>'
    for name, x in LANES.items():
        yield f'<path class="line" d="M{x} 40V{height - 12}"/>'
        yield f'<rect class="box" x="{x - 55}" y="10" width="110" height="30" rx="4"/>'
        yield f'<text class="who" x="{x}" y="30">{name}</text>'
    for number, step in enumerate(steps):
        yield from _arrow(step, TOP + STEP * number + 14)
    yield "</svg>"


def _arrow(step: Step, y: int) -> Iterator[str]:
    source, target, text, protocol = step
    start = LANES[source]
    ends = (
        [LANES[target]] if target in LANES else [x for x in LANES.values() if x > start]
    )
    for end in ends:
        back = -8 if end > start else 8
        yield f'<path d="M{start} {y}H{end + back}"/>'
        yield f'<path class="head" d="M{end} {y}l{back} -4v8z"/>'
    middle = (LANES["machine"] + LANES["router"]) // 2  # every arrow passes there
    yield f'<text class="middle" x="{middle}" y="{y - 6}">{escape(text)}</text>'
    yield f'<text class="how middle" x="{middle}" y="{y + 14}">{escape(protocol)}</text>'

"""The page of machines in a real browser."""

import json
import socket
import urllib.request

import pytest

import download
from chromium import Browser
from command import FREE
from serving import Serving

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "ipxe.efi").write_bytes(b"x" * 5000)
    with (folder / "disk.img").open("wb") as disk:
        disk.truncate(1 << 30)
    with Serving(folder, *FREE, "--dhcp", "off") as server:
        yield server


@pytest.fixture
def url(server):
    return f"http://127.0.0.1:{server.port('http')}/_fastboot/"


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["desktop", "phone"])
def size(request):
    return request.param


def refuse(server, name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        asked = b"\0\1" + name + b"\0octet\0"
        client.sendto(asked, ("127.0.0.1", server.port("tftp")))
        client.recv(600)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_a_machine_does_appears_while_it_does_it(
    server, url, tmp_path, size, dark
):
    with Browser(tmp_path / "browser", size, dark=dark) as browser:
        browser.open(url)
        browser.until("document.getElementById('live').textContent === 'Live'")
        download.tftp(server.port("tftp"), "ipxe.efi")
        browser.until(
            "document.body.innerText.includes('got ipxe.efi')"
            if size[0] > 600
            else "document.body.textContent.includes('got ipxe.efi by TFTP')"
        )
        name = b"<img src=x onerror=alert(1)>"
        refuse(server, name)
        browser.until(f"document.body.textContent.includes({name.decode()!r})")
        assert browser.ask("document.images.length") == 0
        wide = "document.documentElement.scrollWidth <= innerWidth"
        assert browser.ask(wide), "the page is wider than the screen"
        browser.picture(tmp_path / "page.png")
        assert browser.errors == []


def test_a_download_has_a_bar_that_moves(server, url, tmp_path):
    with (
        Browser(tmp_path / "browser") as browser,
        socket.create_connection(("127.0.0.1", server.port("http")), 20) as client,
    ):
        browser.open(url)
        client.sendall(b"GET /disk.img HTTP/1.1\r\nHost: boot\r\n\r\n")
        browser.until("document.querySelector('progress')?.value >= 0")
        assert "/disk.img" in browser.ask(
            "document.querySelector('progress').ariaLabel"
        )
        browser.ask("window.bar = document.querySelector('progress')")
        left = 100 << 20
        while left > 0:
            left -= len(client.recv(1 << 20))
        browser.until("document.querySelector('progress').value >= 9")
        assert browser.ask("window.bar === document.querySelector('progress')")
        client.close()
        browser.until("!document.querySelector('progress')")
        assert browser.errors == []


def test_it_is_read_without_a_script(server, url, tmp_path):
    download.tftp(server.port("tftp"), "ipxe.efi")
    with Browser(tmp_path / "browser", script=False) as browser:
        browser.open(url)
        root = browser.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        page = browser.call("DOM.getOuterHTML", nodeId=root)["outerHTML"]
        assert "got ipxe.efi by TFTP" in page
        assert "reload it for news" in page
        assert browser.errors == []


def test_the_keyboard_reaches_everything_and_keeps_its_place(server, url, tmp_path):
    download.tftp(server.port("tftp"), "ipxe.efi")
    with Browser(tmp_path / "browser") as browser:
        browser.open(url)
        browser.press("Tab", 9)
        assert browser.ask("document.activeElement.className") == "skip"
        reached = set()
        for _ in range(20):
            browser.press("Tab", 9)
            reached.add(browser.ask("document.activeElement.tagName"))
        assert {"A", "SUMMARY"} <= reached
        browser.ask("document.querySelector('.machine summary').focus()")
        before = browser.ask("document.querySelector('.machine').innerHTML")
        refuse(server, b"another")
        changed = "document.querySelector('.machine').innerHTML !== "
        browser.until(changed + json.dumps(before))
        assert browser.ask("document.activeElement.tagName") == "SUMMARY"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_its_text_stands_out_and_its_parts_have_names(server, url, tmp_path, dark):
    refuse(server, b"none")
    with Browser(tmp_path / "browser", dark=dark) as browser:
        browser.open(url)
        browser.until("!!document.querySelector('.machine')")
        found = browser.ask(CONTRASTS)
        assert found
        assert {text: ratio for text, ratio in found if ratio < 4.5} == {}
        assert browser.ask("document.documentElement.lang") == "en"
        assert browser.ask("document.querySelectorAll('main, nav, header').length") >= 3
        assert browser.ask("document.querySelectorAll('h1').length") == 1
        live = "document.querySelector('[aria-live=polite]').role"
        assert browser.ask(live) == "status"


CONTRASTS = """
(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => {
      const part = c / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const [one, other] = [
      light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    found.push([element.textContent.trim().slice(0, 40), ratio]);
  }
  return found;
})()
"""
"""Each text that is seen, and how much it stands out (WCAG 2.2, section 1.4.3)."""


def test_a_watcher_does_not_keep_the_server_from_ending(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with Serving(tmp_path, *FREE, "--dhcp", "off") as server:
        url = f"http://127.0.0.1:{server.port('http')}/_fastboot/events/0"
        watcher = urllib.request.urlopen(url, timeout=20)
        assert watcher.readline() == b"event: hello\n"
    # It left with code 0: nothing was under way that it had to cut off.
    with watcher:
        watcher.read()  # to its end, which the server made

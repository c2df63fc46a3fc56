"""Which media type a request asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastboot.pages.accept import preferred

KINDS = ("text/html", "application/json", "text/plain")
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "*/*;q=0.8"
)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (CHROME, "text/html"),
        ("application/json", "application/json"),
        ("text/plain", "text/plain"),
        ("TEXT/Plain; charset=utf-8 ; Q=0.5", "text/plain"),
        ("text/html;q=0.2, application/json;q=0.3", "application/json"),
        ("text/plain, application/json", "application/json"),  # liked equally
        ("text/html;q=0, text/plain;q=0.001", "text/plain"),
        (" , text/plain ,, ", "text/plain"),
    ],
)
def test_the_type_that_is_liked_best_is_chosen(accept, kind):
    assert preferred(accept, KINDS) == kind


@pytest.mark.parametrize(
    "accept",
    [
        "",  # iPXE and GRUB
        "*/*",  # UEFI, curl, wget
        "text/*",
        "image/png",
        "text/html;q=0",
        "text/html;q=0.0000",
        "text/html;q=2",
        "text/html;q=-1",
        "text/html;q=nan",
        "text/html;q=\N{ARABIC-INDIC DIGIT ONE}",
        "text / html",
    ],
)
def test_what_names_no_type_asks_for_none(accept):
    assert preferred(accept, KINDS) is None


@given(st.text())
def test_P5_any_text_asks_for_a_type_or_none(accept):
    assert preferred(accept, KINDS) in (None, *KINDS)

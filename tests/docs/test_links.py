"""Each link in the documents, the README and the CHANGELOG leads somewhere."""

from __future__ import annotations

import re

import pytest

import documents
from documents import CHANGELOG, PAGES, README, headings, prose

ALL = [README, CHANGELOG, *PAGES]


def slug(heading):
    """What a heading is linked by; GitHub and Python-Markdown agree on these."""
    text = re.sub(r"`|\*|!?\[([^]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[^\w\s-]", "", text).strip().lower()
    return re.sub(r"\s", "-", text)


def links(page):
    found = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", prose(page))
    return [link for pair in found for link in pair if link]


@pytest.mark.parametrize("page", ALL, ids=documents.name_of)
def test_each_link_leads_somewhere(page):
    for link in links(page):
        if re.match(r"https?:|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in {slug(heading) for heading in headings(target)}, link


@pytest.mark.parametrize("page", PAGES, ids=documents.name_of)
def test_the_site_links_only_to_what_is_in_it(page):
    for link in links(page):
        if not re.match(r"https?:|mailto:|#", link):
            target = (page.parent / link.partition("#")[0]).resolve()
            assert target.is_relative_to(documents.DOCS), link


@pytest.mark.parametrize("page", PAGES, ids=documents.name_of)
def test_nothing_is_fetched_from_elsewhere_by_who_reads(page):
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)|src=\"([^\"]+)\"", prose(page))
    assert not [one for pair in shown for one in pair if one.startswith("http")]


def test_every_page_is_in_the_menu_of_the_site():
    site = (documents.ROOT / ".mkdocs.yml").read_text("utf-8")
    menu = site.partition("\nnav:\n")[2]
    named = re.findall(r"(?:- |: )(\S+\.md)$", menu, re.MULTILINE)
    assert sorted(named) == sorted(
        str(page.relative_to(documents.DOCS)) for page in PAGES
    )

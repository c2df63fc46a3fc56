"""Each question that newcomers have is answered by a sentence that stands on its page."""

import re

import pytest

from documents import DOCS

PAGE = DOCS / "explanation" / "questions.md"

ASKED = (
    "Does my BIOS need iPXE?",
    "What has DHCP to do with it?",
    "Do I need a server on my LAN?",
    "What does HTTP boot change?",
    "Why is TFTP slow?",
    "What helps?",
    "How exactly does this work?",
)
"""What people ask first."""


def rows():
    row = r"^\| (.+\?) \| (.+) \| \[.+\]\(([^#)]+)(?:#.+)?\) \|$"
    return re.findall(row, PAGE.read_text("utf-8"), re.MULTILINE)


def plain(text):
    return " ".join(text.replace("*", "").split())


def test_what_people_ask_first_is_in_the_table():
    assert set(ASKED) <= {question for question, _, _ in rows()}


@pytest.mark.parametrize(("question", "answer", "page"), rows())
def test_the_answer_is_a_sentence_of_the_page(question, answer, page):
    target = PAGE.parent / page
    assert answer.endswith(".")
    assert plain(answer) in plain(target.read_text("utf-8"))

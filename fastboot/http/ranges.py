"""Which part of a file a request asks for, and whether it wants it at all.

Range requests (RFC 9110, section 14) and conditional ones (section 13). Functions of
the head and of the file's validators; nothing is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .dates import read_date
from .message import RequestHead

MAX_RANGES = 16
"""Ranges in one request; with more the whole file is sent (RFC 9110, section 14.2,
allows to ignore them). iPXE, GRUB and UEFI ask for one; Apache takes 200, nginx any."""

MAX_OVERLAPS = 2
"""Pairs of ranges that overlap; more are an attack (section 17.15)."""

MERGE_GAP = 80
"""Ranges closer than this, bytes, become one: about what a part's head takes."""

MAX_POSITION = 10**18
"""Positions beyond it count as it: no file is larger (section 14.1.2 asks to be ready
for large numerals)."""

_SPEC = re.compile(rb"([0-9]*)-([0-9]*)")
_TAG = rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rb"[ \t,]*%b(?:[ \t]*,[ \t,]*%b)*[ \t,]*" % (_TAG, _TAG))
_ONE_TAG = re.compile(_TAG)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file: `length` bytes, at least one, from `offset`."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The offset after the last byte."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one state of a file from another (RFC 9110, section 8.8).

    Attributes:
        etag: The strong entity tag with its quotes.
        modified: Seconds since the epoch; None where unknown.
    """

    etag: bytes
    modified: int | None


def precondition(head: RequestHead, file: Validators, now: float) -> int | None:
    """The status that a condition asks for instead of the file: 304 or 412.

    The order is that of RFC 9110, section 13.2.2. `now` is seconds since the epoch.
    """
    match = head.field(b"if-match")
    if match is not None:
        if not _matches(match, file.etag, weak=False):
            return 412
    else:
        date = _date(head, b"if-unmodified-since", now)
        if date is not None and file.modified is not None and file.modified > date:
            return 412
    none_match = head.field(b"if-none-match")
    if none_match is not None:
        return 304 if _matches(none_match, file.etag, weak=True) else None
    date = _date(head, b"if-modified-since", now)
    if date is not None and file.modified is not None and file.modified <= date:
        return 304
    return None


def _date(head: RequestHead, name: bytes, now: float) -> int | None:
    value = head.field(name)
    return None if value is None else read_date(value, now)


def _matches(value: bytes, etag: bytes, *, weak: bool) -> bool:
    """Whether a list of entity tags has ours (sections 8.8.3.2 and 13.1.1).

    Ours is strong, so that a weak one of theirs matches in the weak comparison only. A
    list that is none matches nothing.
    """
    if value == b"*":
        return True
    if not _TAGS.fullmatch(value):
        return False
    tags = _ONE_TAG.findall(value)
    return etag in tags or (weak and b"W/" + etag in tags)


def requested(
    head: RequestHead, size: int, file: Validators, now: float
) -> list[Span] | None:
    """The parts of a file that a request asks for.

    Args:
        head: The request.
        size: The file's size, bytes.
        file: The file's validators, which If-Range may name.
        now: Seconds since the epoch.

    Returns:
        None for the whole file; an empty list where no part of it can be had (416);
        else the parts in the order asked for, none of which touch.
    """
    value = head.field(b"range")
    # "GET is the only method for which range handling is defined" (section 14.2).
    if value is None or head.method != "GET" or not size:
        return None
    condition = head.field(b"if-range")
    if condition is not None and not _unchanged(condition, file, now):
        return None
    specs = _parse(value)
    if specs is None:
        return None
    spans = [span for spec in specs if (span := _resolve(spec, size))]
    if sum(span.length for span in spans) > size or _overlaps(spans) > MAX_OVERLAPS:
        return None
    return _merge(spans)


def _unchanged(condition: bytes, file: Validators, now: float) -> bool:
    """If-Range: whether the file is the one the client has a part of (section 13.1.5).

    A tag must be equal and strong, which ours is. A date must be equal, and older than
    a second, lest the file changed twice within it (section 8.8.2.2).
    """
    if b'"' in condition[:3]:
        return condition == file.etag
    date = read_date(condition, now)
    return date is not None and date == file.modified and date <= now - 1


_Spec = tuple[int | None, int | None]


def _parse(value: bytes) -> list[_Spec] | None:
    """First and last position of each range-spec; None where the field is ignored."""
    unit, _, listed = value.partition(b"=")
    if unit.lower() != b"bytes":
        return None
    # Empty members of a list count for nothing (section 5.6.1.2).
    members = [spec for spec in (m.strip(b" \t") for m in listed.split(b",")) if spec]
    if not 0 < len(members) <= MAX_RANGES:
        return None
    specs: list[_Spec] = []
    for member in members:
        match = _SPEC.fullmatch(member)
        if not match:
            return None
        first, last = _position(match[1]), _position(match[2])
        if first is None and last is None:
            return None
        if first is not None and last is not None and last < first:
            return None  # one invalid range makes all of the field invalid
        specs.append((first, last))
    return specs


def _position(digits: bytes) -> int | None:
    if not digits:
        return None
    digits = digits.lstrip(b"0") or b"0"
    return int(digits) if len(digits) <= 18 else MAX_POSITION


def _resolve(spec: _Spec, size: int) -> Span | None:
    """The span that a spec means in a file of that size; None where it has none."""
    first, last = spec
    if first is None:  # a suffix: the last so many bytes
        length = min(last or 0, size)
        return Span(size - length, length) if length else None
    if first >= size:
        return None
    stop = size if last is None else min(last + 1, size)
    return Span(first, stop - first)


def _overlaps(spans: list[Span]) -> int:
    """How many pairs of spans share a byte."""
    return sum(
        one.offset < other.end and other.offset < one.end
        for at, one in enumerate(spans)
        for other in spans[:at]
    )


def _merge(spans: list[Span]) -> list[Span]:
    """Spans without overlaps and small gaps; a merged one stands where its first did."""
    merged: list[Span] = []
    for span in spans:
        place = len(merged)
        near = [
            at
            for at, other in enumerate(merged)
            if span.offset < other.end + MERGE_GAP
            and other.offset < span.end + MERGE_GAP
        ]
        if near:
            place = near[0]
            group = [span, *(merged[at] for at in near)]
            first = min(each.offset for each in group)
            span = Span(first, max(each.end for each in group) - first)
            for at in reversed(near):
                del merged[at]
        merged.insert(place, span)
    return merged

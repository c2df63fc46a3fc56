"""HTTP's dates (RFC 9110, section 5.6.7): three forms read, one written."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())

_SHORT_DAY = "(?:" + "|".join(day[:3] for day in _DAYS) + ")"
_LONG_DAY = "(?:" + "|".join(_DAYS) + ")"
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = tuple(
    re.compile(form.encode())
    for form in (
        # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
        f"{_SHORT_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        # RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
        f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        # asctime: Sun Nov  6 08:49:37 1994
        f"{_SHORT_DAY} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


@lru_cache(maxsize=256)  # a second's answers share their Date, a file's their mtime
def write_date(seconds: int) -> str:
    """An IMF-fixdate.

        >>> write_date(784111777)
        'Sun, 06 Nov 1994 08:49:37 GMT'

    Args:
        seconds: Since the epoch; what lies outside of the years 1970 to 9999, which a
            file's times may, becomes the nearest of them.
    """
    date = datetime.fromtimestamp(min(max(0, seconds), _LAST), UTC)
    day, month = _DAYS[date.weekday()][:3], _MONTHS[date.month - 1]
    return f"{day}, {date.day:02} {month} {date.year:04} {date:%H:%M:%S} GMT"


def read_date(value: bytes, now: float) -> int | None:
    """Seconds since the epoch of an HTTP-date in any of its forms.

        >>> read_date(b"Sunday, 06-Nov-94 08:49:37 GMT", now=1.7e9)
        784111777

    Args:
        value: The field's value.
        now: Seconds since the epoch: a year of two digits that seems more than 50
            years ahead of it is of the past century.

    Returns:
        None where it is no date, which the conditions on dates then ignore.
    """
    for form in _FORMS:
        match = form.fullmatch(value)
        if match:
            break
    else:
        return None
    year, day = int(match["year"]), int(match["day"])
    month = _MONTHS.index(match["month"].decode()) + 1
    if len(match["year"]) == 2:
        this_year = datetime.fromtimestamp(now, UTC).year
        year += this_year - this_year % 100
        if year > this_year + 50:
            year -= 100
    hour, minute, second = (int(match[part]) for part in ("hour", "minute", "second"))
    try:
        date = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None  # the 31st of June, 25 o'clock
    if second > 60:  # 60 is a leap second
        return None
    return int(date.timestamp()) + second

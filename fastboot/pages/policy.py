"""What a browser may do with a page of ours: Content-Security-Policy, level 3."""

from __future__ import annotations

import base64
import hashlib


def policy(style: str, script: str, more: str = "") -> str:
    """The policy of a page with one style and one script of its own, and nothing else.

    Args:
        style: The style's text, as it is in the page.
        script: The script's text.
        more: What else is allowed, as "connect-src 'self'".
    """
    return (
        f"default-src 'none'; style-src {_source(style)}; "
        f"script-src {_source(script)}; img-src data:; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors 'none'{more and f'; {more}'}"
    )


def _source(text: str) -> str:
    """What a policy calls a script or style of just these bytes."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

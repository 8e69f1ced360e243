"""What a data centre's front says to a plain HTTP request: known words of nginx, and never anything else.

    POST / on port 80 or 443 -> 501 Not Implemented, 411 Length Required, 405 or 404, by nginx, no redirect

Source: OONI ts-020 and its published measurements of telegram.
"""

from typing import Final

from probes.records import HttpObservation

STATUSES: Final = frozenset({404, 405, 411, 501})
SERVER: Final = "nginx"


def is_front_answer(page: HttpObservation) -> bool:
    """Say whether a plain HTTP answer is one that Telegram's front gives.

    Records that kept neither headers nor words are believed by their status alone. Whoever names another
    server, leads elsewhere or shows a page of its own is a stranger.
    """
    if page.status not in STATUSES:
        return False
    headers = {name.lower(): value for name, value in page.headers}
    if "location" in headers or SERVER not in headers.get("server", SERVER).lower():
        return False
    words = page.body.lower()
    is_page = b"<title" in words or b"<body" in words
    return not is_page or SERVER.encode() in words or str(page.status).encode() in words

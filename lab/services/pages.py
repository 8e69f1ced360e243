"""The pages that hosts and notice servers show."""

import functools
import html
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lab import world
from lab.policy import Policy
from lab.services.web import Page, Request, Response

MAX_BLOB_BYTES: Final = 1_000_000
_MIN_PAGE_BYTES: Final = 24_000
_NOTICES: Final = Path(__file__).parent.parent / "pages"
_TITLES: Final = {
    "t.me": "Telegram: Join Group Chat",
    "telegram.me": "Telegram: Contact @telegram",
    "telegram.org": "Telegram Messenger",
    "core.telegram.org": "Telegram APIs",
    "desktop.telegram.org": "Telegram Desktop",
    "macos.telegram.org": "Telegram for macOS",
    "web.telegram.org": "Telegram Web",
    "venus.web.telegram.org": "Telegram Web: Venus",
    "pluto.web.telegram.org": "Telegram Web: Pluto",
    "flora.web.telegram.org": "Telegram Web: Flora",
    "flora-1.web.telegram.org": "Telegram Web: Flora 1",
    world.CANARY: "Control Example: a page nobody blocks",
}
_SUBJECTS: Final = (
    "Messages sync across all of your phones, tablets and computers",
    "Groups hold up to ten thousand members",
    "The protocol is open and its documentation is public",
    "Files of any type can be sent, up to a fixed size",
    "Bots are small programs that run inside the application",
    "Channels broadcast to an unlimited number of subscribers",
)
_CAPTCHA: Final = (
    b"<html><head><title>Just a moment...</title></head><body><h1>Are you a human?</h1>"
    b'<form action="/captcha"><p>Please complete the security check.</p></form></body></html>'
)
# Any address will do: the portal answers on port 80 of all of them.
_PORTAL_ADDRESS: Final = "192.0.2.1"
# Networks whose notice server redirects to the national page instead of showing one of its own.
_REDIRECTING: Final = frozenset({"indihome", "firstmedia", "iconplus"})


@functools.cache
def host_page(host: str) -> bytes:
    """Return a host's own page: 24 to 32 kB of HTML, always the same for the same name."""
    title = _TITLES.get(host, host)
    lines = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f"<title>{html.escape(title)}</title>",
        f'<link rel="canonical" href="https://{html.escape(host)}/">\n</head>\n<body>',
        f"<h1>{html.escape(title)}</h1>",
    ]
    chance = random.Random(host)
    size = 0
    while size < _MIN_PAGE_BYTES:
        words = [chance.choice(_SUBJECTS) for _ in range(3)]
        section = chance.randrange(1 << 32)
        line = f'<section id="s{section:08x}"><h2>{words[0]}</h2><p>{words[1]}. {words[2]}.</p></section>'
        lines.append(line)
        size += len(line) + 1
    lines.append("</body>\n</html>\n")
    return "\n".join(lines).encode()


@functools.cache
def _blob() -> bytes:
    # Random, so that no layer in between makes the transfer shorter than it says.
    return random.Random(0).randbytes(MAX_BLOB_BYTES)


def site_page(read_policy: Callable[[], Policy]) -> Page:
    """Return what the HTTPS hosts show: their page, `/blob/N` of N bytes, 404 for other paths' blobs.

    A host may refuse a network's clients, ask them for a CAPTCHA, redirect everybody, or say nothing at all.
    """

    def page(request: Request) -> Response | None:
        policy = read_policy()
        if request.host in policy.stalled:
            return None
        isp = world.isp_of_client(request.client)
        if isp and request.host in policy.forbidden.get(isp.id, ()):
            return Response(status=403)
        if isp and request.host in policy.challenged.get(isp.id, ()):
            return Response(status=403, body=_CAPTCHA)
        if request.host in policy.moved:
            return Response(status=302, headers={"location": f"https://{policy.moved[request.host]}/"})
        if request.path.startswith("/blob/"):
            n_bytes = request.path.removeprefix("/blob/")
            if not n_bytes.isascii() or not n_bytes.isdecimal() or int(n_bytes[:9]) > MAX_BLOB_BYTES:
                return Response(status=404)
            return Response(body=_blob()[: int(n_bytes)], content_type="application/octet-stream")
        if request.host not in _TITLES:
            return Response(status=404)
        return Response(body=host_page(request.host))

    return page


def to_https(request: Request) -> Response:
    """Return the redirect from port 80 to the same place on port 443."""
    if not request.host:
        return Response(status=400)
    return Response(status=301, headers={"location": f"https://{request.host}{request.path}"})


def load_notice(isp_id: str) -> bytes:
    """Return the block page of a network, or the national one when it has none of its own."""
    own = _NOTICES / f"{isp_id}.html"
    return (own if own.is_file() else _NOTICES / "national.html").read_bytes()


def notice_page(address: str) -> Page:
    """Return what a notice server shows, whatever was asked for."""
    if address == world.NATIONAL_NOTICE_ADDRESS:
        body = load_notice("national")
        return lambda request: Response(body=body)
    isp = next(isp for isp in world.ISPS.values() if isp.notice_address == address)
    if isp.id in _REDIRECTING:
        return lambda request: national_redirect()
    own = load_notice(isp.id)
    return lambda request: Response(body=own)


def national_redirect() -> Response:
    """Return the redirect to the national notice, as a filter or a notice server sends it."""
    return Response(status=302, headers={"location": f"http://{world.NATIONAL_NOTICE_NAME}/"})


def portal_page(request: Request) -> Response:
    """Return a captive portal's redirect to its login page, and the login page itself."""
    if request.path.startswith("/login"):
        return Response(
            body=b"<html><head><title>Wi-Fi login</title></head><body>Please log in.</body></html>"
        )
    return Response(status=302, headers={"location": f"http://{_PORTAL_ADDRESS}/login"})

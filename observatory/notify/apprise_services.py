"""The services that apprise knows: which addresses may be used, and one message to one of them.

apprise and the libraries under it write addresses with their tokens to their logs, which are silenced.
What a failure says to people is put together from a few known words, never from what was logged.
"""

import re
import warnings
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import apprise
from apprise.manager_plugins import NotificationManager

from observatory.notify.errors import SendError
from observatory.notify.library_logs import silence_libraries

# These act on this very machine, or read a file that their address names.
_LOCAL: Final = frozenset(
    "blink1 dbus deltachat deltachats fcm file gio glib gnome kde macosx qt syslog vapid windows".split()
)
_FILE_OPTIONS: Final = frozenset(
    "attach cert config keyfile pgp pgpprv pgppub pgpkey subfile template".split()
)


def _list_schemes() -> frozenset[str]:
    manager: Any = NotificationManager
    with warnings.catch_warnings():
        # For PGP, which is not used here, it asks for a module that Python will drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        return frozenset(manager().schemas())


# Loads all services, once, and not while threads send.
_SCHEMES: Final = _list_schemes()
_SCHEME: Final = re.compile(r"([a-z0-9]{2,12})://.*", re.IGNORECASE | re.DOTALL)
_STATUS: Final = re.compile(r"error[=: ]+([1-5][0-9]{2})\b")
_CONNECTION: Final = re.compile(r"connection error", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFault:
    """What is wrong with an address, without repeating it."""

    expected: str
    found: str
    hint: str = ""


def find_fault(url: str) -> AddressFault | None:
    """Return what keeps an address from being used; None when it can be."""
    scheme_match = _SCHEME.fullmatch(url)
    scheme = scheme_match[1].lower() if scheme_match else ""
    if scheme in _LOCAL:
        return AddressFault(
            expected="a service that takes messages over the network",
            found=f"{scheme}://",
            hint="this one acts on this machine or reads its files",
        )
    try:
        options = {
            key.lower().lstrip("+-:") for key, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)
        }
    except ValueError:
        options = set()
    if named := sorted(options & _FILE_OPTIONS):
        return AddressFault(
            expected="an address without options that read files", found=f"the option {named[0]}"
        )
    if _make_service(url) is None:
        # Its first word is shown only where it is the name of a service.
        is_known = scheme in _SCHEMES
        return AddressFault(
            expected="an address as apprise writes it",
            found=f"a {scheme}:// address that it does not understand" if is_known else "something else",
            hint="docs/alerts.md has examples",
        )
    return None


def _make_service(url: str) -> apprise.NotifyBase | None:
    silence_libraries()
    # Memory: apprise would keep tokens in files of its own.
    asset = apprise.AppriseAsset(
        app_id="Observatory",
        app_desc="Telegram block observatory",
        async_mode=False,
        secure_logging=True,
        storage_mode="memory",
        plugin_paths=[],
    )
    service = apprise.Apprise.instantiate(url, asset=asset)
    return service if isinstance(service, apprise.NotifyBase) else None


def send_with_apprise(url: str, subject: str, text: str) -> None:
    """Send a text to one service.

    Errors: SendError when the service rejected the message. The caller sets the deadline.
    """
    service = _make_service(url)
    if service is None:
        raise SendError("apprise does not understand the address of this channel any more")
    messenger = apprise.Apprise()
    messenger.add(service)
    result = messenger.notify(
        title=subject,
        body=text,
        notify_type=apprise.NotifyType.INFO,
        body_format=apprise.NotifyFormat.TEXT,
        interpret_escapes=False,
    )
    if result:
        return
    said = "\n".join(entry.message for entry in result.logs())
    if status := _STATUS.search(said):
        raise SendError(f"the service answered with error {status[1]}")
    if _CONNECTION.search(said):
        raise SendError("the service cannot be reached, or closed the connection")
    raise SendError("the service rejected the message")

"""Reading JSON that others wrote: what is missing is empty; a wrong type is rejected, naming the key."""

import base64
import binascii
import ipaddress
import math
import re
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

MAX_ITEMS: Final = 2000
MAX_TEXT: Final = 300
_ENDPOINT: Final = re.compile(r"^(?:\[(?P<v6>[^\[\]]+)\]|(?P<v4>[^:\[\]]+)):(?P<port>\d{1,5})$")
_HOST: Final = re.compile(r"^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$")


class Rejected(Exception):
    """A document that cannot be imported; the message says where, what was expected and what was found."""


def unforeseen(error: Exception) -> str:
    """Return the reason why a document is rejected that no check foresaw."""
    return f"could not be read ({type(error).__name__}: {error})"[:300]


def text(value: Any, where: str, *, limit: int = MAX_TEXT) -> str:
    """Return text cut to `limit` characters, empty for null.

    Errors: Rejected.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Rejected(f"{where}: expected text, got {type(value).__name__}")
    # Half of a surrogate pair is valid JSON, but not text that can be stored.
    return value[:limit].encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def mapping(value: Any, where: str) -> dict[str, Any]:
    """Return an object, an empty one for null. Errors: Rejected."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Rejected(f"{where}: expected an object, got {type(value).__name__}")
    return value


def objects(value: Any, where: str) -> list[dict[str, Any]]:
    """Return a list of objects, an empty one for null. Errors: Rejected."""
    entries = items(value, where)
    return [mapping(entry, f"{where}[{place}]") for place, entry in enumerate(entries)]


def items(value: Any, where: str) -> list[Any]:
    """Return a list of at most 2000 entries, an empty one for null. Errors: Rejected."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Rejected(f"{where}: expected a list, got {type(value).__name__}")
    if len(value) > MAX_ITEMS:
        raise Rejected(f"{where}: expected at most {MAX_ITEMS} entries, got {len(value)}")
    return value


def number(value: Any) -> float | None:
    """Return a finite number that is not negative, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        real = float(value)
    except OverflowError:
        return None
    return real if math.isfinite(real) and real >= 0 else None


def integer(value: Any) -> int | None:
    """Return a whole number of at most 32 bits, None for anything else."""
    real = number(value)
    return int(real) if real is not None and real == int(real) and real < 2**32 else None


def binary(value: Any, where: str, *, limit: int) -> bytes:
    """Return the first bytes of text, or of `{"format": "base64", "data": …}`.

    Errors: Rejected.
    Source: OONI df-001, MaybeBinaryData.
    """
    if value is None:
        return b""
    if isinstance(value, str):
        return value[:limit].encode("utf-8", "replace")[:limit]
    if isinstance(value, dict):
        return from_base64(value.get("data"), where, limit=limit)
    raise Rejected(f"{where}: expected text or base64 data, got {type(value).__name__}")


def from_base64(value: Any, where: str, *, limit: int) -> bytes:
    """Return the first bytes behind base64 text, nothing for null. Errors: Rejected."""
    if value is None:
        return b""
    if not isinstance(value, str):
        raise Rejected(f"{where}: expected base64 text, got {type(value).__name__}")
    try:
        return base64.b64decode(value[: 4 * (limit // 3 + 1)])[:limit]
    except (binascii.Error, ValueError) as error:
        raise Rejected(f"{where}: expected base64 text, got something else ({error})") from error


def address(value: Any) -> str:
    """Return an IP address in its shortest spelling, empty for anything else (such as `[scrubbed]`)."""
    if not isinstance(value, str):
        return ""
    try:
        return str(ipaddress.ip_address(value.strip().strip("[]").partition("%")[0]))
    except ValueError:
        return ""


def endpoint(value: Any) -> tuple[str, int] | None:
    """Return address and port of `192.0.2.1:443` or `[2001:db8::1]:443`, None for anything else."""
    found = _ENDPOINT.match(value) if isinstance(value, str) else None
    if found is None:
        return None
    ip, port = address(found["v6"] or found["v4"]), int(found["port"])
    return (ip, port) if ip and 0 < port < 65536 else None


def host_name(value: str) -> str:
    """Return a host name as it travels in DNS (lower case, no final dot, IDNA), or an address.

    Errors: Rejected when it is neither.
    """
    literal = address(value)
    if literal:
        return literal
    name = value.lower().rstrip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            raise Rejected(f"expected a host name, got {value[:100]!r}") from None
    if not _HOST.match(name):
        raise Rejected(f"expected a host name, got {value[:100]!r}")
    return name


def split_url(value: Any) -> SplitResult | None:
    """Return the parts of an http or https URL whose port, if any, is one; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value[:4096].strip())
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if good else None


def port_of(parts: SplitResult) -> int:
    """Return the port of a URL, its scheme's own where none is written."""
    return parts.port or (443 if parts.scheme == "https" else 80)

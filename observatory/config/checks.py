"""How each value of vantage_points.yaml is checked.

A check returns the value as the system uses it or raises `Unexpected`, which may narrow what was expected,
add a hint, and say that the file may be right and only the machine is not ready.
"""

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

from babel import Locale
from cryptography import x509
from pydantic import ValidationInfo

from observatory.config.machine import Machine
from observatory.model import Role, Via, ViaKind

MAX_CA_FILE_BYTES: Final = 4_000_000
MIN_EVERY_S: Final = 30
MAX_EVERY_S: Final = 86_400
NOT_STATED: Final = "ZZ"

ID_FORM: Final = re.compile(r"[a-z0-9-]{1,40}")
_EVERY: Final = re.compile(r"([0-9]{1,6})([smh])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600}
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
)
_DEVICE: Final = re.compile(r"[^\s/:]{1,15}")
_NETNS: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}")
# In CLDR's list of territories, but not countries of ISO 3166-1; ZZ is ISO's own "user-assigned".
_NO_COUNTRIES: Final = frozenset("AC CP CQ DG EA EU EZ IC QO TA UN XA XB XK".split())


class Unexpected(ValueError):
    """A value that a check refuses. Empty texts leave what the field's description says."""

    def __init__(self, expected: str = "", *, hint: str = "", at: str = "", of_machine: bool = False) -> None:
        super().__init__(expected or "see the field's description")
        self.expected = expected
        self.hint = hint
        self.at = at
        self.of_machine = of_machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a check may look at besides the value. `machine` is None for an entry that is switched off."""

    machine: Machine | None
    folder: Path


def _surroundings(info: ValidationInfo) -> Surroundings:
    if not isinstance(info.context, Surroundings):
        raise TypeError("validate with context=Surroundings(...)")
    return info.context


def suggest(word: object, known: tuple[str, ...]) -> str:
    """Return `did you mean "…"?` for a near miss, or an empty text."""
    near = get_close_matches(str(word)[:100], known, n=1)
    if not near:
        near = [choice for choice in known if choice.casefold() == str(word)[:100].casefold()]
    return f'did you mean "{near[0]}"?' if near else ""


def text_check(max_chars: int, *, min_chars: int = 0) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise Unexpected(hint="put it in quotes" if isinstance(value, int | float) else "")
        if not min_chars <= len(value.strip()) or len(value) > max_chars or not value.isprintable():
            raise Unexpected()
        return value.strip()

    return check


def check_id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        raise Unexpected(hint="put it in quotes")
    if not isinstance(value, str) or not ID_FORM.fullmatch(value):
        raise Unexpected()
    return value


def check_asn(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4_294_967_295:
        return value
    number = re.fullmatch(r"(?i)(?:AS)?\s*([1-9][0-9]{0,9})", value) if isinstance(value, str) else None
    raise Unexpected(hint=f"write {number[1]}" if number else "")


@cache
def list_countries() -> tuple[str, ...]:
    """Return the 249 codes of ISO 3166-1 alpha-2, and ZZ for "not stated"."""
    codes = (str(code) for code in Locale("en").territories)
    return tuple(sorted(code for code in codes if len(code) == 2 and code not in _NO_COUNTRIES))


def check_country(value: object) -> str:
    if not isinstance(value, str) or value not in list_countries():
        raise Unexpected(hint=suggest(value, list_countries()) if isinstance(value, str) else "")
    return value


@cache
def _list_timezones() -> tuple[str, ...]:
    return tuple(sorted(zoneinfo.available_timezones()))


def check_timezone(value: object) -> str:
    if not isinstance(value, str) or value not in _list_timezones():
        raise Unexpected(hint=suggest(value, _list_timezones()) if isinstance(value, str) else "")
    return value


def check_address(value: object) -> str:
    if not isinstance(value, str) or "%" in value:
        raise Unexpected()
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise Unexpected() from None


def check_resolver(value: object) -> str:
    return "system" if value == "system" else check_address(value)


def check_host_name(value: object) -> str:
    if not isinstance(value, str) or not _HOST_NAME.fullmatch(value) or value.replace(".", "").isdigit():
        hint = "write it in lower case" if isinstance(value, str) and value != value.lower() else ""
        raise Unexpected(hint=hint)
    return value


def check_list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Unexpected(hint="write vantage_points: [] for none" if value is None else "")
    return value


def parse_every(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Unexpected(hint=f'write a unit, for example "{value}s"')
    match = _EVERY.fullmatch(value) if isinstance(value, str) else None
    every_s = int(match[1]) * _UNIT_S[match[2]] if match else 0
    if not MIN_EVERY_S <= every_s <= MAX_EVERY_S:
        raise Unexpected(hint="" if match else "a whole number and a unit, without a space")
    return float(every_s)


def parse_role(value: object) -> Role:
    try:
        return Role(value)  # type: ignore[arg-type]
    except ValueError:
        raise Unexpected(hint=suggest(value, tuple(Role))) from None


def check_truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unexpected(
            hint="YAML 1.2 has only true and false" if value in ("yes", "no", "on", "off") else ""
        )
    return value


def _check_device(value: object, machine: Machine | None) -> str:
    if not isinstance(value, str) or not _DEVICE.fullmatch(value) or value in (".", ".."):
        raise Unexpected("the name of a network device, at most 15 characters", at="device")
    if machine and value not in (devices := machine.list_devices()):
        have = f"this machine has {', '.join(devices) or 'none'}"
        raise Unexpected("a network device of this machine", hint=have, at="device", of_machine=True)
    return value


def _check_source(value: object, machine: Machine | None) -> str:
    try:
        address = check_address(value)
    except Unexpected:
        raise Unexpected("an IP address", at="source") from None
    if machine and not machine.has_address(address):
        see = "`ip address` lists them"
        raise Unexpected("an address of this machine", hint=see, at="source", of_machine=True)
    return address


def _check_netns(value: object, machine: Machine | None) -> str:
    if not isinstance(value, str) or not _NETNS.fullmatch(value) or value in (".", ".."):
        raise Unexpected("the name of a network namespace", at="netns")
    if machine and value not in machine.list_namespaces():
        see = f"`ip netns add {value}` makes one"
        raise Unexpected("a network namespace in /run/netns", hint=see, at="netns", of_machine=True)
    return value


def _check_socks5(value: object, machine: Machine | None) -> str:
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    is_port = re.fullmatch(r"[1-9][0-9]{0,4}", port) is not None and int(port) < 65536
    try:
        check_address(host[1:-1]) if host.startswith("[") and host.endswith("]") else _check_host(host)
    except Unexpected:
        is_port = False
    if not colon or not is_port:
        raise Unexpected("HOST:PORT, for example 127.0.0.1:1080 or [::1]:1080", at="socks5")
    return f"{host}:{port}"


def _check_host(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return check_host_name(host)


VIA_CHECKS: Final[dict[ViaKind, Callable[[object, Machine | None], str]]] = {
    ViaKind.DEVICE: _check_device,
    ViaKind.SOURCE: _check_source,
    ViaKind.NETNS: _check_netns,
    ViaKind.SOCKS5: _check_socks5,
}


def parse_via(value: object, info: ValidationInfo) -> Via:
    if value == ViaKind.DIRECT:
        return Via()
    kinds = tuple(kind.value for kind in VIA_CHECKS)
    if isinstance(value, str):
        device = f"write {{device: {value}}} for a device" if _DEVICE.fullmatch(value) else ""
        raise Unexpected(hint=suggest(value, ("direct",)) or device)
    if not isinstance(value, dict):
        raise Unexpected()
    if len(value) != 1:
        raise Unexpected(f"exactly one of {', '.join(kinds)}", hint=f"it has {len(value)}")
    [(kind, name)] = value.items()
    if kind not in kinds:
        raise Unexpected(f"one of {', '.join(kinds)}", hint=suggest(kind, kinds), at=kind)
    machine = _surroundings(info).machine
    return Via(kind=ViaKind(kind), value=VIA_CHECKS[ViaKind(kind)](name, machine))


def load_ca_path(value: object, info: ValidationInfo) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or not value.isprintable():
        raise Unexpected()
    path = _surroundings(info).folder / value
    try:
        if not path.is_file():
            raise Unexpected("a PEM file that exists", hint=f"looked for {path}", of_machine=True)
        with path.open("rb") as file:
            content = file.read(MAX_CA_FILE_BYTES + 1)
    except OSError as error:
        raise Unexpected(
            "a PEM file that can be read", hint=f"{path}: {error.strerror}", of_machine=True
        ) from None
    try:
        if len(content) > MAX_CA_FILE_BYTES:
            raise ValueError
        x509.load_pem_x509_certificates(content)
    except ValueError:
        hint = f"{path} holds none that can be read"
        raise Unexpected("a file of PEM certificates", hint=hint, of_machine=True) from None
    return str(path)

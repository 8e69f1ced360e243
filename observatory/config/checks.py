"""How single values of settings files are checked, by themselves.

A check returns the value as the system uses it or raises `Unexpected`, which may narrow what was expected,
add a hint, and say that the file may be right and only the machine is not ready.
"""

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from typing import Final

from babel import Locale

from observatory.model import Role

MIN_EVERY_S: Final = 30
MAX_EVERY_S: Final = 86_400

ID_FORM: Final = re.compile(r"[a-z0-9-]{1,40}")
_EVERY: Final = re.compile(r"([0-9]{1,6})([smh])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600}
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
)
# In CLDR's list of territories, but not countries of ISO 3166-1; ZZ is ISO's own "user-assigned".
_NO_COUNTRIES: Final = frozenset("AC CP CQ DG EA EU EZ IC QO TA UN XA XB XK".split())


class Unexpected(ValueError):
    """A value that a check refuses. With an empty `expected`, the message takes the field's description."""

    def __init__(self, expected: str = "", *, hint: str = "", at: str = "", of_machine: bool = False) -> None:
        super().__init__(expected or "see the field's description")
        self.expected = expected
        self.hint = hint
        self.at = at
        self.of_machine = of_machine


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

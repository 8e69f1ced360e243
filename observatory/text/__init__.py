"""What the dashboard says, in Indonesian and English: one TOML catalogue per language, same keys in both."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from babel.dates import format_date, format_timedelta
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent

LANGUAGES: Final[Mapping[str, str]] = {"id": "Bahasa Indonesia", "en": "English"}
FALLBACK: Final = "en"
# Babel's English defaults to the American order of dates; day before month reads alike in both languages.
_LOCALES: Final = {"id": "id_ID", "en": "en_GB"}
# Indonesian writes the time of day with a full stop (EYD V; the pattern of CLDR too).
_CLOCKS: Final = {"id": "%H.%M", "en": "%H:%M"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One language: sentences by key, and numbers, lists and dates the way its readers write them."""

    language: str
    entries: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence of `key`, its placeholders filled. Errors: KeyError names what is missing."""
        return self.entries[key].format(**values)

    def has(self, key: str) -> bool:
        return key in self.entries

    def count(self, key: str, n: int, **values: object) -> str:
        """Return the sentence of `key.one` or `key.other`, with `n` written as a number in it."""
        form = "one" if n == 1 else "other"
        return self(f"{key}.{form}", n=self.number(n), **values)

    @property
    def locale(self) -> str:
        return _LOCALES[self.language]

    def number(self, value: float) -> str:
        return _number(value, self.locale)

    def percent(self, share: float) -> str:
        return _percent(share, self.locale)

    def listed(self, items: Sequence[str]) -> str:
        return format_list(list(items), locale=self.locale)

    def date(self, at: datetime) -> str:
        return format_date(at, format="d MMM y", locale=self.locale)

    def moment(self, at: datetime, zone: tzinfo) -> str:
        """Return `14 Jul 2017, 18:23 WIB (11:23 UTC)`, with the date of UTC where that differs."""
        local, utc = at.astimezone(zone), at.astimezone(UTC)
        shown = f"{self.date(local)}, {self.clock(local)} {zone_name(local)}"
        if zone_name(local) == "UTC":
            return shown
        other_day = f"{self.date(utc)}, " if utc.date() != local.date() else ""
        return f"{shown} ({other_day}{self.clock(utc)} UTC)"

    def span(self, start: datetime, end: datetime, zone: tzinfo) -> str:
        """Return from when to when, as briefly as both calendars allow."""
        if end - start < timedelta(minutes=1):
            return self("span.at", at=self.moment(start, zone))
        near, far = start.astimezone(zone), end.astimezone(zone)
        utc_near, utc_far = start.astimezone(UTC), end.astimezone(UTC)
        if near.date() != far.date() or utc_near.date() != utc_far.date():
            return self("span.days", start=self.moment(start, zone), end=self.moment(end, zone))
        other_day = f"{self.date(utc_near)}, " if utc_near.date() != near.date() else ""
        return self(
            "span.hours",
            date=self.date(near),
            start=self.clock(near),
            end=self.clock(far),
            zone=zone_name(far),
            utc=f"{other_day}{self.clock(utc_near)}–{self.clock(utc_far)}",
        )

    def day(self, at: datetime) -> str:
        """Return a day without its year, for an axis: `14 Jul`."""
        return format_date(at, format="d MMM", locale=self.locale)

    def local(self, at: datetime, zone: tzinfo) -> str:
        """Return local time alone, for places too narrow for both; the zone is named beside it."""
        local = at.astimezone(zone)
        return f"{self.day(local)}, {self.clock(local)}"

    def age(self, span: timedelta) -> str:
        """Return how long ago something was, in its largest unit: `3 min`."""
        return format_timedelta(
            max(span, timedelta()), granularity="minute", threshold=1.5, format="long", locale=self.locale
        )

    def ago(self, span: timedelta) -> str:
        """Return how long ago something was, as a phrase: `just now`, `3 minutes ago`."""
        return self("now.just_now") if span < timedelta(minutes=1) else self("now.ago", age=self.age(span))

    def clock(self, at: datetime | time) -> str:
        """Return the time of day: `18:23`, in Indonesian `18.23`."""
        return f"{at:{_CLOCKS[self.language]}}"


@cache
def load_text(language: str) -> Text:
    """Return the catalogue of a language; one that is not in `LANGUAGES` falls back to English."""
    chosen = language if language in LANGUAGES else FALLBACK
    content = resources.files(__name__).joinpath(f"{chosen}.toml").read_text(encoding="utf-8")
    return Text(language=chosen, entries=dict(_flatten(tomllib.loads(content), "")))


def match_language(locale: str | None) -> str:
    """Return the language for a browser's locale: `id-ID` -> `id`; `in` is Java's old name for Indonesian."""
    spoken = (locale or "").replace("_", "-").split("-")[0].lower()
    return {"in": "id"}.get(spoken, spoken if spoken in LANGUAGES else FALLBACK)


def zone_name(at: datetime) -> str:
    """Return the zone's own abbreviation (`WIB`), or its distance from UTC where it has none."""
    name = at.tzname() or "UTC"
    if name[:1] not in "+-":
        return name
    hours, minutes = name[1:3].lstrip("0") or "0", name[3:]
    return f"UTC{name[0]}{hours}:{minutes}" if minutes else f"UTC{name[0]}{hours}"


# A chart writes thousands of numbers, most of them the same few.
@lru_cache(maxsize=4096)
def _number(value: float, locale: str) -> str:
    return format_decimal(value, locale=locale)


@lru_cache(maxsize=4096)
def _percent(share: float, locale: str) -> str:
    return format_percent(share, locale=locale)


def _flatten(tree: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found += _flatten(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", str(value).strip()))
    return found

"""The form of alerts.yaml: its keys, their defaults, and what is expected of each. Shows no secret."""

import base64
import binascii
import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, SecretStr

from observatory.config.checks import Unexpected, check_asn, check_host_name, check_id, suggest
from observatory.model import Audience
from observatory.text import LANGUAGES

_FORM: Final = ConfigDict(extra="forbid", strict=True, frozen=True)
_DURATION: Final = re.compile(r"([0-9]{1,6})([smhd])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MAX_DURATION: Final = timedelta(days=7)
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
_SECRET_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)


def check_web_address(value: object) -> str:
    """Return an http(s) address without its last slash."""
    text = value if isinstance(value, str) else ""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text or len(text) > 2000:
        raise Unexpected()
    return text.rstrip("/")


def check_site(value: object) -> str:
    """Return the address of the dashboard, to which a path can be added and that is public."""
    address = check_web_address(value)
    parts = urlsplit(address)
    if parts.username is not None or parts.query or parts.fragment:
        raise Unexpected(hint="without a password, ? and #")
    return address


def check_secret_text(value: object) -> SecretStr:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 4000:
        raise Unexpected()
    return SecretStr(value.strip())


def check_webhook_url(value: object) -> SecretStr:
    return SecretStr(check_web_address(value))


def check_signing_secret(value: object) -> SecretStr:
    text = check_secret_text(value).get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_SECRET_PREFIX) or len(key) not in _SECRET_BYTES:
        raise Unexpected(hint="`observatory alerts secret` makes one")
    return SecretStr(text)


def from_environment(check: Callable[[object], SecretStr]) -> Callable[[object], SecretStr]:
    """Return the check of a key that names the environment variable that holds the value."""

    def look(value: object) -> SecretStr:
        if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
            raise Unexpected()
        found = os.environ.get(value)
        if not found:
            raise Unexpected(f"an environment variable that is set ({value} is not)")
        try:
            return check(found)
        except Unexpected as error:
            raise Unexpected(f"{value} to hold what the key without _env would", hint=error.hint) from None

    return look


def check_audience(value: object) -> Audience:
    try:
        return Audience(value)  # type: ignore[arg-type]
    except ValueError:
        raise Unexpected(hint=suggest(value, tuple(Audience)) if isinstance(value, str) else "") from None


def check_language(value: object) -> str:
    if not isinstance(value, str) or value not in LANGUAGES:
        raise Unexpected()
    return value


def parse_duration(value: object) -> timedelta:
    if value == 0 and not isinstance(value, bool):
        return timedelta()
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Unexpected(hint=f'write a unit, for example "{value}m"')
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    duration = timedelta(seconds=int(match[1]) * _UNIT_S[match[2]]) if match else None
    if duration is None or duration > _MAX_DURATION:
        raise Unexpected(hint="" if match else "a whole number and a unit, without a space")
    return duration


def check_count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
        raise Unexpected()
    return value


def _each(check: Callable[[object], object]) -> Callable[[object], frozenset[object]]:
    def check_all(value: object) -> frozenset[object]:
        if not isinstance(value, list) or not value:
            raise Unexpected(hint="leave the key out for all of them" if value in (None, []) else "")
        for item in value:
            try:
                check(item)
            except Unexpected as error:
                raise Unexpected(hint=error.hint) from None
        return frozenset(value)

    return check_all


def check_entries(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Unexpected(hint="write channels: [] for none" if value is None else "")
    return value


def _check_mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Unexpected()
    return value


_VARIABLE_NAME: Final = "the name of an environment variable, in capitals"


class AlertsForm(BaseModel):
    """The top of the file."""

    model_config = _FORM

    site: Annotated[str, PlainValidator(check_site)] = Field(
        description="the address of the dashboard, for example https://observatory.example"
    )
    channels: Annotated[list[object], PlainValidator(check_entries)] = Field(description="a list of channels")


class ChannelForm(BaseModel):
    """One entry of `channels`."""

    model_config = _FORM

    name: Annotated[str, PlainValidator(check_id)] = Field(
        description="1..40 lower-case letters, digits and hyphens"
    )
    audience: Annotated[Audience, BeforeValidator(check_audience)] = Field(description="public or operator")
    url: Annotated[SecretStr | None, PlainValidator(check_secret_text)] = Field(
        None, description="an address as apprise writes it, for example mailto://…"
    )
    url_env: Annotated[SecretStr | None, PlainValidator(from_environment(check_secret_text))] = Field(
        None, description=_VARIABLE_NAME
    )
    webhook: Annotated[dict[str, object] | None, PlainValidator(_check_mapping)] = Field(
        None, description="{url: …, secret: …}"
    )
    isps: Annotated[frozenset[int] | None, PlainValidator(_each(check_asn))] = Field(
        None, description="a list of AS numbers"
    )
    hosts: Annotated[frozenset[str] | None, PlainValidator(_each(check_host_name))] = Field(
        None, description="a list of host names or targets"
    )
    language: Annotated[str, PlainValidator(check_language)] = Field(
        "en", description=f"one of {', '.join(LANGUAGES)}"
    )
    settle: Annotated[timedelta, PlainValidator(parse_duration)] = Field(
        timedelta(minutes=60), description="0..7d, with its unit (30m, 1h)"
    )
    digest: Annotated[timedelta, PlainValidator(parse_duration)] = Field(
        timedelta(), description="0..7d, with its unit (30m, 1h, 1d)"
    )
    max_per_hour: Annotated[int, PlainValidator(check_count)] = Field(6, description="1..1000")


class WebhookForm(BaseModel):
    """The entry `webhook` of a channel."""

    model_config = _FORM

    url: Annotated[SecretStr | None, PlainValidator(check_webhook_url)] = Field(
        None, description="an address that starts with https:// or http://"
    )
    url_env: Annotated[SecretStr | None, PlainValidator(from_environment(check_webhook_url))] = Field(
        None, description=_VARIABLE_NAME
    )
    secret: Annotated[SecretStr | None, PlainValidator(check_signing_secret)] = Field(
        None, description="whsec_ and 24 to 64 random bytes in base64"
    )
    secret_env: Annotated[SecretStr | None, PlainValidator(from_environment(check_signing_secret))] = Field(
        None, description=_VARIABLE_NAME
    )

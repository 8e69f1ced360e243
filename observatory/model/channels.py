"""Whom alerts are sent to: the channels of alerts.yaml as records. Secrets are never shown."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from observatory.model.alerts import Audience


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to reach some people. Either `url` is set (for apprise), or `webhook_url` and `secret` are.

    Shape:  `isps` and `hosts` are what it asks for; empty asks for all. A new block is sent once it has stood
            for `settle`, at once where artefacts or pairs of several targets confirmed it; with a `digest`,
            at most one message goes out in each such span.
    """

    name: str
    audience: Audience
    url: SecretStr | None = None
    webhook_url: SecretStr | None = None
    secret: SecretStr | None = None
    isps: frozenset[int] = frozenset()
    hosts: frozenset[str] = frozenset()
    language: str = "en"
    settle: timedelta = timedelta(minutes=60)
    digest: timedelta = timedelta()
    max_per_hour: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """A whole, valid alerts.yaml; without the file there is no channel, and nothing is sent."""

    path: str
    site: str = ""
    channels: tuple[Channel, ...] = ()

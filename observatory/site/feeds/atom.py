"""Events as Atom feeds (RFC 4287). Pure: histories of events in, a document out.

Only confirmed blocks are published. What was published once stays in the feed: an event that was withdrawn
remains as an entry that says so.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID, uuid5

from feedgen.feed import FeedGenerator

from observatory.analysis.events.news import find_news
from observatory.analysis.events.publication import Publication, judge_publication, public_part
from observatory.model import AlertKind, Event, Revision
from observatory.text import Text
from observatory.text.events import MANY, describe, network_names, shortened
from observatory.views.event_words import headline

N_ENTRIES: Final = 50
# Identifiers are made from it and the event's own: they outlive every address of the site. Never change it.
_NAMESPACE: Final = UUID("6f2b1c1e-5a52-4c0e-9a0b-3d6f6a1f2017")
_NOTHING_YET: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TITLE_CHARS: Final = 500
_MAX_SUMMARY_CHARS: Final = 6000
_MAX_NAME_CHARS: Final = 253


class FeedKind(StrEnum):
    EVENTS = "events"
    ISP = "isp"
    HOST = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Which feed: of all events, of one network (`key` is its ASN) or of one target (`key` is its name)."""

    kind: FeedKind = FeedKind.EVENTS
    key: str = ""

    @property
    def path(self) -> str:
        """Its path on this site; the query says the language."""
        if self.kind is FeedKind.EVENTS:
            return "/feeds/events.atom"
        prefix = "AS" if self.kind is FeedKind.ISP else ""
        return f"/feeds/{self.kind}/{prefix}{quote(self.key, safe='')}.atom"

    def holds(self, entry: "FeedEntry") -> bool:
        """Return whether anything was ever published about the subject of this feed."""
        if self.kind is FeedKind.EVENTS:
            return True
        if self.kind is FeedKind.ISP:
            return any(str(asn) == self.key for asn in entry.published_asns)
        return self.key in entry.published_targets

    def narrow(self, event: Event) -> Event:
        """Return the event with the spells of this feed's network or target alone."""
        if self.kind is FeedKind.EVENTS:
            return event
        is_isp = self.kind is FeedKind.ISP
        own = (s for s in event.spells if self.key == (str(s.asn) if is_isp else s.target))
        return replace(event, spells=tuple(own))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """What feeds publish about one event.

    Shape:  `event` has the confirmed spells of the feed alone, and where none is left, those published last.
            `causes` are what was new in it at `updated_at`. `published_asns` and `published_targets` are all
            that were ever published; `removed` has the names of networks and targets among them that no
            longer are. `whole` is the event of which `feed` has a part alone.
    """

    event: Event
    causes: tuple[AlertKind, ...]
    published_at: datetime
    updated_at: datetime
    publication: Publication
    removed: tuple[str, ...] = ()
    published_asns: frozenset[int] = frozenset()
    published_targets: frozenset[str] = frozenset()
    feed: Feed = Feed()
    whole: Event | None = None


def make_entry(history: Sequence[Revision], feed: Feed | None = None) -> FeedEntry | None:
    """Return the entry of an event in a feed; None when nothing of it was ever published there.

    Shape:  all revisions of one event, oldest first. In the feed of one network or target everything is its
            own: what it says, since when, and when that was said.
    """
    feed = feed or Feed()
    newest = history[-1]
    own = [replace(revision, event=feed.narrow(revision.event)) for revision in history]
    if feed.kind is not FeedKind.EVENTS:
        own = _with_news(own)
    if not own:
        return None
    published = [part for revision in own if (part := public_part(revision.event)) is not None]
    if not published:
        return None
    shown = published[-1]
    earlier = (name for event in published[:-1] for name in (*network_names(event), *event.targets))
    still = {*network_names(shown), *shown.targets}
    return FeedEntry(
        event=shown,
        causes=own[-1].causes,
        published_at=own[0].at,
        updated_at=own[-1].at,
        publication=_publication(own[-1].event),
        removed=tuple(dict.fromkeys(name for name in earlier if name not in still)),
        published_asns=frozenset(spell.asn for event in published for spell in event.spells),
        published_targets=frozenset(spell.target for event in published for spell in event.spells),
        feed=feed,
        whole=public_part(newest.event),
    )


def _with_news(revisions: Sequence[Revision]) -> list[Revision]:
    """Return the revisions that say something new, with what it is."""
    told: list[Revision] = []
    for revision in revisions:
        causes = find_news(told[-1].event if told else None, revision.event)
        if causes:
            told.append(replace(revision, causes=causes))
    return told


def _publication(event: Event) -> Publication:
    """Of an event that no longer holds anything of a feed, what was published there is withdrawn."""
    return judge_publication(event) if event.spells else Publication.WITHDRAWN


def build_feed(entries: Sequence[FeedEntry], feed: Feed, text: Text, *, base: str, name: str = "") -> bytes:
    """Return an Atom document of the entries updated last.

    Shape:  `base` is scheme and host of the site, without a slash at the end; `name` is what to call the
            feed's network or target. UTF-8 with an XML declaration.
    Source: RFC 4287; identifiers are UUIDs of version 5, RFC 9562.
    """
    latest = sorted(entries, key=lambda entry: (entry.updated_at, entry.event.id), reverse=True)[:N_ENTRIES]
    document = FeedGenerator()
    document.id(_urn(f"feed {feed.path} {text.language}"))
    called = name or feed.key
    if feed.kind is FeedKind.ISP:
        called = f"{name} (AS{feed.key})" if name else f"AS{feed.key}"
    document.title(_clean(text(f"feed.title_{feed.kind}", name=called), _MAX_TITLE_CHARS))
    document.subtitle(text("feed.subtitle"))
    document.updated(feed_updated_at(latest) or _NOTHING_YET)
    document.author(name=text("app.title"))
    document.generator(text("app.title"))
    document.rights(text("feed.rights"))
    document.language(text.language)
    own = f"{base}{feed.path}?{urlencode({'lang': text.language})}"
    document.link(href=own, rel="self", type="application/atom+xml")
    document.link(href=f"{base}/?{urlencode({'lang': text.language})}", rel="alternate", type="text/html")
    for entry in latest:
        _fill(document.add_entry(order="append"), entry, text, base)
    body: bytes = document.atom_str(pretty=True)
    return body


def feed_updated_at(entries: Sequence[FeedEntry]) -> datetime | None:
    """Return when the feed changed last; None for one that holds nothing."""
    return max((entry.updated_at for entry in entries), default=None)


def entry_id(event_id: str) -> str:
    """Return the identifier of an event's entry, the same in every feed, at every address and for good."""
    return _urn(f"event {event_id}")


def title(entry: FeedEntry, text: Text) -> str:
    """Return the finding as a sentence, after what a reader must know first: emulated, withdrawn."""
    return _clean(headline(entry.event, text, publication=entry.publication), _MAX_TITLE_CHARS)


def summary(entry: FeedEntry, text: Text) -> str:
    """Return what, where, since when, how sure and how, in sentences."""
    sentences = [text("over_time.source_emulated")] if entry.event.emulated else []
    if entry.publication is not Publication.PUBLISHED:
        sentences += [text(f"feed.is_{entry.publication}"), text("feed.was_told")]
    else:
        sentences += [
            text(f"feed.cause_{cause}")
            for cause in entry.causes
            if cause is not AlertKind.ONSET and text.has(f"feed.cause_{cause}")
        ]
    sentences += describe(entry.event, text)
    is_part = entry.feed.kind is not FeedKind.EVENTS
    if is_part and entry.whole is not None and len(entry.whole.spells) > len(entry.event.spells):
        is_host = entry.feed.kind is FeedKind.HOST
        sentences.append(
            text(
                "feed.part_of",
                name=entry.feed.key if is_host else network_names(entry.event)[0],
                networks=text.count("count.networks", len(entry.whole.networks)),
                targets=text.count("spells.targets", len(entry.whole.targets)),
            )
        )
    if entry.removed:
        sentences.append(text("feed.gone", names=shortened(entry.removed, text, most=MANY)))
    return _clean(" ".join(sentences), _MAX_SUMMARY_CHARS)


def _fill(item: Any, entry: FeedEntry, text: Text, base: str) -> None:
    event = entry.event
    item.id(entry_id(event.id))
    item.title(title(entry, text))
    item.updated(entry.updated_at)
    item.published(entry.published_at)
    item.summary(summary(entry, text), type="text")
    address = f"{base}/event?{urlencode({'id': event.id, 'lang': text.language})}"
    item.link(href=address, rel="alternate", type="text/html")
    item.rights(text("feed.rights"))
    for (asn, _), name in zip(event.networks.items(), network_names(event), strict=True):
        item.category(term=f"AS{asn}", scheme=f"{base}/feeds/isp/", label=_clean(name, _MAX_NAME_CHARS))
    for target in event.targets:
        item.category(term=_clean(target, _MAX_NAME_CHARS), scheme=f"{base}/feeds/host/")


def _urn(name: str) -> str:
    return uuid5(_NAMESPACE, name).urn


def _clean(words: str, limit: int) -> str:
    """Return words without what XML forbids or a terminal obeys, and no longer than a limit."""
    kept = "".join(" " if unicodedata.category(char).startswith("C") else char for char in words)
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"

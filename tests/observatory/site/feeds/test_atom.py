"""What feeds tell and what they do not, as documents: no server, no store."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from observatory.model import AlertKind, Certainty, Interval, Revision
from observatory.site.feeds.atom import (
    N_ENTRIES,
    Feed,
    FeedEntry,
    FeedKind,
    build_feed,
    entry_id,
    make_entry,
    title,
)
from observatory.site.feeds.routes import parse_feed
from observatory.text import LANGUAGES, load_text
from observatory.views.addresses import feed_address
from tests.observatory.site.feeds.samples import (
    AT,
    HISTORIES,
    HOUR,
    INDOSAT,
    XL,
    make_event,
    make_history,
    make_spell,
)
from tests.observatory.site.feeds.strict_reader import NS, entries, links, read_atom, word

EN, ID = load_text("en"), load_text("id")
BASE = "https://observatory.example"
ALL = Feed()
GOLDEN = Path(__file__).with_name("events.en.atom")


def entries_of(feed: Feed) -> list[FeedEntry]:
    made = (make_entry(history) for history in HISTORIES.values())
    return [entry for entry in made if entry is not None and feed.holds(entry)]


def the_entry(name: str) -> FeedEntry:
    entry = make_entry(HISTORIES[name])
    assert entry is not None
    return entry


TITLES = {
    "going on": "t.me is blocked on Indosat, Telkomsel and XL Axiata.",
    "since before": "telegram.org is blocked on XL Axiata.",
    "over": "web.telegram.org was blocked on XL Axiata; it has ended.",
    "confirmed and withdrawn": "Finding withdrawn: t.me is blocked on Indosat.",
    "confirmed, then suspected": "Finding withdrawn: t.me is blocked on Telkomsel.",
    "one network taken back": "t.me is blocked on Telkomsel.",
}


@pytest.mark.parametrize(("name", "expected"), TITLES.items(), ids=TITLES)
def test_title(name: str, expected: str) -> None:
    assert title(the_entry(name), EN) == expected


@pytest.mark.parametrize("name", ["suspected", "suspected and withdrawn"])
def test_what_was_never_confirmed_is_not_published(name: str) -> None:
    assert make_entry(HISTORIES[name]) is None


def test_only_confirmed_spells_of_an_event_are_published() -> None:
    whole = HISTORIES["going on"][1].event
    mixed = (*whole.spells[1:], HISTORIES["suspected"][0].event.spells[0])
    entry = make_entry(make_history((replace(whole, spells=mixed), AlertKind.ONSET)))
    assert entry is not None
    assert title(entry, EN) == "t.me is blocked on Indosat and XL Axiata."


def test_emulated_comes_first_of_all() -> None:
    event = make_event("e", emulated=True)
    taken_back = replace(event, withdrawn=True)
    entry = make_entry(make_history((event, AlertKind.ONSET), (taken_back, AlertKind.WITHDRAWAL)))
    assert entry is not None
    assert title(entry, EN) == "EMULATED: Finding withdrawn: t.me is blocked on Telkomsel."
    assert title(entry, ID) == "EMULASI: Temuan ditarik: t.me diblokir di Telkomsel."


def test_feed_of_one_network_or_target_holds_its_own() -> None:
    def ids(feed: Feed) -> set[str]:
        return {entry.event.id for entry in entries_of(feed)}

    # What was withdrawn of a network stays in its feed, for its readers had seen it.
    assert ids(Feed(kind=FeedKind.ISP, key=str(XL))) == {"going-on", "since-before", "over", "narrowed"}
    assert ids(Feed(kind=FeedKind.HOST, key="web.telegram.org")) == {"over"}


LATER = Interval(after=AT + 9 * HOUR, by=AT + 10 * HOUR)
TWO_ISPS = make_history(
    (make_event("two", make_spell()), AlertKind.ONSET),
    (make_event("two", make_spell(), make_spell(XL, onset=LATER)), AlertKind.SPREAD),
    (make_event("two", make_spell(), make_spell(XL, onset=LATER), make_spell(INDOSAT)), AlertKind.SPREAD),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_feed_of_one_network_tells_of_it_alone_with_its_own_times(language: str) -> None:
    """The second network began nine hours later and was announced an hour later; then a third one joined."""
    text, feed = load_text(language), Feed(kind=FeedKind.ISP, key=str(XL))
    entry = make_entry(TWO_ISPS, feed)
    assert entry is not None and entry.event.onset == LATER
    assert (entry.published_at, entry.updated_at) == (AT + 3 * HOUR, AT + 3 * HOUR)
    found = entries(build_feed([entry], feed, text, base=BASE, name="XL Axiata"))["two"]
    assert "XL Axiata" in word(found, "title") and "Telkomsel" not in word(found, "title")
    said = word(found, "summary")
    assert "Telkomsel" not in said and "20:00–21:00 UTC" in said.replace(".", ":")
    whole = {
        "en": "This entry is about XL Axiata alone, with its own times; the whole event: 3 networks, ",
        "id": "Entri ini hanya tentang XL Axiata, dengan waktunya sendiri; seluruh peristiwa: ",
    }
    assert whole[language] in said


def test_feed_of_one_target_tells_of_it_alone() -> None:
    first = make_event("hosts", make_spell())
    both = make_event("hosts", make_spell(), make_spell(target="telegram.org", onset=LATER, end=None))
    feed = Feed(kind=FeedKind.HOST, key="telegram.org")
    entry = make_entry(make_history((first, AlertKind.ONSET), (both, AlertKind.SPREAD)), feed)
    assert entry is not None and entry.published_at == AT + 3 * HOUR
    assert title(entry, EN) == "telegram.org is blocked on Telkomsel."


def test_what_was_taken_back_of_one_network_is_withdrawn_in_its_feed() -> None:
    entry = make_entry(HISTORIES["one network taken back"], Feed(kind=FeedKind.ISP, key=str(XL)))
    assert entry is not None
    assert title(entry, EN) == "Finding withdrawn: t.me is blocked on XL Axiata."
    other = make_entry(HISTORIES["one network taken back"], Feed(kind=FeedKind.ISP, key="23693"))
    assert other is not None and other.updated_at == AT + 2 * HOUR, "nothing changed there"
    assert title(other, EN) == "t.me is blocked on Telkomsel."


def test_suspicion_beside_what_was_published_is_not_told_in_its_feed() -> None:
    event = make_event("e", make_spell(), make_spell(XL, certainty=Certainty.SUSPECTED))
    feed = Feed(kind=FeedKind.ISP, key=str(XL))
    assert make_entry(make_history((event, AlertKind.ONSET)), feed) is None


def test_what_was_taken_back_in_part_is_said() -> None:
    body = build_feed([the_entry("one network taken back")], ALL, EN, base=BASE)
    said = word(entries(body)["narrowed"], "summary")
    assert "No longer part of the event: XL Axiata." in said
    assert said.startswith("Latest change: corrected")


def test_identifier_outlives_revisions_languages_feeds_and_addresses() -> None:
    first, second = HISTORIES["going on"]
    histories: list[tuple[Revision, ...]] = [(first,), (first, second)]
    ids = set()
    for history in histories:
        for feed in (ALL, Feed(kind=FeedKind.ISP, key="23693")):
            for text in (EN, ID):
                for base in (BASE, "http://127.0.0.1:8501"):
                    entry = make_entry(history)
                    assert entry is not None
                    document = build_feed([entry], feed, text, base=base)
                    ids.add(word(entries(document)["going-on"], "id"))
    # Written out: a change would tell every reader of every event again.
    assert ids == {"urn:uuid:4e9c2946-2669-583d-b752-3f04d547db91"} == {entry_id("going-on")}


def test_feeds_have_identifiers_of_their_own() -> None:
    feeds = (ALL, Feed(kind=FeedKind.ISP, key="1"), Feed(kind=FeedKind.HOST, key="1"))
    documents = [build_feed([], feed, text, base=BASE) for feed in feeds for text in (EN, ID)]
    assert len({word(read_atom(document), "id") for document in documents}) == len(documents)


def test_times_are_those_of_the_first_and_the_last_revision() -> None:
    entry = entries(build_feed(entries_of(ALL), ALL, EN, base=BASE))["going-on"]
    assert word(entry, "published") == (AT + 2 * HOUR).isoformat()
    assert word(entry, "updated") == (AT + 3 * HOUR).isoformat()


INTERVALS = {
    "going-on": "Started on 14 Jul 2017 between 18:00 and 19:00 WIB (11:00–12:00 UTC).",
    "since-before": "since before 14 Jul 2017, 18:00 WIB (11:00 UTC)",
    "over": "Ended between 14 Jul 2017, 23:00 WIB (16:00 UTC) and 15 Jul 2017, 00:00 WIB",
}


@pytest.mark.parametrize(("event", "words"), INTERVALS.items(), ids=INTERVALS)
def test_summary_says_the_interval(event: str, words: str) -> None:
    assert words in word(entries(build_feed(entries_of(ALL), ALL, EN, base=BASE))[event], "summary")


def test_hostile_names_stay_text_and_within_bounds() -> None:
    entry = the_entry("hostile names")
    huge = replace(entry.event, spells=tuple(replace(s, isp="x" * 10_000) for s in entry.event.spells))
    body = build_feed([entry, replace(entry, event=replace(huge, id="huge"))], ALL, EN, base=BASE)
    found = entries(body)
    assert '<script>alert(1)</script> & "Co" ]]>' in word(found["hostile+%26+%3Cid%3E"], "title")
    assert b"<script" not in body
    assert not {"\x00", "\u202e", "\ufffe"} & set(body.decode())
    assert len(word(found["huge"], "title")) == 500
    assert len(body) < 20_000


def test_latest_fifty_are_listed_newest_first() -> None:
    [entry] = [the_entry("going on")]
    many = [
        replace(
            entry,
            event=replace(entry.event, id=f"e{n}"),
            updated_at=AT + timedelta(minutes=n),
        )
        for n in range(N_ENTRIES + 5)
    ]
    assert list(entries(build_feed(many, ALL, EN, base=BASE))) == [f"e{n}" for n in range(54, 4, -1)]


def test_categories_name_networks_and_targets() -> None:
    entry = entries(build_feed(entries_of(ALL), ALL, EN, base=BASE))["over"]
    found = [(c.get("term"), c.get("label"), c.get("scheme")) for c in entry.findall(f"{NS}category")]
    assert found == [
        ("AS24203", "XL Axiata", f"{BASE}/feeds/isp/"),
        ("web.telegram.org", None, f"{BASE}/feeds/host/"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_feed_is_atom_even_when_empty(language: str) -> None:
    text = load_text(language)
    for made in (entries_of(ALL), []):
        feed = read_atom(build_feed(made, ALL, text, base=BASE))
        assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == language
        assert links(feed, "self") == [f"{BASE}/feeds/events.atom?lang={language}"]
        assert word(feed, "rights") == "CC BY 4.0"


def test_document_is_as_it_was() -> None:
    """After a change that is meant, write the document anew and read the difference."""
    body = build_feed(entries_of(ALL), ALL, EN, base=BASE)
    assert body.decode() == GOLDEN.read_text(encoding="utf-8")


FEEDS = {
    "events.atom": ALL,
    "isp/AS23693.atom": Feed(kind=FeedKind.ISP, key="23693"),
    "host/t.me.atom": Feed(kind=FeedKind.HOST, key="t.me"),
    "host/dc2-alt.atom": Feed(kind=FeedKind.HOST, key="dc2-alt"),
}
NO_FEEDS = """
    - events events.atom/ events.rss isp/AS.atom isp/AS0.atom isp/AS01.atom isp/ASx.atom isp/AS-1.atom
    isp/as1.atom isp/1.atom isp/AS99999999999.atom isp/AS१.atom host/.atom host/..atom host/a/b.atom
    host/<b>.atom host/t.me%0a.atom event/1.atom
""".split()


@pytest.mark.parametrize(("path", "feed"), FEEDS.items(), ids=FEEDS)
def test_path_and_feed_belong_together(path: str, feed: Feed) -> None:
    assert parse_feed(path) == feed
    assert feed.path == f"/feeds/{path}"
    assert feed_address(feed.kind.value, feed.key, "id") == f"feeds/{path}?lang=id"


@pytest.mark.parametrize("path", [*NO_FEEDS, "", "events.atom\n", f"host/{'x' * 10_000}.atom"])
def test_path_of_no_feed(path: str) -> None:
    assert parse_feed(path) is None

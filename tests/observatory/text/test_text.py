"""Both catalogues say the same, every sentence is used, and every word that a page asks for is there."""

import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from observatory.analysis.judging.judge import ALL_RULES
from observatory.figures.looks import LOOKS
from observatory.model import AlertKind, Layer, Shows, StandIn, State
from observatory.model.views import GapReason
from observatory.text import LANGUAGES, load_text, match_language, zone_name
from observatory.text.rules import load_rule_texts
from observatory.views import csv as csv_file
from observatory.views.event_words import count_parts
from observatory.views.punctuality import Punctuality
from observatory.views.step_words import EDE_NAMES
from observatory.views.steps import StepGroup
from probes.records import Failure, Heard, Payload, Purpose, Resolver

ROOT = Path(__file__).parents[3]
JAKARTA = ZoneInfo("Asia/Jakarta")
# Keys that a page puts together: their prefix, and every end that can occur.
FAMILIES = {
    "state": set(LOOKS),
    "short": {*LOOKS, "partly", "stale"},
    "legend": {*LOOKS, "partly", "heading"},
    "layer": set(Layer),
    "reason": set(GapReason),
    "failure": set(Failure),
    "step_group": set(StepGroup),
    "vantage.state": set(Punctuality),
    "column": {
        *csv_file.LATEST_COLUMNS,
        *csv_file.SHARE_COLUMNS,
        *csv_file.CELL_COLUMNS,
        *csv_file.VANTAGE_COLUMNS,
        *csv_file.SPELL_COLUMNS,
        *csv_file.ALIGNED_COLUMNS,
    },
}
# Ends come from data: a test of known_dates and the one below compare them.
OPEN_FAMILIES = ("mechanism.", "known_fact.", "known_kind.")
MECHANISMS = """
    dns.injection.blockpage dns.injection.bogon dns.injection.other dns.nxdomain dns.refused dns.servfail
    dns.timeout dns.no_answer tcp.reset tcp.timeout tcp.refused tls.reset.sni tls.reset.other tls.timeout.sni
    tls.timeout.other tls.mitm.self_signed tls.mitm.ca_signed tls.mitm.unknown_ca tls.throttle.sni
    http.blockpage http.redirect http.error http.timeout http.reset.host http.throttle.host ip.unreachable
    ip.throttle quic.timeout mtproto.reset mtproto.timeout mtproto.garbage
""".split()


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert set(load_text("id").entries) == set(load_text("en").entries)


@pytest.mark.parametrize("key", sorted(load_text("en").entries))
def test_both_languages_fill_the_same_placeholders(key: str) -> None:
    assert placeholders(load_text("id").entries[key]) == placeholders(load_text("en").entries[key])
    assert load_text("id").entries[key].strip()


def test_no_key_is_unused_and_none_is_missing() -> None:
    sources = [ROOT / "dashboard.py"]
    for package in ("figures", "notify", "site", "text", "views"):
        sources += sorted((ROOT / "observatory" / package).rglob("*.py"))
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    literal = set(re.findall(r"[\"']([a-z_]+(?:\.[a-z_]+)+)[\"']", code))
    patterns = [
        re.compile("^" + re.sub(r"\\{[^}]*\\}", "[a-z_]+", re.escape(found)) + "$")
        for found in re.findall(r"f[\"']([a-z_]+\.[a-z_.{} ]*\{[^\"']+)[\"']", code)
    ]
    families = {f"{prefix}.{end}" for prefix, ends in FAMILIES.items() for end in ends}
    families |= {f"vantage.state_{word}" for word in Punctuality}
    families |= {f"measured.{state}" for state in State} | {f"measured.stand_in_{s}" for s in StandIn}
    families |= {f"step.who_{resolver}" for resolver in Resolver} | {f"step.heard_{h}" for h in Heard}
    families |= {f"step.payload_{p}" for p in Payload} | {f"step.name_{p}" for p in Purpose}
    families |= {f"step.ede_{name}" for name in EDE_NAMES.values()}
    families |= {f"event.cause_{kind}" for kind in AlertKind} | {f"event.shows_{shows}" for shows in Shows}
    families |= {f"event.count_{name}.{form}" for name in count_parts(None) for form in ("one", "other")}
    counted = {f"{key}.{form}" for key in literal for form in ("one", "other")}

    def is_used(key: str) -> bool:
        if key.startswith(OPEN_FAMILIES) or key in literal | counted | families:
            return True
        return key.partition(".")[0] not in FAMILIES and any(p.match(key) for p in patterns)

    keys = set(load_text("en").entries)
    assert sorted(key for key in keys if not is_used(key)) == []
    assert sorted(f for f in families if f not in keys and not f.startswith("vantage.state.")) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_has_plain_words(language: str, mechanism: str) -> None:
    assert load_text(language).has(f"mechanism.{mechanism}")


def test_every_mechanism_of_the_rules_has_plain_words() -> None:
    rules = ROOT / "observatory/analysis/judging/rules"
    code = "\n".join(path.read_text(encoding="utf-8") for path in rules.glob("*.py"))
    named = set(re.findall(r"State\.\w+,\s*\"([a-z_]+\.[a-z_.]+)\"", code))
    assert named
    assert sorted(name for name in named if not load_text("en").has(f"mechanism.{name}")) == []


def test_the_weaker_word_is_never_the_stronger_one() -> None:
    for language in LANGUAGES:
        text = load_text(language)
        words = {state: text(f"state.{state}").lower() for state in State}
        assert len(set(words.values())) == len(words)
        assert words[State.LIKELY_BLOCKED] != words[State.BLOCKED]
        assert text("short.insufficient") != text("short.ok")


# Each says more than was measured, names a person where a device may stand, or is a second word for a thing.
AVOIDED = {
    "en": r"[Ss]omebody|[Nn]obody|[Aa]nybody|harmless|control host|throttled|censor\b|partly|the world"
    r"|\bInternet\b|'",
    "id": r"[Pp]eladen|\bporta\b|[Rr]uter|\bbita\b|tembok api|berbahaya|nama pembanding|di jalan\b"
    r"|diputus paksa|kemungkinan diblokir|[Rr]esolver|[Pp]utusan|luring|\bselang|jendela waktu|sungguhan"
    r"|bekerja|\bInternet\b|'",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_says_more_than_was_measured(language: str) -> None:
    texts = dict(load_text(language).entries)
    for rule_id, rule in load_rule_texts(language).items():
        texts |= {
            f"{rule_id} says": rule.says,
            f"{rule_id} besides": rule.besides,
            f"{rule_id} change": rule.change,
        }
    found = {key: re.search(AVOIDED[language], sentence) for key, sentence in texts.items()}
    assert {key: match[0] for key, match in found.items() if match} == {}


LOCALES = {"id-ID": "id", "id": "id", "in_ID": "id", "en-GB": "en", "nl-NL": "en", "": "en", None: "en"}


@pytest.mark.parametrize(("locale", "language"), LOCALES.items(), ids=repr)
def test_language_of_a_browser(locale: str | None, language: str) -> None:
    assert match_language(locale) == language


def test_unknown_language_falls_back_to_english() -> None:
    assert load_text("xx").language == "en"


AT = datetime(2017, 7, 14, 11, 23, tzinfo=UTC)


def test_moments_stand_in_local_time_beside_utc() -> None:
    text = load_text("id")
    assert text.moment(AT, JAKARTA) == "14 Jul 2017, 18.23 WIB (11.23 UTC)"
    assert load_text("en").moment(AT, JAKARTA) == "14 Jul 2017, 18:23 WIB (11:23 UTC)"
    late = AT + timedelta(hours=8)
    assert text.moment(late, JAKARTA) == "15 Jul 2017, 02.23 WIB (14 Jul 2017, 19.23 UTC)"
    assert text.moment(AT, UTC) == "14 Jul 2017, 11.23 UTC"
    assert text.moment(AT, ZoneInfo("Asia/Singapore")) == "14 Jul 2017, 19.23 UTC+8 (11.23 UTC)"
    assert text.local(AT, JAKARTA) == "14 Jul, 18.23"


ZONES = {
    "Asia/Jakarta": "WIB",
    "Asia/Singapore": "UTC+8",
    "Asia/Kathmandu": "UTC+5:45",
    "Etc/GMT+10": "UTC-10",
}


@pytest.mark.parametrize(("zone", "name"), ZONES.items(), ids=ZONES)
def test_a_zone_without_a_name_is_called_by_its_distance_from_utc(zone: str, name: str) -> None:
    assert zone_name(AT.astimezone(ZoneInfo(zone))) == name


def test_what_is_seconds_old_is_not_zero_minutes_old() -> None:
    assert load_text("id").ago(timedelta(seconds=59)) == "baru saja"
    assert load_text("en").ago(timedelta(minutes=4)) == "4 minutes ago"


def test_spans_are_as_short_as_they_can_be() -> None:
    text = load_text("en")
    assert text.span(AT, AT, JAKARTA) == "on 14 Jul 2017, 18:23 WIB (11:23 UTC)"
    assert (
        text.span(AT, AT + timedelta(hours=1), JAKARTA)
        == "on 14 Jul 2017 between 18:23 and 19:23 WIB (11:23–12:23 UTC)"
    )
    assert text.span(AT, AT + timedelta(days=1), JAKARTA).startswith("between 14 Jul 2017, 18:23 WIB")


def test_numbers_and_lists_are_written_the_local_way() -> None:
    assert load_text("id").number(12345) == "12.345"
    assert load_text("en").number(12345) == "12,345"
    assert load_text("id").listed(["a", "b"]) == "a dan b"
    assert load_text("id").age(timedelta(days=3)) == "3 hari"
    assert load_text("en").count("count.networks", 1) == "1 network"
    assert load_text("id").day(datetime(2017, 8, 10, tzinfo=UTC)) == "10 Agu"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mechanism_that_a_rule_claims_has_plain_words(language: str) -> None:
    text = load_text(language)
    claimed = {rule.mechanism for rule in ALL_RULES if rule.mechanism}
    assert sorted(m for m in claimed if not text.has(f"mechanism.{m}")) == []

"""The root store tells chains apart by the chain itself, for the name and the time asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from observatory.analysis.judging.chains import ChainKind
from observatory.reference import load_reference
from observatory.reference.authorities import RootStore
from probes.records import Certificate
from tests.observatory.analysis.judging.builder import AT
from tests.observatory.analysis.judging.certificates import (
    EXPIRED,
    FILTER,
    GENUINE,
    MIDDLE,
    ROOT,
    SELF_SIGNED,
    STRANGER,
    pem,
)

STORE = RootStore(b"# a comment\n" + pem(ROOT))


@pytest.mark.parametrize(
    ("situation", "chain", "kind"),
    [
        ("genuine", GENUINE, ChainKind.VALID),
        ("genuine, with the root that clients have anyway", (*GENUINE, ROOT), ChainKind.VALID),
        ("genuine, in the wrong order", (GENUINE[0], ROOT, MIDDLE), ChainKind.VALID),
        ("another party's", STRANGER, ChainKind.OTHER_NAME),
        ("run out", EXPIRED, ChainKind.OUT_OF_TIME),
        ("made by a filter", FILTER, ChainKind.UNKNOWN_CA),
        ("made by a filter that leaves its own certificate out", FILTER[:1], ChainKind.UNKNOWN_CA),
        ("self-signed", SELF_SIGNED, ChainKind.SELF_SIGNED),
        ("without the authority in between", GENUINE[:1], ChainKind.UNKNOWN_CA),
        ("unreadable", (replace(GENUINE[0], der=b"no certificate"),), None),
    ],
)
def test_what_a_chain_is(situation: str, chain: tuple[Certificate, ...], kind: ChainKind | None) -> None:
    assert STORE.verify(chain, (), "t.me", AT) is kind


def test_what_another_was_shown_fills_a_gap() -> None:
    unreadable = replace(MIDDLE, der=b"no certificate")
    assert STORE.verify(GENUINE[:1], (unreadable, MIDDLE), "t.me", AT) is ChainKind.VALID


def test_the_time_is_the_measurements() -> None:
    later = AT + timedelta(days=365)
    assert STORE.verify(GENUINE, (), "t.me", later) is ChainKind.OUT_OF_TIME
    assert STORE.verify(EXPIRED, (), "t.me", AT - timedelta(days=30)) is ChainKind.VALID


def test_the_shipped_roots_are_in_force() -> None:
    store = load_reference().authorities
    assert isinstance(store, RootStore)
    assert store.verify(GENUINE, (), "t.me", datetime(2026, 11, 1, tzinfo=UTC)) is ChainKind.UNKNOWN_CA


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_store_without_roots_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="expected root certificates in PEM"):
        RootStore(content)

"""What commands say of now: what the pages say."""

from datetime import UTC, datetime
from typing import Any

from observatory.analysis.events.publication import Present, judge_present, shows_emulated
from observatory.store import StoreReader
from observatory.text import load_text
from observatory.text.present import present_sentence


def load_present(store: StoreReader) -> Present:
    """Return what may be said of now; of emulated data alone while nothing is real.

    Errors: StoreError.
    """
    coverage = store.load_coverage()
    emulated = shows_emulated(coverage)
    # The calendar of an emulation ends at its last row.
    now = coverage.last_at if emulated and coverage.last_at is not None else datetime.now(UTC)
    open_series = [series for series in store.load_open_series() if series.emulated == emulated]
    return judge_present(
        [revision.event for revision in store.load_events(emulated=emulated)],
        store.load_spells(open_series) if open_series else [],
        [latest for latest in store.load_latest() if latest.emulated == emulated],
        store.load_vantage_status(now=now),
        now,
    )


def present_line(present: Present) -> str:
    """Return the sentence in English, times in UTC."""
    return present_sentence(present, load_text("en"), UTC)


def present_as_json(present: Present) -> dict[str, Any]:
    """Return what may be said of now: its kind, and the pairs of target and ASN that it is about."""
    return {
        "kind": present.kind.value,
        "confirmed": [list(pair) for pair in sorted(present.confirmed)],
        "unconfirmed": [list(pair) for pair in sorted(present.unconfirmed)],
        "may_be_routing": [list(pair) for pair in sorted(present.may_be_routing)],
    }

"""What a page shows as RFC 4180 files: UTC times in ISO 8601, no comment lines. Pure."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from observatory.analysis.events.publication import Present, is_proven
from observatory.model import Cell, Event, Grain, Revision, Role, Spell, State
from observatory.model.views import Latest, Share, VantageStatus
from observatory.views.matrix import Matrix, TargetGroup
from observatory.views.punctuality import Punctuality
from observatory.views.shown import NO_DATA

CsvValue = str | int | float | bool | datetime | None

LATEST_COLUMNS: Final = (
    *("vantage", "network", "asn", "role", "target", "target_kind", "shown_as", "state", "partial"),
    *("layer", "mechanism", "rule_id", "n_ok", "n_tried", "measured_at", "measurement_id"),
    *("provisional", "emulated", "confirmed", "leads_to", "leads_to_state", "leads_to_mechanism"),
)
SHARE_COLUMNS: Final = (
    *("bucket_at", "grain", "by", "key", "network", "asn", "target_kind"),
    *("n_blocked", "n_judged", "n", "share", "emulated"),
    "n_leads_to_blocked",
)
CELL_COLUMNS: Final = (
    *("bucket_at", "grain", "vantage", "network", "asn", "role", "target", "target_kind"),
    *("state", "mechanism", "rule_id", "n", "emulated", "n_leads_to_blocked"),
)
VANTAGE_COLUMNS: Final = (
    *("vantage", "network", "asn", "role", "status", "enabled", "removed", "every_s", "last_seen_at"),
    *("next_run_at", "last_error", "last_error_at", "n_gaps_24h", "emulated"),
)
SPELL_COLUMNS: Final = (
    *("event", "revision", "emulated", "withdrawn", "network", "asn", "target", "certainty", "proven"),
    *("partial", "onset_after", "onset_by", "onset_is_ours", "end_after", "end_by", "end_is_ours"),
    *("n_blocked", "n_judged", "share", "low", "high", "mechanisms", "windows", "time_zone"),
    *("n_control_ok", "n_control_judged", "vantages", "versions", "measurement_ids"),
    *("counted_until", "counts_whole_hours", "n_control_unjudged", "n_control_offline"),
)
ALIGNED_COLUMNS: Final = (
    *("event", "asn", "network", "onset_by", "from_onset_h", "bucket_h"),
    *("n_blocked", "n_judged", "n", "share", "emulated"),
)
# A spreadsheet would run a cell that begins like this; tab and return hide such a beginning.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def encode_csv(columns: Sequence[str], rows: Iterable[Mapping[str, CsvValue]]) -> bytes:
    """Return UTF-8 CSV with CRLF and one header line; text that starts a formula is prefixed with `'`."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_encode(row[column]) for column in columns])
    return buffer.getvalue().encode()


def latest_csv(matrix: Matrix, present: Present) -> bytes:
    """Return every pair of vantage point and target on the page; empty fields where never measured."""
    rows: list[dict[str, CsvValue]] = []
    for kind in matrix.targets:
        for cell in matrix.of((*matrix.probes, *matrix.controls), kind):
            rows.append(
                {
                    **_vantage_fields(cell.vantage),
                    "target": cell.target,
                    "target_kind": kind,
                    "shown_as": NO_DATA if cell.shown == NO_DATA else str(cell.shown),
                    **_latest_fields(cell.latest),
                    "confirmed": (cell.target, cell.vantage.asn) in present.confirmed
                    and cell.vantage.role is Role.PROBE,
                }
            )
    return encode_csv(LATEST_COLUMNS, rows)


def share_csv(
    shares: Iterable[Share],
    *,
    by: str,
    grain: Grain,
    kind: TargetGroup,
    vantages: Mapping[str, VantageStatus],
    emulated: bool,
    led: Iterable[Cell] = (),
) -> bytes:
    """Return one row a share; `led` are counts of ok measurements that lead visitors to a blocked host."""
    n_led: Counter[tuple[datetime, str]] = Counter()
    for cell in led:
        n_led[cell.bucket_at, cell.vantage if by == "vantage" else cell.target] += cell.n
    return encode_csv(
        SHARE_COLUMNS,
        (
            {
                "bucket_at": share.bucket_at,
                "grain": grain,
                "by": by,
                "key": share.key,
                "network": vantages[share.key].isp if share.key in vantages else None,
                "asn": vantages[share.key].asn if share.key in vantages else None,
                "target_kind": kind,
                "n_blocked": share.n_blocked,
                "n_judged": share.n_judged,
                "n": share.n,
                "share": round(share.n_blocked / share.n_judged, 6) if share.n_judged else None,
                "emulated": emulated,
                "n_leads_to_blocked": n_led[share.bucket_at, share.key],
            }
            for share in shares
        ),
    )


def cell_csv(
    cells: Iterable[Cell],
    *,
    grain: Grain,
    kinds: Mapping[str, TargetGroup],
    vantages: Mapping[str, VantageStatus],
    emulated: bool,
    led: Iterable[Cell] = (),
) -> bytes:
    """Return one row an outcome; `led` as in `share_csv`."""
    n_led: Counter[tuple[datetime, str, str, str]] = Counter()
    for cell in led:
        n_led[cell.bucket_at, cell.vantage, cell.target, cell.rule_id] += cell.n
    return encode_csv(
        CELL_COLUMNS,
        (
            {
                **_vantage_fields(vantages.get(cell.vantage), cell.vantage),
                "bucket_at": cell.bucket_at,
                "grain": grain,
                "target": cell.target,
                "target_kind": kinds.get(cell.target, TargetGroup.HOST),
                "state": cell.state,
                "mechanism": cell.mechanism,
                "rule_id": cell.rule_id,
                "n": cell.n,
                "emulated": emulated,
                "n_leads_to_blocked": n_led[cell.bucket_at, cell.vantage, cell.target, cell.rule_id]
                if cell.state is State.OK
                else 0,
            }
            for cell in cells
        ),
    )


def vantage_csv(
    vantages: Iterable[VantageStatus], status: Mapping[str, Punctuality], *, emulated: bool
) -> bytes:
    return encode_csv(
        VANTAGE_COLUMNS,
        (
            {
                **_vantage_fields(vantage),
                "status": status[vantage.id],
                "enabled": vantage.enabled,
                "removed": vantage.removed,
                "every_s": vantage.every_s,
                "last_seen_at": vantage.last_seen_at,
                "next_run_at": vantage.next_run_at,
                "last_error": vantage.last_error,
                "last_error_at": vantage.last_error_at,
                "n_gaps_24h": vantage.n_gaps_24h,
                "emulated": emulated,
            }
            for vantage in vantages
        ),
    )


def spell_csv(revision: Revision) -> bytes:
    """Return what an event says of each target in each network, a line for each time it was blocked."""
    event = revision.event
    return encode_csv(
        SPELL_COLUMNS,
        (
            {
                "event": event.id,
                "revision": revision.number,
                "emulated": event.emulated,
                "withdrawn": event.withdrawn,
                **_spell_fields(spell),
                **_basis_fields(spell),
            }
            for spell in event.spells
        ),
    )


def aligned_csv(
    shares: Iterable[Share],
    *,
    event: Event,
    onsets: Mapping[int, datetime],
    zero: datetime,
    step: timedelta,
) -> bytes:
    """Return shares of networks (keys are ASNs) whose onsets were moved to `zero`."""
    names = event.networks
    return encode_csv(
        ALIGNED_COLUMNS,
        (
            {
                "event": event.id,
                "asn": int(share.key),
                "network": names.get(int(share.key)),
                "onset_by": onsets[int(share.key)],
                "from_onset_h": (share.bucket_at - zero) // timedelta(hours=1),
                "bucket_h": step // timedelta(hours=1),
                "n_blocked": share.n_blocked,
                "n_judged": share.n_judged,
                "n": share.n,
                "share": round(share.n_blocked / share.n_judged, 6) if share.n_judged else None,
                "emulated": event.emulated,
            }
            for share in shares
        ),
    )


def _spell_fields(spell: Spell) -> dict[str, CsvValue]:
    return {
        "network": spell.isp,
        "asn": spell.asn,
        "target": spell.target,
        "certainty": spell.certainty,
        "proven": is_proven(spell),
        "partial": spell.partial,
        "onset_after": spell.onset.after,
        "onset_by": spell.onset.by,
        "onset_is_ours": spell.onset_from_rule_change,
        "end_after": spell.end.after if spell.end else None,
        "end_by": spell.end.by if spell.end else None,
        "end_is_ours": spell.end_from_rule_change,
        "mechanisms": " ".join(dict.fromkeys(m.mechanism for m in spell.methods if m.mechanism)),
        "windows": " ".join(f"{window.start:%H:%M}-{window.to:%H:%M}" for window in spell.windows),
        "time_zone": spell.zone,
    }


def _basis_fields(spell: Spell) -> dict[str, CsvValue]:
    portion, control = spell.portion, spell.control
    return {
        "n_blocked": portion.n_blocked,
        "n_judged": portion.n_judged,
        "share": round(portion.share, 6) if portion.n_judged else None,
        "low": round(portion.low, 6),
        "high": round(portion.high, 6),
        "n_control_ok": control.n_judged - control.n_blocked if control else None,
        "n_control_judged": control.n_judged if control else None,
        "counted_until": spell.counted_until,
        "counts_whole_hours": spell.counts_whole_hours,
        "n_control_unjudged": spell.n_control_unjudged,
        "n_control_offline": spell.n_control_offline,
        "vantages": " ".join(spell.vantages),
        "versions": " ".join("/".join(version) for version in spell.versions),
        "measurement_ids": " ".join(f"{w.shows}:{w.measurement_id}" for w in spell.witnesses),
    }


def _vantage_fields(vantage: VantageStatus | None, id_: str = "") -> dict[str, CsvValue]:
    if vantage is None:
        return {"vantage": id_, "network": None, "asn": None, "role": None}
    return {"vantage": vantage.id, "network": vantage.isp, "asn": vantage.asn, "role": vantage.role}


def _latest_fields(latest: Latest | None) -> dict[str, CsvValue]:
    columns = LATEST_COLUMNS[LATEST_COLUMNS.index("state") : LATEST_COLUMNS.index("confirmed")]
    leads = latest.leads_to if latest is not None else None
    return {
        **{column: getattr(latest, column) if latest else None for column in columns},
        "leads_to": leads.target if leads is not None else None,
        "leads_to_state": leads.state if leads is not None else None,
        "leads_to_mechanism": leads.mechanism if leads is not None else None,
    }


def _encode(value: CsvValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, int | float):
        return str(value)
    return f"'{value}" if value.startswith(_FORMULA) else value

"""One measurement, at a permanent address: what it found, which rule decided, and every step."""

import streamlit as st

from observatory.model.views import VantageStatus
from observatory.site.components.address import asked
from observatory.site.components.page import View, open_view, show_missing, show_no_measurements
from observatory.site.components.step_list import show_steps
from observatory.site.components.table import show_table
from observatory.site.reads import REFRESH_S, Found, find_measurement, read_latest
from observatory.store import StoreError
from observatory.text.rules import load_rule_texts
from observatory.views.addresses import measurement_address
from observatory.views.json_files import measurement_json
from observatory.views.measurement_list import newest_heads, newest_section, vantage_zone
from observatory.views.measurement_words import (
    FindingWords,
    comparisons,
    endpoint_words,
    headline,
    judged,
    layer_line,
    measurement_file_name,
    provenance,
    rule_lines,
)
from observatory.views.printable import printable
from observatory.views.steps import describe_steps
from observatory.views.words import escape_markdown
from probes.records import Measurement

_MAX_ID = 200


@st.fragment(run_every=REFRESH_S)
def show() -> None:
    """Draw the measurement that the address names; without one, the newest to choose from."""
    view = open_view()
    if view is None:
        return
    wanted = (asked("id") or "").strip()[:_MAX_ID]
    try:
        if not wanted:
            _show_newest(view)
            return
        found = find_measurement(view.url, view.coverage, wanted)
    except StoreError as error:
        detail = escape_markdown(str(error))
        show_missing(view.text("missing.store", detail=detail), view.text("missing.store_next"))
        return
    if found.measurement is None or found.verdict is None:
        _show_absent(wanted, found, view)
    else:
        _show_found(found, found.measurement, view)


def _show_absent(wanted: str, found: Found, view: View) -> None:
    text, id_ = view.text, escape_markdown(printable(wanted))
    if found.is_damaged:
        show_missing(text("measured.damaged", id=id_), text("measured.damaged_next"))
    elif found.received_at is not None:
        at = escape_markdown(text.moment(found.received_at, view.zone))
        show_missing(text("measured.deleted", id=id_, at=at), text("measured.deleted_next"))
    else:
        show_missing(text("measured.unknown", id=id_), text("measured.unknown_next"))


def _show_newest(view: View) -> None:
    text = view.text
    if not view.has_data:
        show_no_measurements(view)
        return
    vantages = {v.id: v for v in view.vantages}
    st.title(text("measured.newest"), anchor=False)
    st.caption(text("measured.pick"))
    latest = read_latest(view.url, view.coverage, view.emulated)
    show_table(
        key="newest",
        caption=text("measured.table_alt"),
        heads=newest_heads(text),
        sections=[newest_section(latest, vantages, text, view.zone)],
    )


def _show_found(found: Found, measurement: Measurement, view: View) -> None:
    text, verdict = view.text, found.verdict
    assert verdict is not None
    vantages = {v.id: v for v in view.vantages}
    vantage = vantages.get(measurement.vantage)
    zone = vantage_zone(vantage, view.zone)
    texts = load_rule_texts(text.language)
    if measurement.emulated and not view.emulated:
        st.warning(text("measured.emulated"))
    st.title(escape_markdown(headline(measurement, verdict, vantage, text, zone)), anchor=False)
    if measurement.origin:
        st.markdown(text("measured.imported", origin=escape_markdown(printable(measurement.origin))))
    deciding = judged(verdict, texts, text)
    _show_rule(deciding, view)
    if verdict.provisional:
        st.caption(text("now.provisional"))
    st.subheader(text("measured.heading_layers"), anchor=False)
    st.markdown("\n".join(layer_line(judged(f, texts, text)) for f in verdict.findings))
    for sentence in endpoint_words(measurement, text):
        st.markdown(sentence)
    _show_compared(found, view, vantages)
    st.subheader(text("measured.heading_steps"), anchor=False)
    st.caption(text("measured.legend"))
    controls = [(_name(c, vantages), c) for c in found.controls if c.id != measurement.id]
    sections = describe_steps(measurement, text, evidence=verdict.evidence, controls=controls[:3])
    if sections:
        show_steps(key="steps", sections=sections, text=text)
    else:
        st.markdown(text("measured.no_steps"))
    _show_canary(found, measurement, view)
    _show_origin(found, measurement, view, vantage)


def _show_rule(deciding: FindingWords, view: View) -> None:
    text = view.text
    st.subheader(text("measured.heading_rule"), anchor=False)
    st.markdown("\n\n".join(rule_lines(deciding, text)))


def _name(measurement: Measurement, vantages: dict[str, VantageStatus]) -> str:
    vantage = vantages.get(measurement.vantage)
    return vantage.name if vantage else printable(measurement.vantage)


def _show_compared(found: Found, view: View, vantages: dict[str, VantageStatus]) -> None:
    text, verdict = view.text, found.verdict
    assert verdict is not None
    st.subheader(text("measured.heading_compared"), anchor=False)
    lines: list[str] = []
    own = found.measurement.id if found.measurement else ""
    others = [control for control in found.controls if control.id != own]
    if len(others) < len(found.controls):
        lines.append(f"{text('measured.own_control')}\n")
    if others or found.n_controls_gone:
        lines.append(f"{text('measured.controls')}\n")
        for control in others:
            at = text.moment(control.started_at, view.zone)
            words = escape_markdown(text("measured.control", name=_name(control, vantages), at=at))
            lines.append(f"- [{words}]({measurement_address(control.id, text.language)})")
        lines += [f"- {text('measured.control_gone')}"] * found.n_controls_gone
    elif not found.controls:
        lines.append(text("measured.no_controls"))
    lines += [f"\n{escape_markdown(sentence)}" for sentence in comparisons(verdict, text)]
    st.markdown("\n".join(lines))


def _show_canary(found: Found, measurement: Measurement, view: View) -> None:
    text, canary = view.text, found.canary
    if canary is not None and canary.id == measurement.id:
        return
    st.subheader(text("measured.heading_canary"), anchor=False)
    if canary is None:
        st.markdown(text("measured.canary_none"))
        return
    target = escape_markdown(printable(canary.target))
    link = measurement_address(canary.id, text.language)
    st.markdown(f"{text('measured.canary', target=target)} [{text('measured.open')}]({link})")
    with st.expander(text("measured.heading_steps")):
        show_steps(key="canary", sections=describe_steps(canary, text), text=text)


def _show_origin(found: Found, measurement: Measurement, view: View, vantage: VantageStatus | None) -> None:
    text, verdict = view.text, found.verdict
    assert verdict is not None
    st.subheader(text("measured.heading_origin"), anchor=False)
    facts = provenance(measurement, verdict, vantage, text)
    st.markdown(
        "\n".join(
            "- " + text("measured.fact", name=escape_markdown(name), value=escape_markdown(value))
            for name, value in facts
        )
    )
    source = text("measured.source", id=measurement.id)
    tag = f"{text('over_time.source_emulated')} " if measurement.emulated else ""
    st.caption(escape_markdown(f"{tag}{source}"))
    st.download_button(
        text("measured.download"),
        data=lambda: measurement_json(measurement),
        file_name=measurement_file_name(measurement),
        mime="application/json",
        key="download.measurement",
        on_click="ignore",
    )

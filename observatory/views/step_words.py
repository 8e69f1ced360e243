"""One observation in plain words: what was asked, what came back, and what else was seen. Pure.

These sentences quote what came from the network: place them as text, never as markup.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from observatory.text import Text
from observatory.views.printable import MAX_LISTED, duration, listed, place, printable
from probes.records import (
    AnyObservation,
    Certificate,
    DnsAnswer,
    DnsObservation,
    Failure,
    Heard,
    HelperObservation,
    Hop,
    HopsObservation,
    HttpObservation,
    MtprotoObservation,
    Purpose,
    QuicObservation,
    Resolver,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
)

# RFC 8914: the codes that speak of a filter.
EDE_NAMES: Final = {4: "forged", 15: "blocked", 16: "censored", 17: "filtered", 18: "prohibited"}
MAX_PAGE: Final = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`asked` and `came` are one sentence each, `lines` what else was seen. `is_good`: it did what it tried,
    and what it found holds. `page` is what a web server sent, cut short, with nothing in it that could hide.
    """

    asked: str
    came: str
    lines: tuple[str, ...] = ()
    is_good: bool = True
    page: str = ""


def describe(observation: AnyObservation, text: Text) -> Words:
    """Return an observation of any technique in words."""
    words = _DESCRIBE[type(observation)](observation, text)
    if observation.failure is None or _is_rightly_silent(observation):
        return words
    raw = printable(observation.detail or "")
    lines = (*words.lines, *([text("step.raw", detail=raw)] if raw else []))
    came = text(f"failure.{observation.failure}")
    return Words(asked=words.asked, came=came, lines=lines, is_good=False, page=words.page)


def _is_rightly_silent(observation: AnyObservation) -> bool:
    """An address that runs no DNS server keeps silent."""
    return (
        isinstance(observation, DnsObservation)
        and observation.resolver is Resolver.SINK
        and observation.failure is Failure.TIMEOUT
        and not observation.answers
    )


# --- names


def _dns(o: DnsObservation, text: Text) -> Words:
    asked = text(
        "step.dns_asked",
        server=place(o.server, text),
        who=text(f"step.who_{o.resolver}"),
        transport=_over(o.transport, text),
        type=printable(o.query_type),
        name=printable(o.name),
    )
    first = o.answers[0] if o.answers else None
    if first is None:
        came = text("step.dns_silence" if o.resolver is not Resolver.SINK else "step.sink_silence")
    elif len(o.answers) > 1:
        came = text("step.dns_several", n=text.number(len(o.answers)))
    else:
        came = text("step.dns_one", addresses=listed(first.addresses, text) or printable(first.rcode))
    lines = tuple(_answer(number, answer, text) for number, answer in enumerate(o.answers[:20], start=1))
    return Words(
        asked=asked, came=came, lines=lines, is_good=bool(first) is not (o.resolver is Resolver.SINK)
    )


def _answer(number: int, answer: DnsAnswer, text: Text) -> str:
    parts = [printable(answer.rcode)]
    if answer.addresses:
        parts.append(listed(answer.addresses, text))
    if answer.cnames:
        parts.append(text("step.by_way_of", names=" → ".join(printable(name) for name in answer.cnames)))
    if answer.texts:
        parts.append(f"“{listed(answer.texts, text)}”")
    if answer.ttl_s is not None:
        parts.append(text("step.ttl", n=text.number(answer.ttl_s)))
    if answer.hop_limit is not None:
        parts.append(text("step.hop_limit", n=text.number(answer.hop_limit)))
    for error in answer.extended_errors:
        name = EDE_NAMES.get(error.code)
        said = text(f"step.ede_{name}") if name else text("step.ede", code=error.code)
        parts.append(f"{said} “{printable(error.text)}”" if error.text else said)
    if answer.server_id:
        parts.append(text("step.server_id", id=printable(answer.server_id)))
    if answer.alpn:
        parts.append(text("step.offers", what=listed(answer.alpn, text)))
    if answer.ech:
        parts.append(text("step.ech"))
    return text("step.answer", n=number, after=duration(answer.arrived_s, text), what="; ".join(parts))


def _over(transport: str, text: Text) -> str:
    key = f"step.over_{transport}"
    return text(key) if text.has(key) else f"({printable(transport)})"


# --- connections and certificates


def _tcp(o: TcpObservation, text: Text) -> Words:
    return Words(asked=text("step.tcp_asked", place=place(o.endpoint, text)), came=text("step.tcp_came"))


def _named(purpose: str, name: str | None, text: Text) -> str:
    """Return under which name, and whose address it was."""
    return text(f"step.name_{purpose if name else 'no_name'}", name=printable(name or ""))


def _tls(o: TlsObservation, text: Text) -> Words:
    asked = text(
        "step.tls_asked", place=place(o.endpoint, text), named=_named(o.purpose, o.server_name, text)
    )
    agreed = tuple(printable(part) for part in (o.version, o.cipher, o.alpn) if part)
    came, lines = _certified(o, text)
    if agreed:
        lines = (text("step.agreed", what=", ".join(agreed)), *lines)
    return Words(asked=asked, came=came, lines=lines, is_good=_holds(o))


def _holds(o: TlsObservation | QuicObservation) -> bool:
    # Under another name only the handshake is of interest: the target's server has no certificate for it.
    return o.certificate_failure is None or o.purpose not in (Purpose.TARGET, Purpose.REDIRECT)


def _certified(o: TlsObservation | QuicObservation, text: Text) -> tuple[str, tuple[str, ...]]:
    if o.certificate_failure is None:
        came = text("step.certificate_good" if o.chain else "step.certificate_unseen")
    elif _holds(o):
        came = text("step.certificate_other")
    else:
        came = text("step.certificate_bad", why=text(f"failure.{o.certificate_failure}"))
    lines = tuple(_certificate(number, c, text) for number, c in enumerate(o.chain[:4], start=1))
    if o.certificate_errors:
        lines = (*lines, text("step.certificate_errors", errors=listed(o.certificate_errors, text)))
    return came, lines


def _certificate(number: int, certificate: Certificate, text: Text) -> str:
    names = listed(certificate.names, text)
    return text(
        "step.certificate",
        n=number,
        subject=printable(certificate.subject) + (f" ({names})" if names else ""),
        issuer=text("step.self_signed") if certificate.self_signed else printable(certificate.issuer),
        start=text.date(certificate.not_before),
        end=text.date(certificate.not_after),
    )


# --- requests


def _http(o: HttpObservation, text: Text) -> Words:
    asked = text(
        "step.http_asked_tls" if o.over_tls else "step.http_asked_plain",
        path=printable(o.path),
        place=place(o.endpoint, text),
        named=_named(o.purpose, o.host, text),
    )
    came = text("step.http_came", status=o.status, bytes=text.number(o.received_bytes))
    lines = (
        *(
            [text("step.first_byte", after=duration(o.first_byte_s, text))]
            if o.first_byte_s is not None
            else []
        ),
        *(
            text("step.leads_to", place=printable(value))
            for name, value in o.headers
            if name.lower() == "location"
        ),
    )
    head = "\n".join(f"{name}: {value}" for name, value in o.headers)
    page = printable(f"{head}\n\n{o.body[:MAX_PAGE].decode('utf-8', 'replace')}".strip(), MAX_PAGE)
    return Words(asked=asked, came=came, lines=lines, page=page)


def _quic(o: QuicObservation, text: Text) -> Words:
    if o.server_name is None:
        versions = ", ".join(f"0x{version:08x}" for version in o.versions[:MAX_LISTED])
        return Words(
            asked=text("step.quic_asked", place=place(o.endpoint, text), n=text.number(o.n_sent)),
            came=text("step.quic_came", versions=versions),
        )
    came, lines = _certified(o, text)
    if o.alpn:
        lines = (text("step.agreed", what=printable(o.alpn)), *lines)
    if o.status is not None:
        lines = (*lines, text("step.quic_status", status=o.status))
    return Words(
        asked=text(
            "step.quic_tls_asked", place=place(o.endpoint, text), named=_named(o.purpose, o.server_name, text)
        ),
        came=came,
        lines=lines,
        is_good=_holds(o),
    )


def _mtproto(o: MtprotoObservation, text: Text) -> Words:
    where = place(o.endpoint, text)
    if o.server_name:
        asked = text("step.web_app_asked", name=printable(o.server_name), place=where)
    else:
        asked = text("step.mtproto_asked", place=where, transport=printable(o.transport))
    return Words(
        asked=asked,
        came=text("step.mtproto_proved" if o.nonce_echoed else "step.mtproto_unproved"),
        is_good=o.nonce_echoed,
    )


def _throughput(o: ThroughputObservation, text: Text) -> Words:
    n_bytes, seconds = (o.rated_bytes, o.rated_s) if o.rated_bytes else (o.received_bytes, o.transfer_s)
    kbps = 8 * n_bytes / max(seconds, 1e-3) / 1000
    return Words(
        asked=text(
            "step.transfer_asked", place=place(o.endpoint, text), named=_named(o.purpose, o.server_name, text)
        ),
        came=text(
            "step.transfer_came",
            bytes=text.number(o.received_bytes),
            time=duration(o.transfer_s, text),
            rate=text.number(round(kbps)),
        ),
        is_good=o.received_bytes > 0,
    )


# --- where on the path


def _hops(o: HopsObservation, text: Text) -> Words:
    asked = text(
        "step.hops_asked",
        what=text(f"step.payload_{o.payload}"),
        place=place(o.endpoint, text),
        named=_named(o.purpose, o.name, text),
    )
    ended = next((hop for hop in o.hops if hop.heard not in (Heard.TIME_EXCEEDED, Heard.SILENCE)), None)
    came = (
        text("step.hops_came", hop=ended.ttl, heard=text(f"step.heard_{ended.heard}"))
        if ended
        else text("step.hops_nothing")
    )
    return Words(asked=asked, came=came, lines=tuple(_hop(hop, text) for hop in o.hops[:40]))


def _hop(hop: Hop, text: Text) -> str:
    heard = text(f"step.heard_{hop.heard}")
    router = f", {printable(hop.router)}" if hop.router else ""
    after = f", {duration(hop.rtt_s, text)}" if hop.rtt_s is not None else ""
    return text("step.hop", n=hop.ttl, heard=f"{heard}{router}{after}")


def _helper(o: HelperObservation, text: Text) -> Words:
    return Words(asked=text("step.helper_asked", url=printable(o.url)), came=text("step.helper_came"))


_DESCRIBE: Final[dict[type, Callable[..., Words]]] = {
    DnsObservation: _dns,
    TcpObservation: _tcp,
    TlsObservation: _tls,
    HttpObservation: _http,
    QuicObservation: _quic,
    MtprotoObservation: _mtproto,
    ThroughputObservation: _throughput,
    HopsObservation: _hops,
    HelperObservation: _helper,
}

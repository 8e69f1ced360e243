"""A list of fingerprints in OONI's CSV, and its parts."""

from observatory.analysis.judging.fingerprints import Fingerprint

HEAD = (
    "name,scope,other_names,location_found,pattern_type,pattern,confidence_no_fp,"
    "expected_countries,source,exp_url,notes"
)


def listed(*rows: str, head: str = HEAD, end: str = "\n") -> bytes:
    return end.join((head, *rows, "")).encode()


def row(name: str, place: str, kind: str, pattern: str, scope: str = "isp", confidence: str = "5") -> str:
    return f'{name},{scope},,{place},{kind},"{pattern}",{confidence},"ID,MY",ooni,,'


LIST = listed(
    row("a.address", "dns", "full", "45.64.1.9"),
    row("a.address6", "dns", "full", "2001:4860:4860::1", scope="nat"),
    row("a.name", "dns", "full", "blocked.example.net"),
    row("a.box", "header.server", "prefix", "Protected by Box"),
    row("a.location", "header.location", "contains", "://notice.example/"),
    row("a.title", "title", "contains", "Akses Ditutup"),
    row("a.body", "body", "contains", "this page is closed by order"),
    row("a.full", "body", "full", "closed"),
    row("a.regexp", "body", "regexp", "<p>order [0-9]+ of .* court</p>"),
    row("a.innocent", "body", "contains", "status page of a public library", scope="fp"),
    row("a.short", "body", "contains", "page", scope="fp"),
    row("a.product", "body", "contains", "please solve this puzzle to go on", scope="prod"),
    row("a.server", "header.via", "full", "FilterBox", scope="prod"),
    row("a.router", "body", "contains", "your router needs an update", scope="injb"),
    row("a.elsewhere", "body", "contains", "not offered in your country", scope="prov"),
    row("a.university", "title", "full", "Akses Ditutup - Universitas", scope="inst"),
    row("a.vague", "body", "contains", "something went wrong", scope="vbw"),
    row("a.company", "body", "contains", "company policy", scope="inst"),
    row("a.unsure", "body", "contains", "maybe blocked", confidence="0"),
)


def found(fingerprint: Fingerprint | None) -> str | None:
    return fingerprint.id if fingerprint is not None else None

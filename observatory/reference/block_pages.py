"""The fingerprints of block pages that ship with the observatory."""

from collections.abc import Iterator, Mapping
from typing import Any

from observatory.analysis.judging.fingerprints import (
    Fingerprint,
    FingerprintLocation,
    FingerprintScope,
    Match,
    place_of_dns,
)


def list_shipped(networks: Mapping[str, Any], pages: Mapping[str, Any]) -> Iterator[Fingerprint]:
    """Yield the fingerprints of the shipped files: networks' own pages, national ones, phrases of notices."""
    for network in networks["networks"]:
        for place, entry in enumerate(network.get("block_pages", ())):
            for fingerprint in _entry(entry, f"id.as{network['asn']}.{place}"):
                yield Fingerprint(
                    **fingerprint,
                    asn=network["asn"],
                    isp=network["brand"],
                    countries=("ID",),
                    source="OONI blocking-fingerprints",
                    seen="2016-2022",
                )
    for place, entry in enumerate(networks["national"]):
        for value in entry.values():
            for fingerprint in _entry(value, f"id.national.{place}"):
                yield Fingerprint(
                    **fingerprint,
                    scope=FingerprintScope.NATIONAL,
                    countries=("ID",),
                    source="OONI blocking-fingerprints",
                    seen="2016-2022",
                )
    for phrase in pages["phrases"]:
        yield Fingerprint(
            id=phrase["id"],
            place=FingerprintLocation(phrase["place"]),
            match=Match(phrase.get("match", "contains")),
            pattern=phrase["phrase"],
            ignore_case=True,
            scope=FingerprintScope(phrase["scope"]),
            countries=("ID",),
            source=phrase["source"],
            seen=str(phrase["seen"]),
        )


def _entry(entry: str, name: str) -> Iterator[dict[str, Any]]:
    """Yield the parts of `name (address)`, `name/path`, `name` or `address`."""
    for word in entry.replace("(", " ").replace(")", " ").split():
        if "/" in word:
            # A page on an ISP's main site counts by its path only, in a redirect.
            yield {
                "id": f"{name}.path",
                "place": FingerprintLocation.HEADER,
                "header": "location",
                "match": Match.CONTAINS,
                "pattern": word,
                "ignore_case": True,
            }
        else:
            place, spelt = place_of_dns(word)
            yield {"id": f"{name}.{place}", "place": place, "match": Match.FULL, "pattern": spelt}

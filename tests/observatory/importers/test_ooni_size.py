"""Large documents: what is bounded, what is cut, and that each entry is looked at a fixed number of times."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from observatory.importers import ooni_telegram
from observatory.importers.fields import MAX_ITEMS, Rejected
from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.importers.ooni_telegram import MAX_DATA_CENTRES
from tests.observatory.importers.ooni_documents import (
    CENTRES,
    CLASSIC,
    LTE,
    changed,
    connect,
    control,
    handshake,
    query,
    request,
    telegram,
    web,
)


def event(operation: str, address: str, t: float = 0.2) -> dict[str, Any]:
    return {"operation": operation, "address": address, "failure": None, "proto": "tcp", "t": t}


@pytest.mark.parametrize("version", [LTE, CLASSIC])
def test_reads_and_writes_of_a_connection_are_no_bound(version: str) -> None:
    quiet = web(version=version) | {"measurement_uid": "u"}
    traffic = [event("read", "149.154.167.99:443") for _ in range(3 * MAX_ITEMS)]
    loud = changed(quiet, network_events=[*traffic, event("connect", "149.154.167.99:443"), None, *traffic])
    assert judge_imported(read_document(loud)).verdict == judge_imported(read_document(quiet)).verdict


def test_events_that_are_no_list_say_so() -> None:
    with pytest.raises(Rejected, match=r"^test_keys.network_events: expected a list, got str$"):
        read_document(changed(web(), network_events="none"))


class CountingList(list[Any]):
    """A list that counts how many of its entries were looked at, all lists together."""

    n = 0

    def __iter__(self) -> Iterator[Any]:
        for one in super().__iter__():
            CountingList.n += 1
            yield one


def work(document: dict[str, Any]) -> int:
    counted = copy.copy(document)
    counted["test_keys"] = {
        key: CountingList(value) if isinstance(value, list) else value
        for key, value in document["test_keys"].items()
    }
    CountingList.n = 0
    read_document(counted)
    return CountingList.n


def large_telegram(n: int) -> dict[str, Any]:
    ips = [f"45.0.{number}.1" for number in range(n)]
    return changed(
        telegram(),
        tcp_connect=[connect(CLASSIC, ip, 443) for ip in ips],
        requests=[request(CLASSIC, f"http://{ip}/", ip, 404) for ip in ips],
        network_events=[event("connect", f"{ip}:443") for ip in ips],
    )


def large_web(n: int) -> dict[str, Any]:
    ips = [f"45.0.{number // 250}.{number % 250}" for number in range(n)]
    return changed(
        web(),
        queries=[query(LTE, "t.me", ip, engine="udp", server="8.8.8.8:53") for ip in ips],
        tcp_connect=[connect(LTE, ip, 443, n=n) for n, ip in enumerate(ips)],
        tls_handshakes=[handshake(LTE, ip, "t.me", n=n) for n, ip in enumerate(ips)],
        requests=[request(LTE, "https://t.me/", ip, n=n) for n, ip in enumerate(ips)],
        network_events=[event("connect", f"{ip}:443") for ip in ips],
        control=control(LTE, "t.me", tuple(ips)),
    )


@pytest.mark.parametrize("large", [large_telegram, large_web])
def test_twice_as_many_entries_are_twice_the_work(large: Any) -> None:
    few, many = work(large(50)), work(large(100))
    assert 0 < many <= 2 * few


def test_a_telegram_document_has_few_data_centres() -> None:
    assert len(read_document(large_telegram(MAX_DATA_CENTRES)).parts) == MAX_DATA_CENTRES + 1
    with pytest.raises(Rejected, match="expected at most 100 data centres, got 101"):
        read_document(large_telegram(MAX_DATA_CENTRES + 1))


def test_addresses_of_one_data_centre_are_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = read_document(telegram())
    names = dict(zip(CENTRES, ["dc1", "dc2", "dc3", "dc4", "dc5", "dc2"], strict=True))
    monkeypatch.setattr(ooni_telegram, "_data_centres", lambda: names)
    together = read_document(telegram())
    targets = [part.measurement.target for part in together.parts]
    assert targets == ["web.telegram.org", "dc1", "dc2", "dc3", "dc4", "dc5"]
    n_observations = [sum(len(p.measurement.observations) for p in d.parts) for d in (alone, together)]
    assert n_observations[0] == n_observations[1]
    for part in together.parts:
        ids = [o.id for o in part.measurement.observations]
        assert len(set(ids)) == len(ids)
    ids = [m.id for part in together.parts for m in part.all()]
    assert len(set(ids)) == len(ids)

"""Pages of other hosts where the target redirects: which are visited, and how far the way is followed."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from probes.procedures.exchanges import Exchanges
from probes.procedures.names import Resolvers
from probes.procedures.redirects import MAX_PLACES, RedirectPlace, Redirects, find_place
from probes.records import AnyObservation, Endpoint, Failure, HttpObservation, Purpose, TcpObservation
from probes.session import ObservationLog
from probes.techniques.secure_dns import SecureResolver
from probes.transport.trust import Trust
from tests.probes.local import LocalNetwork, answer, page, serve

NOTICE = b"<title>Internet Positif</title>"


def redirect(location: str, status: int = 302) -> HttpObservation:
    return HttpObservation(
        id="o1",
        started_s=0.0,
        duration_s=0.01,
        endpoint=Endpoint(address="149.154.167.99", port=80),
        over_tls=False,
        host="t.me",
        path="/",
        status=status,
        headers=(("LOCATION", location),),
    )


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("http://landing.example/", RedirectPlace(over_tls=False, host="landing.example", path="/")),
        ("https://Landing.Example", RedirectPlace(over_tls=True, host="landing.example", path="/")),
        (
            "http://landing.example./a?b=c#d",
            RedirectPlace(over_tls=False, host="landing.example", path="/a?b=c"),
        ),
        ("http://landing.example:80/", RedirectPlace(over_tls=False, host="landing.example", path="/")),
        ("http://landing.example/a b\x7f", RedirectPlace(over_tls=False, host="landing.example", path="/")),
        (
            "http://landing.example/" + "a" * 2000,
            RedirectPlace(over_tls=False, host="landing.example", path="/"),
        ),
        ("https://t.me/", None),
        ("/s/telegram", None),
        ("", None),
        ("http://landing.example:8080/", None),
        ("http://landing.example:99999/", None),
        ("ftp://landing.example/", None),
        ("tg://resolve?domain=x", None),
        ("http://[::1", None),
        ("http://a b/", None),
        ("http://-.example;rm/", None),
    ],
)
def test_which_places_are_visited(location: str, place: RedirectPlace | None) -> None:
    assert find_place(redirect(location)) == place


def test_a_page_that_is_no_redirect_leads_nowhere() -> None:
    assert find_place(redirect("http://landing.example/", status=200)) is None


def follow(
    pages: dict[str, Callable[[str], bytes | None]],
    first: str,
    measured: frozenset[str] = frozenset(),
    deadline_s: float = 10.0,
) -> tuple[AnyObservation, ...]:
    """Follow a redirect among servers on port 80, which are named by their addresses."""

    async def run() -> tuple[AnyObservation, ...]:
        async with AsyncExitStack() as stack:
            ports = {
                Endpoint(address=address, port=80): await stack.enter_async_context(serve(answer(shown)))
                for address, shown in pages.items()
            }
            network, trust = LocalNetwork(ports=ports), Trust(None)
            log = ObservationLog(deadline_s=deadline_s)
            nobody = Endpoint(address="192.0.2.1", port=53)
            async with (
                SecureResolver(network, trust, "192.0.2.1", "dot") as dot,
                SecureResolver(network, trust, "192.0.2.1", "doh") as doh,
            ):
                resolvers = Resolvers(vantage=nobody, public=nobody, sink=nobody, dot=dot, doh=doh)
                exchanges = Exchanges(network=network, log=log, trust=trust)
                await Redirects(exchanges, resolvers, measured).follow(redirect(first))
            return log.observations()

    return asyncio.run(run())


def to(location: str) -> Callable[[str], bytes | None]:
    return lambda host: page("302 Found", f"Location: {location}")


def notice(host: str) -> bytes:
    return page("200 OK", body=NOTICE)


def visited(observations: tuple[AnyObservation, ...]) -> list[str]:
    pages = [o for o in observations if isinstance(o, HttpObservation)]
    assert all(o.purpose is Purpose.REDIRECT for o in pages)
    return [f"{o.host}{o.path}" for o in pages]


def test_the_page_at_the_end_is_kept() -> None:
    seen = follow({"9.9.9.9": to("http://1.1.1.1/notice?of=t.me"), "1.1.1.1": notice}, "http://9.9.9.9/")
    assert visited(seen) == ["9.9.9.9/", "1.1.1.1/notice?of=t.me"]
    last = seen[-1]
    assert isinstance(last, HttpObservation)
    assert (last.status, last.body, last.endpoint.address) == (200, NOTICE, "1.1.1.1")


def test_a_circle_is_gone_round_once() -> None:
    seen = follow({"9.9.9.9": to("http://1.1.1.1/"), "1.1.1.1": to("http://9.9.9.9/")}, "http://9.9.9.9/")
    assert visited(seen) == ["9.9.9.9/", "1.1.1.1/"]


def test_a_chain_is_followed_only_so_far() -> None:
    names = [f"9.9.9.{n}" for n in range(1, MAX_PLACES + 4)]
    chain = {name: to(f"http://{after}/") for name, after in pairwise(names)}
    assert visited(follow(chain, "http://9.9.9.1/")) == [f"{name}/" for name in names[:MAX_PLACES]]


@pytest.mark.parametrize(
    ("situation", "place", "measured"),
    [
        ("the round measures the host itself", "http://9.9.9.9/", frozenset({"9.9.9.9"})),
        ("an address in our own network", "http://10.0.0.1/", frozenset()),
        ("this machine", "http://127.0.0.1/", frozenset()),
        ("a name without an address", "http://landing.example/", frozenset()),
    ],
)
def test_where_nothing_is_requested(situation: str, place: str, measured: frozenset[str]) -> None:
    pages = {"9.9.9.9": notice, "10.0.0.1": notice, "127.0.0.1": notice}
    seen = follow(pages, place, measured)
    assert not [o for o in seen if isinstance(o, TcpObservation | HttpObservation)], situation


def test_none_begins_when_the_time_is_nearly_up() -> None:
    assert follow({"9.9.9.9": notice}, "http://9.9.9.9/", deadline_s=0.5) == ()


def test_a_place_that_does_not_answer_is_on_record() -> None:
    (tried,) = follow({}, "http://9.9.9.9/")
    assert isinstance(tried, TcpObservation)
    assert tried.failure not in (None, Failure.UNKNOWN)

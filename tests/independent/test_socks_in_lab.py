"""SOCKS5 proxies of others as ways out, on an honest network, behind filters, and closed to us.

microsocks says how a connect failed, `ssh -D` says only that it did.
"""

import subprocess
from typing import Final

import pytest

from lab import world
from lab.control import LabControl
from observatory.model import State, VantagePoint, Via
from tests.in_lab import Results
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers, find_program

pytestmark = [pytest.mark.lab, pytest.mark.slow]

LIKELY = State.LIKELY_BLOCKED
# Neither ok nor blocked: what is right where a proxy says only that it did not connect.
UNSETTLED: Final = frozenset({State.IMPAIRED, State.INSUFFICIENT})
PORT: Final = 1080
SSH_PORT: Final = 2222
FIRST_LOCAL_PORT: Final = 10800
HONEST: Final = "xl"
BLOCKED: Final = "t.me"
# By network: what filters the name there; what is true of it through microsocks, and through ssh.
# None: ssh does not tell.
FILTERS: Final[dict[str, tuple[str, Outcome, Outcome | None]]] = {
    "tri": ("sni_reset", (LIKELY, "tls.reset.sni"), (LIKELY, "tls.reset.sni")),
    "mnc": ("sni_drop", (LIKELY, "tls.timeout.sni"), (LIKELY, "tls.timeout.sni")),
    "biznet": ("ip_blackhole", (LIKELY, "tcp.timeout"), (LIKELY, "tcp.timeout")),
    "smartfren": ("ip_refused", (LIKELY, "tcp.refused"), None),
    "myrepublic": ("ip_reject", (LIKELY, "ip.unreachable"), None),
    "iforte": ("dns_nxdomain", (LIKELY, "dns.nxdomain"), (LIKELY, "dns.nxdomain")),
}


def through(servers: Servers, network: str, name: str, place: str) -> VantagePoint:
    return vantage_point(servers.config, network, name, via=Via(kind="socks5", value=place))


def microsocks(servers: Servers, network: str, name: str, here: str, *options: str) -> VantagePoint:
    """Return a vantage point whose way out is a microsocks on a customer's machine of this network."""
    argv = ["microsocks", "-i", "0.0.0.0", "-p", str(PORT), *options]
    servers.start(network, argv, ready=("127.0.0.1", PORT))
    return through(servers, network, name, f"{here}:{PORT}")


def make_keys(servers: Servers) -> None:
    """Make the keys and settings of an sshd that logs in whoever holds the key of the user."""
    for key in ("host", "user"):
        path = str(servers.folder / key)
        argv = [find_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", path]
        subprocess.run(argv, check=True)
    lines = (
        f"Port {SSH_PORT}",
        f"HostKey {servers.folder / 'host'}",
        f"AuthorizedKeysFile {servers.folder / 'user.pub'}",
        "StrictModes no",
        "UsePAM no",
        "PidFile none",
        # A round asks for more at once than ssh serves by default.
        "MaxSessions 100",
    )
    servers.file("sshd.conf", "\n".join(lines) + "\n")


def over_ssh(servers: Servers, network: str, name: str, here: str, port: int) -> VantagePoint:
    """Return a vantage point whose way out is `ssh -D` to a customer's machine of this network."""
    # As a user that may not change to another: under a user namespace there is only one.
    unshare = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    sshd = [find_program("sshd"), "-D", "-e", "-f", str(servers.folder / "sshd.conf")]
    servers.start(network, [*unshare, *sshd], ready="listening on")
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes")
    login = [word for option in options for word in ("-o", option)]
    login += ["-i", str(servers.folder / "user"), "-p", str(SSH_PORT), f"nobody@{here}"]
    servers.start(None, ["ssh", "-N", "-D", f"127.0.0.1:{port}", *login], ready=("127.0.0.1", port))
    return through(servers, network, name, f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def measured(servers: Servers, lab: LabControl) -> Results:
    make_keys(servers)
    telling, silent = [], []
    for n, network in enumerate((HONEST, *FILTERS)):
        here = servers.link(network)
        telling.append(microsocks(servers, network, f"{network}-microsocks", here))
        silent.append(over_ssh(servers, network, f"{network}-ssh", here, FIRST_LOCAL_PORT + n))
    closed = servers.link("cbn")
    telling.append(microsocks(servers, "cbn", "wants-password", closed, "-u", "name", "-P", "word"))
    for network, (censor, _, _) in FILTERS.items():
        lab.switch(network, censor, True, hosts=[BLOCKED])
    try:
        # One after the other: all at once they could overload a small machine, and then nothing is said.
        rounds = [measure(servers.config, points, ["web", "telegram-app"]) for points in (telling, silent)]
    finally:
        lab.reset()
    return rounds[0] | rounds[1]


@pytest.mark.parametrize("way", ["microsocks", "ssh"])
def test_an_honest_network_is_ok_through_a_proxy(way: str, measured: Results) -> None:
    found = verdicts(measured, f"{HONEST}-{way}")
    assert found == dict.fromkeys(found, FINE) and set(world.TELEGRAM_HOSTS) <= found.keys()


@pytest.mark.parametrize("network", FILTERS)
def test_a_filter_behind_the_proxy_is_found_as_far_as_the_proxy_tells(
    network: str, measured: Results
) -> None:
    _, told, untold = FILTERS[network]
    assert verdicts(measured, f"{network}-microsocks")[BLOCKED] == told
    through_ssh = verdicts(measured, f"{network}-ssh")[BLOCKED]
    if untold is None:
        assert through_ssh[0] in UNSETTLED and through_ssh[1] is None
    else:
        assert through_ssh == untold


@pytest.mark.parametrize("way", ["microsocks", "ssh"])
def test_what_a_filter_by_name_leaves_alone_is_ok(way: str, measured: Results) -> None:
    for network in ("tri", "mnc", "iforte"):
        found = verdicts(measured, f"{network}-{way}")
        assert {outcome for name, outcome in found.items() if name != BLOCKED} == {FINE}


def test_a_proxy_that_turns_us_away_says_nothing_of_any_target(measured: Results) -> None:
    assert set(verdicts(measured, "wants-password").values()) == {(State.INSUFFICIENT, None)}

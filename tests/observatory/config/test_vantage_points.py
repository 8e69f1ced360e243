"""vantage_points.yaml: every mistake at once, with its line; nothing crashes it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.config.problems import ConfigError
from observatory.config.vantage_point_forms import FileForm, VantagePointForm
from observatory.config.vantage_points import load_config, warn_config
from observatory.model import Config, Role, Settings, VantagePoint, Via
from observatory.vantage.kinds import KINDS
from tests.observatory.config.samples import FakeMachine, entry

ROOT = Path(__file__).parents[3]


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, machine=FakeMachine())
    return [str(problem).replace(str(path), "f.yaml") for problem in caught.value.problems]


KEYS = ", ".join(VantagePointForm.model_fields)
VIA = "direct, {device: NAME}, {source: ADDRESS}, {netns: NAME} or {socks5: HOST:PORT}"
EVERY = "30s..24h, with its unit (30s, 10m, 1h)"

BAD_FILES: dict[str, tuple[str | bytes, list[str]]] = {
    "an empty file": ("", ["f.yaml:1: expected a mapping of keys to values, got nothing"]),
    "only comments": ("# nothing yet\n", ["f.yaml:1: expected a mapping of keys to values, got nothing"]),
    "a list at the top": ("- id: x\n", ["f.yaml:1: expected a mapping of keys to values, got a list"]),
    "a word at the top": ("hello", ['f.yaml:1: expected a mapping of keys to values, got "hello"']),
    "no vantage_points": (
        "control: example.com\n",
        ["f.yaml:1 vantage_points: expected a list of vantage points, got nothing"],
    ),
    "vantage_points left empty": (
        "vantage_points:\n",
        [
            "f.yaml:1 vantage_points: expected a list of vantage points, got nothing; "
            "write vantage_points: [] for none"
        ],
    ),
    "vantage_points is a mapping": (
        "vantage_points:\n  id: x\n",
        ["f.yaml:1 vantage_points: expected a list of vantage points, got a mapping"],
    ),
    "an entry is a word": (
        "vantage_points:\n  - here\n",
        ['f.yaml:2 vantage_points[1]: expected a mapping of keys to values, got "here"'],
    ),
    "a tab as indent": (
        "vantage_points:\n\t- id: x\n",
        [
            "f.yaml:2: expected valid YAML, got found character '\\t' that cannot start any token; "
            "indent with spaces, not with tabs"
        ],
    ),
    "a bracket left open": (
        "control: [\nvantage_points: []\n",
        [
            "f.yaml:3: expected valid YAML, got expected ',' or ']', but got '<stream end>'; "
            "look at this line and the one above"
        ],
    ),
    "two colons in a line": (
        entry(name="XL: Jakarta"),
        [
            "f.yaml:3: expected valid YAML, got mapping values are not allowed here; "
            "look at this line and the one above"
        ],
    ),
    "two documents": (
        "vantage_points: []\n---\nvantage_points: []\n",
        ["f.yaml:2: expected one YAML document, got a second one; delete the line ---"],
    ),
    "not UTF-8": (
        b"control: example.com\nvantage_points: []  # \xff\n",
        ["f.yaml:2: expected UTF-8 text, got the byte 0xff"],
    ),
    "a control character": (
        "control: a\nvantage_points: \x00\n",
        ["f.yaml:2: expected valid YAML, got a character that YAML does not allow; delete it"],
    ),
    "a Python object": (
        "control: !!python/object/apply:os.system [id]\n",
        [
            "f.yaml:1: expected plain YAML without tags, got tag:yaml.org,2002:python/object/apply:os.system"
            "; delete the tag"
        ],
    ),
    "an alias of nothing": (
        "control: *x\n",
        ["f.yaml:1: expected an anchor &x above this line, got *x alone"],
    ),
    "an alias of what contains it": (
        "control: &x [*x]\n",
        ["f.yaml:1: expected an anchor &x above this line, got *x alone"],
    ),
    "nested without end": (
        "control: " + "[" * 5000,
        ["f.yaml:1: expected at most 12 levels, got more; see docs/vantage-points.md for the form"],
    ),
    "values without end": (
        "vantage_points:\n" + "- 1\n" * 50_000,
        [
            "f.yaml:39999: expected at most 40000 values, got more; "
            "split the vantage points over several machines"
        ],
    ),
    "larger than the bound": (
        b"#" * 1_000_001,
        ["f.yaml: expected at most 1000000 bytes, got more"],
    ),
    "an unknown setting": (
        "canary: example.com\nvantage_points: []\n",
        [
            "f.yaml:1 canary: expected one of the keys public_resolver, no_dns_address, ca_file, "
            'canary_host, vantage_points, got "canary"; did you mean "canary_host"?'
        ],
    ),
    "an unknown key": (
        entry(resolvr="system"),
        [
            f'f.yaml:7 jkt-xl.resolvr: expected one of the keys {KEYS}, got "resolvr"; '
            'did you mean "resolver"?'
        ],
    ),
    "a key twice": (
        "vantage_points: []\ncontrol: a.example\ncontrol: b.example\n",
        ["f.yaml:3 control: expected this key once, got again; the first is on line 2; delete one"],
    ),
    "a public resolver by name": (
        "public_resolver: dns.google\nvantage_points: []\n",
        ['f.yaml:1 public_resolver: expected an IP address, got "dns.google"'],
    ),
    "a canary with a scheme": (
        "control: https://example.com\nvantage_points: []\n",
        ['f.yaml:1 control: expected a host name, got "https://example.com"'],
    ),
    "a canary in capitals": (
        "control: Example.com\nvantage_points: []\n",
        ['f.yaml:1 control: expected a host name, got "Example.com"; write it in lower case'],
    ),
    "an id in capitals": (
        entry(id="JKT"),
        ['f.yaml:2 vantage_points[1].id: expected 1..40 lower-case letters, digits and hyphens, got "JKT"'],
    ),
    "an id that is a number": (
        entry(id="7"),
        [
            "f.yaml:2 vantage_points[1].id: expected 1..40 lower-case letters, digits and hyphens, got 7; "
            "put it in quotes"
        ],
    ),
    "an id twice": (
        entry() + entry().removeprefix("vantage_points:\n"),
        [
            'f.yaml:7 jkt-xl.id: expected an id that no other vantage point has, got "jkt-xl"; '
            "already used by entry 1"
        ],
    ),
    "no name, no asn": (
        entry(name=None, asn=None),
        [
            "f.yaml:2 jkt-xl.name: expected text, 1..100 characters, got nothing",
            "f.yaml:2 jkt-xl.asn: expected 1..4294967295, got nothing",
        ],
    ),
    "an ISP that looks like a number": (
        entry(isp="3"),
        ["f.yaml:4 jkt-xl.isp: expected text, 1..100 characters, got 3; put it in quotes"],
    ),
    "an ASN by name": (entry(asn="XL"), ['f.yaml:5 jkt-xl.asn: expected 1..4294967295, got "XL"']),
    "an ASN with its prefix": (
        entry(asn="AS24203"),
        ['f.yaml:5 jkt-xl.asn: expected 1..4294967295, got "AS24203"; write 24203'],
    ),
    "ASN 0": (entry(asn="0"), ["f.yaml:5 jkt-xl.asn: expected 1..4294967295, got 0"]),
    "an ASN too large": (
        entry(asn="4294967296"),
        ["f.yaml:5 jkt-xl.asn: expected 1..4294967295, got 4294967296"],
    ),
    "an ASN that is a truth value": (
        entry(asn="true"),
        ["f.yaml:5 jkt-xl.asn: expected 1..4294967295, got true"],
    ),
    "a country by name": (
        entry(country="Indonesia"),
        [
            "f.yaml:6 jkt-xl.country: expected two capital letters of ISO 3166-1 (ZZ: not stated), "
            'got "Indonesia"'
        ],
    ),
    "a country in small letters": (
        entry(country="id"),
        [
            "f.yaml:6 jkt-xl.country: expected two capital letters of ISO 3166-1 (ZZ: not stated), "
            'got "id"; did you mean "ID"?'
        ],
    ),
    "a time zone misspelt": (
        entry(timezone="Asia/Jakata"),
        [
            "f.yaml:7 jkt-xl.timezone: expected a name of the time zone database, for example Asia/Jakarta, "
            'got "Asia/Jakata"; did you mean "Asia/Jakarta"?'
        ],
    ),
    "a time zone that is a path": (
        entry(timezone="../../etc/passwd"),
        [
            "f.yaml:7 jkt-xl.timezone: expected a name of the time zone database, for example Asia/Jakarta, "
            'got "../../etc/passwd"'
        ],
    ),
    "an interval without unit": (
        entry(every="600"),
        [f'f.yaml:7 jkt-xl.every: expected {EVERY}, got 600; write a unit, for example "600s"'],
    ),
    "an interval of nothing": (
        entry(every='"0"'),
        [f'f.yaml:7 jkt-xl.every: expected {EVERY}, got "0"; a whole number and a unit, without a space'],
    ),
    "an interval backwards": (
        entry(every="-5m"),
        [f'f.yaml:7 jkt-xl.every: expected {EVERY}, got "-5m"; a whole number and a unit, without a space'],
    ),
    "an interval too short": (entry(every="29s"), [f'f.yaml:7 jkt-xl.every: expected {EVERY}, got "29s"']),
    "an interval too long": (entry(every="25h"), [f'f.yaml:7 jkt-xl.every: expected {EVERY}, got "25h"']),
    "a resolver by name": (
        entry(resolver="one.one.one.one"),
        ['f.yaml:7 jkt-xl.resolver: expected system or an IP address, got "one.one.one.one"'],
    ),
    "a role misspelt": (
        entry(role="contrl"),
        ['f.yaml:7 jkt-xl.role: expected probe or control, got "contrl"; did you mean "control"?'],
    ),
    "enabled: yes": (
        entry(enabled="yes"),
        ['f.yaml:7 jkt-xl.enabled: expected true or false, got "yes"; YAML 1.2 has only true and false'],
    ),
    "via a bare device": (
        entry(via="wwan0"),
        [f'f.yaml:7 jkt-xl.via: expected {VIA}, got "wwan0"; write {{device: wwan0}} for a device'],
    ),
    "via a list": (entry(via="[direct]"), [f"f.yaml:7 jkt-xl.via: expected {VIA}, got a list"]),
    "via two ways": (
        entry(via="{device: wwan0, netns: xl}"),
        [
            "f.yaml:7 jkt-xl.via: expected exactly one of device, source, netns, socks5, got a mapping; "
            "it has 2"
        ],
    ),
    "via an unknown way": (
        entry(via="{devise: wwan0}"),
        [
            "f.yaml:7 jkt-xl.via.devise: expected one of device, source, netns, socks5, "
            'got "wwan0"; did you mean "device"?'
        ],
    ),
    "a device that is missing": (
        entry(via="\n      device: wwan1"),
        [
            "f.yaml:8 jkt-xl.via.device: expected a network device of this machine, "
            'got "wwan1"; this machine has lo, wwan0'
        ],
    ),
    "a device that is a path": (
        entry(via="{device: ../eth0}"),
        [
            "f.yaml:7 jkt-xl.via.device: expected the name of a network device, at most 15 characters, "
            'got "../eth0"'
        ],
    ),
    "a source address of another machine": (
        entry(via="{source: 10.0.0.8}"),
        [
            "f.yaml:7 jkt-xl.via.source: expected an address of this machine, "
            'got "10.0.0.8"; `ip address` lists them'
        ],
    ),
    "a source that is no address": (
        entry(via="{source: eth0}"),
        ['f.yaml:7 jkt-xl.via.source: expected an IP address, got "eth0"'],
    ),
    "a namespace that is missing": (
        entry(via="{netns: tri}"),
        [
            "f.yaml:7 jkt-xl.via.netns: expected a network namespace in /run/netns, "
            'got "tri"; `ip netns add tri` makes one'
        ],
    ),
    "a proxy without port": (
        entry(via="{socks5: localhost}"),
        [
            "f.yaml:7 jkt-xl.via.socks5: expected HOST:PORT, for example 127.0.0.1:1080 or [::1]:1080, "
            'got "localhost"'
        ],
    ),
    "a proxy with port 70000": (
        entry(via="{socks5: 'localhost:70000'}"),
        [
            "f.yaml:7 jkt-xl.via.socks5: expected HOST:PORT, for example 127.0.0.1:1080 or [::1]:1080, "
            'got "localhost:70000"'
        ],
    ),
    "a proxy with a user and a password, which are not shown": (
        entry(via="{socks5: 'user:s3c@ret@127.0.0.1:1080'}"),
        [
            "f.yaml:7 jkt-xl.via.socks5: expected HOST:PORT, for example 127.0.0.1:1080 or [::1]:1080, "
            'got "***@127.0.0.1:1080"; a user and a password are not supported'
        ],
    ),
    "a proxy with a long password, cut before its @": (
        entry(via=f"{{socks5: 'user:{'s3cret' * 20}@127.0.0.1:1080'}}"),
        [
            "f.yaml:7 jkt-xl.via.socks5: expected HOST:PORT, for example 127.0.0.1:1080 or [::1]:1080, "
            'got "***@127.0.0.1:1080"; a user and a password are not supported'
        ],
    ),
    "a proxy's password after `via` itself": (
        entry(via="socks5://user:s3cret@localhost:1080"),
        [f'f.yaml:7 jkt-xl.via: expected {VIA}, got "***@localhost:1080"'],
    ),
    "a proxy's password in a bare word as short as a device": (
        entry(via="s3cret@box"),
        [f'f.yaml:7 jkt-xl.via: expected {VIA}, got "***@box"'],
    ),
    "a proxy's password in a key": (
        entry(via="{socks5:user:s3cret@localhost:1080}"),
        [
            "f.yaml:7 jkt-xl.via.***@localhost:1080: expected one of device, source, netns, socks5, "
            "got nothing"
        ],
    ),
    "a contact left empty": (
        entry(contact=""),
        ["f.yaml:7 jkt-xl.contact: expected text, at most 200 characters, got nothing"],
    ),
    "a key that would break the log": (
        entry(**{'"a\\nb"': "1"}),
        [f'f.yaml:7 jkt-xl.a\\nb: expected one of the keys {KEYS}, got "a\\nb"'],
    ),
    "many mistakes at once, in the order of the lines": (
        "public_resolver: google\nvantage_points:\n"
        "  - {id: a, name: A, isp: A, asn: 1, country: XX, via: {device: eth9}, every: 5}\n"
        "  - {id: b, name: B, isp: B, asn: -1, country: ID}\n"
        "control: 1.2.3.4\n",
        [
            'f.yaml:1 public_resolver: expected an IP address, got "google"',
            'f.yaml:3 a.country: expected two capital letters of ISO 3166-1 (ZZ: not stated), got "XX"',
            "f.yaml:3 a.via.device: expected a network device of this machine, "
            'got "eth9"; this machine has lo, wwan0',
            f'f.yaml:3 a.every: expected {EVERY}, got 5; write a unit, for example "5s"',
            "f.yaml:4 b.asn: expected 1..4294967295, got -1",
            'f.yaml:5 control: expected a host name, got "1.2.3.4"',
        ],
    ),
}


@pytest.mark.parametrize("situation", BAD_FILES)
def test_bad_file(situation: str, write: Callable[[str | bytes], Path]) -> None:
    content, messages = BAD_FILES[situation]
    assert problems_of(write(content)) == messages


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "f.yaml: expected a file that can be read, got No such file or directory"),
        (lambda path: path.mkdir(), "f.yaml: expected a regular file, got something else"),
        (lambda path: path.symlink_to("/dev/zero"), "f.yaml: expected a regular file, got something else"),
    ],
    ids=["missing", "a folder", "a device without end"],
)
def test_no_file(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    make(tmp_path / "f.yaml")
    assert problems_of(tmp_path / "f.yaml") == [message]


def test_good_file_gives_frozen_objects(write: Callable[[str | bytes], Path]) -> None:
    path = write(
        "public_resolver: 2001:DB8::1\ncontrol: control.example\nvantage_points:\n"
        "  - {id: a, name: A, isp: Telkom, asn: 7713, country: ID, city: Jakarta, timezone: Asia/Jakarta,\n"
        "     via: {netns: xl}, resolver: 10.1.53.53, every: 60s, role: control, contact: lab@example.org}\n"
        "  - {id: b, name: B, isp: XL, asn: 1, country: NO, via: {socks5: '[::1]:1080'}}\n"
    )
    assert load_config(path, machine=FakeMachine()) == Config(
        path=str(path),
        settings=Settings(public_resolver="2001:db8::1", canary_host="control.example"),
        vantage_points=(
            VantagePoint(
                id="a",
                name="A",
                isp="Telkom",
                asn=7713,
                country="ID",
                city="Jakarta",
                timezone="Asia/Jakarta",
                via=Via(kind="netns", value="xl"),
                resolver="10.1.53.53",
                every_s=60.0,
                role=Role.CONTROL,
                contact="lab@example.org",
            ),
            VantagePoint(
                id="b",
                name="B",
                isp="XL",
                asn=1,
                country="NO",
                via=Via(kind="socks5", value="[::1]:1080"),
            ),
        ),
    )


def test_older_name_of_the_canary_still_works(write: Callable[[str | bytes], Path]) -> None:
    path = write("control: old.example\nvantage_points: []\n")
    assert load_config(path, machine=FakeMachine()).settings.canary_host == "old.example"


def test_both_names_of_the_canary_are_one_too_many(write: Callable[[str | bytes], Path]) -> None:
    path = write("canary_host: new.example\ncontrol: old.example\nvantage_points: []\n")
    assert problems_of(path) == [
        "f.yaml:2 control: expected canary_host alone, of which control is the older name, got both; "
        "delete this line"
    ]


def test_entry_switched_off_is_checked_for_form_but_not_for_this_machine(
    write: Callable[[str | bytes], Path],
) -> None:
    config = load_config(write(entry(via="{device: wwan9}", enabled="false")), machine=FakeMachine())
    assert [vantage.enabled for vantage in config.vantage_points] == [False]
    assert len(problems_of(write(entry(via="{device: a/b}", enabled="false")))) == 1


def test_merge_key_takes_what_is_not_written_out(write: Callable[[str | bytes], Path]) -> None:
    path = write(
        "vantage_points:\n  - &first {id: a, name: A, isp: A, asn: 1, country: ID, city: Medan}\n"
        "  - {<<: *first, id: b, asn: 2}\n"
    )
    first, second = load_config(path, machine=FakeMachine()).vantage_points
    assert (second.id, second.asn, second.city) == ("b", 2, "Medan")
    assert first.asn == 1


def test_billion_laughs_stay_small(write: Callable[[str | bytes], Path]) -> None:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 60)]
    problems = problems_of(write("\n".join(lines) + "\nvantage_points: []\n"))
    assert len(problems) == 60
    assert all("expected one of the keys" in problem for problem in problems)


def save_ca(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, at, at + timedelta(days=1))
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def test_ca_file_is_found_from_the_folder_of_the_file(
    write: Callable[[str | bytes], Path], tmp_path: Path
) -> None:
    save_ca(tmp_path / "ca.pem")
    config = load_config(write("ca_file: ca.pem\nvantage_points: []\n"), machine=FakeMachine())
    assert config.settings.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "a PEM file that exists"),
        (b"", "a file of PEM certificates"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a file of PEM certificates"),
    ],
    ids=["missing", "empty", "not a certificate"],
)
def test_bad_ca_file(
    content: bytes | None, expected: str, write: Callable[[str | bytes], Path], tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    [problem] = problems_of(write("ca_file: ca.pem\nvantage_points: []\n"))
    assert problem.startswith(f'f.yaml:1 ca_file: expected {expected}, got "ca.pem"; ')


def test_nothing_enabled_is_a_warning(write: Callable[[str | bytes], Path]) -> None:
    path = write(entry(enabled="false"))
    assert warn_config(load_config(path, machine=FakeMachine())) == (
        f"{path}: no vantage point is enabled, so nothing will be measured",
    )


def test_shipped_file_measures_from_here_and_shows_every_way_out() -> None:
    config = load_config(ROOT / "vantage_points.yaml")
    assert [vantage.id for vantage in config.vantage_points if vantage.enabled] == ["here"]
    assert {vantage.via.kind for vantage in config.vantage_points} == {
        kind.name for kind in KINDS.values() if kind.example
    }
    assert len(warn_config(config)) == 1


# Whatever is in the file --------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["direct", "system", "probe", "30s", "10m", "ID", "UTC", "a", "1.2.3.4", "xl", "no"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from([*VantagePointForm.model_fields, *FileForm.model_fields, "device", "socks5"]),
            inner,
            max_size=14,
        ),
    ),
    max_leaves=20,
)
YAML_PIECES = st.lists(
    st.sampled_from(
        [*"[]{}:,-?&*!|>'\"%@`#~ \t\n", "a", "<<", "&x ", "*x", "- ", ": ", "\n  ", "---\n", "!!int ", "0x1"]
    ),
    max_size=40,
).map("".join)


def load_anything(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        config = load_config(path, machine=FakeMachine())
    except ConfigError as error:
        assert error.problems
        assert all(str(problem).isprintable() for problem in error.problems)
        str(error).encode()
    else:
        assert isinstance(config, Config)


ANYTHING = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@ANYTHING
@given(tree=TREES)
def test_any_tree_is_a_config_or_a_config_error(tree: object, tmp_path: Path) -> None:
    load_anything(tmp_path / "f.yaml", json.dumps(tree).encode())


@ANYTHING
@given(entry_keys=st.dictionaries(st.sampled_from([*VantagePointForm.model_fields]), TREES))
def test_any_entry_is_a_config_or_a_config_error(entry_keys: dict[str, object], tmp_path: Path) -> None:
    load_anything(tmp_path / "f.yaml", json.dumps({"vantage_points": [entry_keys]}).encode())


@ANYTHING
@given(pieces=YAML_PIECES)
def test_any_pieces_of_yaml_are_a_config_or_a_config_error(pieces: str, tmp_path: Path) -> None:
    load_anything(tmp_path / "f.yaml", pieces.encode())


@ANYTHING
@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_config_or_a_config_error(content: bytes, tmp_path: Path) -> None:
    load_anything(tmp_path / "f.yaml", content)

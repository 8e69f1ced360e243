"""alerts.yaml: what a good one means, and one exact message for each mistake. No message shows a secret."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from observatory.config.alerts import find_path, load_channels
from observatory.config.problems import ConfigError
from observatory.model import Audience
from observatory.model.channels import Channel
from observatory.notify.apprise_services import find_fault
from tests.observatory.notify.samples import SECRET

HEAD = "site: https://observatory.example\nchannels:\n"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "alerts.yaml"


def load(file: Path, text: str) -> tuple[Channel, ...]:
    file.write_text(text, encoding="utf-8")
    return load_channels(file).channels


def problems(file: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, text)
    return [str(problem).replace(f"{file}", "alerts.yaml") for problem in caught.value.problems]


def test_a_whole_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    press, operator = load(
        file,
        "site: https://observatory.example/\n"
        "channels:\n"
        "  - name: press\n"
        "    audience: public\n"
        "    webhook: {url: 'https://press.example/hook', secret_env: HOOK_SECRET}\n"
        "    isps: [7713, 4761]\n"
        "    hosts: [t.me]\n"
        "    language: id\n"
        "    settle: 30m\n"
        "    digest: 1d\n"
        "    max_per_hour: 2\n"
        "  - {name: me, audience: operator, url: 'json://127.0.0.1/x'}\n",
    )
    assert press.secret is not None and press.secret.get_secret_value() == SECRET
    assert press.webhook_url is not None
    assert press.webhook_url.get_secret_value() == "https://press.example/hook"
    assert (press.isps, press.hosts, press.language) == (frozenset({7713, 4761}), frozenset({"t.me"}), "id")
    assert (press.settle, press.digest, press.max_per_hour) == (
        timedelta(minutes=30),
        timedelta(days=1),
        2,
    )
    assert (operator.audience, operator.settle, operator.digest, operator.max_per_hour) == (
        Audience.OPERATOR,
        timedelta(hours=1),
        timedelta(),
        6,
    )
    assert load_channels(file).site == "https://observatory.example"


def test_no_file_means_that_no_alerts_are_sent(file: Path) -> None:
    assert load_channels(file).channels == ()


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBSERVATORY_ALERTS", raising=False)
    assert find_path() == Path("alerts.yaml")
    monkeypatch.setenv("OBSERVATORY_ALERTS", "/etc/alerts.yaml")
    assert find_path() == Path("/etc/alerts.yaml")
    assert find_path(Path("mine.yaml")) == Path("mine.yaml")


def test_the_example_is_good_and_tells_nobody() -> None:
    example = ROOT / "docs/alerts.example.yaml"
    assert load_channels(example).channels == ()


def test_every_channel_of_the_example_is_good(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uncommented, each of them can be used as it stands."""
    for name in ("MAIL_URL", "MATRIX_URL", "SLACK_URL"):
        monkeypatch.setenv(name, "json://127.0.0.1/x")
    monkeypatch.setenv("PRESS_SECRET", SECRET)
    text = (ROOT / "docs/alerts.example.yaml").read_text(encoding="utf-8")
    lines = [line.replace("#   ", "  ", 1) if line.startswith("#   ") else line for line in text.splitlines()]
    text = "\n".join(lines).replace("channels: []", "channels:")
    assert [channel.name for channel in load(file, text)] == ["me", "room", "newsroom", "press"]


ADDRESS = re.compile(r"\| (?:mail|Matrix|Slack) \|.*?`([^`]+)`")


def test_the_addresses_in_the_documentation_are_understood() -> None:
    found = ADDRESS.findall((ROOT / "docs/alerts.md").read_text(encoding="utf-8"))
    tokens = ["T1JJ3T3L2/", "A1BRTD4JD/", "TIiajkdnlazkcOXrIdevi7FQ"]
    shown = [re.sub("[TB]?…/?", lambda _: tokens.pop(0), address) for address in found]
    assert len(shown) == 3
    assert [find_fault(address) for address in shown] == [None, None, None]


JSON = "url: 'json://127.0.0.1/x'"
START = "  - {name: a, audience: public, "
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "an empty file": ("", ["alerts.yaml:1: expected a mapping of keys to values, got nothing"]),
    "no site": (
        "channels: []",
        [
            "alerts.yaml:1 site: expected the address of the dashboard, for example "
            "https://observatory.example, got nothing"
        ],
    ),
    "a site with a password": (
        "site: 'https://me:hunter2@o.example'\nchannels: []",
        [
            "alerts.yaml:1 site: expected the address of the dashboard, for example "
            "https://observatory.example, got a value that is not shown; without a password, ? and #"
        ],
    ),
    "no channels": (
        "site: https://o.example\nchannels:",
        ["alerts.yaml:2 channels: expected a list of channels, got nothing; write channels: [] for none"],
    ),
    "an unknown key": (
        HEAD + START + JSON + ", languages: id}",
        [
            "alerts.yaml:3 a.languages: expected one of the keys name, audience, url, url_env, webhook, "
            'isps, hosts, language, settle, digest, max_per_hour, got "languages"; did you mean "language"?'
        ],
    ),
    "nobody to tell it to": (
        HEAD + "  - {name: a, audience: everybody, " + JSON + "}",
        ['alerts.yaml:3 a.audience: expected public or operator, got "everybody"'],
    ),
    "no way to tell": (
        HEAD + "  - {name: a, audience: public}",
        ["alerts.yaml:3 a: expected one of url, url_env and webhook, got none of them"],
    ),
    "two ways to tell": (
        HEAD + START + JSON + ", url_env: HOME}",
        [
            "alerts.yaml:3 a: expected one of url, url_env and webhook, got url and url_env",
            "alerts.yaml:3 a.url_env: …",
        ],
    ),
    "two of the same name": (
        HEAD + START + JSON + "}\n" + START + JSON + "}",
        ['alerts.yaml:4 a.name: expected a name that no other channel has, got "a"; already used by entry 1'],
    ),
    "no text": (HEAD + "  - 7", ["alerts.yaml:3 channels[1]: expected a mapping of keys to values, got 7"]),
    "a variable that is not set": (
        HEAD + START + "url_env: NOT_SET_AT_ALL}",
        [
            "alerts.yaml:3 a.url_env: expected an environment variable that is set (NOT_SET_AT_ALL is not), "
            "got a value that is not shown"
        ],
    ),
    "a secret where the name of a variable should stand": (
        HEAD + START + "url_env: hunter2}",
        [
            "alerts.yaml:3 a.url_env: expected the name of an environment variable, in capitals, got a value "
            "that is not shown"
        ],
    ),
    "a service that nobody knows": (
        HEAD + START + "url: 'carrierpigeon://hunter2'}",
        [
            "alerts.yaml:3 a.url: expected an address as apprise writes it, got something else; "
            "docs/alerts.md has examples"
        ],
    ),
    "a service with a bad address": (
        HEAD + START + "url: 'slack://hunter2'}",
        [
            "alerts.yaml:3 a.url: expected an address as apprise writes it, got a slack:// address that it "
            "does not understand; docs/alerts.md has examples"
        ],
    ),
    "a service of this machine": (
        HEAD + START + "url: 'syslog://'}",
        ["alerts.yaml:3 a.url: …"],
    ),
    "a service that reads files": (
        HEAD + START + "url: 'discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template=/etc/passwd'}",
        ["alerts.yaml:3 a.url: expected an address without options that read files, got the option template"],
    ),
    "a webhook that lacks its secret": (
        HEAD + START + "webhook: {url: 'https://x.example'}}",
        ["alerts.yaml:3 a.webhook: expected either secret or secret_env, got neither"],
    ),
    "a webhook with a short secret": (
        HEAD + START + "webhook: {url: 'https://x.example', secret: whsec_aHVudGVyMg==}}",
        [
            "alerts.yaml:3 a.webhook.secret: expected whsec_ and 24 to 64 random bytes in base64, got a "
            "value that is not shown; `observatory alerts secret` makes one"
        ],
    ),
    "a webhook to nowhere": (
        HEAD + START + f"webhook: {{url: 'ftp://hunter2', secret: {SECRET}}}}}",
        [
            "alerts.yaml:3 a.webhook.url: expected an address that starts with https:// or http://, got a "
            "value that is not shown"
        ],
    ),
    "a webhook that is a text": (
        HEAD + START + "webhook: 'https://hunter2.example'}",
        ["alerts.yaml:3 a.webhook: expected {url: …, secret: …}, got a value that is not shown"],
    ),
    "an ISP by name": (
        HEAD + START + JSON + ", isps: [AS7713]}",
        ["alerts.yaml:3 a.isps: expected a list of AS numbers, got a list; write 7713"],
    ),
    "no ISP at all": (
        HEAD + START + JSON + ", isps: []}",
        [
            "alerts.yaml:3 a.isps: expected a list of AS numbers, got a list; leave the key out for all of "
            "them"
        ],
    ),
    "a duration without a unit": (
        HEAD + START + JSON + ", settle: 30}",
        [
            "alerts.yaml:3 a.settle: expected 0..7d, with its unit (30m, 1h), got 30; write a unit, for "
            'example "30m"'
        ],
    ),
    "too long a duration": (
        HEAD + START + JSON + ", digest: 8d}",
        ['alerts.yaml:3 a.digest: expected 0..7d, with its unit (30m, 1h, 1d), got "8d"'],
    ),
    "no message at all": (
        HEAD + START + JSON + ", max_per_hour: 0}",
        ["alerts.yaml:3 a.max_per_hour: expected 1..1000, got 0"],
    ),
    "another language": (
        HEAD + START + JSON + ", language: nl}",
        ['alerts.yaml:3 a.language: expected one of id, en, got "nl"'],
    ),
    "a secret that YAML takes for a reference": (
        HEAD + START + "url: *hunter2}",
        [
            "alerts.yaml:3: expected plain YAML without tags and references, got one; put values that begin "
            "with * or ! in quotes"
        ],
    ),
    "a secret that YAML takes for a tag": (
        HEAD + START + "url: !hunter2 x}",
        [
            "alerts.yaml:3: expected plain YAML without tags and references, got one; put values that begin "
            "with * or ! in quotes"
        ],
    ),
    "an address in the place of a channel": (
        HEAD + "  - mailto://me:hunter2@mail.example",
        ["alerts.yaml:3 channels[1]: expected a mapping of keys to values, got a value that is not shown"],
    ),
    "an address in the place of a key": (
        HEAD + START + "'mailto://me:hunter2@mail.example': x, " + JSON + "}",
        [
            "alerts.yaml:3 a: expected one of the keys name, audience, url, url_env, webhook, isps, hosts, "
            "language, settle, digest, max_per_hour, got a value that is not shown"
        ],
    ),
    "several at once": (
        HEAD + "  - name: A\n    audience: public\n    url: 'hunter2'\n    settle: soon\n",
        [
            "alerts.yaml:3 channels[1].name: …",
            "alerts.yaml:5 channels[1].url: …",
            "alerts.yaml:6 channels[1].settle: …",
        ],
    ),
}


@pytest.mark.parametrize("situation", MISTAKES)
def test_mistakes(situation: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_AT_ALL", raising=False)
    text, expected = MISTAKES[situation]
    found = problems(file, text)
    # An ellipsis stands for what another row says in full.
    shown = [
        f"{line.partition(': ')[0]}: …" if i < len(expected) and expected[i].endswith(": …") else line
        for i, line in enumerate(found)
    ]
    assert shown == expected
    assert "hunter2" not in "\n".join(found)

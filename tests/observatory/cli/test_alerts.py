"""`observatory alerts`: help on every option, exit codes 0, 1 and 2, errors that say what to do."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from observatory.cli import alerts
from observatory.cli.app import app
from observatory.model import AlertKind
from tests.observatory.notify.receivers import Receiver
from tests.observatory.notify.samples import SECRET, AlertHarness, make_event


@pytest.fixture
def file(tmp_path: Path, receiver: Receiver) -> Path:
    path = tmp_path / "alerts.yaml"
    path.write_text(
        "site: https://observatory.example\n"
        "channels:\n"
        "  - {name: press, audience: public, settle: 0, isps: [7713], max_per_hour: 2, webhook: "
        f"{{url: '{receiver.url}', secret: {SECRET}}}}}\n"
        f"  - {{name: me, audience: operator, url: 'json://127.0.0.1:{receiver.port}/me', digest: 1h}}\n",
        encoding="utf-8",
    )
    path.chmod(0o600)
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["alerts", *map(str, arguments)])
    return result.exit_code, result.output


def test_every_command_and_option_has_help() -> None:
    group = typer.main.get_command(alerts.app)
    assert group.help
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_check_warns_of_secrets_that_everybody_may_read(file: Path) -> None:
    file.chmod(0o644)
    code, output = run("check", "--file", file)
    assert code == 0
    assert f"every user of this machine may read its addresses, which are secrets; chmod 600 {file}" in output
    assert json.loads(run("check", "--json", "--file", file)[1])["warnings"]
    file.chmod(0o640)
    assert json.loads(run("check", "--json", "--file", file)[1])["warnings"] == []


def test_check_says_what_each_channel_would_get(file: Path) -> None:
    code, output = run("check", "--file", file)
    assert code == 0
    assert output == (
        f"{file}: valid; 2 channels\n"
        "press: public, signed webhook, in en: blocks on AS7713; a new block is announced after 0:00:00; "
        "at most 2 messages an hour\n"
        "me: operator, apprise, in en: vantage points that fall silent; at most 6 messages an hour, joined "
        "into one every 1:00:00\n"
    )


def test_check_of_a_bad_file(file: Path) -> None:
    file.write_text("site: x\nchannels: []\n", encoding="utf-8")
    code, output = run("check", "-f", file)
    assert code == 1
    assert output.startswith(f"{file}:1 site: expected the address of the dashboard")
    code, output = run("check", "-f", file, "--json")
    assert code == 1
    assert json.loads(output)["ok"] is False


def test_check_without_a_file(tmp_path: Path) -> None:
    code, output = run("check", "-f", tmp_path / "none.yaml")
    assert code == 0
    assert "no alerts are sent" in output


def test_test_says_that_it_is_one(file: Path, receiver: Receiver) -> None:
    code, output = run("test", "press", "-f", file)
    assert (code, output) == (0, "press: message accepted; check that it arrived\n")
    [body] = receiver.bodies
    assert body["type"] == "alert.test"
    assert "Test message for the channel “press”" in body["data"]["text"]


def test_test_of_a_channel_that_fails(file: Path, receiver: Receiver) -> None:
    receiver.answer = lambda _: 410
    code, output = run("test", "press", "-f", file)
    assert code == 1
    assert "the receiver answered with status 410; check the address in" in output


def test_test_of_an_unknown_channel(file: Path) -> None:
    code, output = run("test", "pres", "-f", file)
    assert code == 2
    assert "(press, me), got 'pres'" in output


def test_deliver_and_log(file: Path, url: str, harness: AlertHarness, receiver: Receiver) -> None:
    options = ("--database", url)
    assert run("log", *options) == (0, "The log is empty.\n")
    assert run("deliver", "-f", file, *options)[0] == 0
    harness.record(make_event(emulated=True), AlertKind.ONSET)
    code, output = run("deliver", "-f", file, *options)
    assert code == 0
    assert output.splitlines() == [
        "press: 1 messages sent, 0 alerts dropped",
        "me: 0 messages sent, 0 alerts dropped",
    ]
    code, output = run("log", *options)
    assert code == 0
    assert output.startswith("     1  2026-11-24 04:22 UTC  EMULATED onset id-20261124-1  press delivered ")
    code, output = run("log", "--json", *options)
    [line] = [json.loads(line) for line in output.splitlines()]
    assert (line["number"], line["kind"], line["event"]) == (1, "onset", "id-20261124-1")
    assert line["deliveries"][0]["message"] == receiver.requests[0].headers["webhook-id"]


def test_deliver_that_fails(file: Path, url: str, harness: AlertHarness, receiver: Receiver) -> None:
    receiver.answer = lambda _: 500
    run("deliver", "-f", file, "--database", url)
    harness.record(make_event(), AlertKind.ONSET)
    code, output = run("deliver", "-f", file, "--database", url)
    assert code == 1
    assert "press: 0 messages sent, 0 alerts dropped; failed: the receiver answered with status 500" in output


def test_deliver_without_a_file(tmp_path: Path, url: str) -> None:
    code, output = run("deliver", "-f", tmp_path / "none.yaml", "--database", url)
    assert code == 1
    assert "expected a file of channels, found none; docs/alerts.md shows how to write one" in output


def test_log_without_a_database(tmp_path: Path) -> None:
    code, output = run("log", "--database", f"sqlite:///{tmp_path}/none.sqlite")
    assert code == 1
    assert "no database yet" in output


def test_secret_can_be_used(file: Path) -> None:
    code, output = run("secret")
    assert code == 0
    text = file.read_text(encoding="utf-8").replace(SECRET, output.strip())
    file.write_text(text, encoding="utf-8")
    assert run("check", "-f", file)[0] == 0

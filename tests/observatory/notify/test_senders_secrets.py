"""No password, token or signing secret gets anywhere but to whom it is for."""

import logging
from pathlib import Path

import pytest

from observatory.config.alerts import load_channels
from observatory.model import AlertKind
from observatory.model.channels import Channels
from observatory.notify.delivery_pass import run_delivery_pass
from observatory.store import Store
from tests.observatory.notify.receivers import Receiver
from tests.observatory.notify.samples import AT, MINUTE, SECRET, AlertHarness, make_event

PASSWORD, TOKEN, KEY = "hunter2-password", "xoxb-token-in-path", SECRET.removeprefix("whsec_")
SECRETS = (PASSWORD, TOKEN, KEY)
SITUATIONS = {
    "taken": 204,
    "refused": 401,
    "redirected": 302,
    "failed": 500,
    "broken off": None,
    "not there": 0,
}


def write_file(path: Path, port: int) -> None:
    path.write_text(
        "site: https://observatory.example\n"
        "channels:\n"
        f"  - {{name: one, audience: public, settle: 0, url: 'json://me:{PASSWORD}@127.0.0.1:{port}/{TOKEN}'}}\n"
        f"  - {{name: two, audience: public, settle: 0, webhook: {{url: 'http://me:{PASSWORD}@127.0.0.1:{port}/"
        f"{TOKEN}', secret: {SECRET}}}}}\n"
        f"  - {{name: three, audience: public, settle: 0, url: 'mailto://me:{PASSWORD}@127.0.0.1:9"
        "?from=a@b.example&to=a@b.example'}\n",
        encoding="utf-8",
    )


def find_secrets(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_secrets_are_nowhere(
    situation: str,
    tmp_path: Path,
    store: Store,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.NOTSET)
    status = SITUATIONS[situation]
    receiver.answer = lambda _: status
    receiver.headers = {"location": f"http://127.0.0.1:9/{TOKEN}"} if status == 302 else {}
    receiver.reply = TOKEN.encode() if status not in (204, None) else b""
    if status == 0:
        receiver.close()
    path = tmp_path / "alerts.yaml"
    write_file(path, receiver.port)
    harness = AlertHarness(store)

    def serve() -> list[str]:
        return [
            report.error
            for report in run_delivery_pass(store, harness.now, path=path, clock=lambda: harness.now)
        ]

    serve()
    harness.record(make_event(), AlertKind.ONSET)
    harness.now += MINUTE
    errors = serve()
    loaded = load_channels(path)
    printed = capfd.readouterr()
    assert [bool(error) for error in errors] == [situation != "taken", situation != "taken", True]
    assert find_secrets("\n".join(errors)) == []
    assert find_secrets(caplog.text + printed.out + printed.err) == []
    assert find_secrets(repr(loaded) + str(loaded) + repr(loaded.channels)) == []
    for file in tmp_path.glob("observatory.sqlite*"):
        assert find_secrets(file.read_bytes().decode("latin-1")) == []
    if status == 0:
        receiver.__post_init__()
    else:
        assert any(TOKEN in request.path for request in receiver.requests), "the secret is in use"


def test_a_mistake_beside_a_secret_does_not_show_it(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """And the last valid version is used, with one complaint."""
    path = tmp_path / "alerts.yaml"
    write_file(path, 1)
    good = load_channels(path)
    assert isinstance(good, Channels)
    run_delivery_pass(store, AT, path=path, clock=lambda: AT)
    path.write_text(path.read_text(encoding="utf-8") + "    oops: [\n", encoding="utf-8")
    for minute in range(3):
        reports = run_delivery_pass(store, AT + minute * MINUTE, path=path, clock=lambda: AT)
        assert [one.channel for one in reports] == ["one", "two", "three"]
    assert caplog.text.count("the last valid version is used") == 1
    assert find_secrets(caplog.text) == []


def test_a_file_that_was_never_good_tells_nobody_and_stops_nothing(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.yaml"
    path.write_text("channels: 7\n", encoding="utf-8")
    assert run_delivery_pass(store, AT, path=path, clock=lambda: AT) == ()
    assert "no alert is sent until it is corrected" in caplog.text

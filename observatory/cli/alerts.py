"""`observatory alerts`: who gets which alerts, what was sent, and whether it arrives."""

import base64
import secrets
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli.database import open_to_read, open_to_write
from observatory.cli.options import DatabaseOption, JsonLinesOption, JsonOption
from observatory.cli.output import fail, print_json
from observatory.config.problems import ConfigError
from observatory.model.deliveries import Delivery

if TYPE_CHECKING:
    from observatory.model.channels import Channel, Channels

app = typer.Typer(
    help=(
        "Manage alerts: who gets them, and what was sent.\n\n"
        "Channels are described in alerts.yaml; docs/alerts.md shows how, in five minutes. "
        "`observatory up` sends to them once a minute."
    ),
    no_args_is_help=True,
)
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="Where channels are described; default alerts.yaml, or $OBSERVATORY_ALERTS.",
    ),
]


def _load(file: Path | None) -> "Channels":
    from observatory.config.alerts import find_path, load_channels

    path = find_path(file)
    if not path.exists():
        raise fail(f"{path}: expected a file of channels, found none; docs/alerts.md shows how to write one")
    try:
        return load_channels(path)
    except ConfigError as error:
        raise fail(str(error)) from error


@app.command()
def check(file: FileOption = None, as_json: JsonOption = False) -> None:
    """Check the file of channels: every mistake at once, each with its line; else what each one would get."""
    from observatory.config.alerts import find_path, load_channels, warn_rights

    path = find_path(file)
    warning = warn_rights(path)
    problems: list[str] = []
    channels: tuple[Channel, ...] = ()
    if path.exists():
        try:
            channels = load_channels(path).channels
        except ConfigError as error:
            problems = [str(problem) for problem in error.problems]
    if as_json:
        rows = [_channel_as_json(channel) for channel in channels]
        warnings = [warning] if warning else []
        print_json(
            {
                "file": str(path),
                "ok": not problems,
                "problems": problems,
                "warnings": warnings,
                "channels": rows,
            }
        )
    elif problems:
        typer.echo("\n".join(problems), err=True)
    elif not channels:
        typer.echo(f"{path}: no channels, so no alerts are sent; docs/alerts.md shows how to add one")
    else:
        typer.echo(f"{path}: valid; {len(channels)} channels")
        for channel in channels:
            typer.echo(f"{channel.name}: {_describe(channel)}")
    if warning and not as_json:
        typer.echo(warning, err=True)
    raise typer.Exit(1 if problems else 0)


def _channel_as_json(channel: "Channel") -> dict[str, object]:
    return {
        "name": channel.name,
        "audience": channel.audience.value,
        "by": "webhook" if channel.webhook_url else "apprise",
        "isps": sorted(channel.isps),
        "hosts": sorted(channel.hosts),
        "language": channel.language,
        "settle_s": channel.settle.total_seconds(),
        "digest_s": channel.digest.total_seconds(),
        "max_per_hour": channel.max_per_hour,
    }


def _describe(channel: "Channel") -> str:
    from observatory.model import Audience

    what = "blocks" if channel.audience is Audience.PUBLIC else "vantage points that fall silent"
    by = "signed webhook" if channel.webhook_url else "apprise"
    scope = [what]
    if channel.isps:
        scope.append("on " + ", ".join(f"AS{asn}" for asn in sorted(channel.isps)))
    if channel.hosts and channel.audience is Audience.PUBLIC:
        scope.append("of " + ", ".join(sorted(channel.hosts)))
    parts = [f"{channel.audience}, {by}, in {channel.language}: {' '.join(scope)}"]
    if channel.audience is Audience.PUBLIC:
        parts.append(f"a new block is announced after {channel.settle}")
    pace = f"at most {channel.max_per_hour} messages an hour"
    parts.append(f"{pace}, joined into one every {channel.digest}" if channel.digest else pace)
    return "; ".join(parts)


@app.command()
def log(
    database: DatabaseOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many of the newest.")] = 50,
    as_json: JsonLinesOption = False,
) -> None:
    """Print the log of alerts, newest last, and how far each has got. Entries are only ever added."""
    from observatory.notify.payload import encode_alert

    with open_to_read(database) as store:
        rows = store.load_alerts()[-limit:]
        states: dict[int, list[tuple[str, Delivery]]] = defaultdict(list)
        for channel, delivery in store.load_deliveries(first=rows[0].number if rows else 0):
            states[delivery.alert.number].append((channel, delivery))
    for alert in rows:
        own = states[alert.number]
        if as_json:
            deliveries = [_state_as_json(channel, state) for channel, state in own]
            print_json(encode_alert(alert) | {"deliveries": deliveries})
            continue
        about = alert.event or alert.vantage or alert.detail or "-"
        mark = "EMULATED " if alert.emulated else ""
        shown = "; ".join(f"{channel} {_show_state(state)}" for channel, state in own)
        typer.echo(f"{alert.number:>6}  {alert.at:%Y-%m-%d %H:%M} UTC  {mark}{alert.kind} {about}  {shown}")
    if not rows and not as_json:
        typer.echo("The log is empty.")


def _state_as_json(channel: str, state: Delivery) -> dict[str, object]:
    return {
        "channel": channel,
        "n_attempts": state.n_attempts,
        "next_attempt_at": state.next_attempt_at.isoformat() if state.next_attempt_at else None,
        "delivered_at": state.delivered_at.isoformat() if state.delivered_at else None,
        "error": state.error,
        "message": state.message,
    }


def _show_state(state: Delivery) -> str:
    if state.delivered_at:
        return f"delivered {state.delivered_at:%Y-%m-%d %H:%M} UTC"
    if state.next_attempt_at:
        return f"again {state.next_attempt_at:%Y-%m-%d %H:%M} UTC ({state.error or 'on its way'})"
    return f"not delivered ({state.error})"


@app.command()
def test(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The name of a channel in the file.")],
    file: FileOption = None,
) -> None:
    """Send one channel a message that says it is a test. Nothing is recorded."""
    from observatory.notify.errors import SendError
    from observatory.notify.operator_notices import describe_test
    from observatory.notify.payload import make_test_payload
    from observatory.notify.senders import Message, send
    from observatory.text import load_text

    loaded = _load(file)
    found = next((c for c in loaded.channels if c.name == channel), None)
    if found is None:
        names = ", ".join(c.name for c in loaded.channels) or "none"
        where = f"observatory alerts test: expected a channel of {loaded.path} ({names})"
        raise fail(f"{where}, got {channel!r}", 2)
    notice = describe_test(load_text(found.language), channel=found.name, site=loaded.site)
    at = datetime.now(UTC)
    message = Message(
        id=f"msg_test_{secrets.token_hex(12)}",
        at=at,
        subject=notice.subject,
        text=notice.text,
        payload=make_test_payload(notice, site=loaded.site, at=at),
    )
    try:
        send(found, message)
    except SendError as error:
        raise fail(
            f"{channel}: expected the message to be accepted, got: {error}; "
            f"check the address in {loaded.path}"
        ) from error
    typer.echo(f"{channel}: message accepted; check that it arrived")


@app.command()
def deliver(
    file: FileOption = None, database: DatabaseOption = None, as_json: JsonLinesOption = False
) -> None:
    """Send every channel now what is due; the same pass that `observatory up` makes once a minute."""
    from observatory.notify.deliver import Deliverer

    loaded = _load(file)
    with open_to_write(database, create=True) as store:
        reports = Deliverer(store, loaded, lambda: datetime.now(UTC)).deliver(datetime.now(UTC))
    for one in reports:
        if as_json:
            print_json({name: getattr(one, name) for name in one.__slots__})
        else:
            failed = f"; failed: {one.error}" if one.error else ""
            typer.echo(f"{one.channel}: {one.n_sent} messages sent, {one.n_never} alerts dropped{failed}")
    raise typer.Exit(1 if any(one.n_failed for one in reports) else 0)


@app.command()
def secret() -> None:
    """Print a new secret for signing webhooks; give it to the receiver, and to nobody else."""
    typer.echo("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())

"""The `observatory` command, put together: each command or group has a module of its own.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import os
import sys
from typing import Final

import typer

from observatory.cli import alerts, config, events, exports, imports, reference
from observatory.cli.measure import measure
from observatory.cli.rescore import rescore
from observatory.cli.status import status
from observatory.cli.up import up
from observatory.faults import reason_of
from observatory.reference.fingerprint_csv import ReferenceDataError

TRACEBACK_VARIABLE: Final = "OBSERVATORY_TRACEBACK"

app = typer.Typer(
    name="observatory",
    help=(
        "Observe how Telegram's hosts are blocked: measure them from several vantage points, on a schedule "
        "or right now, and show the result.\n\n"
        "Start with `observatory up`, then open the address it prints. "
        "`observatory measure` needs no database and no running service."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# Help lists them in this order.
for command in (measure, up, status, rescore):
    app.command()(command)
app.add_typer(config.app, name="config")
app.add_typer(alerts.app, name="alerts")
app.add_typer(imports.app, name="import")
app.add_typer(exports.app, name="export")
app.add_typer(reference.app, name="reference")
app.add_typer(events.app, name="events")


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except ReferenceDataError as error:
        # An added list was damaged by hand: no command that needs it can go on.
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except MemoryError:
        sys.stderr.write("observatory: expected more memory than this process may use; allow it more\n")
        sys.exit(1)
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        sys.stderr.write(
            f"observatory: {reason_of(error)}; nobody foresaw this: a damaged database or a mistake of ours. "
            f"{TRACEBACK_VARIABLE}=1 shows where it happened; please report that\n"
        )
        sys.exit(1)

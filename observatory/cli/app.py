"""The `observatory` command, put together: each command or group has a module of its own.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import os
import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

from observatory.faults import reason_of
from observatory.reference.fingerprint_csv import ReferenceDataError

TRACEBACK_VARIABLE: Final = "OBSERVATORY_TRACEBACK"
_AS_TEXT: Final = {"add_completion": False, "rich_markup_mode": None}
# Help lists them in this order; the name is that of the module and of what it holds, or of its `app`.
COMMANDS: Final = ("measure", "up", "status", "rescore")
GROUPS: Final = {
    "config": "config",
    "alerts": "alerts",
    "import": "imports",
    "export": "exports",
    "reference": "reference",
    "events": "events",
}


class _LazyGroup(TyperGroup):
    """Loads the module of a command when that is called: `measure` needs no database, `status` no probes."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in GROUPS:
            module = import_module(f"observatory.cli.{GROUPS[cmd_name]}")
            command: Any = typer.main.get_group(module.app)
        elif cmd_name in COMMANDS:
            module = import_module(f"observatory.cli.{cmd_name}")
            alone = typer.Typer(**_AS_TEXT)  # type: ignore[arg-type]
            alone.command()(getattr(module, cmd_name))
            command = typer.main.get_command(alone)
        else:
            return None
        command.name = cmd_name
        return command


app = typer.Typer(
    name="observatory",
    cls=_LazyGroup,
    help=(
        "Observe how Telegram's hosts are blocked: measure them from several vantage points, on a schedule "
        "or right now, and show the result.\n\n"
        "Start with `observatory up`, then open the address it prints. "
        "`observatory measure` needs no database and no running service."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    **_AS_TEXT,  # type: ignore[arg-type]
)


@app.callback()
def _group() -> None:
    """Make typer treat it as a group: its commands come from `_LazyGroup`."""


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

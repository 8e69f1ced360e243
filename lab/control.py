"""A client of the lab's control socket: switch censors and failures on and off.

lab = LabControl()                       # the lab this process runs in ($LAB_CONTROL)
lab.switch("xl", "sni_reset", True, hosts=["t.me"])
lab.reset()
"""

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

_REPLY_LIMIT_S: Final = 30.0
_MAX_REPLY_BYTES: Final = 1 << 20


class LabControlError(RuntimeError):
    """The lab refused a request, or is not there; the text says what was expected."""


class LabControl:
    """Talks to one lab. Every call is one short blocking exchange of some ten milliseconds."""

    def __init__(self, path: str | Path | None = None) -> None:
        found = path or os.environ.get("LAB_CONTROL")
        if not found:
            raise LabControlError(
                "LAB_CONTROL: expected the path of a lab's control socket, got nothing; "
                "run inside `python -m lab -- COMMAND`, or give the path that `python -m lab serve` prints"
            )
        self.path = Path(found)

    def switch(
        self,
        isp: str | None,
        censor: str,
        on: bool,
        hosts: Iterable[str] | None = None,
        **params: int | float | str,
    ) -> None:
        """Switch a censor or failure at an ISP ("*" for all that probe; None for scope everyone).

        Returns when the change is in force. Errors: LabControlError with the valid choices.
        """
        request: dict[str, Any] = {"censor": censor, "on": on}
        if isp is not None:
            request["isp"] = isp
        if hosts is not None:
            request["hosts"] = list(hosts)
        if params:
            request["params"] = params
        self.request(request)

    def reset(self) -> None:
        """Switch everything off."""
        self.request({"reset": True})

    def state(self) -> list[dict[str, Any]]:
        """Return what is on: a list of {isp, censor, hosts, params}."""
        state = self.request({"get": "state"})["state"]
        return list(state)

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request of the control protocol and return its reply. Errors: LabControlError."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(_REPLY_LIMIT_S)
                sock.connect(str(self.path))
                sock.sendall(json.dumps(request).encode() + b"\n")
                with sock.makefile("rb") as stream:
                    reply = json.loads(stream.readline(_MAX_REPLY_BYTES) or b"null")
        except (OSError, ValueError) as error:
            raise LabControlError(
                f"{self.path}: expected a running lab's control socket, got {error}"
            ) from error
        if not isinstance(reply, dict) or not reply.get("ok"):
            error_text = reply.get("error") if isinstance(reply, dict) else "the lab hung up"
            raise LabControlError(str(error_text))
        return reply

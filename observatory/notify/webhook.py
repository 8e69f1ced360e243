"""Signed webhooks: JSON that cannot be altered, invented or replayed unnoticed.

Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com (webhook-id, -timestamp, -signature).
"""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import requests
from standardwebhooks import Webhook

from observatory.notify.errors import SendError
from observatory.notify.library_logs import silence_libraries

CONNECT_S: Final = 5.0
READ_S: Final = 10.0
MAX_REPLY_BYTES: Final = 65_536
USER_AGENT: Final = "telegram-block-observatory"


def sign_headers(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that let a receiver check a body; `at` is the time of this attempt."""
    # The library takes the digits of the time as they stand, whatever its zone.
    utc = at.astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(utc.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, utc, body.decode()),
    }


def send_webhook(
    url: str, secret: str, message_id: str, payload: Mapping[str, object], *, at: datetime, deadline_s: float
) -> None:
    """POST a payload to an address; any answer of 200 to 299 means that it was taken.

    Errors: SendError. A redirect is not followed: what is signed goes where the operator said.
    """
    silence_libraries()
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-type": "application/json", "user-agent": USER_AGENT}
    headers |= sign_headers(secret, message_id, at, body)
    end = time.monotonic() + deadline_s
    try:
        with requests.post(
            url,
            data=body,
            headers=headers,
            timeout=(CONNECT_S, READ_S),
            allow_redirects=False,
            stream=True,
        ) as reply:
            status = int(reply.status_code)
            _read_some(reply, end)
    except requests.exceptions.ConnectTimeout:
        raise SendError("the receiver cannot be reached: no connection in time") from None
    except requests.exceptions.Timeout:
        raise SendError("the receiver did not answer in time", in_doubt=True) from None
    except requests.exceptions.SSLError:
        raise SendError("the certificate of the receiver is not valid") from None
    except requests.exceptions.ConnectionError as error:
        # Refused before anything was sent, or broken off at an unknown moment after.
        refused = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
        what = "cannot be reached" if refused else "closed the connection"
        raise SendError(f"the receiver {what}", in_doubt=not refused) from None
    except (requests.exceptions.RequestException, ValueError, OSError):
        raise SendError("the message could not be sent", in_doubt=True) from None
    if 300 <= status < 400:
        raise SendError(f"the receiver answered with status {status}; redirects are not followed")
    if not 200 <= status < 300:
        raise SendError(f"the receiver answered with status {status}")


def _read_some(reply: requests.Response, end: float) -> None:
    """Read a short answer to its end, so that the other side sees a proper one; keep nothing of it."""
    n_bytes = 0
    try:
        for chunk in reply.iter_content(4096):
            n_bytes += len(chunk)
            if n_bytes > MAX_REPLY_BYTES or time.monotonic() > end:
                return
    except (requests.exceptions.RequestException, OSError):
        return  # its status has come, and that is the answer

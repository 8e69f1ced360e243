"""The control protocol: one JSON object a line in, one a line out. Pure."""

import json
from dataclasses import dataclass
from typing import Any, Final

from lab import world
from lab.censors import CENSORS
from lab.settings import Aim, Censor, Scope, Value
from lab.state import EVERYONE, Switch

MAX_LINE_BYTES: Final = 65536
_SWITCH_KEYS: Final = ("isp", "censor", "on", "hosts", "params")


class RequestError(ValueError):
    """A request the lab does not understand; its text says what was expected."""


@dataclass(frozen=True, slots=True)
class GetState:
    pass


@dataclass(frozen=True, slots=True)
class Reset:
    pass


Request = Switch | GetState | Reset


def parse_request(line: bytes) -> Request:
    """Read one line. Errors: RequestError with what was expected, what was found and the valid choices."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"request: expected one JSON object a line, got something else ({error})"
        ) from None
    if not isinstance(data, dict):
        raise RequestError(f"request: expected a JSON object, got {_shown(data)}")
    if "get" in data:
        if data != {"get": "state"}:
            raise RequestError(f'get: expected {{"get": "state"}}, got {_shown(data)}')
        return GetState()
    if "reset" in data:
        # 1 equals true in Python, but not in the protocol.
        if len(data) != 1 or data["reset"] is not True:
            raise RequestError(f'reset: expected {{"reset": true}}, got {_shown(data)}')
        return Reset()
    return _parse_switch(data)


def encode_reply(**fields: Any) -> bytes:
    """Return one reply line."""
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _parse_switch(data: dict[str, Any]) -> Switch:
    unknown = sorted(set(data) - set(_SWITCH_KEYS))
    if unknown:
        raise RequestError(
            f"request: expected the keys {', '.join(_SWITCH_KEYS)} (or get, or reset), got {_shown(unknown)}"
        )
    censor_id = data.get("censor")
    censor = CENSORS.get(censor_id) if isinstance(censor_id, str) else None
    if censor is None:
        raise RequestError(f"censor: expected one of {', '.join(CENSORS)}; got {_shown(censor_id)}")
    on = data.get("on")
    if not isinstance(on, bool):
        raise RequestError(f"on: expected true or false, got {_shown(on)}")
    return Switch(
        isps=_parse_isps(censor, data.get("isp")),
        censor=censor,
        on=on,
        hosts=_parse_hosts(censor, data.get("hosts")),
        params=_parse_params(censor, data.get("params")),
    )


def _parse_isps(censor: Censor, isp: object) -> tuple[str, ...]:
    if censor.scope is Scope.EVERYONE:
        if isp not in (None, EVERYONE):
            raise RequestError(
                f'isp: {censor.id} concerns everyone: leave isp out or give "*", got {_shown(isp)}'
            )
        return (EVERYONE,)
    if isp == EVERYONE:
        return world.PROBE_ISPS
    if not isinstance(isp, str) or isp not in world.ISPS:
        raise RequestError(f'isp: expected "*" or one of {", ".join(world.ISPS)}; got {_shown(isp)}')
    return (isp,)


def _parse_hosts(censor: Censor, hosts: object) -> tuple[str, ...] | None:
    if hosts is None:
        return None
    if censor.aim is Aim.NOTHING:
        raise RequestError(f"hosts: {censor.id} is not aimed at hosts: leave hosts out, got {_shown(hosts)}")
    if not isinstance(hosts, list) or not hosts or not all(isinstance(host, str) for host in hosts):
        raise RequestError(f"hosts: expected a list of at least one name, got {_shown(hosts)}")
    unknown = [host for host in hosts if host not in censor.valid_hosts]
    if unknown:
        raise RequestError(
            f"hosts: for {censor.id} expected some of {', '.join(censor.valid_hosts)}; got {_shown(unknown)}"
        )
    return tuple(hosts)


def _parse_params(censor: Censor, params: object) -> dict[str, Value]:
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise RequestError(f"params: expected an object, got {_shown(params)}")
    for name, value in params.items():
        param = censor.params.get(name)
        if param is None:
            valid = ", ".join(censor.params) or "none"
            raise RequestError(f"params: {censor.id} has these: {valid}; got {_shown(name)}")
        # JSON's true would pass for the number 1.
        plausible = isinstance(value, int | float | str) and not isinstance(value, bool)
        if not plausible or not param.check(value):
            raise RequestError(f"params.{name}: expected {param.expected}, got {_shown(value)}")
    return dict(params)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 200 else text[:200] + "…"

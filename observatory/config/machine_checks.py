"""How values that name something of this machine are checked: the way out, and the file of a private CA."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from pydantic import ValidationInfo

from observatory.config.checks import Unexpected, suggest
from observatory.config.machine import Machine
from observatory.model import DIRECT, Via
from observatory.vantage.kinds import DEVICE, KINDS

MAX_CA_FILE_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What a check may look at besides the value. `machine` is None for an entry that is switched off."""

    machine: Machine | None
    folder: Path


def _context(info: ValidationInfo) -> CheckContext:
    if not isinstance(info.context, CheckContext):
        raise TypeError("validate with context=CheckContext(...)")
    return info.context


def parse_via(value: object, info: ValidationInfo) -> Via:
    """Return the way out that `direct` or a mapping such as `{device: wwan0}` names."""
    if value == DIRECT:
        return Via()
    names = tuple(name for name, kind in KINDS.items() if kind.value_form)
    if isinstance(value, str):
        raise Unexpected(hint=suggest(value, (DIRECT,)) or _suggest_device(value))
    if not isinstance(value, dict):
        raise Unexpected()
    if len(value) != 1:
        raise Unexpected(f"exactly one of {', '.join(names)}", hint=f"it has {len(value)}")
    [(name, written)] = value.items()
    if name not in names:
        raise Unexpected(f"one of {', '.join(names)}", hint=suggest(name, names), at=name)
    try:
        return Via(kind=name, value=KINDS[name].check_value(written, _context(info).machine))
    except Unexpected as error:
        error.at = name
        raise


def _suggest_device(value: str) -> str:
    """A bare word is most often the name of a device; with an `@`, what stands before it is not repeated."""
    if "@" in value:
        return ""
    try:
        return f"write {{device: {DEVICE.check_value(value, None)}}} for a device"
    except Unexpected:
        return ""


def load_ca_path(value: object, info: ValidationInfo) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or not value.isprintable():
        raise Unexpected()
    path = _context(info).folder / value
    try:
        if not path.is_file():
            raise Unexpected("a PEM file that exists", hint=f"looked for {path}", of_machine=True)
        with path.open("rb") as file:
            content = file.read(MAX_CA_FILE_BYTES + 1)
    except OSError as error:
        raise Unexpected(
            "a PEM file that can be read", hint=f"{path}: {error.strerror}", of_machine=True
        ) from None
    try:
        if len(content) > MAX_CA_FILE_BYTES:
            raise ValueError
        x509.load_pem_x509_certificates(content)
    except ValueError:
        hint = f"{path} holds none that can be read"
        raise Unexpected("a file of PEM certificates", hint=hint, of_machine=True) from None
    return str(path)

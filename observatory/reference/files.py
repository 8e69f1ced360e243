"""The files of reference data that the package carries, as plain data."""

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final

from ruamel.yaml import YAML

FILES: Final = (
    "telegram.yaml",
    "indonesia_networks.yaml",
    "indonesia_2017.yaml",
    "block_pages.yaml",
    "reserved_addresses.yaml",
    "authorities.pem",
    "interceptors.yaml",
)


def load_yaml(name: str) -> dict[str, Any]:
    """Return one reference file as plain data. Errors: FileNotFoundError for a name not in `FILES`."""
    content = load_file(name).decode("utf-8")
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(content)
    return data


def load_file(name: str) -> bytes:
    """Return the bytes of one reference file. Errors: FileNotFoundError for a name not in `FILES`."""
    if name not in FILES:
        raise FileNotFoundError(f"{name}: expected one of {', '.join(FILES)}")
    return resources.files(__package__).joinpath(name).read_bytes()


def digest_of(parts: Sequence[bytes]) -> str:
    """Return eight hexadecimal digits that change with any byte."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:8]

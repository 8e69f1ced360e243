"""A machine and a file with one entry, for tests of vantage_points.yaml."""

from dataclasses import dataclass


@dataclass
class FakeMachine:
    """One modem, one address, one namespace."""

    devices: tuple[str, ...] = ("lo", "wwan0")
    addresses: tuple[str, ...] = ("10.0.0.7",)
    namespaces: tuple[str, ...] = ("xl",)

    def list_devices(self) -> tuple[str, ...]:
        return self.devices

    def list_namespaces(self) -> tuple[str, ...]:
        return self.namespaces

    def has_address(self, address: str) -> bool:
        return address in self.addresses


# Lines 1 to 6 of most bad files; a line given by a case takes the place of the line with its key.
GOOD_ENTRY = {
    "id": "jkt-xl",
    "name": "Jakarta XL",
    "isp": "XL",
    "asn": "24203",
    "country": "ID",
}


def entry(**changes: str | None) -> str:
    """Return a file with one entry; `key=None` leaves the key out, others are YAML as it stands."""
    values = {key: value for key, value in (GOOD_ENTRY | changes).items() if value is not None}
    lines = [f"{key}: {value}" for key, value in values.items()]
    return "vantage_points:\n  - " + "\n    ".join(lines) + "\n"

"""What the settings may name on this machine: network devices, own addresses, network namespaces."""

import socket
from pathlib import Path
from typing import Final, Protocol

_DEVICES_DIR: Final = Path("/sys/class/net")
_NETNS_DIR: Final = Path("/run/netns")


class Machine(Protocol):
    """What validation asks the machine; tests supply their own."""

    def list_devices(self) -> tuple[str, ...]: ...

    def list_namespaces(self) -> tuple[str, ...]: ...

    def has_address(self, address: str) -> bool: ...


class RealMachine:
    """This machine, asked anew each time: a modem may be plugged in while the system runs."""

    def list_devices(self) -> tuple[str, ...]:
        """Return the names of the network devices, sorted; bonding's control file is not one."""
        return _list_names(_DEVICES_DIR, skip="bonding_masters")

    def list_namespaces(self) -> tuple[str, ...]:
        """Return the names of the network namespaces, sorted, by the convention of ip-netns(8)."""
        return _list_names(_NETNS_DIR)

    def has_address(self, address: str) -> bool:
        """Return whether a socket can be bound to this IP address, which is what a probe will do."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.bind((address, 0))
        except OSError:
            return False
        return True


REAL_MACHINE: Final[Machine] = RealMachine()


def _list_names(folder: Path, skip: str = "") -> tuple[str, ...]:
    try:
        return tuple(sorted(entry.name for entry in folder.iterdir() if entry.name != skip))
    except OSError:
        return ()

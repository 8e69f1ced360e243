"""What this machine has is asked of the machine."""

from observatory.config.machine import RealMachine


def test_real_machine_has_loopback() -> None:
    machine = RealMachine()
    assert "lo" in machine.list_devices()
    assert machine.has_address("127.0.0.1")
    assert not machine.has_address("192.0.2.1")

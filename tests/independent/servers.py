"""Programs of others inside the lab: found, started, waited for, ended."""

import os
import re
import select
import shutil
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final, NoReturn

import pytest

from lab import linux
from lab.services.certificates import Authority
from lab.topology import NETNS_DIR
from observatory.model import Config

REQUIRED: Final = "INDEPENDENT_SOFTWARE"
_LIMIT_S: Final = 30
_BUILT: Final = Path(__file__).parents[2] / ".venv" / "independent"
_RETRY_MS: Final = 20
Ready = str | tuple[str, int]


class ServerError(AssertionError):
    """A program did not open its port; the text has what it said."""


def find_program(name: str) -> str:
    """Return the path of a program; without it the test is skipped, or fails where it is required."""
    path = shutil.which(name)
    if path:
        return path
    return _lacking(f"{name} is not installed: `make test` as root installs what tests/independent needs")


def find_built(name: str, *, needs: str | None = None) -> str:
    """Return the path of a program that `make test` builds; only a machine without what it needs has none."""
    path = _BUILT / name
    if path.exists():
        return str(path)
    if needs and shutil.which(needs) is None:
        pytest.skip(f"{name} is not there: `make test` builds it where {needs} is installed")
    return _lacking(f"{path} is not there: `make test` builds it")


def _lacking(text: str) -> NoReturn:
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


class Server:
    """One running program and the last lines that it wrote."""

    def __init__(self, namespace: str | None, argv: Sequence[str], folder: Path) -> None:
        self.name = Path(argv[0]).name
        self._lines: deque[str] = deque(maxlen=100)
        self._news = threading.Condition()
        self._has_ended = False
        with ExitStack() as inside:
            if namespace is not None:
                fd = os.open(NETNS_DIR / namespace, os.O_RDONLY | os.O_CLOEXEC)
                inside.callback(os.close, fd)
                inside.enter_context(linux.inside(fd))
            self._process = subprocess.Popen(
                argv,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
                preexec_fn=linux.die_with_parent,
            )
        # Read all the time: a program whose pipe is full stands still.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()

    def lines(self) -> list[str]:
        with self._news:
            return list(self._lines)

    def wait_for_line(self, pattern: str) -> None:
        """Wait until it has written a line with the pattern. Errors: ServerError when it ends before."""

        def has_said() -> bool:
            return self._has_ended or any(re.search(pattern, line) for line in self._lines)

        with self._news:
            self._news.wait_for(has_said, timeout=_LIMIT_S)
            if any(re.search(pattern, line) for line in self._lines):
                return
        raise ServerError(f"{self.name}: expected a line with {pattern!r}, got:\n{''.join(self._lines)}")

    def wait_for_port(self, namespace: str | None, address: str, port: int) -> None:
        """Wait until its port accepts; for programs that say nothing.

        Errors: ServerError when it ends before.
        """
        ended = select.poll()
        pidfd = os.pidfd_open(self._process.pid)
        ended.register(pidfd, select.POLLIN)
        until = time.monotonic() + _LIMIT_S
        try:
            while not _accepts(namespace, address, port):
                if ended.poll(_RETRY_MS) or time.monotonic() > until:
                    raise ServerError(
                        f"{self.name}: expected port {port} to open, got:\n{''.join(self._lines)}"
                    )
        finally:
            os.close(pidfd)

    def end(self) -> None:
        """Kill it with all that it has started, and wait until it is gone."""
        try:
            os.killpg(self._process.pid, 9)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Servers:
    """All foreign programs of one test file; see the package for how they are used.

    `folder` holds their files, `config` is the lab's, trusting also the authority of `certificate`.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder = folder
        self._lab_config = config
        self._running = ExitStack()
        self._n_links = 0
        self._next_hosts: dict[str, int] = {}

    @cached_property
    def _authority(self) -> Authority:
        return Authority("Independent CA")

    @cached_property
    def config(self) -> Config:
        settings = self._lab_config.settings
        assert settings.ca_file is not None
        both = Path(settings.ca_file).read_text() + self._authority.root_pem()
        return replace(
            self._lab_config, settings=replace(settings, ca_file=str(self.file("both-ca.pem", both)))
        )

    def start(self, namespace: str | None, argv: Sequence[str], *, ready: Ready) -> Server:
        """Start a program in a namespace (None: the test's own) and wait until it is ready.

        Errors: ServerError; skips or fails without the program, see `find_program`.
        """
        server = Server(namespace, [find_program(argv[0]), *argv[1:]], self.folder)
        self._running.callback(server.end)
        if isinstance(ready, str):
            server.wait_for_line(ready)
        else:
            server.wait_for_port(namespace, *ready)
        return server

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def certificate(self, *names: str, expired: bool = False) -> Path:
        """Return a file with key, certificate and intermediate for the names, of the trusted authority."""
        path = self.folder / f"{names[0]}{'-expired' if expired else ''}.pem"
        path.write_bytes(self._authority.chain_pem(names, expired=expired))
        path.chmod(0o600)
        return path

    def address(self, namespace: str, address: str) -> str:
        """Give a namespace one more address of its own."""
        with_length = f"{address}/{128 if ':' in address else 32}"
        _ip("-n", namespace, "addr", "add", with_length, "dev", "lo")
        self._running.callback(_ip, "-n", namespace, "addr", "del", with_length, "dev", "lo")
        return address

    def next_address(self, namespace: str, network: str, first: int = 60) -> str:
        """Give a namespace one more address, the next that is free of a network, such as `10.3.53.`."""
        host = self._next_hosts.get(network, first)
        self._next_hosts[network] = host + 1
        return self.address(namespace, f"{network}{host}")

    def divert(self, namespace: str, match: str, port: int, *, to: str | None = None) -> None:
        """Bring what arrives at a namespace and matches (words of iptables) to a port there.

        The program listens on 0.0.0.0, or on the address `to` of its own.
        """
        target = ["DNAT", "--to-destination", f"{to}:{port}"] if to else ["REDIRECT", "--to-ports", str(port)]
        rule = ["PREROUTING", *match.split(), "-j", *target]
        _iptables(namespace, "-A", *rule)
        self._running.callback(_iptables, namespace, "-D", *rule)

    def link(self, namespace: str) -> str:
        """Join a namespace to the test's own by a cable; return its address as the test sees it."""
        self._n_links += 1
        n = self._n_links
        device, inner = f"test{n}", f"away{n}"
        _ip("link", "set", "lo", "up")
        _ip("link", "add", device, "type", "veth", "peer", "name", inner, "netns", namespace)
        self._running.callback(_ip, "link", "del", device)
        _ip("addr", "add", f"192.168.{n}.1/24", "dev", device)
        _ip("link", "set", device, "up")
        _ip("-n", namespace, "addr", "add", f"192.168.{n}.2/24", "dev", inner)
        _ip("-n", namespace, "link", "set", inner, "up")
        return f"192.168.{n}.2"

    def end(self) -> None:
        self._running.close()


def _accepts(namespace: str | None, address: str, port: int) -> bool:
    with ExitStack() as stack:
        if namespace is not None:
            fd = os.open(NETNS_DIR / namespace, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, fd)
            stack.enter_context(linux.inside(fd))
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    with sock:
        sock.settimeout(1)
        return sock.connect_ex((address, port)) == 0


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=_LIMIT_S)


def _iptables(namespace: str, *words: str) -> None:
    subprocess.run(
        ["ip", "netns", "exec", namespace, "iptables", "-w", "-t", "nat", *words],
        check=True,
        timeout=_LIMIT_S,
    )

"""The running lab: builds the network, starts the servers, carries out requests from the control socket."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from lab import linux, world
from lab.middlebox import Border, DelayLine
from lab.policy import policy_of
from lab.protocol import (
    MAX_LINE_BYTES,
    GetState,
    Request,
    RequestError,
    Reset,
    encode_reply,
    parse_request,
)
from lab.rules import Place, encode_ruleset
from lab.services.process import run_services
from lab.state import EVERYONE, LabState
from lab.topology import (
    EXCHANGE,
    RESTORE_TOOLS,
    TELEGRAM_ROUTER,
    Plan,
    TopologyError,
    build_topology,
    plan_topology,
    run_tool,
)

CA_FILE: Final = Path("/run/lab/ca.pem")


class Engine:
    """Holds the state and puts each change in force, one at a time."""

    def __init__(self, namespaces: Mapping[str, int], plan: Plan, services: socket.socket) -> None:
        self._namespaces = namespaces
        self._state = LabState()
        self._services = services
        self._lock = asyncio.Lock()
        # By namespace and version of IP.
        self._in_force = {
            (name, version): encode_ruleset(()) for name in _routers() for version in RESTORE_TOOLS
        }
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        links = {link.a_device + "@" + link.a: link for link in plan.links}
        self._middleboxes: list[Border | DelayLine] = []
        for isp in world.ISPS.values():
            border, access = isp.border_namespace, isp.access_namespace
            self._middleboxes += [
                Border(
                    isp, namespaces[border], links[f"upl@{access}"], links[f"upl@{border}"], self._read_state
                ),
                DelayLine(isp, namespaces[access], self._read_state),
            ]

    def _read_state(self) -> LabState:
        return self._state

    async def start(self) -> None:
        """Wait until the servers are open, then watch the middleboxes' queues."""
        reader, writer = await asyncio.open_unix_connection(sock=self._services)
        self._streams = reader, writer
        if not await reader.readline():
            raise TopologyError("the lab's servers ended before they were open")
        loop = asyncio.get_running_loop()
        for middlebox in self._middleboxes:
            middlebox.start(loop)

    async def carry_out(self, request: Request) -> dict[str, Any]:
        """Carry out one request; return the fields of the reply once the change is in force."""
        async with self._lock:
            if isinstance(request, GetState):
                return {"state": self._state.to_json()}
            state = LabState() if isinstance(request, Reset) else self._state.switched(request)
            await self._enforce(state)
            return {}

    async def _enforce(self, state: LabState) -> None:
        before, self._state = self._state, state
        try:
            await self._apply(state)
        except TopologyError:
            # A change is applied whole or not at all: what came into force is taken back.
            self._state = before
            with contextlib.suppress(TopologyError):
                await self._apply(before)
            raise

    async def _apply(self, state: LabState) -> None:
        await self._send_policy(state)
        changes = []
        for namespace, (isp_id, place) in _routers().items():
            rules = state.rules(isp_id, place)
            for version in RESTORE_TOOLS:
                ruleset = encode_ruleset(rules, version)
                if self._in_force[namespace, version] != ruleset:
                    changes.append(self._load_rules(namespace, version, ruleset))
        results = await asyncio.gather(*changes, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _load_rules(self, namespace: str, version: int, ruleset: str) -> None:
        await asyncio.to_thread(
            _restore, RESTORE_TOOLS[version], self._namespaces[namespace], namespace, ruleset
        )
        self._in_force[namespace, version] = ruleset

    async def _send_policy(self, state: LabState) -> None:
        if self._streams is None:
            raise RuntimeError("the engine has not been started")
        reader, writer = self._streams
        writer.write(json.dumps(policy_of(state).to_json()).encode() + b"\n")
        await writer.drain()
        if not await reader.readline():
            raise TopologyError("the lab's servers have ended")

    async def serve_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one control connection, line by line. Nothing a client sends ends the lab."""
        with contextlib.suppress(OSError):
            while True:
                try:
                    line = await reader.readline()
                except ValueError:
                    error = f"request: expected at most {MAX_LINE_BYTES} bytes in a line"
                    writer.write(encode_reply(ok=False, error=error))
                    break
                if not line:
                    break
                writer.write(await self._reply(line))
                await writer.drain()
        writer.close()

    async def _reply(self, line: bytes) -> bytes:
        try:
            return encode_reply(ok=True, **await self.carry_out(parse_request(line)))
        except RequestError as error:
            return encode_reply(ok=False, error=str(error))
        except TopologyError as error:
            return encode_reply(ok=False, error=f"not in force: {error}")


def _routers() -> dict[str, tuple[str, Place]]:
    """Return every router, and every client, that takes rules: namespace -> (network id or "*", place)."""
    routers = {EXCHANGE: (EVERYONE, Place.EXCHANGE), TELEGRAM_ROUTER: (EVERYONE, Place.TELEGRAM_ROUTER)}
    for isp in world.ISPS.values():
        routers[isp.client_namespace] = (isp.id, Place.CLIENT)
        routers[isp.access_namespace] = (isp.id, Place.ACCESS)
        routers[isp.border_namespace] = (isp.id, Place.BORDER)
    return routers


def _restore(tool: str, fd: int, namespace: str, ruleset: str) -> None:
    with linux.inside(fd):
        run_tool([tool, "-w"], ruleset, where=namespace)


def run_engine(control: socket.socket, ca_copy: Path, on_ready: Callable[[], None]) -> None:
    """Build the lab and serve it until killed. `on_ready` is called once everything answers.

    Errors: TopologyError, OSError while building.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    plan = plan_topology()
    namespaces = build_topology(plan)
    CA_FILE.parent.mkdir(exist_ok=True)
    engine_end, services_end = socket.socketpair()
    services_pid = os.fork()
    if services_pid == 0:
        # The child must never return into its parent's code, whatever happens.
        try:
            linux.die_with_parent()
            engine_end.close()
            control.close()
            run_services(namespaces, services_end, CA_FILE)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    services_end.close()
    engine = Engine(namespaces, plan, engine_end)
    asyncio.run(_run(engine, os.pidfd_open(services_pid), control, ca_copy, on_ready))


async def _run(
    engine: Engine, services: int, control: socket.socket, ca_copy: Path, on_ready: Callable[[], None]
) -> None:
    await engine.start()
    _write_new(ca_copy, CA_FILE.read_bytes())
    server = await asyncio.start_unix_server(engine.serve_control, sock=control, limit=MAX_LINE_BYTES)
    on_ready()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(services, ended.set)
    async with server:
        await ended.wait()
    raise TopologyError("the lab's servers have ended")


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that must not be somebody else's link."""
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "wb") as file:
        file.write(data)

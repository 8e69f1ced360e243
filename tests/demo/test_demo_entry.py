"""The part of the demo outside the lab: it says where to look, waits for the replay and ends with it."""

import asyncio
from collections.abc import Callable

import pytest

import demo.__main__ as main
from observatory.runtime.processes import WebServer


async def _serve(web: WebServer, stop: asyncio.Event, *, on_ready: Callable[[str], object]) -> None:
    on_ready(f"http://127.0.0.1:{web.port}")
    await stop.wait()


@pytest.mark.parametrize("code", [0, 1])
def test_it_tells_the_address_and_ends_with_the_replay(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def replay(url: str, days_apart: float, stop: asyncio.Event) -> int:
        await asyncio.sleep(0)
        return code

    monkeypatch.setattr(main, "run_web", _serve)
    monkeypatch.setattr(main, "_replay", replay)
    assert asyncio.run(main.run("sqlite:///demo.sqlite", port=8599, stay=False, days_apart=1.0)) == code
    assert "Open http://127.0.0.1:8599 and watch it fill" in capsys.readouterr().err

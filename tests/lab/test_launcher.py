"""Starting and ending: exit codes, signals, and nothing left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.cli import main
from lab.control import LabControl, LabControlError

# A lab in the lab: these need the same rights as the lab they run in.
inside = [pytest.mark.lab, pytest.mark.slow]
LAB = [sys.executable, "-m", "lab"]
LIMIT_S = 60


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*LAB, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with start("serve", "--control", str(tmp_path / "lab.sock")) as process:
        assert process.stdout is not None
        assert "lab ready: control socket" in process.stdout.readline()
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)


class TestWithALabOfItsOwn:
    pytestmark = inside

    @pytest.mark.parametrize(
        ("situation", "command", "code"),
        [
            ("its own exit code", ["bash", "-c", "exit 42"], 42),
            ("killed by a signal", ["bash", "-c", "kill -9 $$"], 137),
            ("no such command", ["/nonexistent"], 127),
            ("environment", ["bash", "-c", 'test -S "$LAB_CONTROL" && test -s "$LAB_CA"'], 0),
            ("loopback is up", ["bash", "-c", "ip -br addr show lo | grep -q 127.0.0.1"], 0),
            ("namespaces by name", ["bash", "-c", "ip netns exec xl ip -br addr | grep -q 10.3.1.2"], 0),
        ],
    )
    def test_exit_code(self, situation: str, command: list[str], code: int) -> None:
        done = subprocess.run([*LAB, "--", *command], capture_output=True, timeout=LIMIT_S, check=False)
        assert done.returncode == code

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signals_reach_the_command(self, number: signal.Signals) -> None:
        script = f"import signal; print('up', flush=True); exit(50 + signal.sigwait([{int(number)}]))"
        block = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [{int(number)}]); "
        with start("--", sys.executable, "-c", block + script) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            process.send_signal(number)
            assert process.wait(LIMIT_S) == 50 + number

    def test_a_killed_lab_takes_everything_along(self, tmp_path: Path) -> None:
        # The writing end of a pipe, held by a process that left its session: it closes when that one dies.
        pipe = tmp_path / "alive"
        os.mkfifo(pipe)
        script = f"setsid sleep 1000 > {pipe} & echo up; wait"
        with start("--control", str(tmp_path / "lab.sock"), "--", "bash", "-c", script) as process:
            assert process.stdout is not None
            with pipe.open("rb") as alive:
                assert process.stdout.readline() == "up\n"
                process.kill()
                assert alive.read() == b""

    def test_serve_answers_from_outside_and_cleans_up(
        self, serving: subprocess.Popen[str], tmp_path: Path
    ) -> None:
        lab = LabControl(tmp_path / "lab.sock")
        lab.switch("xl", "throttle", True, ["t.me"], kbit=64)
        assert lab.state() == [{"isp": "xl", "censor": "throttle", "hosts": ["t.me"], "params": {"kbit": 64}}]
        assert "BEGIN CERTIFICATE" in (tmp_path / "lab.sock.ca.pem").read_text()
        serving.send_signal(signal.SIGINT)
        assert serving.wait(LIMIT_S) == 0
        assert list(tmp_path.iterdir()) == []

    def test_a_second_lab_does_not_take_the_socket_of_the_first(
        self, serving: subprocess.Popen[str], tmp_path: Path
    ) -> None:
        second = subprocess.run(
            [*LAB, "--control", str(tmp_path / "lab.sock"), "--", "true"],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert (second.returncode, "expected a free path" in second.stderr) == (1, True)
        assert LabControl(tmp_path / "lab.sock").state() == []

    def test_check_says_ready(self) -> None:
        done = subprocess.run([*LAB, "check"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert (done.returncode, done.stdout) == (0, "ready\n")


def test_missing_tools_are_named_with_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: None)
    assert main(["check"]) == 1
    assert "sudo apt-get install iproute2 iptables" in capsys.readouterr().err


def test_lists_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["isps"]) == 0
    assert main(["censors"]) == 0
    out = capsys.readouterr().out
    assert "AS24203" in out
    assert "sni_reset" in out
    assert main([]) == 2


def test_switch_without_a_lab_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("LAB_CONTROL", raising=False)
    assert main(["switch", "xl", "sni_reset", "on"]) == 2
    assert "python -m lab serve" in capsys.readouterr().err
    with pytest.raises(LabControlError, match="expected a running lab"):
        LabControl(tmp_path / "nothing.sock").state()

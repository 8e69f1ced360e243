"""Starting and ending: private namespaces, the lab in them, a command inside, and nothing left behind.

The caller's process (outer) forks the first process of a new PID namespace (inner); inner forks the engine
and the command. When inner ends, for whatever reason, the kernel kills everything in its PID namespace,
and the network goes with its last process.
"""

import os
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from lab import linux, preflight
from lab.topology import NETNS_DIR, TopologyError

EXIT_UNFIT: Final = 1
EXIT_BROKEN: Final = 70
_EXIT_NOT_FOUND: Final = 127
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_SI_KERNEL: Final = 0x80

Inner = Callable[[], int]


def say(text: str) -> None:
    """Write to standard error: standard output belongs to the command."""
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()


class ControlSocket:
    """The control socket, bound before any namespace is entered, so that processes outside find it."""

    def __init__(self, path: Path | None) -> None:
        self._own_directory: Path | None = None
        if path is None:
            base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
            remove_abandoned(base)
            self._own_directory = _new_directory(base, f"observatory-lab-{os.getpid()}")
            path = self._own_directory / "control.sock"
            self.ca_copy = self._own_directory / "ca.pem"
        else:
            path = path.absolute()
            self.ca_copy = path.with_name(path.name + ".ca.pem")
            if path.is_socket() and not answers(path):
                path.unlink()
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            old = os.umask(0o077)
            try:
                self.sock.bind(str(path))
            finally:
                os.umask(old)
            self.sock.listen(64)
            self.sock.setblocking(False)
        except OSError as error:
            self.sock.close()
            raise preflight.PreflightError(
                f"{path}: expected a free path of at most 100 characters in an existing folder, got {error}"
            ) from error

    def remove(self) -> None:
        self.sock.close()
        self.path.unlink(missing_ok=True)
        self.ca_copy.unlink(missing_ok=True)
        if self._own_directory:
            shutil.rmtree(self._own_directory, ignore_errors=True)


def _new_directory(base: Path, name: str) -> Path:
    """Make a folder that is ours alone; another name when this one is taken."""
    try:
        (base / name).mkdir(mode=0o700)
    except FileExistsError:
        # The same process number in another PID namespace, or a killed lab of another user.
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
    return base / name


def answers(path: Path) -> bool:
    """Return whether a process listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        try:
            sock.connect(str(path))
        except OSError:
            return False
    return True


def remove_abandoned(base: Path) -> None:
    """Remove the folders of labs that were killed before they could do so themselves."""
    for folder in base.glob("observatory-lab-*"):
        with suppress(OSError):
            found = folder.stat().st_uid == os.getuid() and (folder / "control.sock").is_socket()
            if found and not folder.is_symlink() and not answers(folder / "control.sock"):
                shutil.rmtree(folder, ignore_errors=True)


def run_isolated(inner: Inner) -> int:
    """Run `inner` in new namespaces and return its exit code; signals are passed on to it.

    Errors: PreflightError when the kernel does not allow the namespaces.
    """
    signals = {*_FORWARDED, signal.SIGCHLD}
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    uid, gid = os.geteuid(), os.getegid()
    try:
        linux.unshare(linux.CLONE_NEWPID)
    except OSError:
        try:
            linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWPID)
            _become_root(uid, gid)
        except OSError as error:
            raise preflight.explain_refusal(error) from error
    child = os.fork()
    if child == 0:
        try:
            linux.die_with_parent()
            _isolate()
            os._exit(inner())
        except preflight.PreflightError as error:
            say(str(error))
            os._exit(EXIT_UNFIT)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(EXIT_BROKEN)
    code = supervise({child}, child)
    signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
    return code


def _become_root(uid: int, gid: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _isolate() -> None:
    """Enter private network and mount namespaces with a /proc and a /run of their own."""
    try:
        linux.unshare(linux.CLONE_NEWNET | linux.CLONE_NEWNS)
        linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
        linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        _cover_run()
    except OSError as error:
        raise preflight.explain_refusal(error) from error
    # Some builds of iptables lock a file that only the real root may write.
    os.environ["XTABLES_LOCKFILE"] = "/run/xtables.lock"


def _cover_run() -> None:
    """Put a writable /run over the system's, keeping everything in it visible but the namespaces."""
    before = Path("/run")
    links: dict[str, str] = {}
    kept: dict[str, tuple[int, bool]] = {}
    for entry in before.iterdir():
        if entry.name in (NETNS_DIR.name, "lab", "xtables.lock"):
            continue
        if entry.is_symlink():
            links[entry.name] = os.readlink(entry)
            continue
        with suppress(OSError):
            kept[entry.name] = (os.open(entry, os.O_PATH | os.O_CLOEXEC), entry.is_dir())
    linux.mount("tmpfs", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    for name, target in links.items():
        (before / name).symlink_to(target)
    for name, (fd, is_folder) in kept.items():
        target_path = before / name
        if is_folder:
            target_path.mkdir()
        else:
            target_path.touch()
        with suppress(OSError):
            linux.mount(f"/proc/self/fd/{fd}", str(target_path), flags=linux.MS_BIND | linux.MS_REC)
        os.close(fd)


def supervise(children: set[int], main: int, forward: bool = True) -> int:
    """Wait until `main` ends and return its exit code; pass signals on to it, reap every other child.

    When another of `children` ends first, the lab is broken: `main` gets SIGTERM.
    """
    broken = False
    while True:
        info = signal.sigwaitinfo({*_FORWARDED, signal.SIGCHLD})
        if info.si_signo != signal.SIGCHLD:
            # A key press reaches the command by itself: the terminal signals its whole group.
            if forward and info.si_code != _SI_KERNEL:
                with suppress(ProcessLookupError):
                    os.kill(main, info.si_signo)
            continue
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return EXIT_BROKEN
            if pid == 0:
                break
            if pid == main:
                code = os.waitstatus_to_exitcode(status)
                return EXIT_BROKEN if broken else code if code >= 0 else 128 - code
            if pid in children:
                say("the emulated internet has ended by itself; ending the command")
                broken = True
                with suppress(ProcessLookupError):
                    os.kill(main, signal.SIGTERM)


def start_engine(control: ControlSocket) -> int:
    """Fork the engine and return its process id once everything answers.

    Errors: TopologyError when it ends before that (it has said why on standard error).
    """
    # Imported late: these take a quarter of a second and `lab --help` needs none of them.
    from lab.engine import run_engine

    ready, notify = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            linux.die_with_parent()
            os.close(ready)
            run_engine(control.sock, control.ca_copy, lambda: _notify(notify))
        except (TopologyError, OSError) as error:
            say(f"the emulated internet cannot run: {error}")
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(EXIT_BROKEN)
    os.close(notify)
    message = os.read(ready, 1)
    os.close(ready)
    if not message:
        raise TopologyError("the lab ended before it was ready")
    return child


def _notify(pipe: int) -> None:
    os.write(pipe, b"1")
    os.close(pipe)


def start_command(command: Sequence[str], extra: Mapping[str, str]) -> int:
    """Fork and execute a command with some more environment; return its process id."""
    child = os.fork()
    if child == 0:
        try:
            linux.die_with_parent()
            os.environ.update(extra)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_FORWARDED, signal.SIGCHLD})
            os.execvp(command[0], list(command))
        except OSError as error:
            say(f"cannot run {command[0]}: {error.strerror}")
        finally:
            os._exit(_EXIT_NOT_FOUND)
    return child


def leave(code: int) -> NoReturn:
    """End this process at once, without the exit work of anything imported."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

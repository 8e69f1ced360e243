"""What this machine must allow for the lab, and the exact remedy where it does not."""

import errno
import importlib.util
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lab import linux
from lab.nfqueue import Copy, Queue
from lab.topology import TopologyError, run_tool

# Ordinary users' PATH lacks these on Debian, and the tools live there.
TOOL_PATHS: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin")
_PACKAGES: Final = {"ip": "iproute2"} | dict.fromkeys(
    ("iptables", "iptables-restore", "ip6tables-restore"), "iptables"
)
_MODULES: Final = {"dns": "dnspython", "cryptography": "cryptography", "h11": "h11"}
_TRIALS: Final = (
    ("the string match", "xt_string", '-A FORWARD -p tcp -m string --algo kmp --icase --string "x" -j DROP'),
    ("connection marks", "xt_connmark", "-A FORWARD -m connmark --mark 0x1/0x1 -j DROP"),
    (
        "the statistic match",
        "xt_statistic",
        "-A FORWARD -m statistic --mode random --probability 0.5 -j DROP",
    ),
    (
        "the hashlimit match",
        "xt_hashlimit",
        "-A FORWARD -p tcp -m hashlimit --hashlimit-name trial --hashlimit-mode srcip,srcport "
        "--hashlimit-above 600/min --hashlimit-burst 4 -j DROP",
    ),
    ("the length match", "xt_length", "-A FORWARD -m length --length 500:65535 -j DROP"),
    ("the REJECT target", "ipt_REJECT", "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset"),
    ("the NFQUEUE target", "xt_NFQUEUE nfnetlink_queue", "-A FORWARD -j NFQUEUE --queue-num 1"),
)
_NAT_TRIAL: Final = "*nat\n-A PREROUTING -p udp -j DNAT --to-destination 192.0.2.1:53\nCOMMIT\n"

# The matches are the same modules for both versions of IP; this tries the targets that IPv6 has of its own.
_TRIAL_V6: Final = (
    "*filter\n-A FORWARD -d 2001:db8::1 -j REJECT --reject-with icmp6-adm-prohibited\nCOMMIT\n"
    "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 1\nCOMMIT\n"
)


class PreflightError(RuntimeError):
    """The machine lacks something; the text is one line with the remedy."""


def extend_path() -> None:
    """Add the folders of the tools, which ordinary users' PATH lacks."""
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*parts, *(path for path in TOOL_PATHS if path not in parts)])


def check_installed() -> None:
    """Check tools and Python packages. Errors: PreflightError."""
    if not Path("/proc/self/ns/net").exists():
        raise PreflightError("the lab needs Linux with network namespaces: use a Linux machine or VM")
    packages = sorted({package for tool, package in _PACKAGES.items() if not shutil.which(tool)})
    if packages:
        raise PreflightError(
            f"missing tools: run `sudo apt-get install {' '.join(packages)}` (or your system's equivalent)"
        )
    modules = [package for name, package in _MODULES.items() if importlib.util.find_spec(name) is None]
    if modules:
        raise PreflightError(f"missing Python packages: run `python -m pip install {' '.join(modules)}`")


def explain_refusal(error: OSError) -> PreflightError:
    """Return why the kernel did not let us make namespaces, and what to do about it."""
    # A limit of zero namespaces is reported as a full disk.
    if error.errno in (errno.ENOSPC, errno.EUSERS):
        return PreflightError(
            "user namespaces are switched off (user.max_user_namespaces): "
            "run `sudo sysctl -w user.max_user_namespaces=15000`, or run the lab as root"
        )
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return PreflightError(
            "AppArmor restricts user namespaces: run "
            "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or run the lab as root"
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return PreflightError(
            "user namespaces are for root only here: run "
            "`sudo sysctl -w kernel.unprivileged_userns_clone=1`, or run the lab as root"
        )
    return PreflightError(
        f"the kernel does not let this user make namespaces ({error}): in a container, start it with "
        "`--privileged` (Docker, Podman); elsewhere run the lab as root"
    )


def _setting(name: str) -> str:
    try:
        return (Path("/proc/sys") / name).read_text().strip()
    except OSError:
        return ""


def check_kernel() -> None:
    """Try, inside the lab's own namespaces, every kernel feature a censor uses. Errors: PreflightError."""
    if not os.access("/proc/sys/net/ipv4/ip_forward", os.W_OK):
        raise PreflightError(
            "/proc/sys is read-only here, so no router can be made: in a container, start it with "
            "`--privileged`; elsewhere run the lab as root"
        )
    namespace = linux.new_network_namespace()
    try:
        with linux.inside(namespace):
            for problem in (*_try_rules(), *_try_ipv6()):
                raise PreflightError(problem)
        Queue(namespace, 1, Copy.WHOLE).close()
    except OSError as error:
        raise PreflightError(f"no NFQUEUE ({error}): run `sudo modprobe nfnetlink_queue`") from error
    finally:
        os.close(namespace)


def _try_rules() -> Iterator[str]:
    everything = "*filter\n" + "".join(f"{line}\n" for _, _, line in _TRIALS) + "COMMIT\n" + _NAT_TRIAL
    try:
        run_tool(["iptables-restore", "-w"], everything)
        return
    except TopologyError as error:
        whole = str(error)
    for name, module, line in _TRIALS:
        try:
            run_tool(["iptables-restore", "-w"], f"*filter\n{line}\nCOMMIT\n")
        except TopologyError:
            yield f"iptables lacks {name}: run `sudo modprobe {module}` (or use a kernel that has it)"
    yield f"iptables does not work here: run `sudo modprobe -a ip_tables iptable_nat nf_tables`; {whole}"


def _try_ipv6() -> Iterator[str]:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        yield "this kernel runs without IPv6: start it without `ipv6.disable=1` on its command line"
        return
    try:
        run_tool(["ip6tables-restore", "-w"], _TRIAL_V6)
    except TopologyError as error:
        yield (
            "ip6tables does not work here: "
            f"run `sudo modprobe -a ip6_tables ip6table_nat ip6t_REJECT nf_tables`; {error}"
        )

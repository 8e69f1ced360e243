"""The command line of the lab: run a command inside, serve, check, list, switch."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from lab import launcher, linux, preflight, world
from lab.censors import CENSORS
from lab.control import LabControl, LabControlError
from lab.launcher import ControlSocket, say
from lab.topology import TopologyError, run_tool

_DESCRIPTION = """\
An emulated internet with Indonesian ISPs that can censor Telegram, inside this machine.

  python -m lab -- COMMAND ...   build it, run COMMAND inside, take it down; exit code of COMMAND
  python -m lab serve            build it and keep it up until Ctrl-C
  python -m lab check            say whether this machine can run it, and what to do if not
  python -m lab isps             list the networks        python -m lab censors   list the censors
  python -m lab switch xl sni_reset on                    switch a censor in a running lab

Needs no root where user namespaces are allowed, and touches nothing outside its own namespaces.
Inside, every network is a namespace: `ip netns exec xl COMMAND` runs COMMAND as a customer of XL.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--control", type=Path, metavar="PATH", help="where to put the control socket")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    serve = actions.add_parser("serve", help="keep the lab up until Ctrl-C or SIGTERM")
    serve.add_argument(
        "--control",
        type=Path,
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="where to put the control socket",
    )
    actions.add_parser("check", help="say whether this machine can run the lab")
    actions.add_parser("isps", help="list the networks")
    actions.add_parser("censors", help="list the censors and failures")
    switch = actions.add_parser("switch", help="switch a censor or failure in a running lab")
    switch.add_argument(
        "isp", help="a network id, or * for all that probe or for failures that concern everyone"
    )
    switch.add_argument("censor", help="one of `python -m lab censors`")
    switch.add_argument("state", choices=("on", "off"))
    switch.add_argument("--hosts", help="comma-separated names or data centres; default: all it can aim at")
    switch.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="such as kbit=64; may be repeated"
    )
    switch.add_argument(
        "--control",
        type=Path,
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="the control socket of the running lab; default: $LAB_CONTROL",
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Carry out one command line and return the exit code."""
    given = list(arguments)
    command: list[str] | None = None
    if "--" in given:
        at = given.index("--")
        given, command = given[:at], given[at + 1 :]
    parser = _parser()
    options = parser.parse_args(given)
    if command is not None and (options.action or not command):
        parser.error("expected a command after -- and no action before it, such as: python -m lab -- pytest")
    if command is None and options.action is None:
        parser.print_help()
        return 2
    try:
        return _carry_out(options, command)
    except preflight.PreflightError as error:
        say(str(error))
        return launcher.EXIT_UNFIT
    except LabControlError as error:
        say(str(error))
        return 2


def _carry_out(options: argparse.Namespace, command: list[str] | None) -> int:
    if options.action == "isps":
        return _list_isps()
    if options.action == "censors":
        return _list_censors()
    if options.action == "switch":
        return _switch(options)
    preflight.extend_path()
    preflight.check_installed()
    if options.action == "check":
        return _check()
    return _run(options.control, command)


def _check() -> int:
    code = launcher.run_isolated(_check_inside)
    if code == 0:
        sys.stdout.write("ready\n")
    return code


def _check_inside() -> int:
    preflight.check_kernel()
    return 0


def _run(control_path: Path | None, command: list[str] | None) -> int:
    control = ControlSocket(control_path)
    outer_pid = os.getpid()

    def inside() -> int:
        preflight.check_kernel()
        run_tool(["ip", "link", "set", "lo", "up"], "")
        try:
            engine = launcher.start_engine(control)
        except TopologyError as error:
            say(str(error))
            return launcher.EXIT_BROKEN
        if command is None:
            _announce(control, outer_pid)
            main_process = _start_waiting()
        else:
            from lab.engine import CA_FILE

            # The commands installed beside this Python are found without activating its environment.
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
            environment = {"LAB_CONTROL": str(control.path), "LAB_CA": str(CA_FILE), "PATH": path}
            main_process = launcher.start_command(command, environment)
        control.sock.close()
        return launcher.supervise({engine}, main_process)

    try:
        return launcher.run_isolated(inside)
    finally:
        control.remove()


def _start_waiting() -> int:
    """Fork the process that stands for `serve`: it waits for the signal to end."""
    child = os.fork()
    if child == 0:
        linux.die_with_parent()
        signal.sigwait({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        launcher.leave(0)
    return child


def _announce(control: ControlSocket, outer_pid: int) -> None:
    sys.stdout.write(
        f"lab ready: control socket {control.path}, lab CA {control.ca_copy}; "
        f"switch with: LAB_CONTROL={control.path} python -m lab switch xl sni_reset on\n"
    )
    sys.stdout.flush()


def _list_isps() -> int:
    for isp in world.ISPS.values():
        role = "control" if isp.is_control else "probe"
        sys.stdout.write(
            f"{isp.id:<12} AS{isp.asn:<6} {isp.brand:<20} {isp.city}, {isp.country}; {role}; "
            f"resolver {isp.resolver}\n"
        )
    return 0


def _list_censors() -> int:
    for is_failure, heading in ((False, "censors"), (True, "failures that are not censorship")):
        sys.stdout.write(f"{heading}:\n")
        for censor in CENSORS.values():
            if censor.is_failure is not is_failure:
                continue
            params = "".join(f" [{name}={param.default}]" for name, param in censor.params.items())
            sys.stdout.write(f"  {censor.id:<20} {censor.scope:<9} {censor.summary}{params}\n")
    return 0


def _switch(options: argparse.Namespace) -> int:
    params: dict[str, int | float | str] = {}
    for pair in options.param:
        name, separator, text = pair.partition("=")
        if not separator:
            raise LabControlError(f"--param: expected NAME=VALUE, got {pair!r}")
        try:
            params[name] = float(text)
        except ValueError:
            params[name] = text
    hosts = options.hosts.split(",") if options.hosts else None
    LabControl(options.control).switch(options.isp, options.censor, options.state == "on", hosts, **params)
    return 0

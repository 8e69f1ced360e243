"""Run a command that ends when the process that started it does, however that ends.

    python -m observatory.runtime.die_with_parent PARENT_PID COMMAND [ARGUMENT ...]

The kernel keeps the setting across execve(2), so the command itself needs to know nothing of it.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(arguments: list[str]) -> None:
    """Become the command. Where there is no such setting (not Linux), the command runs without it.

    Source: prctl(2).
    """
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # It may have died before the setting was made.
        if os.getppid() != parent:
            sys.exit("the process that started this one is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])

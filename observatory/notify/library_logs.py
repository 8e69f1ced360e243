"""The logs of libraries that know the tokens of channels."""

import logging
from typing import Final

_LEVELS: Final = {
    "apprise": logging.WARNING,
    "oauthlib": logging.ERROR,
    "requests": logging.ERROR,
    "requests_oauthlib": logging.ERROR,
    "urllib3": logging.ERROR,
}


def silence_libraries() -> None:
    """Keep the words of libraries that know the tokens out of every log, whatever the level of the others.

    apprise names addresses whole below WARNING, urllib3 below ERROR.
    """
    for name, level in _LEVELS.items():
        log = logging.getLogger(name)
        log.setLevel(level)
        log.propagate = False
        if not log.handlers:
            # Without one, what is left would go to the standard error.
            log.addHandler(logging.NullHandler())

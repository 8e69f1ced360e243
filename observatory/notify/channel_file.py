"""The channels of alerts.yaml as they were last read without a mistake."""

import logging
from pathlib import Path

from observatory.config.alerts import load_channels, warn_rights
from observatory.config.problems import ConfigError
from observatory.model.channels import Channels

logger = logging.getLogger("observatory.notify")


class ChannelFile:
    """Reads alerts.yaml again at every pass; an edit with a mistake must not stop any alerts."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._last_good: Channels | None = None
        self._last_error = ""

    def read(self, path: Path) -> Channels:
        """Return the channels of the file, those last read without a mistake, or none.

        Errors: none; a file with mistakes is logged, once for each text of them, and one that everybody may
                read at the first time.
        """
        if path != self._path:
            self._path, self._last_good, self._last_error = path, None, ""
            if warning := warn_rights(path):
                logger.warning(warning)
        try:
            self._last_good, self._last_error = load_channels(path), ""
        except ConfigError as error:
            if str(error) != self._last_error:
                self._last_error = str(error)
                consequence = (
                    "the last valid version is used"
                    if self._last_good
                    else "no alert is sent until it is corrected"
                )
                logger.error("%s\n%s: %s", error, path, consequence)
        return self._last_good or Channels(path=str(path))

"""Why a message was not taken, in words without secrets."""


class SendError(Exception):
    """A message was not taken. `in_doubt`: it may have come through all the same. The text has no secret."""

    def __init__(self, reason: str, *, in_doubt: bool = False) -> None:
        super().__init__(reason)
        self.in_doubt = in_doubt

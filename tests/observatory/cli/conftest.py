"""The commands of alerts tell the same town as the tests of `observatory.notify`."""

from tests.observatory.notify.conftest import empty, receiver, store, town, url

__all__ = ["empty", "receiver", "store", "town", "url"]

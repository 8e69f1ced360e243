"""Everything one OONI measurement holds about one target, as observations."""

from collections.abc import Mapping
from typing import Any

from observatory.importers.notes import Notes
from observatory.importers.ooni_connections import read_connects, read_handshakes, read_quic
from observatory.importers.ooni_dns import read_queries
from observatory.importers.ooni_pages import read_pages
from observatory.importers.ooni_redirects import read_redirects
from observatory.importers.ooni_scope import Scope
from probes.records import AnyObservation


def observe(test_keys: Mapping[str, Any], scope: Scope) -> tuple[AnyObservation, ...]:
    """Return names, connects, handshakes and pages of the target, in this order, and pages that they led to.

    Errors: Rejected.
    """
    notes = Notes()
    names = tuple(read_queries(test_keys, scope.name, notes))
    connects = tuple(read_connects(test_keys, scope, notes))
    handshakes = tuple(read_handshakes(test_keys, scope, notes))
    quic = tuple(read_quic(test_keys, scope, notes))
    pages = tuple(read_pages(test_keys, scope, handshakes, notes))
    redirects = tuple(read_redirects(test_keys, scope.name, notes))
    return (*names, *connects, *handshakes, *quic, *pages, *redirects)

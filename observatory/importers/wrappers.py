"""Measurements out of what OONI's services wrap them in.

    {"metadata": …, "results": […]}                 a page of a list, as the API gives it
    {"raw_measurement": "{…}", "measurement_uid": …} one measurement with what the API knows of it
    {"format": "json", "content": …}                 as the collector received it

Source: ooni/backend, `/api/v1/measurements`, `/api/v1/measurement_meta?full=true`, postcans.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from observatory.importers.documents import Document
from observatory.importers.fields import Rejected

# A wrapper in a wrapper is possible, such as raw measurements in a page of results.
MAX_DEPTH: Final = 4


def unwrap(document: Document) -> Iterator[Document]:
    """Yield the measurements in a document: usually itself.

    Shape:  `within` says which one of a wrapper it is, `problem` why what is wrapped is none.
    """
    yield from _unwrap(document, MAX_DEPTH)


def _unwrap(document: Document, depth: int) -> Iterator[Document]:
    data = document.data
    if document.problem is not None or not isinstance(data, dict) or "test_keys" in data or depth == 0:
        yield document
        return
    if isinstance(data.get("results"), list):
        for place, one in enumerate(data["results"]):
            yield from _unwrap(
                replace(document, data=one, within=f"{document.within}results[{place}]: "), depth - 1
            )
        return
    for key in ("raw_measurement", "content"):
        if key not in data or (key == "content" and data.get("format") != "json"):
            continue
        try:
            inner = _with_uid(_load(data[key], key), data)
        except Rejected as error:
            yield replace(document, data=None, problem=str(error))
        else:
            yield from _unwrap(replace(document, data=inner), depth - 1)
        return
    if "measurement_url" in data:
        problem = (
            "expected a measurement, got an entry of a list: fetch what its measurement_url names, "
            "or ask for it with full=true"
        )
        yield replace(document, data=None, problem=problem)
        return
    yield document


def _load(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or not value.strip():
        found = "nothing" if value is None or value == "" else type(value).__name__
        raise Rejected(f"{key}: expected a measurement as JSON text, got {found}")
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"{key}: expected a measurement as JSON text: {error}"[:300]) from error


def _with_uid(inner: Any, wrapper: Mapping[str, Any]) -> Any:
    """What is wrapped does not know the id that it was given when it arrived."""
    uid = wrapper.get("measurement_uid")
    if isinstance(inner, dict) and uid and not inner.get("measurement_uid"):
        return {**inner, "measurement_uid": uid}
    return inner

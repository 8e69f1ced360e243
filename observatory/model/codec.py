"""Spells and events as JSON: what is stored, exported, and handed to other programs."""

import json
from typing import Any, Final

from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.json import make_converter

from observatory.model.events import DailyWindow, Event, Spell

_converter = make_converter(omit_if_default=True)
_converter.register_unstructure_hook(
    DailyWindow, lambda w: [w.start.isoformat("minutes"), w.to.isoformat("minutes")]
)
_converter.register_structure_hook(DailyWindow, lambda w, _: DailyWindow.parse(*w))
# Stored rows and public JSON keep the keys they were first written with.
_ONSET_KEY: Final = override(rename="onset_is_ours")
_END_KEY: Final = override(rename="end_is_ours")
_converter.register_unstructure_hook(
    Spell,
    make_dict_unstructure_fn(
        Spell,
        _converter,
        _cattrs_omit_if_default=True,
        onset_from_rule_change=_ONSET_KEY,
        end_from_rule_change=_END_KEY,
    ),
)
_converter.register_structure_hook(
    Spell,
    make_dict_structure_fn(
        Spell, _converter, onset_from_rule_change=_ONSET_KEY, end_from_rule_change=_END_KEY
    ),
)


def encode_spell(spell: Spell) -> str:
    """Return a spell as JSON text; what has its default is left out."""
    return json.dumps(_converter.unstructure(spell), separators=(",", ":"))


def parse_spell(body: str) -> Spell:
    """Return the spell that was encoded."""
    return _converter.structure(json.loads(body), Spell)


def encode_event(event: Event) -> dict[str, Any]:
    """Return the JSON object of an event; what has its default is left out."""
    encoded: dict[str, Any] = _converter.unstructure(event)
    return encoded


def parse_event(body: str) -> Event:
    """Return the event whose JSON object was written as text."""
    return _converter.structure(json.loads(body), Event)

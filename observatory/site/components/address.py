"""Choices kept in the page's address, so that a link shows what its sender saw."""

from collections.abc import Callable, Sequence
from datetime import date

import streamlit as st

from observatory.text import LANGUAGES, Text, load_text, match_language
from observatory.views.addresses import parse_days, write_days


def choose_language() -> Text:
    """Return the catalogue of the language in the address, else the one chosen before, else the browser's."""
    asked = st.query_params.get("lang")
    if asked in LANGUAGES:
        st.session_state["address.lang"] = asked
    elif "address.lang" in st.session_state:
        # Going to another page empties the address.
        st.query_params["lang"] = st.session_state["address.lang"]
    return load_text(st.session_state.get("address.lang") or match_language(st.context.locale))


def show_language_switch(text: Text) -> None:
    """Draw the switch; a choice goes into the address."""
    st.session_state["choose.lang"] = text.language
    st.segmented_control(
        text("app.language"),
        tuple(LANGUAGES),
        format_func=lambda language: LANGUAGES[language],
        key="choose.lang",
        required=True,
        label_visibility="collapsed",
        on_change=_keep,
        args=("lang",),
    )


def choose_one(
    name: str, label: str, options: Sequence[str], words: Callable[[str], str], *, as_buttons: bool = False
) -> str:
    """Draw a choice of one option and return it; the address holds the option, never its translation."""
    key = f"choose.{name}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = _known(name, options) or options[0]
    _restore(name)
    if as_buttons:
        st.segmented_control(
            label,
            options,
            format_func=words,
            key=key,
            required=True,
            on_change=_keep,
            args=(name,),
            wrap=True,
        )
    else:
        st.selectbox(label, options, format_func=words, key=key, on_change=_keep, args=(name,))
    chosen: str = st.session_state[key]
    return chosen


def choose_days(name: str, label: str, default: tuple[date, date]) -> tuple[date, date] | None:
    """Draw a range of days and return it; None while only its first day is chosen.

    A range that nobody changed follows the data.
    """
    key, key_default = f"choose.{name}", f"default.{name}"
    untouched = st.session_state.get(key) == st.session_state.get(key_default)
    if key not in st.session_state:
        st.session_state[key] = parse_days(_asked(name)) or default
    elif untouched:
        st.session_state[key] = default
    st.session_state[key_default] = default
    _restore(name)
    chosen = st.date_input(label, key=key, format="YYYY-MM-DD", on_change=_keep_days, args=(name,))
    if isinstance(chosen, tuple) and len(chosen) == 2:
        return chosen[0], chosen[1]
    return None


def asked(name: str) -> str | None:
    """Return what the address itself says, never what was chosen before."""
    value: str | None = st.query_params.get(name)
    return value


def _asked(name: str) -> str | None:
    return st.query_params.get(name) or st.session_state.get(f"address.{name}")


def _known(name: str, options: Sequence[str]) -> str | None:
    asked = _asked(name)
    return asked if asked in options else None


def _restore(name: str) -> None:
    kept = st.session_state.get(f"address.{name}")
    if kept and name not in st.query_params:
        st.query_params[name] = kept


def _keep(name: str) -> None:
    _put(name, st.session_state[f"choose.{name}"])


def _keep_days(name: str) -> None:
    chosen = st.session_state[f"choose.{name}"]
    if len(chosen) == 2:
        _put(name, write_days(*chosen))


def _put(name: str, value: str) -> None:
    st.session_state[f"address.{name}"] = value
    st.query_params[name] = value

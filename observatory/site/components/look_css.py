"""The colours and patterns of states as CSS classes, made from the looks that charts have."""

from typing import Final

from observatory.figures.looks import LOOKS

_HATCH: Final = {
    "/": "repeating-linear-gradient(-45deg, {ink}44 0 1px, transparent 1px 6px)",
    "\\": "repeating-linear-gradient(45deg, {ink}55 0 1px, transparent 1px 7px)",
    "x": "repeating-linear-gradient(45deg, {ink}33 0 1px, transparent 1px 6px),"
    " repeating-linear-gradient(-45deg, {ink}33 0 1px, transparent 1px 6px)",
    ".": "radial-gradient({ink}66 1px, transparent 1.4px) 0 0 / 6px 6px",
    "-": "repeating-linear-gradient(0deg, {ink}55 0 1px, transparent 1px 6px)",
}


def look_css() -> str:
    """Return a class for each state and for `no_data`."""
    rules = []
    for shown, look in LOOKS.items():
        layers = [_HATCH[look.pattern].format(ink=look.ink)] if look.pattern else []
        background = ", ".join([*layers, f"linear-gradient({look.fill}, {look.fill})"])
        halo = ", ".join([f"0 0 3px {look.fill}"] * 4)
        rules.append(f".{shown} {{ background: {background}; color: {look.ink}; text-shadow: {halo}; }}")
    return "\n".join(rules)

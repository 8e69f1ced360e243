"""What the components send to the browser: files that the package carries, words that never become markup."""

from pathlib import Path

import pytest

from observatory.model import State
from observatory.site import components
from observatory.site.components.browser_parts import read_part
from observatory.site.components.look_css import look_css
from observatory.views.shown import NO_DATA

PARTS = sorted(
    path.name
    for path in Path(components.__file__).parent.iterdir()
    if path.suffix in (".css", ".html", ".js")
)


@pytest.mark.parametrize("name", PARTS)
def test_each_part_is_used_and_can_be_read(name: str) -> None:
    assert read_part(name).strip()
    code = [path.read_text(encoding="utf-8") for path in Path(components.__file__).parent.glob("*.py")]
    assert any(f'read_part("{name}")' in text or f"read_part('{name}')" in text for text in code)


@pytest.mark.parametrize("name", [name for name in PARTS if name.endswith(".js")])
def test_scripts_place_words_as_text_only(name: str) -> None:
    script = read_part(name)
    for markup in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert markup not in script


def test_no_part_asks_another_host_for_anything() -> None:
    for name in PARTS:
        assert "http:" not in read_part(name) and "https:" not in read_part(name)
        assert "@import" not in read_part(name) and "url(" not in read_part(name)


@pytest.mark.parametrize("shown", [*State, NO_DATA])
def test_each_state_has_a_class_of_its_own(shown: str) -> None:
    assert look_css().count(f".{shown} {{") == 1


def test_a_part_that_is_not_carried_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        read_part("absent.js")

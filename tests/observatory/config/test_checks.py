"""Checks of single values."""

from observatory.config.checks import list_countries


def test_countries_are_those_of_iso_3166() -> None:
    assert len(list_countries()) == 249 + 1
    assert {"ID", "SG", "NO", "ZZ"} <= set(list_countries())
    assert not {"EU", "XK", "UN"} & set(list_countries())

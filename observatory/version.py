"""Which software this is, as its measurements and exports say."""

from importlib.metadata import PackageNotFoundError, version


def software_version() -> str:
    """Return the name and version that measurements carry."""
    try:
        return f"telegram-block-observatory {version('telegram-block-observatory')}"
    except PackageNotFoundError:
        return "telegram-block-observatory (not installed)"

"""What is known before anything is measured: targets, prefixes, networks, block pages, known dates."""

from observatory.reference.files import load_yaml
from observatory.reference.reference_data import load_reference
from observatory.reference.targets import TARGET_GROUPS, load_targets

__all__ = ["TARGET_GROUPS", "load_reference", "load_targets", "load_yaml"]

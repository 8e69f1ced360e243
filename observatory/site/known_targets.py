"""The targets of the reference data, by group; views add others that were measured."""

from functools import cache

from observatory.reference import load_targets
from observatory.views.matrix import TargetGroup


@cache
def known_targets() -> dict[TargetGroup, tuple[str, ...]]:
    return {group: tuple(t.name for t in load_targets() if t.kind == group.value) for group in TargetGroup}

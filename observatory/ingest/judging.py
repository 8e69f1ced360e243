"""The function that judges: the rules of the running version with the reference data in force."""

import logging
from collections.abc import Sequence

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import RULES_VERSION, judge_measurement
from observatory.model import Layer, State, Verdict
from observatory.reference import load_reference
from probes.records import Measurement

logger = logging.getLogger(__name__)


def judge_by_current_rules(
    measurement: Measurement, canary: Measurement | None, controls: Sequence[Control], provisional: bool
) -> Verdict:
    """Return what a measurement means by the rules of today.

    Shape:  `canary` is the one of the same round, None when that round has none.
    Errors: none. A rule that fails on hostile content must not cost the round its observations: the verdict
            is then `insufficient` by `guard.judge_failed`, and a mended version can judge the stored ones
            again.
    """
    reference = load_reference()
    try:
        return judge_measurement(measurement, canary, controls, reference=reference, provisional=provisional)
    except Exception:
        logger.exception("judging measurement %s of %s failed", measurement.id, measurement.target)
        return Verdict(
            state=State.INSUFFICIENT,
            layer=Layer.NONE,
            mechanism=None,
            rule_id="guard.judge_failed",
            rules_version=RULES_VERSION,
            reference_version=reference.version,
            provisional=provisional,
        )

"""The list of techniques and the records they leave are one: neither can drift from the other."""

from typing import get_args

from probes.records import AnyObservation, encode_measurement
from probes.registry import TECHNIQUES
from tests.observatory.analysis.judging.builder import centre, host


def test_every_observation_has_its_technique() -> None:
    assert {t.record for t in TECHNIQUES} == set(get_args(AnyObservation))


def test_the_name_is_the_one_that_json_carries() -> None:
    names = {technique.record: technique.name for technique in TECHNIQUES}
    for measured in (host(), centre()):
        encoded = encode_measurement(measured)["observations"]
        for observation, data in zip(measured.observations, encoded, strict=True):
            assert data["technique"] == names[type(observation)]

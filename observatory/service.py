"""`observatory up`: the probing process, and beside it the web process."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from observatory.analysis.case import Control
from observatory.analysis.judge import judge_measurement
from observatory.collector import Collector
from observatory.config import ConfigWatcher
from observatory.data import load_reference, load_targets
from observatory.lock import LockHeld, hold_lock
from observatory.model import Config, VantagePoint, Verdict
from observatory.rounds import measure_vantage, utc_now
from observatory.schedule import Scheduler
from observatory.store import StoreError, open_store
from observatory.supervise import run_web
from probes.records import Measurement


class ServiceError(Exception):
    """The service cannot start; the message says why and what to do."""


def judge(
    measurement: Measurement, canary: Measurement | None, controls: Sequence[Control], provisional: bool
) -> Verdict:
    """The rules with the reference data that ships, as the collector calls them."""
    return judge_measurement(
        measurement, canary, controls, reference=load_reference(), provisional=provisional
    )


async def run_service(config_path: Path, *, web: tuple[str, int] | None) -> None:
    """Probe on schedule until SIGTERM or SIGINT; serve the dashboard beside it.

    Errors: ServiceError when another scheduler holds the database, or it cannot be opened.
    """
    ...

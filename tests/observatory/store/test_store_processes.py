"""A writer is killed at any moment; readers read while it writes."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from observatory.model import Grain
from observatory.store import open_reader, open_store
from tests.observatory.store.samples import AT, DAY
from tests.observatory.store.writer_process import N_PER_ROUND

ROOT = Path(__file__).parents[3]


@contextmanager
def _writing(url: str, name: str) -> Iterator[IO[str]]:
    """Lines of acknowledged rounds; killed with SIGKILL on leaving."""
    command = [sys.executable, "-m", "tests.observatory.store.writer_process", url, name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_rounds(url: str) -> None:
    acknowledged: set[str] = set()
    chance = random.Random(20170714)
    for attempt in range(6):
        with _writing(url, f"w{attempt}") as lines:
            for _ in range(chance.randint(1, 25)):
                acknowledged.add(lines.readline().strip())
            # What came between the last line read and the kill may be anywhere in a transaction.
        with open_store(url) as store:
            rounds = Counter(m.round_id for m in store.load_measurements())
            assert set(rounds.values()) == {N_PER_ROUND}
            assert acknowledged <= rounds.keys()
            assert store.load_coverage().n_measurements == rounds.total()
            assert store.recompute_cells(AT - DAY, AT + DAY) == 0


@pytest.mark.slow
def test_a_reader_is_not_disturbed_by_a_writer(url: str) -> None:
    open_store(url).close()
    with _writing(url, "w") as lines, open_reader(url) as reader:
        seen = 0
        for n_rounds in range(1, 60):
            lines.readline()
            coverage = reader.load_coverage()
            # What was acknowledged is seen at once, and only whole rounds ever are.
            assert coverage.n_measurements >= max(seen, n_rounds * N_PER_ROUND)
            assert coverage.n_measurements % N_PER_ROUND == 0
            seen = coverage.n_measurements
            assert len(reader.load_latest()) == N_PER_ROUND
            assert sum(s.n for s in reader.load_share(Grain.DAY, AT - DAY, AT + DAY, by="target")) >= seen

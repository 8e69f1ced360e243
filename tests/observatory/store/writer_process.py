"""A writer to be killed: stores rounds for ever, says which were acknowledged.

Run: python -m tests.observatory.store.writer_process URL NAME
"""

import sys
from datetime import timedelta
from itertools import count

from observatory.model import State
from observatory.store import open_store
from tests.observatory.store.samples import AT, make_measurement, make_observations, make_verdict

N_PER_ROUND = 5


def write_rounds(url: str, name: str) -> None:
    with open_store(url) as store:
        for number in count():
            round_id = f"{name}-{number}"
            verdict = make_verdict(list(State)[number % len(State)], provisional=True)
            batch = [
                (
                    make_measurement(
                        f"{round_id}-{i}",
                        round_id=round_id,
                        target=f"host{i}",
                        at=AT + timedelta(minutes=number),
                        observations=make_observations(body=f"{round_id}-{i}".encode()),
                    ),
                    verdict,
                )
                for i in range(N_PER_ROUND)
            ]
            store.save_measurements(batch, received_at=AT)
            store.replace_verdicts({m.id: make_verdict() for m, _ in batch})
            sys.stdout.write(f"{round_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    write_rounds(sys.argv[1], sys.argv[2])

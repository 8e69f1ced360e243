"""Opening a database: fresh, at the same time as others, too new, somebody else's, not there."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from observatory.store import Store, StoreError, StoreLost, StoreUnavailable, open_reader, open_store
from observatory.store.schema import METADATA
from tests.observatory.store.backdoor import connect
from tests.observatory.store.samples import AT, make_measurement, make_verdict

ROOT = Path(__file__).parents[3]
OPEN = "import sys; from observatory.store import open_store; open_store(sys.argv[1]).close()"


def test_the_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    with connect(store) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_folders_are_made_and_a_second_opening_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/some/where/observatory.sqlite"
    for _ in range(2):
        open_store(url).close()
    with open_reader(url) as reader:
        assert reader.load_coverage().n_measurements == 0


def test_processes_open_a_fresh_file_at_once(url: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", OPEN, url], cwd=ROOT, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, b"")


def test_the_environment_names_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVATORY_DATABASE", f"sqlite:///{tmp_path}/named.sqlite")
    open_store().close()
    assert (tmp_path / "named.sqlite").is_file()


def test_a_newer_version_wrote_it(url: str, store: Store) -> None:
    with connect(store) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for opened in (open_store, open_reader):
        with pytest.raises(StoreUnavailable, match=r"version 9999, newer.*upgrade the software"):
            opened(url)


def test_it_belongs_to_another_program(url: str, store: Store) -> None:
    with connect(store) as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(StoreUnavailable, match="expected a database of the observatory"):
        open_store(url)


def test_it_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    with pytest.raises(StoreError, match=r"not a SQLite file"):
        open_store(f"sqlite:///{path}")
    assert path.read_text() == "remember the milk\n" * 100


def test_a_reader_finds_nothing_to_read(tmp_path: Path) -> None:
    path = tmp_path / "missing.sqlite"
    with pytest.raises(StoreUnavailable, match=r"no database yet.*`observatory up` or `make run`"):
        open_reader(f"sqlite:///{path}")
    assert not path.exists()
    path.touch()
    with pytest.raises(StoreUnavailable, match="expected tables of version"):
        open_reader(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("var/observatory.sqlite", r"^database address \(--database or OBSERVATORY_DATABASE\): expected"),
        ("sqlite://", "expected the path of a file"),
        ("sqlite:///:memory:", "expected the path of a file"),
        ("postgresql://user:secret@db/observatory", r"\*\*\*@db/observatory: expected sqlite"),
    ],
)
def test_an_address_that_cannot_be_used(url: str, message: str) -> None:
    with pytest.raises(StoreUnavailable, match=message):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql//bob:secret@db/x",
        "host=db user=bob password=secret",
        "postgresql://bob:secret@db/x",
        "postgresql://bob:se/cret@db/x",
        "postgresql://db/x?user=bob&password=secret",
        "sqlite://bob:secret@/",
        "sqlite://bob:secret@/:memory:",
        "sqlite:///:memory:?password=secret",
        "sqlite:///file:x?password=secret",
    ],
)
def test_a_refused_address_never_shows_a_password(url: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        open_store(url)
    assert "cret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="the database cannot be made in this folder"):
        open_store(f"sqlite:///{tmp_path}/file/observatory.sqlite")


def test_what_is_made_is_for_this_user_alone(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/var/observatory.sqlite") as store:
        store.save_measurements([(make_measurement("m1"), make_verdict())], received_at=AT)
        files = list((tmp_path / "var").iterdir())
        assert {path.suffix for path in files} > {".sqlite"}
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("then", ["deleted", "replaced", "moved away"])
def test_a_file_that_is_gone_is_never_written_to_in_silence(then: str, tmp_path: Path) -> None:
    path = tmp_path / "observatory.sqlite"
    one, two = [(make_measurement(id_), make_verdict()) for id_ in ("m1", "m2")]
    with open_store(f"sqlite:///{path}") as store:
        store.save_measurements([one], received_at=AT)
        store.check_file()
        path.rename(tmp_path / "away.sqlite")
        if then == "deleted":
            (tmp_path / "away.sqlite").unlink()
        if then == "replaced":
            open_store(f"sqlite:///{path}").close()
        for write in (store.check_file, lambda: store.save_measurements([two], received_at=AT)):
            with pytest.raises(StoreLost, match="another file" if then == "replaced" else "no file"):
                write()


def test_a_file_that_goes_during_a_transaction_was_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "observatory.sqlite"
    with open_store(f"sqlite:///{path}") as store:
        with pytest.raises(StoreLost), store._writing():
            path.unlink()

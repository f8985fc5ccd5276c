"""The storage of a search, and locks that end with the process that holds them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import BaseFileLock
from hydra.errors import HydraException
from hydra.utils import instantiate

from musicgen.errors import InputError, how_to_install
from musicgen.system.files import remove_file
from musicgen.system.locks import lock_beside, locked, take_lock, wait_until
from musicgen.system.passwords import without_passwords

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from sqlalchemy import URL, Connection

SETTING = "hydra.sweeper.storage"
STORAGES = "optuna.storages.*"
"""What `_target_` in the setting may name."""
_WITHOUT_LOCKS = f"{SETTING} must name a storage on another one"
SECONDS_TO_CONNECT = 10
SECONDS_TO_WAIT = 60
"""For another process that is writing to the same file."""
MIN_SECRET_CHARACTERS = 4
"""Shorter passwords would match parts of words."""
KEEPALIVE_SECONDS = 60
"""Silence after which the server checks that a connection is alive."""


@dataclass(frozen=True)
class Database:
    """The storage of searches, and named locks among all processes that use it."""

    storage: "BaseStorage"
    locks: "FileLocks | PostgresLocks"

    def close(self) -> None:
        """Release locks and connections."""
        from optuna.storages import RDBStorage

        self.locks.close()
        if isinstance(self.storage, RDBStorage):
            self.storage.remove_session()
            self.storage.engine.dispose()


def open_database(setting: object, directory: Path = Path()) -> Database:
    """Open the storage, or create it; raises InputError.

    setting: an address, a storage of Optuna's in Hydra's form, or None for the memory of this process;
    directory: the folder of the search, for the locks of storages without a file.
    """
    from optuna.storages import InMemoryStorage, RDBStorage

    if setting is None:
        return Database(InMemoryStorage(), FileLocks(directory / "search"))
    if isinstance(setting, str):
        return _open_address(_read_address(setting), RDBStorage)
    if not (isinstance(setting, Mapping) and isinstance(setting.get("_target_"), str)):
        raise InputError(f"{SETTING}: allowed are an address, a storage with its _target_, and null")
    if isinstance(url := setting.get("url"), str):
        make = partial(_instantiate, setting)
        return _open_address(_read_address(url), lambda url, engine_kwargs: make(url=url))
    try:
        locks = FileLocks(_file_of(setting) or directory / "search")
        with locks.alone("tables"):
            return Database(_instantiate(setting), locks)
    except OSError as error:
        raise InputError(f"{SETTING}: {error.filename}: {error.strerror or error}") from error


def _instantiate(setting: Mapping[str, object], **arguments: object) -> "BaseStorage":
    try:
        return instantiate({**setting, **arguments}, _execution_whitelist_=STORAGES)
    except (TypeError, ValueError, HydraException) as error:
        raise InputError(f"{SETTING}: {without_passwords(' '.join(str(error).split()))}") from error


def _file_of(setting: Mapping[str, object]) -> Path | None:
    """The file of a journal."""
    for part in (setting, setting.get("log_storage")):
        if isinstance(part, Mapping) and isinstance(part.get("file_path"), str):
            return Path(str(part["file_path"]))
    return None


def _open_address(address: "URL", make: Callable[..., "BaseStorage"]) -> Database:
    """make: takes the address, and the options of its connections as `engine_kwargs`."""
    from sqlalchemy.exc import DBAPIError

    shown = f"{SETTING}={_shown(address)}"
    try:
        locks = FileLocks(_path_of(address)) if _is_file(address) else PostgresLocks(address)
        # Two processes cannot create the tables at the same time.
        with locks.alone("tables"):
            options = {"connect_args": _connect_options(address)}
            storage = make(address.render_as_string(hide_password=False), engine_kwargs=options)
        return Database(storage, locks)
    except ImportError as error:
        raise InputError(f"{shown}: psycopg is not installed: {how_to_install('postgresql')}") from error
    except DBAPIError as error:
        reason = _without_secret(" ".join(str(error.orig).split()), address)
        raise InputError(f"{shown}: the database cannot be used: {reason}") from error
    except RuntimeError as error:
        # Optuna raises it for tables of another version.
        raise InputError(f"{shown}: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise InputError(f"{shown}: {error.strerror or error}") from error


def _read_address(url: str) -> "URL":
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    examples = "allowed are sqlite:///file.sqlite and postgresql+psycopg://user@host/database"
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # Show nothing of the address: any part of it could be the password.
        raise InputError(f"{SETTING}: not an address of a database; {examples}") from None
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername not in ("sqlite", "postgresql+psycopg") or not address.database:
        raise InputError(f"{SETTING}={address.drivername}://...: {examples}")
    if not _is_file(address) and "@" in f"{address.host}{address.database}":
        raise InputError(f"{SETTING}: write / in the password as %2F and @ as %40, or leave it to PGPASSWORD")
    return address


def _is_file(address: "URL") -> bool:
    return address.get_backend_name() == "sqlite"


def _path_of(address: "URL") -> Path:
    assert address.database is not None
    return Path(address.database)


def _shown(address: "URL") -> str:
    return without_passwords(address.render_as_string(hide_password=False))


def _without_secret(text: str, address: "URL") -> str:
    """The message of a server or driver without the password, which it may repeat."""
    secrets = [address.password, *(value for name, value in address.query.items() if "pass" in name.lower())]
    for secret in secrets:
        if isinstance(secret, str) and len(secret) >= MIN_SECRET_CHARACTERS:
            text = text.replace(secret, "***")
    return without_passwords(text)


def _connect_options(address: "URL") -> dict[str, object]:
    if _is_file(address):
        return {"timeout": SECONDS_TO_WAIT}
    return {"connect_timeout": SECONDS_TO_CONNECT}


class FileLocks:
    """The operating system's locks, on files next to the storage's file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._kept: list[BaseFileLock] = []

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Wait for the lock, and hold it during the block."""
        with locked(self._path(name), without=_WITHOUT_LOCKS):
            yield

    def take(self, name: str) -> bool:
        """Take the lock until this process ends; returns False if another process holds it."""
        lock = take_lock(self._path(name), without=_WITHOUT_LOCKS)
        if lock is None:
            return False
        self._kept.append(lock)
        return True

    def is_held(self, name: str) -> bool:
        """Whether a living process holds the lock, this one included."""
        path = self._path(name)
        if not path.exists():
            return False
        lock = take_lock(path, without=_WITHOUT_LOCKS)
        if lock is None:
            return True
        # A dead process left it.
        remove_file(path)
        lock.release()
        return False

    def close(self) -> None:
        """Release all locks and remove their files."""
        for lock in self._kept:
            remove_file(Path(lock.lock_file))
            lock.release()
        self._kept.clear()

    def _path(self, name: str) -> Path:
        return lock_beside(self._file.with_name(f"{self._file.name}.{_digest(name).hex()}"))


class PostgresLocks:
    """As FileLocks, by advisory locks of the server, which release themselves when a connection ends."""

    def __init__(self, address: "URL") -> None:
        from sqlalchemy import NullPool, create_engine

        self._engine = create_engine(address, poolclass=NullPool, connect_args=_connect_options(address))
        self._shown = _shown(address)
        self._kept: list[Connection] = []

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Wait for the lock, and hold it during the block."""
        from sqlalchemy import text

        query, key = text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _key(name)}
        with self._engine.begin() as connection:
            wait_until(
                lambda: connection.execute(query, key).scalar_one() or None,
                lambda: f"waiting for another process, which has locked this search in {self._shown}",
            )
            yield

    def take(self, name: str) -> bool:
        """Take the lock until this process ends; returns False if another process holds it."""
        from sqlalchemy import text

        connection = self._engine.connect()
        query = text("SELECT pg_try_advisory_lock(:key)")
        is_taken = bool(connection.execute(query, {"key": _key(name)}).scalar_one())
        if is_taken:
            # A machine that lost its network keeps the lock for a few minutes only.
            connection.execute(text(f"SET tcp_keepalives_idle = {KEEPALIVE_SECONDS}"))
            self._kept.append(connection)
        connection.commit()
        if not is_taken:
            connection.close()
        return is_taken

    def is_held(self, name: str) -> bool:
        """Whether a living process holds the lock, this one included."""
        if not self.take(name):
            return True
        self._kept.pop().close()
        return False

    def close(self) -> None:
        """Release all locks."""
        for connection in self._kept:
            connection.close()
        self._kept.clear()


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:8]


def _key(name: str) -> int:
    return int.from_bytes(_digest(name), signed=True)

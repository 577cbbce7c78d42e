"""What must be true before the gateway serves. Each failure is one line with the cure."""

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

LOCK_NAME = "serve.lock"
CONNECT_TIMEOUT_S = 5
_OURS = {"tenants", "providers", "proxies", "accounts", "logs", "snapshots", "doctor", "console"}


class CannotStart(ImproperlyConfigured):
    """The gateway cannot start; the text is one line with the cure."""


def check_workers() -> None:
    """More than one worker needs state and a database that all of them see."""
    if settings.WORKERS > 1 and settings.STATE_URL.startswith("memory"):
        raise CannotStart(
            f"WORKERS={settings.WORKERS} needs STATE_URL=redis://host:6379/0: with memory:// each worker "
            "would count limits on its own; set STATE_URL or WORKERS=1"
        )
    if settings.WORKERS > 1 and settings.EMBEDDED:
        raise CannotStart(
            f"WORKERS={settings.WORKERS} needs DATABASE_URL=postgres://…: SQLite serves one worker; "
            "set DATABASE_URL or WORKERS=1"
        )


def lock_data_folder() -> IO[str] | None:
    """Keep a second gateway off the same SQLite file; hold the result as long as the process serves.

    In full mode the folder holds nothing that two gateways could spoil, so there is no lock.
    """
    if not settings.EMBEDDED:
        return None
    path = settings.DATA_DIR / LOCK_NAME
    try:
        lock = path.open("a+")
    except OSError as error:
        raise CannotStart(
            f"{path} cannot be opened ({error.strerror}); set DATA_DIR to a folder this user owns"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read(200).strip() or "another process"
        raise CannotStart(
            f"another gateway uses the data folder {settings.DATA_DIR} ({owner}); stop it, "
            "or give this one its own: DATA_DIR=./data2 PORT=8001 make run"
        ) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()}, port {settings.PORT}")
    lock.flush()
    return lock


def bind() -> socket.socket:
    """The socket to serve on, bound and not yet listening."""
    place = _address()
    sock = socket.socket(place[0], socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(place[1])
    except OSError as error:
        sock.close()
        raise CannotStart(_bind_problem(error)) from None
    return sock


def _address() -> tuple[socket.AddressFamily, tuple]:
    try:
        found = socket.getaddrinfo(
            settings.HOST, settings.PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise CannotStart(
            f"HOST={settings.HOST!r} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all"
        ) from None
    return found[0][0], found[0][4]


def _bind_problem(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        owner = _port_owner(settings.PORT)
        another = settings.PORT + 1 if settings.PORT < 65535 else 8001
        return f"port {settings.PORT} is taken{owner}; stop that, or choose another: PORT={another} make run"
    if error.errno == errno.EACCES:
        return f"port {settings.PORT} needs root (it is below 1024); use a higher one: PORT=8000 make run"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={settings.HOST!r} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all"
    return f"{settings.HOST}:{settings.PORT} cannot be listened on ({error.strerror}); set HOST and PORT"


def _port_owner(port: int) -> str:
    """` by process 123 (nginx)` where Linux tells; empty elsewhere."""
    inodes = {
        fields[9]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in _rows(Path(table))
        if fields[3] == "0A" and fields[1].endswith(f":{port:04X}")
    }
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        if wanted & _open_files(process):
            return f" by process {process.name} ({_name_of(process)})"
    return ""


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []


def _open_files(process: Path) -> set[str]:
    try:
        return {str(link.readlink()) for link in (process / "fd").iterdir()}
    except OSError:  # it ended, or belongs to somebody else
        return set()


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "unknown"


def check_database() -> None:
    """The database answers, and was not written by a newer version."""
    try:
        if connection.vendor == "postgresql":
            _dial_postgresql()
        connection.ensure_connection()
        unknown = _unknown_migrations()
    except DatabaseError as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise CannotStart(
            f"the database cannot be used ({words[:300]}); check DATABASE_URL{_where()}"
        ) from None
    if unknown:
        raise CannotStart(
            f"the database was written by a newer version (it has {unknown[0]}); "
            "install that version, or restore a backup made by this one"
        )


def _dial_postgresql() -> None:
    """Connect once without the pool, which would try for a long time before it says why."""
    import psycopg

    options = {**connection.get_connection_params(), "connect_timeout": CONNECT_TIMEOUT_S}
    try:
        psycopg.connect(**options).close()
    except psycopg.Error as error:
        raise DatabaseError(str(error)) from None


def _where() -> str:
    return f" and the file {connection.settings_dict['NAME']}" if settings.EMBEDDED else ""


def _unknown_migrations() -> list[str]:
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    applied = loader.applied_migrations or {}
    return sorted(
        f"{app}.{name}" for app, name in applied if app in _OURS and (app, name) not in loader.disk_migrations
    )


def check_state() -> None:
    """Redis answers, where it is used."""
    if settings.STATE_URL.startswith("memory"):
        return
    import redis

    try:
        with redis.Redis.from_url(settings.STATE_URL, socket_connect_timeout=3, socket_timeout=3) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        words = " ".join(str(error).split())
        raise CannotStart(
            f"STATE_URL: Redis does not answer ({words[:200]}); start it or correct the address"
        ) from None

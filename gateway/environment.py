"""What the process reads from its environment, checked once, with one clear line for each mistake.

Every mistake raises `ImproperlyConfigured`; `manage.py` prints it as one line and exits with code 1.
"""

import base64
import difflib
import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

KNOWN = {
    "HOST", "PORT", "DATA_DIR", "DEBUG", "SECRET_KEY", "MASTER_KEYS", "KEY_PEPPER", "ALLOWED_HOSTS",
    "ALLOWED_ORIGINS", "DATABASE_URL", "STATE_URL", "CELERY_BROKER_URL", "ADMIN_PASSWORD", "DEMO_KEY",
    "RECORD_DURABILITY", "LOG_LEVEL", "LOG_FORMAT", "RETENTION_DAYS", "MAX_BODY_MB", "WORKERS",
    "PUBLIC_HTTPS",
}  # fmt: skip

# Values that appear in documentation everywhere and so protect nothing.
SAMPLE_SECRETS = {"changeme", "secret", "password", "sk-1234", "insecure", "django-insecure"}

env = environ.Env()


def read_dotenv() -> None:
    """Read `.env` beside manage.py; what the shell has set wins."""
    path = BASE_DIR / ".env"
    if path.is_file():
        env.read_env(path, overwrite=False)


def refuse_unknown() -> None:
    """A `GATEWAY_…` variable that nothing reads is a mistake worth stopping for."""
    for name in os.environ:
        if not name.startswith("GATEWAY_"):
            continue
        plain = name.removeprefix("GATEWAY_")
        near = difflib.get_close_matches(plain, KNOWN, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; see .env.example for the names"
        raise ImproperlyConfigured(f"unknown environment variable {name}{hint}")


def integer(name: str, default: int, low: int, high: int) -> int:
    """An integer variable between `low` and `high`, both allowed."""
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number; use {low} to {high}") from None
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name}={value} is out of range; use {low} to {high}")
    return value


def boolean(name: str, default: bool = False) -> bool:  # noqa: FBT001, FBT002
    raw = os.environ.get(name, "").strip().lower()
    if not raw:
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is not a yes or a no; use true or false")


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    raw = os.environ.get(name, "").strip().lower() or default
    if raw not in allowed:
        raise ImproperlyConfigured(f"{name}={raw!r} is unknown; use one of {', '.join(allowed)}")
    return raw


def words(name: str) -> list[str]:
    """A comma-separated list; blanks are dropped."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def data_dir() -> Path:
    """The folder of the database and the generated secrets; made when missing, checked for writing."""
    path = Path(os.environ.get("DATA_DIR", "").strip() or BASE_DIR / "data").expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImproperlyConfigured(
            f"the data folder {path} cannot be written ({reason}); set DATA_DIR to a folder this user owns"
        ) from None
    return path


def state_url() -> str:
    url = os.environ.get("STATE_URL", "").strip() or "memory://"
    if urlsplit(url).scheme not in {"memory", "redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"STATE_URL={url!r} is unknown; use memory:// or redis://host:6379/0")
    return url


def database(folder: Path) -> dict:
    """Django's `DATABASES["default"]` from DATABASE_URL; SQLite in the data folder by default."""
    url = os.environ.get("DATABASE_URL", "").strip() or f"sqlite:///{folder / 'gateway.sqlite3'}"
    try:
        settings = dict(environ.Env.db_url_config(url))
    except Exception:  # noqa: BLE001 - the library raises several types for a bad URL
        settings = {}
    engine = settings.get("ENGINE", "")
    if engine.endswith("sqlite3"):
        settings["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON",
        }
        return settings
    if engine.endswith("postgresql"):
        settings["CONN_MAX_AGE"] = 0  # connections are pooled below Django; an async worker would leak them
        settings["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 8, "timeout": 10}}
        return settings
    raise ImproperlyConfigured(
        "DATABASE_URL is not a database address that works here; use sqlite:///path or postgres://user@host/name"
    )


class Secrets:
    """SECRET_KEY, MASTER_KEYS and KEY_PEPPER: from the environment, else made once in the data folder.

    Where the database is not the embedded SQLite nothing is invented: several machines must share the
    same secrets, so a missing one is an error that names it.
    """

    def __init__(self, folder: Path, database: dict) -> None:
        self.path = folder / "secrets.json"
        self.embedded = database["ENGINE"].endswith("sqlite3")
        # A database without its secrets cannot be read any more; new ones would only hide that.
        self.lost = self.embedded and not self.path.exists() and _is_sqlite(database["NAME"])
        self.stored = self._load()

    def _load(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        try:
            return json.loads(self.path.read_text())
        except (OSError, ValueError) as error:
            raise ImproperlyConfigured(
                f"{self.path} cannot be read ({error}); restore it from your backup: "
                "without it no stored credential can be decrypted"
            ) from None

    def get(self, name: str) -> str:
        value = os.environ.get(name, "").strip()
        if value:
            return _strong(name, value)
        if name not in self.stored:
            if self.lost:
                raise ImproperlyConfigured(
                    f"{self.path} is gone, but the database it belongs to is there; restore it from your backup, "
                    f"or set {name}"
                )
            if not self.embedded:
                raise ImproperlyConfigured(
                    f"{name} is not set; make one with: "
                    "python -c \"import secrets; print(secrets.token_urlsafe(48))\""
                )
            self.stored[name] = _new_secret(name)
            self._save()
        return self.stored[name]

    def _save(self) -> None:
        draft = self.path.with_suffix(".tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self.stored, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


def _is_sqlite(name: str) -> bool:
    try:
        with Path(name).open("rb") as file:
            return file.read(15) == b"SQLite format 3"
    except OSError:
        return False


def _new_secret(name: str) -> str:
    if name == "MASTER_KEYS":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(48)


def _strong(name: str, value: str) -> str:
    if len(value) < 32 or value.lower() in SAMPLE_SECRETS or value.startswith("django-insecure"):
        raise ImproperlyConfigured(f"{name} is too weak ({len(value)} characters); use 32 random ones or more")
    return value

"""What records say of accounts: when each was last used, and how it last failed."""

import logging

import orjson
from django.db import DatabaseError

from accounts.models import Account
from gateway.dataplane.record import FINISHED
from logs.writer import Row, moment

log = logging.getLogger(__name__)

_FINISHED_AT = FINISHED.index("finished_at")
_ACCOUNT, _ATTEMPTS, _STATUS = (FINISHED.index(name) for name in ("account_id", "attempts", "status"))
_NOT_THE_ACCOUNTS = {"answered", "cancelled", "rejected"}


class Notes:
    """Gathered from many records, written now and then."""

    __slots__ = ("_errors", "_used")

    def __init__(self) -> None:
        self._used: dict[str, float] = {}
        self._errors: dict[str, tuple[float, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._used)

    def take(self, row: Row) -> None:
        """Read one `finished` row."""
        if not row[_ACCOUNT]:
            return
        finished_at: float = row[_FINISHED_AT]
        self._used[row[_ACCOUNT]] = finished_at
        if row[_STATUS] == "ok" and row[_ATTEMPTS].count('"outcome"') == 1:
            return
        for attempt in orjson.loads(row[_ATTEMPTS]):
            self._used[attempt["account_id"]] = finished_at
            if attempt["outcome"] not in _NOT_THE_ACCOUNTS:
                self._errors[attempt["account_id"]] = (finished_at, attempt["message"][:300])

    def write(self) -> None:
        """By update, which sends no signal: use is no change of the configuration."""
        try:
            for account_id, used_at in self._used.items():
                Account.objects.filter(pk=account_id).update(last_used_at=moment(used_at))
            for account_id, (failed_at, message) in self._errors.items():
                Account.objects.filter(pk=account_id).update(last_error=message, last_error_at=moment(failed_at))
        except DatabaseError as error:
            log.warning("the accounts' last use cannot be written (%s)", type(error).__name__)

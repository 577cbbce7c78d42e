"""The first start: an administrator, the demo provider and a tenant with a key. Later starts change nothing
but what ADMIN_PASSWORD and DEMO_KEY say, which win over what is stored."""

import os
import secrets
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from accounts.services import create_account
from console.launch.preflight import CannotStart
from gateway.dataplane.keys import is_well_formed
from providers.models import Provider
from providers.services import create_from_preset, load_presets
from tenants.models import ApiKey, Tenant
from tenants.services import create_key, take_text, text_digest

ADMIN = "admin"
DEMO = "demo"
_MIGRATION_LOCK = 6_021_023  # any number that nothing else locks in the same database


@dataclass(frozen=True, slots=True)
class Handover:
    """What this start made and must say once. `notes` are changes that the environment asked for."""

    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    password_given: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_first(self) -> bool:
        return bool(self.password or self.key)


def migrate() -> bool:
    """Bring the database up to the code; False where it is already."""
    if not _pending():
        return False
    from django.core.management import call_command

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Several web processes may start at once; one migrates, the others wait and find it done.
            cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
        try:
            call_command("migrate", verbosity=0, interactive=False)
        finally:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
    return True


def _pending() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def bootstrap() -> Handover:
    """Make what is missing. Raises CannotStart for an ADMIN_PASSWORD or DEMO_KEY that cannot be used."""
    password = os.environ.get("ADMIN_PASSWORD", "")
    key = os.environ.get("DEMO_KEY", "").strip()
    _check(password, key)
    notes: list[str] = []
    with transaction.atomic():
        new_password = _admin(password, notes)
        new_key = _demo(key, notes)
    return Handover(new_password, new_key, bool(password), tuple(notes))


def _check(password: str, key: str) -> None:
    if password:
        try:
            validate_password(password, get_user_model()(username=ADMIN))
        except ValidationError as error:
            raise CannotStart(
                f"ADMIN_PASSWORD is refused: {' '.join(error.messages)} Choose another."
            ) from None
    if key and not is_well_formed(key):
        raise CannotStart(
            "DEMO_KEY is refused: an API key begins with sk- and has 20 to 200 characters without blanks; "
            "leave it out to have one made"
        )


def _admin(given: str, notes: list[str]) -> str:
    """The password of an administrator that was made now; empty where there was one."""
    users = get_user_model().objects
    user = users.filter(username=ADMIN).first()
    if user is None and (given or not users.filter(is_superuser=True).exists()):
        password = given or secrets.token_urlsafe(12)
        users.create_superuser(ADMIN, password=password)
        return password
    if given and user is not None and not user.check_password(given):
        user.set_password(given)
        user.save(update_fields=["password"])
        notes.append(f"the password of {ADMIN} was set from ADMIN_PASSWORD")
    return ""


def _demo(given: str, notes: list[str]) -> str:
    """The text of a demo key that was made now; empty where there was one, or where none is wanted."""
    key = ApiKey.objects.filter(tenant__slug=DEMO, name=DEMO).first()
    if key is not None:
        _follow_environment(key, given, notes)
        return ""
    untouched = not Provider.objects.exists() and not Tenant.objects.exists()
    if not (given or untouched):
        return ""
    _refuse_used(given)
    _offline_provider()
    tenant, _ = Tenant.objects.get_or_create(slug=DEMO, defaults={"name": "Demo"})
    return create_key(tenant=tenant, name=DEMO, plain=given or None)[1]


def _follow_environment(key: ApiKey, given: str, notes: list[str]) -> None:
    if not given or key.digest == text_digest(given):
        return
    _refuse_used(given)
    take_text(key=key, plain=given)
    key.save()
    notes.append("the demo key was set from DEMO_KEY; its former text is refused from now on")


def _refuse_used(given: str) -> None:
    owner = ApiKey.objects.filter(digest=text_digest(given)).first() if given else None
    if owner is not None:
        raise CannotStart(f"DEMO_KEY is refused: it is the text of the API key {owner}; choose another")


def _offline_provider() -> None:
    """The provider that answers without a network, so that the first request works."""
    if not Provider.objects.filter(slug=DEMO).exists():
        provider = create_from_preset(preset=load_presets()[DEMO])
        create_account(provider=provider, label="offline")

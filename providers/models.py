"""Where requests can go: providers, their models, and the routes that name them."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from simple_history.models import HistoricalRecords

from gateway.dataplane.discover import names
from gateway.dataplane.egress import ForbiddenAddress, check_url
from tenants.models import slug_validator

DEMO_URL = "demo://offline"


def dialect_choices() -> list[tuple[str, str]]:
    """Every wire format: those spoken now, and those that presets name already."""
    return [(name, name) for name in names("dialects")]


def signer_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in names("signers")]


def validate_base_url(value: str) -> None:
    """An http(s) address without credentials, query or fragment, whose literal host is not forbidden."""
    if value == DEMO_URL:
        return
    URLValidator(schemes=["http", "https"], message="Use an address such as https://api.example.com/v1.")(
        value.replace("://localhost", "://127.0.0.1", 1)
    )
    try:
        check_url(value)
    except ForbiddenAddress as error:
        raise ValidationError(str(error)) from None


class Provider(models.Model):
    """A vendor or server that answers requests: a base URL and the wire format it speaks."""

    slug = models.CharField("id", max_length=63, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=120, blank=True)
    preset = models.CharField(max_length=63, blank=True, help_text="The shipped description it was made from.")
    dialect = models.CharField(max_length=32, default="openai-chat", help_text="The wire format it speaks.")
    signer = models.CharField(
        max_length=32, default="bearer", help_text="How a request proves its account: the header that carries it."
    )
    base_url = models.CharField(max_length=255, validators=[validate_base_url])
    timeout_s = models.PositiveIntegerField(
        "timeout (s)",
        default=300,
        validators=[MinValueValidator(1), MaxValueValidator(3600)],
        help_text="Seconds to wait for the first byte of an answer, and at most between two pieces of one.",
    )
    is_active = models.BooleanField("active", default=True)
    private = models.BooleanField(default=False, help_text="It lives on a private address of your own network.")
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name or self.slug

    @property
    def is_demo(self) -> bool:
        """True for the built-in provider that answers offline."""
        return self.base_url == DEMO_URL


class Model(models.Model):
    """A model of one provider, under the name that applications use."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="models")
    name = models.CharField("id", max_length=160, help_text="The name applications send.")
    upstream_name = models.CharField(
        max_length=160, blank=True, help_text="The name the provider knows; empty means the same."
    )
    capabilities = models.JSONField(
        default=list, blank=True, help_text='Such as ["chat", "tools", "vision"]; for people, not enforced.'
    )
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["provider__slug", "name"]
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="one_model_name_per_provider")]

    def __str__(self) -> str:
        return f"{self.provider.slug}:{self.name}"


class Route(models.Model):
    """A model name of your own, answered by the first of its targets that can."""

    alias = models.CharField("model name", max_length=160, unique=True)
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["alias"]

    def __str__(self) -> str:
        return self.alias


class RouteTarget(models.Model):
    """One step of a route; the lowest position is tried first."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="targets")
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="route_targets")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = "target"
        constraints = [models.UniqueConstraint(fields=["route", "model"], name="one_target_per_route_and_model")]

    def __str__(self) -> str:
        return str(self.model)

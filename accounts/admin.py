"""Accounts: the credential goes in and never comes out; the page says how the account does and tests it."""

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html

from accounts.models import Account
from accounts.probe import Report, probe
from accounts.services import credential_problem
from console import health
from console.base import SealedHistoryAdmin, link
from console.forms import SecretField
from console.links import requests_url
from console.templatetags.console import DASH, ago, badge
from providers.admin import provider_name

TESTED_AT_ONCE = 10


class AccountForm(forms.ModelForm):
    credential = SecretField(
        help_text="The API key as the provider issued it. It is sealed and never shown again."
    )

    class Meta:
        model = Account
        fields = ("provider", "label", "proxy", "is_active")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.has_credential and (field := self.fields.get("credential")):
            hint = self.instance.credential_hint
            field.help_text = f"Stored: {hint}. Leave empty to keep it; enter one to replace it."

    def clean_credential(self):
        credential = self.cleaned_data["credential"]
        if credential and (problem := credential_problem(credential)):
            raise forms.ValidationError(problem[0].upper() + problem[1:] + ".")
        return credential


@admin.register(Account)
class AccountAdmin(SealedHistoryAdmin):
    """Credentials at providers, with their health."""

    form = AccountForm
    secret_fields = ("sealed_credential",)
    page_actions = ("test",)
    actions = ("test_selected",)
    list_display = (
        "label",
        "provider_label",
        "hint",
        "condition",
        "way_out",
        "last_used",
        "problem",
        "requests",
    )
    list_filter = ("is_active", "provider", "proxy")
    list_select_related = ("provider", "proxy")
    search_fields = ("label", "provider__slug", "provider__name", "credential_hint", "last_error")
    search_help_text = "Label, provider, hint or error"
    autocomplete_fields = ("provider", "proxy")
    change_form_outer_before_template = "console/account_panel.html"
    fieldsets = (
        (None, {"fields": ("provider", "label", "credential", "is_active")}),
        ("Way out", {"fields": ("proxy",)}),
    )

    def save_model(self, request, obj, form, change):
        """A new credential replaces the old one, and what went wrong with it."""
        if credential := form.cleaned_data.get("credential"):
            obj.set_credential(credential)
            obj.last_error, obj.last_error_at = "", None
        super().save_model(request, obj, form, change)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        account = self.get_object(request, object_id)
        context = {"health": health.of_account(account)} if account else {}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def on_test(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Make the real, free call and show stage by stage what happened."""
        return self._test(request, [account])

    @admin.action(description="Test the selected accounts", permissions=["change"])
    def test_selected(self, request, queryset):
        accounts = list(queryset.select_related("provider", "proxy")[: TESTED_AT_ONCE + 1])
        if len(accounts) > TESTED_AT_ONCE:
            message = f"Choose at most {TESTED_AT_ONCE} accounts: each test makes a real call."
            self.message_user(request, message, messages.ERROR)
            return None
        return self._test(request, accounts)

    def _test(self, request: HttpRequest, accounts: list[Account]) -> HttpResponse:
        tests = []
        for account in accounts:
            report = probe(account)
            remember(account, report)
            tests.append((account, report))
        context = {
            **self.admin_site.each_context(request),
            "title": "Test",
            "model_admin": self,
            "tests": tests,
        }
        return TemplateResponse(request, "console/account_test.html", context)

    @admin.display(description="Provider", ordering="provider__slug")
    def provider_label(self, obj):
        return provider_name(obj.provider)

    @admin.display(description="Credential", ordering="credential_hint")
    def hint(self, obj):
        return format_html('<span class="gw-hintcell">{}</span>', obj.credential_hint or "none")

    @admin.display(description="State", ordering="is_active")
    def condition(self, obj):
        if not obj.is_active:
            return badge("Switched off", "plain")
        return badge("Failing", "failed") if obj.last_error else badge("Active", "active")

    @admin.display(description="Leaves through", ordering="proxy__address")
    def way_out(self, obj):
        if obj.proxy is None:
            return "directly"
        host = str(obj.proxy).split("@")[-1]
        return format_html('<span class="gw-nowrap" title="{}">{}</span>', obj.proxy, host)

    @admin.display(description="Last used", ordering="last_used_at")
    def last_used(self, obj):
        return ago(obj.last_used_at) if obj.last_used_at else "never"

    @admin.display(description="Last error", ordering="last_error_at")
    def problem(self, obj):
        if not obj.last_error:
            return DASH
        url = requests_url(account=obj.pk, status="error", window="24h")
        shown = link(f"{obj.last_error} ({ago(obj.last_error_at)})", url)
        return format_html('<span class="gw-wide" title="{}">{}</span>', obj.last_error, shown)

    @admin.display(description="Requests")
    def requests(self, obj):
        return link("last hour", requests_url(account=obj.pk))


def remember(account: Account, report: Report) -> None:
    """Write the outcome on the row; no worker needs to hear of it, so no signal is sent."""
    now = timezone.now()
    if report.ok:
        values = {"last_used_at": now, "last_error": "", "last_error_at": None}
    else:
        failed = next((stage for stage in report.stages if stage.ok is False), None)
        text = f"Test failed at {failed.name}: {failed.detail}" if failed else "Test failed"
        values = {"last_error": text[:300], "last_error_at": now}
    Account.objects.filter(pk=account.pk).update(**values)

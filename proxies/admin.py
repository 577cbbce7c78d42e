"""Egress proxies. The URL goes in sealed; what is shown is the address without its password."""

from django import forms
from django.contrib import admin

from accounts.models import Account
from console.base import SealedHistoryAdmin, count_link, count_of, link
from console.forms import SecretField
from console.links import requests_url
from proxies.models import Proxy, normalise


class ProxyForm(forms.ModelForm):
    url = SecretField(
        label="URL", help_text="Such as socks5://user:password@host:1080; http and https work too."
    )

    class Meta:
        model = Proxy
        fields = ("is_active", "private", "max_accounts", "priority")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["url"]
        if self.instance._state.adding:
            field.required = True
        else:
            field.help_text = (
                "Write-only. Leave empty to keep the stored one; enter the whole URL to replace it."
            )

    def clean_url(self):
        url = self.cleaned_data["url"]
        if not url:
            return url
        _, address = normalise(url)
        if Proxy.objects.filter(address=address).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(f"There is a proxy with the address {address} already.")
        self.instance.set_url(url)
        return url


@admin.register(Proxy)
class ProxyAdmin(SealedHistoryAdmin):
    """Ways out, and the accounts that leave through each."""

    form = ProxyForm
    secret_fields = ("sealed_url",)
    list_display = ("address", "is_active", "accounts", "max_accounts", "priority", "private", "requests")
    list_filter = ("is_active", "private")
    search_fields = ("address",)
    search_help_text = "Address"
    readonly_fields = ("address", "created_at")
    fieldsets = (
        (None, {"fields": ("address", "url", "is_active", "private")}),
        ("Choice", {"fields": ("priority", "max_accounts")}),
        ("Made", {"fields": ("created_at",)}),
    )

    def get_fieldsets(self, request, obj=None):
        if obj is not None:
            return self.fieldsets
        return ((None, {"fields": ("url", "is_active", "private")}), self.fieldsets[1])

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(accounts_count=count_of(Account, "proxy"))

    @admin.display(description="Accounts", ordering="accounts_count")
    def accounts(self, obj):
        return count_link(obj.accounts_count, Account, proxy__id__exact=obj.pk)

    @admin.display(description="Requests")
    def requests(self, obj):
        return link("last hour", requests_url(proxy=obj.address))

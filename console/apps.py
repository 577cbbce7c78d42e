from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ConsoleConfig(AppConfig):
    name = "console"
    default = True


class AdminConfig(admin_apps.AdminConfig):
    """Django's admin on our own site class."""

    default_site = "console.site.ConsoleSite"
    default = False

"""Form fields of the admins that Django does not have."""

import re
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget


class NamesField(forms.CharField):
    """A list of names, written with commas or one a line; cleaned to a list without repetitions."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.widget.attrs.update({"rows": 2})

    def to_python(self, value: Any) -> list[str]:
        return list(dict.fromkeys(name for name in re.split(r"[,\s]+", value or "") if name))

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(name) for name in value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)


class SecretField(forms.CharField):
    """Goes in and never comes out: always drawn empty, left empty it keeps what is stored."""

    widget = UnfoldAdminPasswordWidget

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        super().__init__(strip=True, **options)
        self.widget.attrs.update({"autocomplete": "new-password", "spellcheck": "false"})
        self.widget.render_value = False

    def prepare_value(self, value: Any) -> str:
        return ""

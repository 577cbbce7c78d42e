"""What a start prints: everything for a first request at the first one, two lines at the others."""

import sys

from django.conf import settings

from console.launch.bootstrap import ADMIN, Handover
from gateway.version import VERSION

WIDTH = 78
MANAGE = ".venv/bin/python manage.py" if sys.prefix.endswith(".venv") else "python manage.py"


def address() -> str:
    """The address to type into a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.HOST, settings.HOST)  # noqa: S104
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{settings.PORT}"


def text(handover: Handover) -> str:
    """The whole message. It holds secrets at the first start only."""
    lines = _first(handover) if handover.is_first else _later()
    lines += [f"Note: {note}." for note in handover.notes]
    if settings.HOST in {"0.0.0.0", "::"} and settings.ALLOWED_HOSTS[-1] == settings.HOST:  # noqa: S104
        lines.append("Note: for the admin under other names than localhost set ALLOWED_HOSTS=name,name.")
    rule = _rule()
    # Nothing is indented or framed at the sides: commands and code are copied from here.
    return "\n".join(["", rule, *lines, rule, ""])


def _rule() -> str:
    utf8 = (getattr(sys.stdout, "encoding", "") or "").lower().startswith("utf")
    return ("━" if utf8 else "-") * WIDTH


def _first(handover: Handover) -> list[str]:
    lines = [f"AI Gateway {VERSION} is ready.  Keep this: it is shown only once.", ""]
    lines += [f"Gateway    {address()}", f"Admin      {address()}/admin/"]
    if handover.password:
        shown = "(as given in ADMIN_PASSWORD)" if handover.password_given else handover.password
        lines += [f"User       {ADMIN}", f"Password   {shown}"]
    if handover.key:
        lines += [f"API key    {handover.key}", "", *_first_request(handover.key)]
    lines += [
        "",
        "Add a real provider: in the admin under Accounts, or with a file:",
        f"  {MANAGE} config apply gateway.yaml   (docs/configure.md)",
        "Stop with Ctrl-C; `make run` starts again with the same data.",
    ]
    return lines


def _first_request(key: str) -> list[str]:
    body = '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'
    return [
        "First request, answered by the built-in demo (offline, canned answers):",
        "",
        f"curl {address()}/v1/chat/completions -H 'Authorization: Bearer {key}'"
        f" -H 'Content-Type: application/json' -d '{body}'",
        "",
        "The same in Python (pip install openai):",
        "",
        "from openai import OpenAI",
        f'client = OpenAI(base_url="{address()}/v1", api_key="{key}")',
        'answer = client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Hello"}])',
        "print(answer.choices[0].message.content)",
    ]


def _later() -> list[str]:
    return [
        f"AI Gateway {VERSION} is ready: {address()}   admin: {address()}/admin/",
        "The admin password and the demo key were shown at the first start. New ones:",
        f"  {MANAGE} changepassword {ADMIN}, and API keys in the admin.",
    ]

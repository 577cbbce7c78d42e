"""From `manage.py serve` to a gateway that answers: preflight, bootstrap, welcome, server."""

"""The admin, as an operator sees it."""

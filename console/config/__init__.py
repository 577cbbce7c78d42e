"""The configuration as a file: read it (document), check it (schema), plan it (plan), write it (export)."""

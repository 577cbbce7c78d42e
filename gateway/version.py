"""The one place that states the version; the changelog and the image carry the same."""

VERSION = "0.1.0"

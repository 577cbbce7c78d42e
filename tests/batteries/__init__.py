"""Load with faults: each battery is a test in a short form, and `python -m tests.batteries.<name>` in a long one.

Each prints one verdict line with its figures, and exits with 1 when something that must never happen did.
"""

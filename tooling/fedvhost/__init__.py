"""Backport an upstream feature into a frozen Fedora release, and prove it."""

__version__ = "0.1.0"
RELEASED = "2026-11-27"  # the day of that version; it stands in the foot of manual pages

"""Backport an upstream feature into a frozen Fedora release, and prove it."""

__version__ = "0.1.0"

"""Patch files and series as values."""

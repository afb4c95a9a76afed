"""Spec files as text: lossless reading, minimal edits, and proof that every patch is applied."""

"""From manifests to results: each step reads values, drives the adapters and returns a value."""

"""The step ``fixes``: what upstream repaired later of what was picked."""

"""The step ``check``: the series compiled, linked and loaded where it runs."""

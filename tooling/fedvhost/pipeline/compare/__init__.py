"""The step ``compare``: the series beside somebody else's."""

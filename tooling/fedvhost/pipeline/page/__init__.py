"""The step ``report``: one page out of all that is known."""

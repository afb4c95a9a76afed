"""Deciding what goes into a series, and how each pick lands. No I/O: values in, values out."""

"""Whether a feature ships, and whether it is on: checklist, contingency, milestones, what people say.

Values in, values out; ``pipeline/decisions/deciding.py`` collects what is decided upon.
"""

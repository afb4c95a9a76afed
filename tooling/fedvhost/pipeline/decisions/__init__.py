"""Whether it ships: the checklist, the contingency flag, what people said, the documents."""

"""Git, through its plumbing: objects in ``store``, questions about history in ``history``."""

"""The step ``build``: source packages, and the systems that build them."""

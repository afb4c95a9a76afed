"""A real koji for the tests: its own hub on its own PostgreSQL, both on loopback and stopped afterwards.

What is real: the hub (koji 1.30.0, from PyPI's sdist, pinned by hash), its database, its tasks, sessions,
uploads, policies and imports, and the client library that fedvhost uses. What is not: kojid and mock. A
stand-in builder (``builder``) drives the hub's own ``host.*`` calls and runs rpmbuild on this machine, with
no chroot and no BuildRequires.
"""

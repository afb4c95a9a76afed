"""What runs inside a test host, and in the guests in it.

Packed into the image and started there by ``init.sh``; so nothing here imports the rest of fedvhost, only
Python's standard library and ``qemu.qmp``. Outside, the catalogue of rows is read from here too, so that
what is listed and what is run are one.
"""

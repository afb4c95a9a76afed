"""``python -m fedvhost`` and the ``fedvhost`` script."""

from __future__ import annotations

from fedvhost.cli import main

if __name__ == "__main__":
    main()

"""What can stop us from finding out.

::

    FedvhostError            exit 3
    ├── InputError           exit 2   a manifest, a spec, a name or an option is wrong
    └── ToolError            exit 3   a program is missing, failed or timed out
        ├── ToolMissing
        ├── ToolFailed
        └── ToolTimeout

A conflict, a failed check, a red test are answers, not errors: commands return them as values and
exit 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class FedvhostError(Exception):
    """Base of every error that reaches the person at the keyboard; ``str()`` is the whole message."""

    exit_code = 3


class InputError(FedvhostError):
    """Something the person wrote is wrong: which file, which key, which line, and what to do."""

    exit_code = 2

    def __init__(
        self, message: str, *, file: Path | str | None = None, key: str | None = None, line: int | None = None
    ) -> None:
        self.message, self.file, self.key, self.line = message, file, key, line
        where = "" if file is None else f"{file}{'' if line is None else f':{line}'}: "
        super().__init__(f"{where}{'' if key is None else f'{key}: '}{message}")


class ToolError(FedvhostError):
    """A program that we drive did not do its part."""


class ToolMissing(ToolError):
    """A program we need is not installed."""

    def __init__(self, program: str, package: str, debian: str = "") -> None:
        """``package`` is Fedora's; ``debian`` is Debian's, where it has another name."""
        on_debian = f"(Debian: apt-get install {debian or package})"
        super().__init__(f"'{program}' not found; try: dnf install {package}   {on_debian}")


class ToolFailed(ToolError):
    """A program ended with an exit status that means failure."""

    def __init__(self, argv: Sequence[str], returncode: int, stderr: bytes) -> None:
        self.argv, self.returncode, self.stderr = tuple(argv), returncode, stderr
        tail = stderr.decode(errors="replace").strip()[-2000:]
        super().__init__(f"'{' '.join(argv[:6])}' failed with exit status {returncode}: {tail}")


class ToolTimeout(ToolError):
    """A program did not end in time and was stopped."""

    def __init__(self, argv: Sequence[str], seconds: float) -> None:
        super().__init__(f"'{' '.join(argv[:6])}' did not finish within {seconds:g} s and was stopped")

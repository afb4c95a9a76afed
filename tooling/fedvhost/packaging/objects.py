"""For which machines the object files in a package are: rpm noted that when it made the package."""

from __future__ import annotations

import re
from pathlib import Path

from fedvhost.process import run

# As file(1) has it: "ELF 64-bit LSB relocatable, x86-64, version 1 (SYSV), not stripped".
_ELF = re.compile(r"^ELF (?P<bits>(?:32|64)-bit) \w+ [^,]*, (?P<machine>[^,]+)(?:,|$)", re.MULTILINE)


def machines_in(rpm: Path) -> tuple[str, ...]:
    """Return the machines of the ELF files in a package, ``64-bit x86-64``; only its header is read.

    Raises:
        ToolError: rpm is not there, or cannot read the package.
    """
    # By its name alone: rpm takes a path for a pattern, and a macro.
    query = ["rpm", "-qp", "--nosignature", "--nodigest", "--qf", "[%{FILECLASS}\\n]", "--", rpm.name]
    return machines_of(run(query, cwd=rpm.parent).stdout.decode(errors="replace"))


def machines_of(classes: str) -> tuple[str, ...]:
    """Read the machines out of what file(1) said of each file."""
    return tuple(sorted({f"{m['bits']} {m['machine']}" for m in _ELF.finditer(classes)}))

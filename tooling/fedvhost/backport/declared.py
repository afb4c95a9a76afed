"""What commit messages themselves declare about other commits."""

from __future__ import annotations

import re

_HEX = r"([0-9a-f]{7,40})"
# `Cc: stable@vger.kernel.org # 3.3.x: a1f84a3: subject` (the kernel's stable-kernel-rules)
_STABLE = re.compile(rf"^\s*Cc:[^\n#]*stable@[^\n#]*#[^\n]*?:\s*{_HEX}\b", re.MULTILINE | re.IGNORECASE)
_DEPENDS = re.compile(rf"^\s*Depends[- ]on:\s*(?:commit\s+)?{_HEX}\b", re.MULTILINE | re.IGNORECASE)
_PATCH_ID = re.compile(r"^\s*prerequisite-patch-id:\s*([0-9a-f]{40})\b", re.MULTILINE | re.IGNORECASE)


def prerequisite_commits(message: str) -> tuple[str, ...]:
    """Return the commits, as abbreviated in the text, that the message says must come first."""
    return tuple(dict.fromkeys([*_STABLE.findall(message), *_DEPENDS.findall(message)]))


def prerequisite_patch_ids(message: str) -> tuple[str, ...]:
    """Return the patch-ids that the message says must come first (``git format-patch --base``)."""
    return tuple(dict.fromkeys(_PATCH_ID.findall(message)))

"""Comparing EVRs, as rpm does it: the one thing that the bindings do here, for it touches no macros."""

from __future__ import annotations

import re

from fedvhost.errors import ToolMissing
from fedvhost.specs.changelog import Evr

try:
    import rpm
except ImportError:  # PyPI's `rpm` is a shim: it finds the bindings that the system's rpm came with
    rpm = None


def newer(one: Evr, other: Evr) -> bool:
    """Say whether rpm would take ``one`` for an update of ``other``.

    Raises:
        ToolMissing: the system has no rpm bindings.
    """
    if rpm is None:
        raise ToolMissing("rpm (the Python bindings)", "python3-rpm")
    return bool(rpm.labelCompare(_label(one), _label(other)) > 0)


def _label(evr: Evr) -> tuple[str, str, str]:
    return str(evr.epoch or 0), evr.version, evr.release


def rpm_version() -> tuple[int, ...]:
    """Return rpm's version as numbers, ``(4, 18, 0)``.

    Raises:
        ToolMissing: the system has no rpm bindings.
    """
    if rpm is None:
        raise ToolMissing("rpm (the Python bindings)", "python3-rpm")
    return tuple(int(n) for n in re.findall(r"\d+", rpm.__version__)[:3])

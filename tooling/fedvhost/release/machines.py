"""Whether packages are what their architecture says: their object files, held against the name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedvhost.release.facts import Piece, Said
from fedvhost.release.items import State
from fedvhost.release.people import listed

_X86_32 = ("i386", "i486", "i586", "i686", "athlon")
_X86_64 = "64-bit x86-64"
# In the words of file(1), older and newer. Of an architecture that is not here nothing is said.
_MACHINES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_X86_32, frozenset({"32-bit Intel 80386", "32-bit Intel i386"})),
    "x86_64": frozenset({_X86_64}),
    "aarch64": frozenset({"64-bit ARM aarch64"}),
    "s390x": frozenset({"64-bit IBM S/390"}),
}


def other_machine(build: Piece, arch: str, rpms: Sequence[str]) -> tuple[State, str] | None:
    """Say that packages of a build are only called after ``arch`` and hold another machine's code, or that
    this is not known. Code of others beside their own is firmware, or for a 64-bit kernel's 32-bit programs.
    """
    own = _MACHINES.get(arch)
    if own is None:
        return None
    said = build.facts.at("machines") or Said()
    found: set[str] = set()
    for rpm in rpms:
        machines = said.texts(rpm)
        if machines is None:
            return State.UNKNOWN, f"the evidence does not say for which machine the code in '{rpm}' is"
        if arch in _X86_32 and _X86_64 in machines:
            return State.FAILED, f"'{rpm}' is called {arch} and holds code for {_X86_64}"
        found |= set(machines)
    if found and not found & own:
        return State.FAILED, f"what is called {arch} holds only code for {listed(sorted(found))}"
    return None

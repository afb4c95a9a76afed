"""How a package is prepared and compiled where the check runs: rules with reasons, and no upstream code.

Old trees do not compile with a current compiler as they are. What it takes is said in the release manifest:
a flag, an edit by pattern, a file of our own. These never reach a patch; they are for the check alone.
"""

from __future__ import annotations

from dataclasses import dataclass

# A function that nobody declared is what a backport breaks first, and C of that age only warns of it.
ALWAYS = ("-Werror=implicit-function-declaration",)
KERNEL, PROGRAM = "kernel", "program"


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the preparation, run at the top of the tree; no shell, words and quotes as in one."""

    run: str
    because: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to one file of the tree: ``pattern``, a regular expression of which ``^`` and ``$`` match at
    lines, becomes ``replace`` wherever it matches. It must match in the base."""

    path: str
    pattern: str
    replace: str
    because: str


@dataclass(frozen=True, slots=True)
class AddedFile:
    """A file of our own in the tree; one that the base has already is left alone."""

    path: str
    content: str
    because: str


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags of the compiler, the words of ``add``."""

    add: str
    because: str


@dataclass(frozen=True, slots=True)
class Need:
    """What must be installed: a ``program`` or a C ``header``, and the packages that bring it."""

    because: str
    fedora: str
    debian: str
    program: str | None = None
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Sources that are not compiled here (``*`` matches anything), and why: they are reported as not
    checked."""

    paths: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the preparation of the whole series must come to: ``text``, a regular expression, matches in
    ``file``, or without one in what the preparation says."""

    text: str
    because: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Vouched:
    """A symbol that a module may leave undefined though no source exports it."""

    symbol: str
    because: str


@dataclass(frozen=True, slots=True)
class Check:
    """How the check prepares and compiles a package.

    ``kind``: of a ``kernel`` the objects that the series touches are compiled, and what its modules leave
    undefined must be exported; a ``program`` is built and linked whole. ``prepare`` runs on the base, and
    again when the series changes a file that matches ``again``. In commands ``{jobs}``, ``{flags}``,
    ``{gcc}`` (the compiler's major version) and ``{objects}`` (each a word) are filled in; in a file of
    ours ``{gcc}`` is. ``compiler`` is a gcc, or what takes its options.
    """

    kind: str
    compile: str
    prepare: tuple[Step, ...] = ()
    again: tuple[str, ...] = ()
    flags: tuple[Flags, ...] = ()
    edits: tuple[Edit, ...] = ()
    files: tuple[AddedFile, ...] = ()
    needs: tuple[Need, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    expect: tuple[Expectation, ...] = ()
    vouched: tuple[Vouched, ...] = ()
    compiler: str = "gcc"

"""What went wrong, in a build log's own words: the line that a person would look for.

The end of a log tells that rpm gave up; why stands further up, above what other jobs of the same make
went on saying.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

LARGEST_LINE = 2000  # characters; a linker's command line can be 100 000
_CONTEXT = 2  # lines that a compiler prints below an error: the source and the caret

# The surest first: of the first kind that occurs in a log, the first line counts.
_KINDS = (
    # What a compiler says; make and the shell speak like it, with a number where it has a line.
    re.compile(r"^[^\s:'\"]+:\d+:(?:\d+:)? (?:fatal )?error: "),
    re.compile(r"^(?:\S*ld|collect2): .*(?:undefined reference|cannot find|error:)|undefined reference to "),
    re.compile(r"^(?:\d+ out of \d+ hunks? FAILED|Hunk #\d+ FAILED|.*\bcan't find file to patch)"),
    re.compile(r"^error: Failed build dependencies:"),
    re.compile(r"^(?:ERROR: \"?\S+\"? \[\S+\] undefined!|configure: error: )"),
    # mock, which first says only that there is something to say; below it dnf and dnf5.
    re.compile(r"^ERROR: (?!Exception\(|Command failed: *$)"),
    re.compile(r"^(?:Errors during downloading |Error: |Failed to (?:resolve|download) )"),
    re.compile(r"^\s*(?:error: )?(?:Installed \(but unpackaged\) file|File not found|File must begin)"),
    re.compile(r"No space left on device|Cannot allocate memory|Killed$"),
    re.compile(r"^\S+: (?:line )?\d+: .*: (?:command )?not found$|: command not found$"),
    re.compile(r"^(?:make|gmake)(?:\[\d+\])?: \*\*\* (?!.*(?:Waiting for unfinished|Error \d+$))"),
    re.compile(r"^(?:make|gmake)(?:\[\d+\])?: \*\*\* .*Error \d+"),
    re.compile(r"^error: (?!Bad exit status)"),
    re.compile(r"^error: Bad exit status"),
)
_DEEPER = re.compile(r"^(?:\s|\t|In file included|\s*\d+ \|)")
_LISTED = re.compile(r"^(?:error: Failed build dep|\s*(?:error: )?Installed \(but unpackaged)")


def complaint(lines: Iterable[str], most: int = 6) -> tuple[str, ...]:
    """Return the lines that say why a build failed: the first error and what the compiler shows below it.
    Empty if nothing looks like an error. ``lines`` are without their ends; only a few are kept in memory."""
    best: tuple[str, ...] = ()
    rank = len(_KINDS)
    below = 0
    for line in lines:
        line = line.rstrip()[:LARGEST_LINE]
        if below and (_DEEPER.match(line) and line.strip()):
            best = (*best, line)
            below -= 1
            continue
        below = 0
        if line.startswith("+"):  # what the shell is about to do (set -x) is not what went wrong
            continue
        found = next((i for i, kind in enumerate(_KINDS[:rank]) if kind.search(line)), None)
        if found is not None:
            rank, best = found, (line,)
            below = min(most - 1, 40 if _LISTED.match(line) else _CONTEXT)
    return best


def complaint_in(log: Path, most: int = 6) -> tuple[str, ...]:
    """Return ``complaint`` of a log file; a log that is not there says nothing."""
    if not log.is_file():
        return ()
    with log.open(errors="replace") as file:
        return complaint(file, most)


def tail(log: Path, count: int | None) -> tuple[str, ...]:
    """Return the last lines of a log file (None: all), without their ends."""
    with log.open(errors="replace") as file:
        return tuple(line.rstrip("\n")[:LARGEST_LINE] for line in deque(file, count))


def phases(lines: Iterable[str]) -> Iterator[str]:
    """Return the parts of an rpmbuild that a log tells of, in order: ``%prep``, ``%build``."""
    for line in lines:
        if (phase := phase_of(line)) is not None:
            yield phase


_EXECUTING = re.compile(r"^Executing\((%\w+)\)")
_PROCESSING = re.compile(r"^Processing files: (\S+)")


def phase_of(line: str) -> str | None:
    """The part of an rpmbuild that begins with this line of its log, or None."""
    if match := _EXECUTING.match(line):
        return match[1]
    if match := _PROCESSING.match(line):
        return f"%files {match[1]}"
    return None

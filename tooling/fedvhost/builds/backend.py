"""What the pipeline asks of a build system, and what it hears while that works.

Each backend is made for one workspace and saves the record itself (``record.save``) at every change, before
it goes on: how a build is found again must never depend on what comes after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fedvhost.builds.record import Record, Task, Via


@dataclass(frozen=True, slots=True)
class Phase:
    """A build went on to another part: ``%prep``, ``%build``; mock's ``init``; ``submitting``."""

    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the build's own log, as it came: not yet safe for a terminal."""

    text: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes on their way. ``what``: ``uploading kernel-….src.rpm``; ``total`` 0: nobody knows."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class TaskTree:
    """The tasks as they are now, the root first, children behind their parent."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a person should read: ``the hub does not answer; trying again in 4 s``."""

    text: str


Event = Phase | Line | Transfer | TaskTree | Remark
Tell = Callable[[Event], None]


class Backend(Protocol):
    """A build system. Its methods take a record and return it as it then stands (and is saved).

    A failed build is a record with that state. Raised is only what kept us from finding out: InputError,
    ToolError; the record then still says how far it came.
    """

    @property
    def via(self) -> Via:
        """Its name."""
        ...

    @property
    def stays(self) -> bool:
        """Whether a build goes on without us: Ctrl-C then detaches, and ``--no-wait`` is possible.
        Otherwise Ctrl-C ends the build, and ``watch`` returns it cancelled."""
        ...

    def ready(self, record: Record) -> Record:
        """Check what can be checked before an SRPM is made: the program or hub is there, the person is let
        in, the target exists. Fills in ``hub``, ``target``, ``notes``; the record is not saved yet.

        Raises:
            InputError: a profile, target or chroot is wrong.
            ToolError: a program is missing; the hub cannot be reached.
        """
        ...

    def submit(self, record: Record, tell: Tell) -> Record:
        """Hand the SRPM over. Sending a record again whose ``state`` is ``submitting`` finds the first
        attempt by its token, if it arrived, and does not build twice."""
        ...

    def watch(self, record: Record, tell: Tell) -> Record:
        """Wait for the outcome, telling of what happens. KeyboardInterrupt: see ``stays``."""
        ...

    def status(self, record: Record) -> Record:
        """Look once how it stands, without waiting."""
        ...

    def collect(self, record: Record, folder: Path, tell: Tell) -> Record:
        """Bring RPMs and logs of an ended build into ``folder`` (absolute), atomically each; of a failed
        one the logs, with ``complaint`` found in them. What is there already and whole is not brought
        again."""
        ...

    def logs(self, record: Record, folder: Path, tell: Tell) -> Record:
        """Bring the logs as far as there are any, also of a running build, into ``folder``."""
        ...

    def cancel(self, record: Record) -> Record:
        """Stop it. The record says cancelled when the build system does."""
        ...

    def available(self, record: Record, tell: Tell) -> None:
        """Wait until a build after this one in the chain can use what it made; returns at once where
        there is nothing to wait for."""
        ...

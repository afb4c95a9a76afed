"""Where a test host runs: on this machine, or on another one that ssh reaches.

There, nothing is needed but qemu and a shell, nothing is installed, and nothing stays: kernel and file system
go over the connection into a folder that is removed when qemu ends, and qemu ends when the connection does.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fedvhost import process
from fedvhost.errors import InputError, ToolError, ToolFailed
from fedvhost.guests.machine import QEMU, Machine, argv

# A command line in place of "ssh", as GIT_SSH_COMMAND is for git.
VARIABLE = "FEDVHOST_SSH"
_PREFIX = "ssh:"


class Place(Protocol):
    """What starts a machine, so that its serial lines arrive in the machine's files here."""

    def start(self, machine: Machine, keep: Sequence[int]) -> process.Running: ...


@dataclass(frozen=True, slots=True)
class Here:
    """This machine."""

    def start(self, machine: Machine, keep: Sequence[int]) -> process.Running:
        """Start it; ``keep`` are descriptors that its paths name."""
        with machine.said.open("wb") as said:
            return process.Running(argv(machine), said, keep)


@dataclass(frozen=True, slots=True)
class There:
    """The machine that ssh calls ``host``."""

    host: str

    def start(self, machine: Machine, keep: Sequence[int]) -> process.Running:
        """Start it there. The console and what qemu says come together, on ssh's error line."""
        files = (Path(machine.kernel), Path(machine.initrd))
        words = (*_ssh(), "-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=10", self.host,
                 script(machine, [f.stat().st_size for f in files]))  # fmt: skip
        with machine.results.open("wb") as results, machine.console.open("wb") as console:
            machine.said.write_bytes(b"")
            return process.Running(words, results, errors=console, feed=files)

    def nested(self) -> bool:
        """Whether KVM there lends virtualization to its guests.

        Raises:
            ToolError: the machine cannot be reached, or has no qemu; says what ssh said.
        """
        words = (*_ssh(), "-T", "-o", "BatchMode=yes", self.host, _LOOK)
        try:
            said = process.run(words).stdout.decode(errors="replace").split()
        except ToolFailed as error:
            raise ToolError(f"--on: '{self.host}' cannot run a test host: {error}") from error
        return bool({"Y", "1"} & set(said))


def place(text: str) -> Place:
    """``ssh:HOST`` as a place; an empty text is this machine.

    Raises:
        InputError: it is something else.
    """
    if not text:
        return Here()
    host = text.removeprefix(_PREFIX)
    if host == text or not host or host.startswith("-") or any(c.isspace() for c in host):
        raise InputError(f"--on '{text}': say ssh:HOST, with a name that 'ssh HOST' knows")
    return There(host)


def _ssh() -> tuple[str, ...]:
    return tuple(shlex.split(os.environ.get(VARIABLE, ""))) or ("ssh",)


_LOOK = f"""\
command -v {QEMU} mktemp mkfifo head >/dev/null || {{ echo "{QEMU} is not installed there" >&2; exit 1; }}
cat /sys/module/kvm_intel/parameters/nested /sys/module/kvm_amd/parameters/nested 2>/dev/null || true
"""


def script(machine: Machine, sizes: Sequence[int]) -> str:
    """What a shell there does: take kernel and file system (of ``sizes`` bytes) from its input, run qemu, and
    remove everything at the end, which also comes when its input ends."""
    there = dataclasses.replace(
        machine, kernel="kernel", initrd="initrd", console=Path("console"), results=Path("results")
    )
    kernel, initrd = sizes
    # Through pipes: ssh's own lines may be sockets, which no program can open by name.
    return f"""\
umask 077
folder=$(mktemp -d "${{TMPDIR:-/tmp}}/fedvhost.XXXXXXXX") || exit 3
trap 'trap - EXIT TERM; kill -9 $machine $watch 2>/dev/null; cd /; rm -rf "$folder"' EXIT
trap 'exit 143' HUP INT TERM PIPE
cd "$folder" && head -c {kernel} >kernel && head -c {initrd} >initrd && mkfifo console results || exit 3
exec 3<&0
cat console >&2 & cat results &
{shlex.join(argv(there))} >&2 </dev/null & machine=$!
{{ cat >/dev/null; kill $$; }} <&3 & watch=$!
wait $machine; status=$?; machine=
kill -9 $watch 2>/dev/null; watch=
wait
exit $status
"""

"""Runs of test hosts: start, follow their results, end them in time and in all cases."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fedvhost.guests.machine import Machine
from fedvhost.guests.place import Here, Place

_T = TypeVar("_T")
Record = Mapping[str, Any]
_POLL = 0.05
HERE = Here()
# As in "vhost_net_ioctl+0x1d/0x40 [vhost_net]".
_FRAME = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+ \[(\w+)\]")


@dataclass(frozen=True, slots=True)
class HostRun:
    """What came of a test host. ``records`` is what it said on its results line, in order; ``trouble`` says
    why it did not come to its end (empty: it did); ``seconds`` from start to end, ``booted`` to its first
    word (0: it never spoke); ``crashed_in``: the modules that its kernel's last call traces go through."""

    records: tuple[Record, ...]
    trouble: str
    seconds: float
    booted: float
    crashed_in: frozenset[str] = frozenset()


def run_host(
    machine: Machine, keep: Sequence[int], timeout: float, tell: Callable[[Record], None],
    silence: float = 0.0, on: Place = HERE,
) -> HostRun:  # fmt: skip
    """Run ``machine`` until it ends; see ``attend``."""
    return beside([attend(machine, keep, timeout, tell, silence, on)])[0]


def beside(jobs: Sequence[Generator[None, None, _T]]) -> list[_T]:
    """Run these to their ends at the same time, a step of each in turn, and return what they return. If one
    fails, or we are interrupted, all are closed."""
    done: dict[int, _T] = {}
    try:
        while True:
            for number, job in enumerate(jobs):
                if number not in done:
                    try:
                        next(job)
                    except StopIteration as end:
                        done[number] = end.value
            if len(done) == len(jobs):
                return [done[number] for number in range(len(jobs))]
            time.sleep(_POLL)
    finally:
        for job in jobs:
            job.close()


def attend(
    machine: Machine, keep: Sequence[int], timeout: float, tell: Callable[[Record], None],
    silence: float = 0.0, on: Place = HERE,
) -> Generator[None, None, HostRun]:  # fmt: skip
    """Start ``machine`` and look after it, a look a step, until it ends; at most ``timeout`` seconds. Each of
    its records is handed on as it comes. To close this ends it.

    ``silence``: stop it as well after so many seconds without a record (0: never), after twice as many
    without a first one, and after three times as many as the first took. ``on``: where it runs; no time
    counts until what it boots has arrived there.

    Raises:
        ToolMissing: qemu is not installed.
    """
    machine.results.write_bytes(b"")
    machine.console.write_bytes(b"")
    records: list[Record] = []
    start, booted, trouble, done = time.monotonic(), 0.0, "", False
    heard = start
    running = on.start(machine, keep)
    try:
        while True:
            yield
            status = running.ended()
            for record in _new(machine.results, records):
                booted = booted or time.monotonic() - start
                records.append(record)
                heard = time.monotonic()
                tell(record)
                done = done or record.get("kind") == "end"
            if status is not None or done:
                break
            if not running.fed:
                start = heard = time.monotonic()  # what it boots is still under way to it
            if time.monotonic() - start > timeout:
                trouble = f"the machine was stopped: it had not ended after {timeout:g} s"
                break
            patience = max(silence, 3 * booted) if booted else 2 * silence
            if silence and time.monotonic() - heard > patience:
                trouble = f"the machine was stopped: nothing was heard of it for {patience:.0f} s"
                break
    finally:
        running.kill()
    seconds = time.monotonic() - start
    if not done and not trouble:
        trouble = _why(status, machine)
    crashed_in = modules_in_traces(machine.console.read_text(errors="replace")) if trouble else frozenset()
    return HostRun(tuple(records), trouble, seconds, booted, crashed_in)


def modules_in_traces(log: str) -> frozenset[str]:
    """The modules that call traces in a kernel's log go through (what is merely loaded is not among them)."""
    return frozenset(_FRAME.findall(log))


@contextmanager
def joined(parts: Sequence[Path | bytes]) -> Iterator[int]:
    """A file in memory that holds ``parts``, one after the other; yields its descriptor.

    In memory, so that nothing stays on the disk however we end; qemu opens it as /proc/self/fd/N.
    """
    descriptor = os.memfd_create("initrd", 0)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as out:
            for part in parts:
                if isinstance(part, bytes):
                    out.write(part)
                    continue
                out.flush()
                with part.open("rb") as source:
                    left, offset = os.fstat(source.fileno()).st_size, 0
                    while sent := os.sendfile(out.fileno(), source.fileno(), offset, left - offset):
                        offset += sent
        yield descriptor
    finally:
        os.close(descriptor)


def _new(results: Path, known: Sequence[Record]) -> Iterator[Record]:
    """The complete lines after those that are known; what is no JSON is told as such."""
    lines = results.read_bytes().split(b"\n")[:-1]
    for line in lines[len(known) :]:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        yield record if isinstance(record, dict) else {"kind": "garbled", "line": repr(line[:200])}


def _why(status: int | None, machine: Machine) -> str:
    said = machine.said.read_text(errors="replace").strip().splitlines()
    log = machine.console.read_text(errors="replace").splitlines()
    panic = [line for line in log if "Kernel panic" in line or "BUG:" in line]
    if panic:
        return f"the kernel of the test host crashed: {panic[0].strip()}"
    if status:
        last = (said or log or ["it said nothing"])[-1]
        return f"qemu ended with status {status}: {last.strip()}"
    return "the test host ended before its tests did; its last line: " + (log[-1].strip() if log else "none")

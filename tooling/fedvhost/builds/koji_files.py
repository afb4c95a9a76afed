"""What koji tasks left at the hub, brought here: each file whole, hashed, and put in place at once."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fedvhost.builds.backend import Remark, Tell, Transfer
from fedvhost.builds.koji_errors import HubRefused
from fedvhost.builds.koji_tasks import Output, distinct, outputs
from fedvhost.builds.record import Task
from fedvhost.errors import FedvhostError, ToolError
from fedvhost.workspace import telling_of

if TYPE_CHECKING:
    from fedvhost.builds.koji_session import Hub

PIECE = 4 << 20  # bytes of a file that one answer brings
_TRIES = 3
# What hubs can hash, the best first.
_HASHES = ("sha256", "md5")


def find_outputs(hub: Hub, tasks: Sequence[Task]) -> tuple[Output, ...]:
    """Return the RPMs and logs of a build's tasks. They are with the children, not with the build itself."""
    found: list[Output] = []
    for task in tasks:
        if task.parent is not None:
            listing = hub.call("listTaskOutput", task.number, stat=True, all_volumes=True)
            found += outputs(task, listing)
    return distinct(found)


def bring(hub: Hub, wanted: Sequence[Output], folder: Path, tell: Tell) -> tuple[Path, ...]:
    """Download ``wanted`` into ``folder`` and return their paths, in that order. What is there already with
    the right checksum is left alone.

    Raises:
        FedvhostError: no room; nothing half-finished is left.
        ToolError: what arrives is not what the hub has, also when it is brought again.
    """
    _check_room(wanted, folder)
    return tuple(_bring_one(hub, output, folder / output.local, tell) for output in wanted)


def bring_growing(hub: Hub, wanted: Iterable[Output], folder: Path, tell: Tell) -> tuple[Path, ...]:
    """Download logs as far as they are written; a build may be writing on."""
    paths = []
    for output in wanted:
        path = folder / output.local
        _download(hub, output, path, tell, lambda _size, _digest: True, None)
        paths.append(path)
    return tuple(paths)


def _check_room(wanted: Sequence[Output], folder: Path) -> None:
    with telling_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    needed = sum(o.size for o in wanted if not (folder / o.local).exists())
    if needed > free:
        raise FedvhostError(
            f"cannot write '{folder}': {_mebibytes(needed)} are needed and {_mebibytes(free)} are free; make "
            "room, then give the same command again; the build is at the hub and stays there"
        )


def _bring_one(hub: Hub, output: Output, path: Path, tell: Tell) -> Path:
    kind, there = _hub_hash(hub, output)
    if path.is_file() and path.stat().st_size == output.size and there and _hash(path, kind) == there:
        return path
    for attempt in range(_TRIES):

        def whole(size: int, digest: str) -> bool:
            return size == output.size and there in ("", digest)

        if _download(hub, output, path, tell, whole, kind if there else None):
            return path
        if attempt + 1 < _TRIES:
            tell(Remark(f"{output.name} arrived damaged; bringing it again"))
    raise ToolError(
        f"'{output.name}' of task {output.task} arrives damaged: its {'checksum' if there else 'size'} is "
        f"not what the hub at {hub.profile.server} tells; nothing was written. The build is unharmed there"
    )


def _download(
    hub: Hub,
    output: Output,
    path: Path,
    tell: Tell,
    whole: Callable[[int, str], bool],
    kind: str | None,
) -> bool:
    """Download one file and put it in place if ``whole(size, digest)``; returns whether."""
    temporary = path.with_name(f".{path.name[:200]}.fedvhost")
    hashed = hashlib.new(kind or "sha256", usedforsecurity=False)
    what, size = f"downloading {path.name}", 0
    try:
        with telling_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = temporary.open("wb")
        with file:
            while True:
                tell(Transfer(what, size, output.size))
                piece = _piece(hub, output, size)
                if not piece:
                    break
                size += len(piece)
                hashed.update(piece)
                with telling_of(path):
                    file.write(piece)
            with telling_of(path):
                file.flush()
                os.fsync(file.fileno())
        if not whole(size, hashed.hexdigest()):
            return False
        with telling_of(path):
            temporary.replace(path)
        return True
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _piece(hub: Hub, output: Output, offset: int) -> bytes:
    options = {} if output.volume == "DEFAULT" else {"volume": output.volume}
    got = hub.call("downloadTaskOutput", output.task, output.name, offset=offset, size=PIECE, **options)
    # ValueError: base64 that the way here has damaged.
    try:
        return base64.b64decode(got, validate=False)
    except ValueError as error:
        raise ToolError(f"what the hub sends of '{output.name}' is no base64: {error}") from error


def _hub_hash(hub: Hub, output: Output) -> tuple[str, str]:
    """The name of a hash and its value for the file at the hub; an empty value where the hub tells none."""
    options = {} if output.volume == "DEFAULT" else {"volume": output.volume}
    for kind in _HASHES:
        try:
            found = hub.call("checkUpload", output.folder, output.name, verify=kind, **options)
        except HubRefused:
            continue
        if found and found.get("hexdigest"):
            return kind, str(found["hexdigest"])
    return "", ""


def _hash(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"

"""After a conflict: ``resume`` records what a person answered and goes on; ``abort`` clears it away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fedvhost.errors import InputError
from fedvhost.git.identity import committer
from fedvhost.pipeline.backporting import Options, run_backport
from fedvhost.pipeline.conflicts.preparing import Waiting, conflict_folder, remove, waiting
from fedvhost.pipeline.conflicts.resolving import Asked, record, said_now, take
from fedvhost.pipeline.inputs import Request
from fedvhost.pipeline.result import Result
from fedvhost.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Resumed:
    """What ``resume`` did: the answers it wrote (files of the workspace), and what the run came to."""

    recorded: tuple[str, ...]
    result: Result


def resume(
    workspace: Workspace, request: Request, because: str | None, progress: Callable[[str], None]
) -> Resumed:
    """Record the answers in the prepared files and carry on with the run that stopped, as it was given.

    Upstreams of ``request`` win over those of that run.

    Raises:
        InputError: nothing waits for an answer; a marker is left in a file. Nothing is recorded then.
        InputError, ToolError: as ``run_backport`` does; what is recorded stays.
    """
    with workspace.lock():
        found = _waiting(workspace, request)
        given = take(workspace, [asked for one in found for asked in _asked(workspace, one)])
        recorded = record(workspace, given, said_now(committer(workspace.root), because))
    go_on, options = _run_of(found[0], request)
    return Resumed(recorded, run_backport(workspace, go_on, options, progress))


def abort(workspace: Workspace, request: Request) -> tuple[str, ...]:
    """Remove the prepared files of conflicts and their state; returns the folders that were removed.

    Raises:
        InputError: nothing waits for an answer.
    """
    with workspace.lock():
        return tuple(workspace.relative(remove(workspace, one)) for one in _found(workspace, request))


def _found(workspace: Workspace, request: Request) -> Sequence[Waiting]:
    release = workspace.release_file(request.release).stem
    found = waiting(workspace, release, request.feature, request.packages)
    if not found:
        what = f" of {', '.join(request.packages)}" if request.packages else ""
        raise InputError(
            f"no conflict{what} waits for an answer in release '{release}'; "
            f"if it stops, this prepares one: {workspace.program} backport --release {release}"
        )
    return found


def _waiting(workspace: Workspace, request: Request) -> Sequence[Waiting]:
    found = _found(workspace, request)
    for other in found[1:]:
        if (other.feature, other.run) != (found[0].feature, found[0].run):
            raise InputError(
                "conflicts of different runs wait for an answer: "
                + ", ".join(f"--feature {w.feature} --package {w.package}" for w in found)
                + "; name the one to resume"
            )
    return found


def _asked(workspace: Workspace, one: Waiting) -> list[Asked]:
    folder = conflict_folder(workspace, one.release, one.feature, one.package)
    return [Asked(one.feature, folder, one.pick, one.subject, q) for q in one.questions]


def _run_of(one: Waiting, request: Request) -> tuple[Request, Options]:
    """Return the run that stopped. It plans anew, whatever it did: its plan ends at the conflict."""
    run: Mapping[str, Any] = one.run
    go_on = replace(
        request,
        feature=one.feature,
        packages=tuple(run["packages"]),
        upstreams=request.upstreams or tuple(run["upstreams"]),
    )
    dist_git = {name: Path(path) for name, path in run["dist_git"].items()}
    return go_on, Options(run["upto"], False, run["rollup"], run["dry_run"], dist_git)

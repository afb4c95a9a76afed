"""Changes the contingency flag: the manifest, every line that it renders, and its history, in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fedvhost.errors import InputError
from fedvhost.evidence import now
from fedvhost.pipeline.decisions.deciding import rendered_lines
from fedvhost.pipeline.decisions.ledger import decisions_content, read_decisions
from fedvhost.pipeline.inputs import Request, read_manifests
from fedvhost.release.contingency import Change, rewritten, shipped, with_flag
from fedvhost.workspace import Workspace, write_all


@dataclass(frozen=True, slots=True)
class Why:
    """Who changes the flag, why, who was asked, what allows it after the deadline, and on how many green
    runs it rests."""

    by: str
    because: str
    asked: tuple[str, ...] = ()
    exception: str = ""
    runs: int = 0


def set_flag(workspace: Workspace, request: Request, value: str, why: Why) -> tuple[str, ...]:
    """Set the flag to ``on`` or ``off`` and return the files that changed; none if all was so already.

    Raises:
        InputError: a line that the flag renders is not in its spec; the history cannot be believed.
    """
    if not why.because.strip():
        raise InputError("--because is empty: say why, in a sentence that others can judge")
    if not why.by.strip():
        raise InputError("--by is empty: say who decides")
    with workspace.lock():
        manifests = read_manifests(workspace, replace(request, packages=()))
        decisions = read_decisions(workspace, manifests.release.name, manifests.feature.name)
        if decisions.problem:
            # Also where nothing would change: this is the command that the checklist names to settle it.
            decisions_content(workspace, manifests.release.name, manifests.feature.name, decisions)
        was = shipped(manifests.feature, manifests.release)
        files = _files(
            workspace, manifests.release_text, manifests.release_file, manifests.feature.name, value
        )
        for one in rendered_lines(workspace, manifests):
            path = workspace.root / one.file
            if not path.is_file():
                raise InputError("there is no such spec", file=one.file)
            files[path] = rewritten(files.get(path, path.read_bytes()), one, value)
        recorded = decisions.history[-1].now if decisions.history else None
        if value != was or recorded not in (value, None) or (recorded is None and value == "on"):
            change = Change(now(), why.by, was, value, why.because, why.asked, why.exception, why.runs)
            decisions = replace(decisions, history=(*decisions.history, change))
            files |= decisions_content(workspace, manifests.release.name, manifests.feature.name, decisions)
        return tuple(workspace.relative(p) for p in write_all(files))


def _files(workspace: Workspace, text: str, file: str, feature: str, value: str) -> dict[Path, bytes]:
    return {workspace.root / file: with_flag(text, feature, value).encode()}


def asked_of(asked: Sequence[str]) -> tuple[str, ...]:
    """Whom a person says they asked, each once."""
    return tuple(dict.fromkeys(a.strip() for a in asked if a.strip()))

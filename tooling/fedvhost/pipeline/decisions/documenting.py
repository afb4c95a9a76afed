"""Writes the documents from manifests and evidence, and says whether those that are there still hold."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedvhost.errors import InputError
from fedvhost.pipeline.decisions.deciding import collect
from fedvhost.pipeline.inputs import Request
from fedvhost.release.case import Case
from fedvhost.release.documents import EXCEPTION, WRITTEN, contents, render
from fedvhost.shipped import shipped_dir
from fedvhost.workspace import Workspace, nearest, read_text, write_all


def collect_all(workspace: Workspace, request: Request, today: datetime.date) -> Case:
    """Collect what a decision is made on, the state of the documents, too.

    Raises:
        InputError: a manifest, the checklist or a template is wrong.
    """
    case = collect(workspace, request, today)
    states = {}
    for name, (file, text) in _written(workspace, case, WRITTEN).items():
        there = file.read_bytes() if file.is_file() else None
        states[name] = "missing" if there is None else "current" if there == text.encode() else "older"
    return replace(case, documents=states)


def write_documents(workspace: Workspace, case: Case, names: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """Write documents (all, if none is named) and return each file with whether it changed.

    Raises:
        InputError: no such document.
    """
    for name in names:
        if name not in WRITTEN:
            raise InputError(f"there is no document '{name}'; {nearest(name, WRITTEN)}")
    written = _written(workspace, case, names or WRITTEN)
    with workspace.lock():
        changed = write_all({file: text.encode() for file, text in written.values()})
    return tuple((workspace.relative(file), file in changed) for file, _ in written.values())


def exception_request(workspace: Workspace, case: Case, change: str) -> str:
    """Return the text of a freeze exception request; ``change``: what will change, if not the feature."""
    values = {**_contents(case), "change": change}
    return render(*_template(workspace, EXCEPTION), values)


def _written(workspace: Workspace, case: Case, names: Sequence[str]) -> Mapping[str, tuple[Path, str]]:
    folder = workspace.root / "backport" / "documents" / f"{case.release.name}-{case.feature.name}"
    values = _contents(case)
    return {name: (folder / f"{name}.md", render(*_template(workspace, name), values)) for name in names}


def _contents(case: Case) -> dict[str, Any]:
    """What documents are filled with; where this machine has the workspace is none of it."""
    return dict(contents(replace(case, program="fedvhost")))


def _template(workspace: Workspace, name: str) -> tuple[str, str]:
    """Return a template's text and its name: the workspace's own, else the one that came along."""
    places = [workspace.specs_dir / "templates", shipped_dir() / "specs" / "templates"]
    file = next((f for folder in places if (f := folder / f"{name}.md.j2").is_file()), None)
    if file is None:
        raise InputError("there is no such template", file=f"specs/templates/{name}.md.j2")
    return read_text(file), workspace.relative(file)

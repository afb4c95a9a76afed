"""Evidence: what a step found, what it found it on, and a seal, so that a later step can believe it.

One JSON file a fact, ``.fedvhost/evidence/<release>-<feature>/<kind>[-<subject>].json``::

    {"schema": 1, "kind": "build", "subject": "kernel", "made": "2010-02-09T12:00:00Z",
     "inputs": {"patches/f13/kernel/0001-….patch": "<sha256>", …}, "facts": {…}, "seal": "<sha256>"}

The inputs tie it to the files it speaks of: when one of them changes, the evidence is stale. The seal is a
plain hash: it notices a truncated, damaged or hand-edited file. It is no signature, and whoever wants to
forge evidence on their own machine can.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedvhost.workspace import Workspace, write_atomic

SCHEMA = 1
_KEYS = {"schema", "kind", "subject", "made", "inputs", "facts", "seal"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")
# What we write is some hundred kilobytes at most; a larger file is not ours, and is not read into memory.
_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a step of ``kind`` found about ``subject`` (a package, a shape of the smoke test, or empty).

    ``inputs`` maps workspace-relative paths to the SHA-256 of what was looked at; ``facts`` are JSON's
    types; ``made`` is UTC, ``2010-02-09T12:00:00Z``.
    """

    release: str
    feature: str
    kind: str
    subject: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    made: str = ""


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A file that should be evidence and cannot be believed: which (relative to the workspace), and why."""

    file: str
    reason: str


def now() -> str:
    """The time, in UTC, as evidence has it; SOURCE_DATE_EPOCH, where set, says it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = (
        datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
        if epoch.isdigit()
        else datetime.datetime.now(datetime.UTC)
    )
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def folder(workspace: Workspace, release: str, feature: str) -> Path:
    """Where the evidence of a feature on a release is kept."""
    return workspace.state_dir / "evidence" / f"{release}-{feature}"


def file_of(workspace: Workspace, release: str, feature: str, kind: str, subject: str = "") -> Path:
    """The file of one piece of evidence."""
    for name in (kind, subject or "-"):
        assert name == "-" or _NAME.match(name), name
    return folder(workspace, release, feature) / f"{kind}{f'-{subject}' if subject else ''}.json"


def write(workspace: Workspace, evidence: Evidence) -> str:
    """Write ``evidence``, in place of what was there of its kind and subject, and return the file's name
    relative to the workspace. What has no time yet is made now."""
    file = file_of(workspace, evidence.release, evidence.feature, evidence.kind, evidence.subject)
    content = sealed(
        {
            "schema": SCHEMA,
            "kind": evidence.kind,
            "subject": evidence.subject,
            "made": evidence.made or now(),
            "inputs": dict(evidence.inputs),
            "facts": dict(evidence.facts),
        }
    )
    write_atomic(file, content)
    return workspace.relative(file)


def read(
    workspace: Workspace, release: str, feature: str, kind: str, subject: str = ""
) -> Evidence | Spoiled | None:
    """Return a piece of evidence; None if there is none, ``Spoiled`` if it cannot be believed."""
    file = file_of(workspace, release, feature, kind, subject)
    if not file.exists():
        return None
    name = workspace.relative(file)
    found = unsealed(file, _KEYS)
    if isinstance(found, str):
        return Spoiled(name, found)
    if (found["kind"], found["subject"]) != (kind, subject):
        return Spoiled(name, f"it is evidence of '{found['kind']} {found['subject']}', under another name")
    if found["schema"] != SCHEMA:
        return Spoiled(name, f"it has format {found['schema']!r}; this fedvhost reads {SCHEMA}")
    if not isinstance(found["inputs"], dict) or not isinstance(found["facts"], dict):
        return Spoiled(name, "its inputs or facts are no object")
    return Evidence(release, feature, kind, subject, found["inputs"], found["facts"], str(found["made"]))


def read_all(workspace: Workspace, release: str, feature: str) -> tuple[Evidence | Spoiled, ...]:
    """Return all evidence of a feature on a release, by name of file."""
    found: list[Evidence | Spoiled] = []
    for file in sorted(folder(workspace, release, feature).glob("*.json")):
        kind, _, subject = file.stem.partition("-")
        if not _NAME.match(kind) or not (subject == "" or _NAME.match(subject)):
            found.append(
                Spoiled(workspace.relative(file), "no evidence has such a name: it is not fedvhost's")
            )
            continue
        one = read(workspace, release, feature, kind, subject)
        if one is not None:
            found.append(one)
    return tuple(found)


def hashes(workspace: Workspace, paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file, by its name relative to the workspace; a missing file is an error."""
    return {workspace.relative(path): digest(path) for path in paths}


def changed_inputs(workspace: Workspace, evidence: Evidence) -> tuple[str, ...]:
    """Return the inputs that are not any more what the evidence was found on; empty: it still holds."""
    changed = []
    for name, old in evidence.inputs.items():
        path = workspace.root / name
        if not path.is_file() or digest(path) != old:
            changed.append(name)
    return tuple(changed)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed(content: Mapping[str, Any]) -> bytes:
    """Return ``content`` (JSON's types, no key ``seal``) as a JSON file with its seal."""
    assert "seal" not in content
    whole = {**content, "seal": _seal(content)}
    # Escaped, so that a build log's stray bytes (lone surrogates in Python) survive.
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def unsealed(file: Path, keys: Iterable[str] = ()) -> dict[str, Any] | str:
    """Return the content of a sealed file; a text that says why, if it cannot be believed.

    ``keys``: what it must have, and nothing else, ``seal`` among it (empty: anything).
    """
    # A folder cannot be read, and who reads a pipe waits for somebody to write.
    if not file.is_file():
        return "it is no plain file: not written by fedvhost"
    if file.stat().st_size > _LARGEST:
        return f"it is over {_LARGEST >> 20} MiB: not written by fedvhost"
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        return f"it is no whole JSON ({error})"
    if not isinstance(found, dict) or not isinstance(found.get("seal"), str):
        return "it has no seal: not written by fedvhost, or truncated"
    seal = found.pop("seal")
    if seal != _seal(found):
        return "it was changed after it was written: its seal does not fit"
    if (wanted := set(keys) - {"seal"}) and wanted != set(found):
        return f"other keys than expected: {', '.join(sorted(wanted ^ set(found)))}"
    return found


def _seal(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()

"""What a check of a series came to, as values and as the JSON that is kept as evidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fedvhost.backport.compilecheck import Complaint, Unexported
from fedvhost.packaging.application import Application
from fedvhost.pipeline.checks.building import Built, NotChecked
from fedvhost.values import Oid


@dataclass(frozen=True, slots=True)
class Row:
    """A patch of the series, and what compiling the tree after it came to (None: it was not compiled)."""

    commit: Oid
    subject: str
    patch: str
    built: Built | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What is known of one package's series. ``problems``: what else is not as it must be; ``hints``: where
    upstream has what is missing; ``folder``: the tree, which stays; ``evidence``: the file, None for a
    trial."""

    package: str
    base: Oid
    base_name: str
    tip: Oid
    tree: Oid
    compiler: str
    application: Application
    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    without: tuple[Oid, ...] = ()
    outdated: tuple[str, ...] = ()
    folder: str = ""
    log: str = ""
    evidence: str | None = None
    seconds: float = 0.0

    @property
    def compiled(self) -> tuple[Row, ...]:
        """The rows that were compiled."""
        return tuple(r for r in self.rows if r.built is not None)

    @property
    def broken(self) -> Row | None:
        """The first patch after which it does not hold."""
        return next((r for r in self.compiled if r.built is not None and not r.built.ok), None)

    @property
    def ok(self) -> bool:
        """Whether everything that was looked at holds, and something was."""
        seen = bool(self.rows) and self.rows[-1].built is not None
        return self.application.ok and not self.problems and seen and self.broken is None


def to_object(result: CheckResult) -> dict[str, Any]:
    """Return a result as JSON's types, the same for the same series: no times, no folders."""
    return {
        "package": result.package,
        "ok": result.ok,
        "base": result.base,
        "base_name": result.base_name,
        "tip": result.tip,
        "tree": result.tree,
        "compiler": result.compiler,
        "without": list(result.without),
        "applied": asdict(result.application) | {"ok": result.application.ok},
        "rows": [_row_object(i, row) for i, row in enumerate(result.rows, start=1)],
        "broken": result.broken.commit if result.broken else None,
        "problems": list(result.problems),
        "hints": list(result.hints),
        "not_checked": [asdict(n) for n in result.not_checked],
        "outdated": list(result.outdated),
    }


def _row_object(number: int, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": number,
        "commit": row.commit,
        "subject": row.subject,
        "patch": row.patch,
        "result": "not compiled" if row.built is None else "ok" if row.built.ok else "failed",
    }
    if row.built is not None:
        found["objects"] = list(row.built.objects)
        found["failed"] = row.built.failed
        found["errors"] = [_complaint_object(c) for c in row.built.complaints]
        found["unexported"] = [_unexported_object(u) for u in row.built.unexported]
        found["not_checked"] = [asdict(n) for n in row.built.not_checked]
    return found


def _complaint_object(complaint: Complaint) -> dict[str, Any]:
    return {
        "path": complaint.path,
        "line": complaint.line or None,
        "what": complaint.what,
        "names": list(complaint.names),
    }


def _unexported_object(unexported: Unexported) -> dict[str, str]:
    return {"object": unexported.path, "name": unexported.name}

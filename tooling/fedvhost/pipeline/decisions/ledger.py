"""What people decided about a feature on a release, kept beside the manifests: sign-offs, reviews, waivers,
and the history of the contingency flag.

One sealed JSON file, ``backport/decisions/<release>-<feature>.json``, to be committed. The seal is a plain
hash: it notices a file that was damaged or edited by hand; whoever signs is whoever could push.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fedvhost.errors import InputError
from fedvhost.evidence import sealed, unsealed
from fedvhost.release.contingency import Change, change_object, read_change
from fedvhost.release.people import Review, SignOff, Waiver, Words
from fedvhost.workspace import Workspace

SCHEMA = 1
_KEYS = ("schema", "release", "feature", "sign_offs", "reviews", "waivers", "contingency")


@dataclass(frozen=True, slots=True)
class Decisions:
    """All that was decided, oldest first. ``problem``: the file cannot be believed, and why."""

    words: Words = field(default_factory=Words)
    history: tuple[Change, ...] = ()
    problem: str = ""


def decisions_file(workspace: Workspace, release: str, feature: str) -> Path:
    """Where the decisions are kept."""
    return workspace.root / "backport" / "decisions" / f"{release}-{feature}.json"


def read_decisions(workspace: Workspace, release: str, feature: str) -> Decisions:
    """Read what was decided; a file that cannot be believed gives none, and the reason."""
    file = decisions_file(workspace, release, feature)
    if not file.exists():
        return Decisions()
    found = unsealed(file, (*_KEYS, "seal"))
    if not isinstance(found, str):
        try:
            return _read(found, release, feature)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            found = f"it is not what fedvhost writes ({error})"
    problem = f"'{workspace.relative(file)}' cannot be believed: {found}"
    return Decisions(Words(problem=problem), (), problem)


def decisions_content(
    workspace: Workspace, release: str, feature: str, decisions: Decisions
) -> Mapping[Path, bytes]:
    """Return the file as it is to be.

    Raises:
        InputError: what is there now cannot be believed, and would be lost.
    """
    file = decisions_file(workspace, release, feature)
    if decisions.problem:
        raise InputError(
            f"{decisions.problem}; put it back as it was (git checkout), or remove it and "
            "have all of it said again"
        )
    content = {
        "schema": SCHEMA,
        "release": release,
        "feature": feature,
        "sign_offs": [_plain(s) for s in decisions.words.sign_offs],
        "reviews": [_plain(r) for r in decisions.words.reviews],
        "waivers": [_plain(w) for w in decisions.words.waivers],
        "contingency": [change_object(c) for c in decisions.history],
    }
    return {file: sealed(content)}


def said(decisions: Decisions, *words: SignOff | Review | Waiver) -> Decisions:
    """Return the decisions with more words of people's."""
    old = decisions.words
    return replace(
        decisions,
        words=replace(
            old,
            sign_offs=(*old.sign_offs, *(w for w in words if isinstance(w, SignOff))),
            reviews=(*old.reviews, *(w for w in words if isinstance(w, Review))),
            waivers=(*old.waivers, *(w for w in words if isinstance(w, Waiver))),
        ),
    )


def _plain(word: SignOff | Review | Waiver) -> dict[str, Any]:
    return {**asdict(word), "on": dict(word.on)}


def _read(found: Mapping[str, Any], release: str, feature: str) -> Decisions:
    if (found["schema"], found["release"], found["feature"]) != (SCHEMA, release, feature):
        raise ValueError(
            f"it is about {found['feature']!r} on {found['release']!r}, format {found['schema']!r}"
        )
    words = Words(
        tuple(SignOff(**_checked(s, go=bool)) for s in found["sign_offs"]),
        tuple(Review(**_checked(r, ok=bool)) for r in found["reviews"]),
        tuple(Waiver(**_checked(w)) for w in found["waivers"]),
    )
    return Decisions(words, tuple(read_change(c) for c in found["contingency"]))


def _checked(raw: Mapping[str, Any], **kinds: type) -> dict[str, Any]:
    """Check that everything is a text, ``on`` a table of texts, and the rest of its kind."""
    for key, value in raw.items():
        wanted = kinds.get(key, dict if key == "on" else str)
        if not isinstance(value, wanted):
            raise TypeError(f"'{key}' is no {wanted.__name__}")
    texts: Sequence[object] = list(raw.get("on", {}).values())
    if not all(isinstance(t, str) for t in texts):
        raise TypeError("'on' has other things than texts")
    return dict(raw)

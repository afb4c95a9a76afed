"""Whether a source package comes out the same each time: every making of one is remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedvhost.evidence import Evidence, read, write
from fedvhost.workspace import Workspace

# More than these say nothing that these do not.
_MOST = 8


def keep_srpm(
    workspace: Workspace,
    release: str,
    feature: str,
    package: str,
    *,
    nvr: str,
    sha256: str,
    inputs: Mapping[str, str],
    options: Sequence[str],
) -> str:
    """Add a making of a source package to its evidence and return the file. Other sources, or other options,
    begin anew. Facts: ``made``, the SHA-256 of each, the oldest first."""
    old = read(workspace, release, feature, "srpm", package)
    made = [sha256]
    if isinstance(old, Evidence) and (dict(old.inputs), old.facts.get("options")) == (
        dict(inputs),
        list(options),
    ):
        earlier = old.facts.get("made")
        made = [*(earlier if isinstance(earlier, list) else []), sha256][-_MOST:]
    facts = {"nvr": nvr, "made": made, "options": list(options)}
    return write(workspace, Evidence(release, feature, "srpm", package, inputs, facts))

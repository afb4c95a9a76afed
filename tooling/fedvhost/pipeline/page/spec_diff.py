"""What became of a package's specs: against the last commit, or against the spec without the series."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from fedvhost.errors import FedvhostError
from fedvhost.pipeline.page.material import SpecDiff
from fedvhost.process import run
from fedvhost.specs.block import find_block, remove_block
from fedvhost.specs.layout import read_layout
from fedvhost.specs.text import join, split
from fedvhost.workspace import Workspace

# A diff longer than this is cut, and it is said.
LONGEST = 400_000


def spec_diff(workspace: Workspace, spec: Path, feature: str) -> SpecDiff:
    """Compare the folder that ``spec`` stands in with what git has of it; where git does not know the spec,
    the spec with itself, without the feature's lines."""
    if not spec.is_file():
        return SpecDiff(why_not=f"'{workspace.relative(spec)}' is not there")
    try:
        committed = _committed(workspace, spec)
        return committed if committed is not None else _without_series(workspace, spec, feature)
    except (FedvhostError, OSError) as error:
        return SpecDiff(why_not=str(error))


def _committed(workspace: Workspace, spec: Path) -> SpecDiff | None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k == "GIT_CEILING_DIRECTORIES"}
    env |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    folder = workspace.relative(spec.parent)
    git = ("git", "--literal-pathspecs", "-C", workspace.root)
    known = run([*git, "cat-file", "-e", f"HEAD:./{workspace.relative(spec)}"], env=env, ok=(0, 1, 128))
    if known.returncode != 0:
        return None
    head = run([*git, "rev-parse", "--short=12", "HEAD"], env=env).stdout.decode().strip()
    options = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--relative")
    done = run(
        [*git, "diff", *options, "--src-prefix=a/", "--dst-prefix=b/", "HEAD", "--", folder], env=env
    ).stdout.decode("utf-8", "surrogateescape")
    return SpecDiff(done[:LONGEST], f"the last commit, {head}")


def _without_series(workspace: Workspace, spec: Path, feature: str) -> SpecDiff:
    content = spec.read_bytes()
    raw = split(content)
    rest, _ = remove_block(raw, find_block(read_layout(raw, workspace.relative(spec)), feature), blank=True)
    name = workspace.relative(spec)
    old, new = (side.decode("utf-8", "surrogateescape").split("\n") for side in (join(rest), content))
    text = "\n".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm=""))
    return SpecDiff(text[:LONGEST], "itself without the series (git knows no earlier one here)")

"""Changing a spec on disk: the pure edit, with rpm as judge of what the release is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from fedvhost.errors import InputError
from fedvhost.packaging.evr import newer
from fedvhost.packaging.rpmspec import evaluate, staged_patches
from fedvhost.specs.change import apply_change
from fedvhost.specs.changelog import Evr
from fedvhost.specs.wanted import SpecChange


def edit_spec(
    spec: Path,
    patch_dir: Path,
    change: SpecChange,
    *,
    defines: Mapping[str, str],
    target: str | None = None,
    modern: bool = False,
    released: bool = False,
) -> bytes:
    """Return the bytes of ``spec`` with the change made; nothing is written. See ``apply_change``.

    ``patch_dir`` has the files that the change names.

    Raises:
        InputError: a patch file is missing; rpm cannot read the spec, before or after; the EVR would
            not rise; and what ``apply_change`` refuses.
    """
    for patch in change.files:
        if not (patch_dir / patch).is_file():
            raise InputError(f"the series has no file '{patch}'; export it first", file=patch_dir)
    if not spec.is_file():
        raise InputError("there is no such spec", file=spec)
    before = spec.read_bytes()

    def evr_of(content: bytes) -> Evr:
        return _evaluated(content, spec, patch_dir, change, defines, target)

    # First of all as it is: rpm's complaints then have the line numbers of the person's file.
    old = evr_of(before)
    after = apply_change(before, change, evr_of=evr_of, file=str(spec), modern=modern, released=released)
    if after != before:
        new = evr_of(after)
        if newer(old, new):
            raise InputError(
                f"the EVR would go back, from {old} to {new}; raise the release by hand", file=spec
            )
    return after


def _evaluated(
    content: bytes,
    spec: Path,
    patch_dir: Path,
    change: SpecChange,
    defines: Mapping[str, str],
    target: str | None,
) -> Evr:
    """Evaluate a text that is not on disk, as if it were ``spec``."""
    with (
        tempfile.TemporaryDirectory(prefix="fedvhost-spec-") as folder,
        staged_patches(spec, change.files, patch_dir) as sources,
    ):
        trial = Path(folder) / spec.name
        trial.write_bytes(content)
        try:
            return evaluate(trial, defines=defines, target=target, sourcedir=sources).evr
        except InputError as error:
            raise InputError(error.message, file=spec, line=error.line) from error

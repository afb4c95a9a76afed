"""Proving on a spec file that what it declares is applied: rpm expands, ``fedvhost.specs.proof`` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fedvhost.packaging.rpmspec import evaluate, expanded, staged_patches
from fedvhost.specs.proof import Finding, prove


def unapplied(
    spec: Path,
    series: Sequence[str],
    *,
    defines: Mapping[str, str],
    target: str | None = None,
    patch_dir: Path | None = None,
) -> tuple[Finding, ...]:
    """Return every patch of ``spec`` that is not surely applied, and what is wrong with the ``series``
    (file names, in order); an empty answer is the proof. Holds for this ``target`` and these ``defines``.

    Raises:
        InputError: rpm cannot read the spec.
    """
    with staged_patches(spec, tuple(series), patch_dir) as folder:
        first = evaluate(spec, defines=defines, target=target, sourcedir=folder)
    declared = tuple(file for _, file in first.patches)
    with staged_patches(spec, declared, patch_dir) as folder:
        text = expanded(spec, defines=defines, target=target, sourcedir=folder)
    return prove(text, declared, series, file=spec.name)

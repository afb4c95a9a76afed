"""Kernel modules for an image: those that are wanted and those that these need."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fedvhost import process

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_NAME = re.compile(r"(.+?)\.ko(\.gz|\.xz|\.bz2|\.zst)?\Z")


def _zstd(content: bytes) -> bytes:
    return process.run(["zstd", "-dcq"], stdin=content).stdout


_DECOMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
    ".zst": _zstd,
}


@dataclass(frozen=True, slots=True)
class Module:
    """A module as its file has it, uncompressed. ``path`` is relative to ``lib/modules/<release>``."""

    name: str
    path: str
    content: bytes
    needs: tuple[str, ...]


def select(folder: Path, wanted: Iterable[str]) -> tuple[tuple[Module, ...], tuple[str, ...]]:
    """Return the modules ``wanted`` with all they need, each after what it needs, and the names that are not
    there (built in, or not built at all).

    ``folder`` is ``…/lib/modules/<release>``; no ``modules.dep`` is needed: each module says what it needs.
    """
    files = {
        _canonical(found.group(1)): p for p in sorted(folder.rglob("*.ko*")) if (found := _NAME.match(p.name))
    }
    chosen: dict[str, Module] = {}
    missing: list[str] = []

    def take(name: str) -> None:
        if name in chosen or name in missing:
            return
        if name not in files:
            missing.append(name)
            return
        module = _read(folder, name, files[name])
        for needed in module.needs:
            take(needed)
        chosen[name] = module

    for name in wanted:
        take(_canonical(name))
    return tuple(chosen.values()), tuple(missing)


def _read(folder: Path, name: str, file: Path) -> Module:
    content = file.read_bytes()
    path = file.relative_to(folder)
    if file.suffix in _DECOMPRESS:
        content, path = _DECOMPRESS[file.suffix](content), path.with_suffix("")
    # The section .modinfo: texts that end in NUL bytes.
    found = _DEPENDS.search(content)
    words = found.group(1).decode() if found is not None else ""
    return Module(name, str(path), content, tuple(_canonical(w) for w in words.split(",") if w))


def _canonical(name: str) -> str:
    return name.replace("-", "_")

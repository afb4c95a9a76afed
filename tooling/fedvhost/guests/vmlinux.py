"""The uncompressed kernel inside a ``bzImage``.

qemu starts it through its PVH entry, which leaves out the decompressor: under emulation that saves seconds.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from pathlib import Path

from fedvhost import process
from fedvhost.errors import InputError

_ELF = b"\x7fELF"
# Offsets in the real-mode header: Documentation/arch/x86/boot.rst of the kernel.
_MAGIC, _VERSION, _SETUP_SECTORS, _PAYLOAD, _LENGTH = 0x202, 0x206, 0x1F1, 0x248, 0x24C
_FIRST_WITH_PAYLOAD = 0x0208
# "Xen\0" in a note of type 18: the PVH entry (XEN_ELFNOTE_PHYS32_ENTRY).
_PVH_NOTE = b"\x04\x00\x00\x00\x04\x00\x00\x00\x12\x00\x00\x00Xen\x00"
_PVH_NOTE_64 = b"\x04\x00\x00\x00\x08\x00\x00\x00\x12\x00\x00\x00Xen\x00"


def uncompressed(image: Path) -> bytes | None:
    """The ELF kernel in ``image`` if qemu can start it through PVH, else None (start ``image`` itself).

    Raises:
        InputError: ``image`` is no x86 kernel.
        ToolMissing: the program that knows its compression is not installed.
    """
    content = image.read_bytes()
    elf = content if content.startswith(_ELF) else _unpacked(image, content)
    if elf is None or not (_PVH_NOTE in elf or _PVH_NOTE_64 in elf):
        return None
    return elf


def _unpacked(image: Path, content: bytes) -> bytes | None:
    if content[_MAGIC : _MAGIC + 4] != b"HdrS":
        raise InputError("this is no x86 kernel (neither ELF nor bzImage)", file=image)
    if int.from_bytes(content[_VERSION : _VERSION + 2], "little") < _FIRST_WITH_PAYLOAD:
        return None
    start = (content[_SETUP_SECTORS] + 1) * 512 + _word(content, _PAYLOAD)
    payload = content[start : start + _word(content, _LENGTH)]
    # All but gzip have the unpacked size as four more bytes at their end.
    if payload.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(wbits=31).decompress(payload)
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"BZh"):
        return bz2.BZ2Decompressor().decompress(payload)
    if payload.startswith(b"\x5d\x00\x00"):
        return lzma.LZMADecompressor(format=lzma.FORMAT_ALONE).decompress(payload)
    if payload.startswith(b"\x02\x21\x4c\x18"):
        return process.run(["lz4", "-dc"], stdin=payload[:-4]).stdout
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return process.run(["zstd", "-dcq"], stdin=payload[:-4]).stdout
    return None


def _word(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "little")

"""The uncompressed kernel inside a ``bzImage``.

qemu starts it through its PVH entry, which leaves out the decompressor: under emulation that saves seconds.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from pathlib import Path

from fedvhost import process
from fedvhost.errors import InputError

_ELF = b"\x7fELF"
# Offsets in the real-mode header: Documentation/arch/x86/boot.rst of the kernel.
_MAGIC, _VERSION, _SETUP_SECTORS, _PAYLOAD, _LENGTH = 0x202, 0x206, 0x1F1, 0x248, 0x24C
_FIRST_WITH_PAYLOAD = 0x0208
# A program header of a 64-bit ELF file: type, flags, offset, two addresses, two sizes, alignment.
_SEGMENT, _LOAD, _HEADER = struct.Struct("<IIQQQQQQ"), 1, 64
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
    return trimmed(elf)


def trimmed(elf: bytes) -> bytes:
    """The same program without the zeros that end its segments, the gaps between them, and its sections:
    nearly half of Debian's 6.1, which spells out what it begins with as zeros. Every start loads it all."""
    if elf[4:6] != b"\x02\x01":  # 64 bits, little-endian
        return elf
    first, size, count = *struct.unpack_from("<Q", elf, 32), *struct.unpack_from("<HH", elf, 54)
    headers = [list(_SEGMENT.unpack_from(elf, first + number * size)) for number in range(count)]
    out = bytearray(elf[:_HEADER].ljust(_HEADER + count * _SEGMENT.size, b"\0"))
    struct.pack_into("<QQ", out, 32, _HEADER, 0)  # program headers; no section headers
    struct.pack_into("<HHHHH", out, 54, _SEGMENT.size, count, 0, 0, 0)
    moved: list[tuple[int, int, int]] = []
    for header in headers:
        kind, _, start, _, _, length, *_ = header
        if kind == _LOAD:
            content = elf[start : start + length].rstrip(b"\0")
            moved.append((start, length, len(out) - start))
            header[2], header[5] = len(out), len(content)
            out += content
    for number, header in enumerate(headers):
        if header[0] != _LOAD:  # notes, which lie within another segment
            at = next((by for start, length, by in moved if 0 <= header[2] - start < length), None)
            if at is None:
                return elf
            header[2] += at
        _SEGMENT.pack_into(out, _HEADER + number * _SEGMENT.size, *header)
    return bytes(out)


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

"""Command lines of test hosts and guests, archives, and frames: values that need no machine."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from fedvhost.errors import InputError
from fedvhost.guests.machine import Accelerator, Machine
from fedvhost.guests.machine import argv as machine_argv
from fedvhost.guests.running import modules_in_traces
from fedvhost.guests.vmlinux import trimmed, uncompressed
from fedvhost.inside import guest
from fedvhost.inside.catalogue import SHAPES
from fedvhost.inside.guest import Card, GuestSpec
from fedvhost.inside.guest import argv as guest_argv
from fedvhost.inside.guest_specs import SPECS
from fedvhost.inside.tap import frame
from fedvhost.pipeline.smoke.options import chosen


def words(*cards: Card) -> str:
    return " ".join(guest_argv(GuestSpec("g", 7, cards), "/run/g", {1: 11}))


def test_host_has_no_network_and_ends_instead_of_rebooting() -> None:
    machine = Machine(Accelerator.TCG, "vmlinux", "initrd", Path("c"), Path("r"))

    line = " ".join(machine_argv(machine))

    assert "-nic none" in line
    assert "-no-reboot" in line
    assert "+svm" in line


def test_card_says_of_vhost_what_was_asked_and_nothing_by_default() -> None:
    line = words(Card("off"), Card("fd"), Card(""))

    assert "id=n0,ifname=g7c0,script=no,downscript=no,vhost=off" in line
    assert "id=n1,ifname=g7c1,script=no,downscript=no,vhost=on,vhostfd=11" in line
    assert "id=n2,ifname=g7c2,script=no,downscript=no " in line


def test_bridge_has_an_address_of_its_own_that_no_tap_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(guest, "ip", lambda *commands: given.extend(commands))

    guest._make_taps(GuestSpec("g", 7, (Card(bridge="brt7"),)))

    assert "link add brt7 address 52:54:00:01:07:00 type bridge" in given


def test_socket_listens_only_once_it_takes_connections(tmp_path: Path) -> None:
    path = tmp_path / "qmp of a guest"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert path.exists()
        assert not guest.listening(str(path))

        server.listen()
        assert guest.listening(str(path))


def test_emulated_processor_promises_no_fast_byte_copies() -> None:
    host = machine_argv(Machine(Accelerator.TCG, "vmlinux"))
    inner = guest_argv(GuestSpec("g", 7, accelerator="tcg"), "/run/g", {})

    assert all("-erms" in line[line.index("-cpu") + 1] for line in (host, inner))
    real = machine_argv(Machine(Accelerator.KVM, "vmlinux"))
    assert real[real.index("-cpu") + 1] == "host"


def test_guests_of_one_host_share_no_number() -> None:
    assert len({s.number for s in SPECS.values()}) == len(SPECS)


def test_rows_have_one_name_each_and_build_on_rows_of_their_shape() -> None:
    for rows in SHAPES.values():
        names = [r.id for r in rows]
        assert len(set(names)) == len(names)
        for row in rows:
            assert set(row.after) <= set(names[: names.index(row.id)])
            assert set(row.guests) <= set(SPECS)


def test_rows_name_lines_of_the_test_plan_that_there_are() -> None:
    root = Path(__file__).parents[2]
    real = (root / "backport/features/vhost-net.toml").read_text()
    sample = (root / "tooling/fedvhost/sample/data/workspace/backport/features/vhost-net.toml").read_text()

    for shape, rows in SHAPES.items():
        text = sample if shape == "sample" else real
        for row in rows:
            assert all(f'id = "{name}"' in text for name in row.covers), (shape, row.id)


def test_asking_for_a_row_asks_what_it_builds_on() -> None:
    assert [r.id for r in chosen("driver", ["frames-in"])] == ["module-load", "frames-in"]


def test_row_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'frames-in'"):
        chosen("driver", ["frame-in"])


def test_frames_of_two_numbers_differ_and_have_their_size() -> None:
    assert len(frame(64, 1)) == 64
    assert frame(9014, 1) != frame(9014, 2)


def test_file_that_is_no_kernel_is_told(tmp_path: Path) -> None:
    (tmp_path / "readme").write_text("hello" * 200)

    with pytest.raises(InputError, match="no x86 kernel"):
        uncompressed(tmp_path / "readme")


SEGMENT = struct.Struct("<IIQQQQQQ")
CODE, DATA = b"code" * 10, b"data" + b"\0" * 4 + b"more"


def elf(note_at: int) -> bytes:
    """A program of two segments that end in zeros, a gap between them, a note, and a section table."""
    head = bytearray(b"\x7fELF\x02\x01".ljust(64, b"\0"))
    struct.pack_into("<QQ", head, 32, 64, 0x1234)
    struct.pack_into("<HHHHH", head, 54, SEGMENT.size, 3, 64, 9, 8)
    code = SEGMENT.pack(1, 5, 0x1000, 0xFF000, 0x10000, 0x800, 0x800, 0x1000)
    data = SEGMENT.pack(1, 6, 0x3000, 0xFF800, 0x20000, 0x400, 0x900, 0x1000)
    note = SEGMENT.pack(4, 4, note_at, 0xFF004, 0x10004, 8, 8, 4)
    out = bytearray(bytes(head) + code + data + note).ljust(0x3400, b"\0")
    out[0x1000 : 0x1000 + len(CODE)], out[0x3000 : 0x3000 + len(DATA)] = CODE, DATA
    return bytes(out)


def test_kernel_loses_only_the_zeros_that_end_its_segments() -> None:
    whole = elf(0x1004)
    found = trimmed(whole)

    code, data, note = (SEGMENT.unpack_from(found, 64 + n * SEGMENT.size) for n in range(3))
    assert (code[3:5], code[6:]) == ((0xFF000, 0x10000), (0x800, 0x1000))
    assert (data[3:5], data[6:]) == ((0xFF800, 0x20000), (0x900, 0x1000))
    assert found[code[2] :][: code[5]] == CODE
    assert found[data[2] :][: data[5]] == DATA
    assert found[note[2] :][: note[5]] == whole[0x1004:0x100C]
    assert struct.unpack_from("<Q", found, 40) == (0,)
    assert len(found) < 400


def test_kernel_of_which_we_know_too_little_is_left_alone() -> None:
    outside = elf(0x2F00)
    assert trimmed(outside) == outside
    small = b"\x7fELF\x01\x01" + bytes(200)
    assert trimmed(small) == small


def test_modules_are_blamed_for_frames_in_a_trace_and_not_for_being_loaded() -> None:
    log = (
        "BUG: unable to handle page fault\nModules linked in: vhost_net tun kvm_amd\n"
        "RIP: 0010:svm_vcpu_run+0x1d/0x40 [kvm_amd]\n ? kvm_vcpu_ioctl+0x2c8/0x720 [kvm]\n"
        " panic+0x118/0x2f4\n"
    )

    assert modules_in_traces(log) == {"kvm", "kvm_amd"}
    assert modules_in_traces("Modules linked in: vhost_net tun\nKernel panic") == frozenset()

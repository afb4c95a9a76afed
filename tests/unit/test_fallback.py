"""Which guests can be restored from a snapshot, and when that is done."""

from __future__ import annotations

from pathlib import Path

from fedvhost.guests.snapshot import identity
from fedvhost.inside.fallback import Guests, emulated, no_kvm, no_snapshot, restored, settle
from fedvhost.inside.guest import Card, GuestSpec, argv

ON = GuestSpec("on", 1)


def test_guests_run_under_kvm_where_it_works() -> None:
    assert settle(Guests(), "").accelerator == "kvm"


def test_without_kvm_nothing_is_chosen_until_somebody_brings_snapshots() -> None:
    assert settle(Guests(), "no KVM") == Guests("", "no KVM")
    assert settle(Guests("kvm", "asked for"), "no KVM") == Guests("", "no KVM")
    assert settle(Guests("tcg", "no KVM"), "no KVM") == Guests("tcg", "no KVM")


def test_device_that_is_no_kvm_does_not_count(tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    assert "no KVM" in no_kvm(device)
    device.touch()
    assert "makes no virtual machine" in no_kvm(device)


def test_guest_with_devices_of_the_test_host_has_no_snapshot() -> None:
    assert no_snapshot(ON) == ""
    assert "connected to something" in no_snapshot(GuestSpec("disk", 2, arguments=("-drive", "file=/disk")))
    assert "'e1000'" in no_snapshot(GuestSpec("old", 3, (Card(), Card("", model="e1000"))))


def test_restored_guest_has_the_devices_of_the_one_that_was_booted() -> None:
    booted, again = argv(emulated(ON), "/run", {}), argv(restored(ON), "/run", {})

    assert again[: len(booted)] == booted
    assert again[len(booted) :] == ("-incoming", "exec:cat /guest/on.state")
    assert any("queue_reset=off" in word for word in booted)


def test_snapshot_of_another_guest_is_not_taken_for_it() -> None:
    assert identity(ON) == identity(GuestSpec("on", 1))
    assert identity(ON) != identity(GuestSpec("on", 1, memory=256))
    assert identity(ON) != identity(GuestSpec("on", 1, (Card("on", device=("mrg_rxbuf=off",)),)))

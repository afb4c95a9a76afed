"""Which accelerator is chosen: a device that is there proves nothing."""

from __future__ import annotations

from pathlib import Path

from fedvhost.guests.machine import Accelerator
from fedvhost.guests.proof import prove


def test_without_the_device_it_is_emulation_and_nothing_is_tried(tmp_path: Path) -> None:
    proven = prove(
        tmp_path, tmp_path / "no-kernel", tmp_path / "scratch", guests=False, device=tmp_path / "kvm"
    )

    assert proven.accelerator is Accelerator.TCG
    assert "there is no" in proven.because
    assert not (tmp_path / "scratch").exists()


def test_device_that_boots_no_kernel_is_not_used_and_the_outcome_is_remembered(tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"no kernel at all")
    device = tmp_path / "kvm"
    device.touch()

    first = prove(tmp_path, kernel, tmp_path / "scratch", guests=False, device=device)
    (tmp_path / "scratch" / "results.jsonl").unlink()
    second = prove(tmp_path, kernel, tmp_path / "scratch", guests=False, device=device)

    assert first == second
    assert first.accelerator is Accelerator.TCG
    assert "does not boot a kernel" in first.because
    # The trial would have written its results again.
    assert not (tmp_path / "scratch" / "results.jsonl").exists()

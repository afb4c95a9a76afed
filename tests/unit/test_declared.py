"""Prerequisites that messages declare, in the forms that people really write."""

from __future__ import annotations

import pytest

from fedvhost.backport.declared import prerequisite_commits, prerequisite_patch_ids


@pytest.mark.parametrize(
    "line",
    [
        "Cc: stable@vger.kernel.org # 3.3.x: a1f84a3",
        "Cc: <stable@vger.kernel.org> # 3.3.x: a1f84a3: sched: Check for idle",
        "CC: stable@kernel.org # .32.x: a1f84a3",
        "Depends-on: a1f84a3",
        "Depends on: commit a1f84a3 (sched: Check for idle)",
    ],
)
def test_a_prerequisite_is_named(line: str) -> None:
    assert prerequisite_commits(f"subject\n\nbody\n\n{line}\n") == ("a1f84a3",)


@pytest.mark.parametrize(
    "line",
    [
        "Cc: stable@vger.kernel.org",
        "Cc: stable@vger.kernel.org # 3.3.x",
        "Cc: stable@vger.kernel.org # 2.6.33 and later",
        "Fixes: a1f84a3 (sched: Check for idle)",
        "This depends on: deadline",
        "Depends-on: abc",
    ],
)
def test_no_prerequisite_is_named(line: str) -> None:
    assert prerequisite_commits(f"subject\n\n{line}\n") == ()


def test_each_is_named_once_in_the_order_written() -> None:
    lines = [f"Cc: stable@kernel.org # 3.3.x: {commit}" for commit in ("bbbbbbb", "aaaaaaa")]
    assert prerequisite_commits("\n".join(["s", "", *lines, "Depends-on: bbbbbbb"])) == ("bbbbbbb", "aaaaaaa")


def test_patch_ids_of_a_posted_series() -> None:
    one, two = "1" * 40, "2" * 40
    text = f"base-commit: {'3' * 40}\nprerequisite-patch-id: {one}\nprerequisite-patch-id: {two}\n"
    assert prerequisite_patch_ids(text) == (one, two)

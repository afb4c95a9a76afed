"""What a message says of its commit, and what is done with a follow-up then."""

from __future__ import annotations

from typing import Any

import pytest

from fedvhost.backport.followups import (
    Candidate,
    Cause,
    FollowUp,
    Kind,
    Trial,
    best_form,
    follow_through,
    sort,
)
from fedvhost.backport.outcome import Verdict
from fedvhost.backport.repairs import Nature, read_message, said
from fedvhost.values import Oid

A, B, C = (Oid(digit * 40) for digit in "abc")


def candidate(**known: Any) -> Candidate:
    given = {"message": "vhost: fix a crash\n", "paths": ("drivers/vhost/net.c",), "lines": 4, **known}
    return Candidate(A, evidence=(), **given)


@pytest.mark.parametrize(
    ("message", "nature"),
    [
        ("vhost: Fix host panic if ioctl called with wrong index", Nature.REPAIR),
        ("vhost: break out of polling loop on error", Nature.REPAIR),
        # The subject says what is done; only the story says that it is a repair.
        ("virtio-net: stop vhost backend on vmstop\n\nIt causes trouble. The fix is to stop.", Nature.REPAIR),
        ("net: move a line\n\nCc: stable@kernel.org\n", Nature.REPAIR),
        ("net: add a check\n\nFixes: 123456789abc (\"net: forget it\")\n", Nature.REPAIR),
        ("vhost: apply cgroup to vhost workers", Nature.FEATURE),
        ("vhost-net: mergeable buffers support", Nature.FEATURE),
        # What was fixed between two versions of a patch is no defect of what was there.
        ("vhost: replace workqueue with kthread\n\nChanges:\n* Fix flushing\n* fix a race", Nature.FEATURE),
        ("vhost-net: minor cleanup", Nature.TIDY),
        ("hw: fix a typo in a comment", Nature.TIDY),
        ("virtio-pci: Rename bugs field to flags", Nature.TIDY),
    ],
)  # fmt: skip
def test_what_a_message_says_of_its_commit(message: str, nature: Nature) -> None:
    assert read_message(message, lines=10).nature is nature


def test_a_large_commit_needs_better_signs_than_one_word() -> None:
    assert read_message("vhost: avoid a lock", lines=20).nature is Nature.REPAIR
    assert read_message("vhost: avoid a lock", lines=500).nature is Nature.FEATURE


@pytest.mark.parametrize(
    ("message", "blamed"),
    [
        ("x\n\nFixes: 0123456789ab (\"y\")\n", ["0123456789ab"]),
        ("x\n\nThe issue seems to be introduced by\n0123456789abcdef (\"mm: y\").\n", ["0123456789abcdef"]),
        ("x\n\nCommit 0123456789ab adds up bytes.\n", ["0123456789ab"]),
        ("x\n\nBroken since 0123456789ab.\n", ["0123456789ab"]),
        ("Revert \"y\"\n\nThis reverts commit 0123456789ab.\n", ["0123456789ab"]),
        # A copy does not repair what it is a copy of.
        ("x\n\ncommit 0123456789ab upstream.\n", []),
        ("x\n\n(cherry picked from commit 0123456789ab)\n", []),
        ("x\n\nThe same as what 0123456789ab is for tun.\n", []),
    ],
)  # fmt: skip
def test_which_commits_a_message_blames(message: str, blamed: list[str]) -> None:
    assert list(said(message).to_blame) == blamed


def test_a_copy_names_what_it_is_a_copy_of() -> None:
    assert said("x\n\ncommit 0123456789ab upstream.\n").copies == ("0123456789ab",)


def test_a_repair_of_what_is_not_here_is_not_to_be_taken() -> None:
    away = Cause(B, "mm: count", "it says that it repairs", here=False)

    kind, reason = sort(candidate(causes=(away,)))

    assert kind is Kind.NOT_TO_BE_TAKEN
    assert B.short in reason
    # One that repairs two things is, if one of them is here.
    assert sort(candidate(causes=(away, Cause(C, "vhost", "", here=True))))[0] is Kind.OFFERED


def test_a_persons_decision_comes_before_everything() -> None:
    assert sort(candidate(omitted="not for us", in_base="patch-id"))[0] is Kind.OMITTED
    assert sort(candidate(taken="needed"))[0] is Kind.TAKEN


@pytest.mark.parametrize(
    ("known", "kind"),
    [
        ({"in_base": "patch-id"}, Kind.IN_BASE),
        ({"paths": tuple(f"drivers/{n}.c" for n in range(21))}, Kind.NOISE),
        ({"paths": ("Documentation/vhost.txt", "MAINTAINERS")}, Kind.NOISE),
        ({"same_code": True}, Kind.NOISE),
        ({"absent": ("drivers/net/macvtap.c",)}, Kind.NOT_TO_BE_TAKEN),
        ({}, Kind.OFFERED),
    ],
)
def test_facts_outweigh_the_message(known: dict[str, Any], kind: Kind) -> None:
    assert sort(candidate(**known))[0] is kind


def test_the_stable_form_is_offered_where_it_lands_better() -> None:
    stopped, merged, clean = Trial(Verdict.STOPPED), Trial(Verdict.INSERTED), Trial(Verdict.CLEAN)

    assert best_form([(A, stopped), (B, clean)]) == (B, clean)
    assert best_form([(A, merged), (B, clean)]) == (B, clean)
    assert best_form([(A, clean), (B, clean)]) == (A, clean)
    # What lands and misses a name is worse than what lands with more work.
    assert best_form([(A, Trial(Verdict.CLEAN, missing=("f",))), (B, merged)])[0] == B


def test_what_repairs_a_follow_up_that_is_not_taken_is_not_offered_unless_it_lands() -> None:
    away = FollowUp(A, "one", Kind.NOT_TO_BE_TAKEN, "")
    stops = FollowUp(B, "two", Kind.OFFERED, "", trial=Trial(Verdict.STOPPED), after=(A,))
    lands = FollowUp(C, "three", Kind.OFFERED, "", trial=Trial(Verdict.CLEAN), after=(A,))

    kinds = {f.commit: f.kind for f in follow_through({A: away, B: stops, C: lands})}

    assert kinds == {A: Kind.NOT_TO_BE_TAKEN, B: Kind.NOT_TO_BE_TAKEN, C: Kind.OFFERED}

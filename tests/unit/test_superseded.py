"""Upstream rewrites lines that are here in another form: when its own lines are the result."""

from __future__ import annotations

from fedvhost.backport.diff3 import Chunk, split_lines
from fedvhost.backport.superseded import supersede


def placed(base: str, ours: str, theirs: str) -> str | None:
    sides = (
        split_lines("".join(f"{line}\n" for line in side.split("|")).encode())
        for side in (base, ours, theirs)
    )
    found = supersede(Chunk(*sides))
    assert found is None or found.review
    return None if found is None else b"|".join(line.rstrip() for line in found.lines).decode()


def test_what_is_rewritten_whole_is_upstreams() -> None:
    base = "keep(box);|if (!box_try_open(box->lid))|\tretry(box);|end"
    ours = "keep(box);|if (!box->ops->try_open(box->lid))|\tretry(box);|end"
    theirs = "keep(box);|count_lost(box);|drop(box);|end"
    assert placed(base, ours, theirs) == "keep(box);|count_lost(box);|drop(box);|end"


def test_what_is_removed_whole_goes_in_the_form_that_is_here() -> None:
    assert (
        placed("a(1);|log_box(box, 3);|b(2);", "a(1);|logs_box(box, 3);|b(2);", "a(1);|b(2);")
        == "a(1);|b(2);"
    )


def test_a_name_that_came_in_between_may_not_come_along() -> None:
    base, ours = "send(box, box->dma);|wait(box);", "send(box);|wait(box);"
    assert placed(base, ours, "send_all(box, box->dma);|wait(box);") is None
    # ... not even if it stands elsewhere in those lines.
    base, ours = "send(box, box->dma);|sync(box->dma);", "send(box);|sync(box->dma);"
    assert placed(base, ours, "send_all(box->dma, box->dma);") is None


def test_what_only_the_base_has_is_not_lost() -> None:
    base, ours = "if (box->open &&", "if (box->open && !box->lid &&"
    assert placed(base, ours, "if (box->state != OPENED &&") is None


def test_two_new_words_for_one_old_one_are_a_conflict() -> None:
    assert placed("Ran 46 tests", "Ran 35 tests", "Ran 54 tests") is None


def test_lines_that_are_not_each_others_form_stop() -> None:
    assert placed("alpha(box);", "whatever = 7;", "gamma(box);") is None
    assert placed("alpha(box);|beta(box);", "alphas(box);", "gamma(box);") is None


def test_more_that_changed_here_than_upstream_rewrites_stops() -> None:
    base, ours = "alpha(box, 1);|beta(box, 1);", "alphas(box, 1);|betas(box, 1);"
    assert placed(base, ours, "gamma();|beta(box, 1);") is None

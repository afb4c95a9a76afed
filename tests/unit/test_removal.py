"""What a pick takes away though it is still used where it lands."""

from __future__ import annotations

import pytest

from fedvhost.backport.csource import open_gotos
from fedvhost.backport.removal import lost_declarations, lost_labels

JUMPS = b"int f(int a)\n{\n\tif (a)\n\t\tgoto done;\n\ta++;\ndone:\n\treturn a;\n}\n"
NO_LABEL = JUMPS.replace(b"done:\n", b"")
NO_JUMP = NO_LABEL.replace(b"\t\tgoto done;\n", b"\t\ta--;\n")


def test_a_label_that_is_jumped_to_and_gone_is_lost() -> None:
    assert lost_labels(JUMPS, NO_LABEL, NO_JUMP) == ("done",)


def test_the_label_of_another_function_is_no_help() -> None:
    other = b"void g(void)\n{\ndone:\n\treturn;\n}\n"

    assert lost_labels(JUMPS + other, NO_LABEL + other, NO_JUMP + other) == ("done",)


@pytest.mark.parametrize(
    ("before", "upstream"), [(NO_LABEL, NO_JUMP), (JUMPS, NO_LABEL)], ids=["before", "upstream"]
)
def test_what_was_open_elsewhere_as_well_is_made_by_a_macro(before: bytes, upstream: bytes) -> None:
    assert lost_labels(before, NO_LABEL, upstream) == ()


def test_a_label_in_a_comment_is_none() -> None:
    assert open_gotos(NO_LABEL.replace(b"a++;", b"/* done: */ a++;")) == {"done"}
    assert open_gotos(b"/* goto done; */\n") == frozenset()


USES = (
    b"#define MOST 3\nstatic int twice(int a) { return 2 * a; }\nint f(int a) { return twice(a) + MOST; }\n"
)


@pytest.mark.parametrize(
    ("gone", "lost"),
    [
        (b"#define MOST 3\n", {"MOST"}),
        (b"static int twice(int a) { return 2 * a; }\n", {"twice"}),
        (b"int f(int a) { return twice(a) + MOST; }\n", set()),
    ],
)
def test_a_declaration_that_is_used_and_gone_is_lost(gone: bytes, lost: set[str]) -> None:
    assert lost_declarations(USES, USES.replace(gone, b"")) == lost

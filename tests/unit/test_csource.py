"""Reading C: what counts as a use, as a declaration, as an include, and where a line stands."""

from __future__ import annotations

import pytest

from fedvhost.backport.added import added_lines
from fedvhost.backport.csource import (
    Include,
    declared,
    enclosing_scope,
    exports,
    includes,
    names_outside,
    uses,
)

EVERYTHING = [range(1, 1000)]


def used(source: bytes) -> list[str]:
    return [u.name for u in uses(source, EVERYTHING)]


def test_words_in_comments_strings_and_directives_are_no_uses() -> None:
    source = b"""#include <linux/ghost.h>
#ifdef CONFIG_GHOST
/* ghost, over
   two lines */ int a = real(b); // ghost
#endif
const char *s = "ghost \\" ghost";
#define TWICE(x) doubled(x)
"""
    assert [(u.name, u.line) for u in uses(source, EVERYTHING)] == [
        ("a", 4),
        ("real", 4),
        ("b", 4),
        ("s", 6),
        ("TWICE", 7),
        ("x", 7),
        ("doubled", 7),
        ("x", 7),
    ]


def test_how_a_name_is_used() -> None:
    source = b"d->log_file = e.log_file + log_file; struct log_file *f = log_file ();"
    assert [u.how for u in uses(source, EVERYTHING) if u.name == "log_file"] == [
        "member",
        "member",
        "name",
        "tag",
        "call",
    ]


def test_members_are_told_from_what_can_be_called() -> None:
    found = declared(
        b"struct dev { int open; int (*close)(int); };\n#define alias open\nint reset(int open);\n"
    )
    assert found.members == {"open", "close", "alias"}
    assert found.outer == {"dev", "alias", "reset"}


def test_only_the_lines_asked_for_are_read() -> None:
    source = b"int a;\nint b;\nint c;\n"
    assert [u.name for u in uses(source, [range(2, 3)])] == ["b"]
    assert names_outside(source, [range(2, 3)]) >= {"a", "c"}
    assert "b" not in names_outside(source, [range(2, 3)])


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (b"int ring_kick(struct ring *r);", "ring_kick"),
        (b"static inline struct ring *ring_get(int n)\n{ return rings + n; }", "ring_get"),
        (b"extern int (*ring_hook)(int);", "ring_hook"),
        (b"#define RING_MAX 16\n", "RING_MAX"),
        (b"#define ring_each(r) for (;;)\n", "ring_each"),
        (b"typedef struct Ring Ring;", "Ring"),
        (b"struct ring { int used, *avail; unsigned bits : 3; };", "avail"),
        (b"struct ring { int used; unsigned bits : 3; };", "bits"),
        (b"struct ops { int (*open)(int mode); };", "open"),
        (b"enum state { STOPPED, RUNNING = 2 };", "RUNNING"),
        (b"enum state { STOPPED };", "state"),
        (b"static struct ring rings[4], *first;", "rings"),
        (b"static DEFINE_PER_CPU(struct ring *, my_ring);\n", "my_ring"),
        (b"static LIST_HEAD(all_rings);\n", "all_rings"),
        (b"static always_inline void each(void (*f)(Ring r, Ring s),\n int n)\n{ }\n", "each"),
        (b"#ifdef A\nint f(int a) {\n#else\nint f(void) {\n#endif\n return 0; }\n#define AFTER 1\n", "AFTER"),
    ],
)
def test_what_a_header_declares_is_seen(source: bytes, name: str) -> None:
    found = declared(source)
    assert name in found.outer | found.members


def test_what_only_a_function_knows_is_not_offered_to_others() -> None:
    found = declared(
        b"int sum(int left, int right)\n{\n int total = left;\nout:\n return helper(total);\n}\n"
    )
    assert found.outer == {"sum"}
    assert found.inner == {"left", "right", "total", "out"}


def test_an_export_or_a_call_declares_nothing() -> None:
    found = declared(b"EXPORT_SYMBOL(ghost);\nMODULE_AUTHOR(ghost);\nint f(void) { return ghost(); }\n")
    assert "ghost" not in found.outer | found.inner


def test_includes_have_their_line_and_their_quotes() -> None:
    source = b'/* #include "no.h"\n*/\n#include "yes.h"\n# include <sys/yes.h>\n#include MACRO\n'
    assert includes(source) == (Include("yes.h", 3, True), Include("sys/yes.h", 4, False))


def test_exports_of_every_kind() -> None:
    source = b"""EXPORT_SYMBOL(one);
EXPORT_SYMBOL_GPL(two);
EXPORT_PER_CPU_SYMBOL(three);
/* EXPORT_SYMBOL(no); */
//EXPORT_SYMBOL(nor_this);
"""
    assert exports(source) == {"one", "two", "three"}


SCOPES = b"""#ifndef RING_H
#define RING_H
struct ring {
    int used;
};
#ifdef KVM_UPSTREAM
static int kick(struct ring *r)
{
    r->used++;
#if DEBUG > 1
    trace(r);
#else
    quiet(r);
#endif
}
#endif
typedef struct {
    int fd;
} Notifier;
static const struct row table[] = {
    { "tap" },
};
int end;
#endif
"""


@pytest.mark.parametrize(
    ("line", "scope"),
    [
        (3, ()),
        (4, ("struct ring",)),
        (7, ("#ifdef KVM_UPSTREAM",)),
        (9, ("#ifdef KVM_UPSTREAM", "function kick")),
        (11, ("#ifdef KVM_UPSTREAM", "function kick", "#if DEBUG > 1")),
        (13, ("#ifdef KVM_UPSTREAM", "function kick", "#else of #if DEBUG > 1")),
        (18, ("struct Notifier",)),
        (21, ("initializer table",)),
        (23, ()),
        (99, ()),
    ],
)
def test_enclosing_scope(line: int, scope: tuple[str, ...]) -> None:
    assert enclosing_scope(SCOPES, line) == scope


@pytest.mark.parametrize(
    ("old", "new", "added"),
    [
        (b"", b"a\nb\n", [range(1, 3)]),
        (b"a\nb\n", b"a\nb\n", []),
        (b"a\nb\n", b"a\n", []),
        (b"a\nb\nc\n", b"a\nx\ny\nc\n", [range(2, 4)]),
        (b"a\nb\n", b"a\nnew\nb\nend", [range(2, 3), range(4, 5)]),
        # No line is unique: the block added is still only one block.
        (b"{\n}\n{\n}\n", b"{\n}\n{\n}\n{\n}\n", [range(5, 7)]),
    ],
)
def test_added_lines(old: bytes, new: bytes, added: list[range]) -> None:
    assert list(added_lines(old, new)) == added


def test_a_moved_function_does_not_hide_what_was_added_elsewhere() -> None:
    one, two = b"int one;\n" * 3 + b"first\n", b"int two;\n" * 3 + b"second\n"
    old = one + two
    new = two + b"fresh\n" + one
    lines = new.split(b"\n")
    fresh = [lines[n - 1] for r in added_lines(old, new) for n in r]
    assert b"fresh" in fresh
    assert b"second" not in fresh or b"first" not in fresh

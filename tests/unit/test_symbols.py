"""What a pick uses and its landing place lacks, on trees small enough to read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from fedvhost.backport.added import added_lines
from fedvhost.backport.csource import exports
from fedvhost.backport.includes import Sources, View
from fedvhost.backport.kbuild import built_in, same_module
from fedvhost.backport.symbols import Missing, call_text, missing_exports, missing_symbols, new_uses
from fedvhost.values import Oid


class Files:
    """A tree in memory: path → text."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._blobs = {path: Oid(hashlib.sha1(text.encode()).hexdigest()) for path, text in files.items()}
        self._contents = {self._blobs[path]: text.encode() for path, text in files.items()}

    def blobs(self) -> Mapping[str, Oid]:
        return self._blobs

    def content(self, blob: Oid) -> bytes:
        return self._contents[blob]

    def names(self) -> frozenset[str]:
        return frozenset(path.rpartition("/")[2] for path in self._blobs)

    def named(self, name: str) -> list[str]:
        return sorted(path for path in self._blobs if path.rpartition("/")[2] == name)


def view(files: Mapping[str, str]) -> View:
    return View(Files(files), Sources())


BASE = {
    "net/ring.c": '#include "ring.h"\n#include <stdio.h>\n\nint ring_open(void)\n{\n    return 0;\n}\n',
    "include/ring.h": '#include "errors.h"\nint ring_open(void);\n',
    "include/errors.h": "void old_error(const char *text);\n",
}


def missing(
    upstream: Mapping[str, str],
    result: Mapping[str, str],
    before: Mapping[str, str],
    elsewhere: Mapping[str, str] | None = None,
) -> list[Missing]:
    """What is missing if the pick turned ``before`` into ``result``."""
    added = {
        path: new_uses(text.encode(), added_lines(before.get(path, "").encode(), text.encode()))
        for path, text in result.items()
        if text != before.get(path)
    }
    return list(missing_symbols(view(upstream), view(result), added, elsewhere or {}))


def test_a_function_that_the_base_calls_something_else() -> None:
    pick = BASE["net/ring.c"].replace("return 0;", 'new_error("no");\n    return 0;')
    upstream = {**BASE, "net/ring.c": pick, "include/errors.h": "void new_error(const char *text);\n"}

    assert missing(upstream, {**BASE, "net/ring.c": pick}, BASE) == [
        Missing("new_error", "net/ring.c", 6, "undefined", ("include/errors.h",), "call")
    ]


def test_a_name_that_nothing_declares_anywhere_is_the_c_librarys() -> None:
    pick = BASE["net/ring.c"].replace("return 0;", 'printf("%d", EINVAL);\n    return 0;')
    # Upstream's header uses the same name, which declares nothing.
    header = "static inline void say(void) { printf(0); }\n" + BASE["include/errors.h"]

    assert (
        missing({**BASE, "net/ring.c": pick, "include/errors.h": header}, {**BASE, "net/ring.c": pick}, BASE)
        == []
    )


def test_a_mere_mention_in_the_base_does_not_make_a_name_visible() -> None:
    pick = BASE["net/ring.c"].replace("return 0;", "return new_limit;")
    header = "/* new_limit comes later */\nint check(int new_limit);\n"
    upstream = {**BASE, "net/ring.c": pick, "include/errors.h": header + "extern int new_limit;\n"}
    result = {**BASE, "net/ring.c": pick, "include/errors.h": header}

    assert [m.name for m in missing(upstream, result, {**BASE, "include/errors.h": header})] == ["new_limit"]


def test_what_the_pick_brings_itself_is_not_missing() -> None:
    pick = "struct fresh { int part; };\n" + BASE["net/ring.c"].replace(
        "return 0;", "struct fresh f; int near = 1;\n    f.part = near;\n    return f.part;"
    )
    upstream = {**BASE, "net/ring.c": pick, "include/errors.h": "int near; struct fresh { int part; };"}

    assert missing(upstream, {**BASE, "net/ring.c": pick}, BASE) == []


def test_a_static_function_of_the_same_file_that_an_earlier_commit_brought() -> None:
    pick = BASE["net/ring.c"].replace("return 0;", "return settle();")
    upstream = {**BASE, "net/ring.c": "static int settle(void) { return 1; }\n" + pick}

    assert missing(upstream, {**BASE, "net/ring.c": pick}, BASE) == [
        Missing("settle", "net/ring.c", 6, "undefined", ("net/ring.c",), "call")
    ]


def test_what_the_file_used_before_is_not_asked_for_again() -> None:
    broken = BASE["net/ring.c"].replace("return 0;", "return settle();")
    pick = broken + "int again(void) { return settle(); }\n"
    upstream = {**BASE, "net/ring.c": "static int settle(void) { return 1; }\n" + pick}

    assert missing(upstream, {**BASE, "net/ring.c": pick}, {**BASE, "net/ring.c": broken}) == []


def test_a_header_that_is_not_there_is_missing_and_a_system_header_is_not() -> None:
    pick = '#include "fresh.h"\n#include <sys/eventfd.h>\n' + BASE["net/ring.c"]
    upstream = {**BASE, "net/ring.c": pick, "include/fresh.h": "int fresh;\n"}

    assert missing(upstream, {**BASE, "net/ring.c": pick}, BASE) == [
        Missing("fresh.h", "net/ring.c", 1, "no header", ("include/fresh.h",))
    ]


def test_a_member_that_was_renamed_upstream() -> None:
    old = {**BASE, "include/errors.h": "struct dev { int features; };\n"}
    pick = BASE["net/ring.c"].replace("return 0;", "return dev->guest_features;")
    upstream = {**old, "net/ring.c": pick, "include/errors.h": "struct dev { int guest_features; };\n"}

    assert [m.name for m in missing(upstream, {**old, "net/ring.c": pick}, old)] == ["guest_features"]


def test_a_member_of_that_name_does_not_hide_a_function_that_is_missing() -> None:
    """``struct dev`` has a ``reset`` to call through; the function of that name came later."""
    old = {**BASE, "include/errors.h": "struct dev { int (*reset)(int); };\n"}
    pick = BASE["net/ring.c"].replace("return 0;", "return reset(1);")
    upstream = {**old, "net/ring.c": pick, "include/errors.h": old["include/errors.h"] + "int reset(int);\n"}

    assert [m.name for m in missing(upstream, {**old, "net/ring.c": pick}, old)] == ["reset"]


def test_a_function_of_that_name_does_not_hide_a_member_that_is_missing() -> None:
    header = "int reset(int);\nstruct dev {{ int open;{} }};\n"
    old = {**BASE, "include/errors.h": header.format("")}
    pick = BASE["net/ring.c"].replace("return 0;", "return d->reset;")
    upstream = {**old, "net/ring.c": pick, "include/errors.h": header.format(" int reset;")}

    assert [(m.name, m.how) for m in missing(upstream, {**old, "net/ring.c": pick}, old)] == [
        ("reset", "member")
    ]


def test_a_file_that_used_the_member_before_does_not_know_the_function() -> None:
    before = BASE["net/ring.c"] + "int go(struct dev *d)\n{\n    return d->reset(1);\n}\n"
    old = {**BASE, "net/ring.c": before, "include/errors.h": "struct dev { int (*reset)(int); };\n"}
    pick = before.replace("return 0;", "return reset(1);")
    upstream = {**old, "net/ring.c": pick, "include/errors.h": old["include/errors.h"] + "int reset(int);\n"}

    assert [m.name for m in missing(upstream, {**old, "net/ring.c": pick}, old)] == ["reset"]


def test_a_member_as_an_argument_and_a_macro_for_a_member_are_members() -> None:
    header = "struct dev { int ring; };\n#define first ring\n"
    pick = BASE["net/ring.c"].replace("return 0;", "return offsetof(struct dev, ring) + d->first;")
    tree = {**BASE, "net/ring.c": pick, "include/errors.h": header}

    assert missing(tree, tree, {**BASE, "include/errors.h": header}) == []


def test_a_file_that_is_elsewhere_here_is_checked_against_upstreams() -> None:
    pick = BASE["net/ring.c"].replace("return 0;", "return settle(1);")
    upstream = {"core/ring.c": "static int settle(int a) { return a; }\n" + pick}
    result = {**BASE, "net/ring.c": pick}

    assert [m.name for m in missing(upstream, result, BASE, {"net/ring.c": "core/ring.c"})] == ["settle"]
    assert missing(upstream, result, BASE) == []


# -- with the right number of arguments ---------------------------------------------------------------


def called(call: str, here: str, upstream: str, before: str = BASE["net/ring.c"]) -> list[Missing]:
    """What is missing if a pick adds ``call`` and the header reads otherwise ``here`` than upstream."""
    old = {**BASE, "net/ring.c": before, "include/errors.h": here}
    pick = before.replace("return 0;", f"return {call};")
    return missing(
        {**old, "net/ring.c": pick, "include/errors.h": upstream}, {**old, "net/ring.c": pick}, old
    )


def test_a_call_with_an_argument_that_the_function_does_not_take_here() -> None:
    found = called("kick(d, 1)", "int kick(struct dev *d);\n", "int kick(struct dev *d, int how);\n")

    assert found == [Missing("kick", "net/ring.c", 6, "arguments", ("include/errors.h",), "call", 2, (1,))]
    assert call_text(found[0]) == "'kick' with 2 arguments, and it takes 1 here"


@pytest.mark.parametrize(
    ("call", "here", "upstream"),
    [
        ("kick(d)", "#define kick(d, how) (d)\n", "#define kick(d) (d)\n"),
        ("kick()", "int kick(int a);\n", "int kick(void);\n"),
        ("kick(a, f(b, c), (d, e))", "void kick(int a, int b);\n", "void kick(int a, int b, int c);\n"),
        ("kick('(', \",\")", "int kick(char __user *p);\n", "int kick(char c, const char __user *p);\n"),
        ("kick(a,\n    b)", "int kick(int (*f)(int, int));\n", "int kick(int (*f)(int, int), int b);\n"),
        ("kick(1)", "static inline int kick(void) { return 0; }\n", "int kick(int a)\n{ return a; }\n"),
    ],
)  # fmt: skip
def test_calls_that_do_not_fit(call: str, here: str, upstream: str) -> None:
    assert [m.kind for m in called(call, here, upstream)] == ["arguments"]
    assert called(call, upstream, upstream) == []


@pytest.mark.parametrize(
    ("call", "here"),
    [
        ("kick(1, 2)", "int kick(const char *form, ...);\n"),
        ("kick(1, 2)", "#define kick(args...) go(args)\n"),
        ("kick(1, 2)", "int kick();\n"),
        ("kick()", "#define kick(x) go(x)\n"),
        ("kick(1, 2)", "#define kick __kick\nint kick(int a);\n"),
        ("kick(1, 2)", "extern int (*kick)(int a, int b);\n"),
        ("kick(1, 2)", "#ifdef A\nint kick(int a);\n#else\nint kick(int a, int b);\n#endif\n"),
        ("d->kick(1, 2)", "int kick(int a);\nstruct dev { int (*kick)(int a, int b); };\n"),
        ("kick(1,\n#ifdef A\n    2,\n#endif\n    3)", "int kick(int a);\n"),
    ],
)
def test_what_takes_any_number_or_cannot_be_counted_is_not_reported(call: str, here: str) -> None:
    assert called(call, here, "int kick(int a, int b);\n") == []


def test_what_does_not_fit_upstream_either_is_something_that_cannot_be_followed() -> None:
    assert called("kick(PAIR)", "int kick(int a);\n", "int kick(int a, int b);\n") == []
    assert called("kick(1, 2, 3)", "int kick(int a);\n", "int kick(int a, int b);\n") == []


def test_a_call_that_upstream_has_no_function_for_is_held_to_the_one_here() -> None:
    """A declared rename leads to a function that upstream has no more."""
    assert [m.takes for m in called("old_error(1, 2)", "void old_error(int a);\n", "\n")] == [(1,)]


def test_calls_that_the_file_made_before_fit() -> None:
    before = BASE["net/ring.c"] + "int go(void)\n{\n    return kick(1, 2);\n}\n"
    assert called("kick(3, 4)", "int kick(int a);\n", "int kick(int a, int b);\n", before) == []


def test_an_argument_on_a_line_of_its_own_is_part_of_the_call() -> None:
    before = BASE["net/ring.c"].replace("return 0;", "return kick(1,\n                2);")
    old = {**BASE, "net/ring.c": before, "include/errors.h": "int kick(int a, int b);\n"}
    pick = before.replace("                2);", "                2, 3);")
    upstream = {**old, "net/ring.c": pick, "include/errors.h": "int kick(int a, int b, int c);\n"}

    assert [(m.arguments, m.takes) for m in missing(upstream, {**old, "net/ring.c": pick}, old)] == [
        (3, (2,))
    ]


def test_a_function_that_the_pick_changes_together_with_its_calls_fits() -> None:
    before = "static int kick(int a)\n{\n    return a;\n}\n" + BASE["net/ring.c"]
    pick = before.replace("int a)", "int a, int b)").replace("return 0;", "return kick(1, 2);")

    assert (
        missing({**BASE, "net/ring.c": pick}, {**BASE, "net/ring.c": pick}, {**BASE, "net/ring.c": before})
        == []
    )


def test_a_local_function_pointer_is_not_the_function_of_that_name() -> None:
    pick = BASE["net/ring.c"].replace("return 0;", "int (*kick)(int, int) = f;\n    return kick(1, 2);")
    header = "int kick(int a);\n"
    tree = {**BASE, "net/ring.c": pick, "include/errors.h": header}

    assert missing(tree, tree, {**BASE, "include/errors.h": header}) == []


def test_files_that_are_not_c_are_left_alone() -> None:
    result = {**BASE, "Makefile": "obj-y += fresh.o\n"}
    upstream = {**result, "include/fresh.h": "int fresh;\n"}

    assert missing(upstream, result, BASE) == []


def test_includes_are_followed_through_circles_and_the_usual_places() -> None:
    tree = Files(
        {
            "drivers/net/tun.c": '#include <linux/tun.h>\n#include <asm/page.h>\n#include "local.h"\n',
            "drivers/net/local.h": "#include <asm/bug.h>\n",
            "include/linux/tun.h": '#include "peer.h"\n',
            "include/linux/peer.h": "#include <linux/tun.h>\n",
            "arch/arm/include/asm/page.h": "",
            "arch/x86/include/asm/page.h": "",
            "include/asm-generic/bug.h": "",
        }
    )
    assert tuple(View(tree, Sources()).closure("drivers/net/tun.c")) == (
        "include/linux/tun.h",
        "arch/x86/include/asm/page.h",
        "drivers/net/local.h",
        "include/linux/peer.h",
        "include/asm-generic/bug.h",
    )


# -- exports ----------------------------------------------------------------------------------------

KERNEL = {
    "mm/context.c": "void borrow_mm(void) { }\n",
    "include/linux/context.h": "void borrow_mm(void);\n",
    "drivers/ring/Makefile": "obj-$(CONFIG_RING) += ring_net.o\nring_net-y := ring.o \\\n\tnet.o\n"
    "obj-y += glue.o\n",
}
EXPORTED = {**KERNEL, "mm/context.c": KERNEL["mm/context.c"] + "EXPORT_SYMBOL_GPL(borrow_mm);\n"}
CALL = "#include <linux/context.h>\nint go(void)\n{\n    borrow_mm();\n    return 0;\n}\n"


def unexported(
    path: str, text: str, result: Mapping[str, str], upstream: Mapping[str, str] = EXPORTED
) -> list[Missing]:
    added = {path: new_uses(text.encode(), [range(1, text.count("\n") + 1)])}
    sides = {"upstream": {**upstream, path: text}, "result": {**result, path: text}}

    def exported(side: str, name: str) -> str | None:
        return next((p for p, content in sides[side].items() if name in exports(content.encode())), None)

    return list(missing_exports(view(sides["upstream"]), view(sides["result"]), added, exported))


def test_a_function_that_is_there_but_not_exported() -> None:
    """Everything compiles, and the module cannot be loaded."""
    path = "drivers/ring/net.c"
    assert unexported(path, CALL, KERNEL) == [Missing("borrow_mm", path, 4, "unexported", ("mm/context.c",))]
    assert missing({**EXPORTED, path: CALL}, {**KERNEL, path: CALL}, KERNEL) == []


def test_nothing_is_asked_for_that_is_exported_already() -> None:
    assert unexported("drivers/ring/net.c", CALL, EXPORTED) == []


def test_an_export_that_stands_in_another_file_here() -> None:
    elsewhere = {**KERNEL, "kernel/context.c": "EXPORT_SYMBOL(borrow_mm);\n"}
    assert unexported("drivers/ring/net.c", CALL, elsewhere) == []


def test_what_is_only_a_macro_here_needs_no_export() -> None:
    header = "include/linux/context.h"
    macro = {**KERNEL, header: "#define borrow_mm() do { } while (0)\n"}
    assert unexported("drivers/ring/net.c", CALL, macro) == []
    # In one branch it is a function, and nobody knows here which one is compiled.
    both = {**KERNEL, header: f"#ifdef X\n{KERNEL[header]}#else\n{macro[header]}#endif\n"}
    assert len(unexported("drivers/ring/net.c", CALL, both)) == 1
    # What is declared nowhere may still be a function.
    assert len(unexported("drivers/ring/net.c", CALL, {**KERNEL, header: "\n"})) == 1


def test_an_export_in_a_comment_is_none() -> None:
    comment = {**KERNEL, "mm/context.c": "/*\nEXPORT_SYMBOL(borrow_mm);\n*/\n"}
    assert unexported("drivers/ring/net.c", CALL, KERNEL, comment) == []


def test_what_is_always_built_in_needs_no_export() -> None:
    assert unexported("drivers/ring/glue.c", CALL, KERNEL) == []


def test_an_option_that_is_no_or_yes_but_never_a_module() -> None:
    choices = 'config OTHER\n\ttristate\n\nconfig RING\n\t{} "rings"\n\thelp\n\t  A tristate, or is it?\n'
    for kind, found in (("tristate", 1), ("bool", 0)):
        tree = {**KERNEL, "init/Kconfig": choices.format(kind), "Kconfig": "config RINGS\n\tbool\n"}
        assert len(unexported("drivers/ring/net.c", CALL, tree)) == found


def test_a_member_a_tag_or_a_local_variable_of_that_name_is_no_call() -> None:
    text = "int go(struct borrow_mm *d)\n{\n    return d->borrow_mm;\n}\n"
    assert unexported("drivers/ring/net.c", text, KERNEL) == []
    text = "int go(int borrow_mm)\n{\n    return borrow_mm;\n}\n"
    assert unexported("drivers/ring/net.c", text, KERNEL) == []


def test_files_linked_into_one_module_see_each_other() -> None:
    tree = Files(KERNEL)
    assert same_module(tree, "drivers/ring/ring.c", "drivers/ring/net.c")
    assert not same_module(tree, "drivers/ring/ring.c", "drivers/ring/glue.c")
    assert not same_module(tree, "drivers/ring/ring.c", "mm/context.c")
    assert built_in(tree, "drivers/ring/glue.c")
    assert not built_in(tree, "drivers/ring/ring.c")
    assert not built_in(tree, "mm/context.c")


SHUT = {
    "net/shut.c": """\
int shut(struct ring *ring)
{
    int left = ring->left;

    return left;
}
""",
}


def shut(upstream: str, result: str) -> list[Missing]:
    """What is missing if the pick put ``forget(left);`` into both."""
    added = {
        "net/shut.c": new_uses(result.encode(), added_lines(SHUT["net/shut.c"].encode(), result.encode()))
    }
    return list(missing_symbols(view({"net/shut.c": upstream}), view({"net/shut.c": result}), added))


def test_a_variable_that_upstreams_function_has_and_this_one_calls_otherwise() -> None:
    upstream = (
        SHUT["net/shut.c"].replace("left", "rest").replace("\n    return", "\n    forget(rest);\n    return")
    )
    result = SHUT["net/shut.c"].replace("\n    return", "\n    forget(rest);\n    return")

    assert shut(upstream, result) == [Missing("rest", "net/shut.c", 5, "undefined", ("net/shut.c",))]
    # ... but one that the added lines bring, that the function has, or that is everybody's, is there.
    assert shut(upstream, result.replace("    forget", "    int rest = 0;\n    forget")) == []
    assert shut(upstream, result.replace("rest", "left")) == []
    assert shut(upstream, "static int rest;\n" + result) == []


def test_a_name_of_a_function_of_another_name_is_not_known() -> None:
    upstream = SHUT["net/shut.c"].replace("shut", "close").replace("left", "rest")
    assert shut(upstream, SHUT["net/shut.c"].replace("\n    return", "\n    forget(rest);\n    return")) == []

"""What compilers, linkers and nm say; which undefined symbols a module may have; the rules of a recipe."""

from __future__ import annotations

import pytest

from fedvhost.backport.compilecheck import (
    Complaint,
    Symbols,
    Unexported,
    complaints,
    edited,
    exports_of,
    matching,
    objects_of,
    read_nm,
    unexported,
    words,
)
from fedvhost.backport.manifest_toml import read_release
from fedvhost.backport.recipe import Check, Edit, Flags
from fedvhost.errors import InputError

RELEASE = """\
title = "Fedora 13"
dist = ".fc13"
koji-target = "dist-f13"
mock-chroot = "fedora-13-x86_64"
[packages.kernel]
base = "v2.6.33"
upstream = "https://example.org/linux.git"
spec = "specs/kernel.spec"
source = "linux.tar"
source-prefix = "linux"
[packages.kernel.check]
kind = "kernel"
compile = 'make "CC=gcc {flags}" {objects}'
"""


def names(*found: str) -> frozenset[str]:
    return frozenset(found)


# -- what was said ----------------------------------------------------------------------------------


def test_a_function_that_nobody_declared_is_named_with_its_line() -> None:
    said = (
        "  CC      drivers/vhost/net.o\n"
        "drivers/vhost/net.c: In function 'get_tun_socket':\n"
        "drivers/vhost/net.c:465:16: error: implicit declaration of function 'tun_get_socket'; did you mean "
        "'sk_set_socket'? [-Werror=implicit-function-declaration]\n"
        "  465 |         sock = tun_get_socket(file);\n"
        "cc1: some warnings being treated as errors\n"
        "make[1]: *** [scripts/Makefile.build:229: drivers/vhost/net.o] Error 1\n"
    )

    (found,) = complaints(said, "/ws/tree")

    assert (found.path, found.line, found.names) == ("drivers/vhost/net.c", 465, ("tun_get_socket",))


def test_a_linkers_error_is_told_once_and_paths_are_those_of_the_tree() -> None:
    said = (
        "/usr/bin/ld: net/tap.o: in function `net_init_tap':\n"
        "/ws/tree/net/tap.c:501: undefined reference to `error_report'\n"
        "/usr/bin/ld: /ws/tree/net/tap.c:501: undefined reference to `error_report'\n"
        "collect2: error: ld returned 1 exit status\n"
    )

    found = complaints(said, "/ws/tree")

    assert found == (Complaint("net/tap.c", 0, "undefined reference to 'error_report'", ("error_report",)),)


def test_what_only_make_says_counts_if_nothing_else_was_said() -> None:
    said = "make: *** No rule to make target 'drivers/vhost/net.o'.  Stop.\n"

    assert [str(c) for c in complaints(said, "/ws")] == [
        "No rule to make target 'drivers/vhost/net.o'.  Stop."
    ]


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("'USHRT_MAX' undeclared (first use in this function)", "USHRT_MAX"),
        ("'VirtIODevice' has no member named 'guest_features'", "guest_features"),
        ("unknown type name 'EventNotifier'", "EventNotifier"),
        ("too few arguments to function 'cpu_register_map_client'", "cpu_register_map_client"),
    ],
)
def test_the_name_that_an_error_is_about(what: str, name: str) -> None:
    (found,) = complaints(f"hw/vhost.c:7:3: error: {what}\n", "/ws")

    assert found.names == (name,)


def test_warnings_are_no_errors() -> None:
    assert complaints("net.c:7:3: warning: unused variable 'error' [-Wunused-variable]\n", "/ws") == ()


# -- symbols ----------------------------------------------------------------------------------------


def test_nm_tells_what_an_object_defines_needs_and_exports() -> None:
    said = (
        "mm/mmu_context.o: __ksymtab_use_mm r 10 \n"
        "mm/mmu_context.o: use_mm T 50 4e\n"
        "mm/mmu_context.o: local t 0 5\n"
        "mm/mmu_context.o: __mmdrop U         \n"
        "mm/mmu_context.o: maybe w         \n"
    )

    assert read_nm(said) == {"mm/mmu_context.o": Symbols(names("use_mm"), names("__mmdrop"), names("use_mm"))}


def test_a_function_that_is_there_without_its_export_is_missed_by_a_module_only() -> None:
    objects = {
        "drivers/vhost/net.o": Symbols(names("x"), names("use_mm", "vhost_init", "fget")),
        "drivers/vhost/vhost.o": Symbols(names("vhost_init"), names()),
        "mm/mmu_context.o": Symbols(names("use_mm"), names("__mmdrop")),
    }
    module = names("drivers/vhost/net.o", "drivers/vhost/vhost.o")

    assert unexported(objects, [module], names("fget")) == (Unexported("drivers/vhost/net.o", "use_mm"),)
    exporting = objects | {"mm/mmu_context.o": Symbols(names("use_mm"), names(), names("use_mm"))}
    assert unexported(exporting, [module], names("fget")) == ()
    assert unexported(objects, [module], names("fget"), vouched=names("use_mm")) == ()


def test_two_modules_do_not_see_each_others_functions() -> None:
    objects = {
        "tun.o": Symbols(names("tun_get_socket")),
        "vhost.o": Symbols(names(), names("tun_get_socket")),
    }

    found = unexported(objects, [names("tun.o"), names("vhost.o")], names())

    assert found == (Unexported("vhost.o", "tun_get_socket"),)


def test_exports_as_a_linker_calls_them() -> None:
    source = (
        b"EXPORT_SYMBOL(fget);\n\tEXPORT_SYMBOL_GPL( use_mm );\nEXPORT_PER_CPU_SYMBOL(current_task);\n"
        b"EXPORT_TRACEPOINT_SYMBOL_GPL(kfree_skb);\n// not EXPORT_SYMBOL(nothing);\n"
    )

    found = exports_of(source)

    assert {"fget", "use_mm", "per_cpu__current_task", "__tracepoint_kfree_skb"} <= found
    assert "nothing" not in found


# -- the recipe -------------------------------------------------------------------------------------


def test_the_flag_that_finds_undeclared_functions_is_always_there() -> None:
    check = Check("kernel", "", flags=(Flags("-std=gnu89 -fcommon", "old"),))

    argv = words(
        "make -j{jobs} 'CC=gcc {flags}' {objects} gcc{gcc}.h", check, gcc="12", jobs=2, objects=("a.o", "b.o")
    )

    flags = "-Werror=implicit-function-declaration -std=gnu89 -fcommon"
    assert argv == ("make", "-j2", f"CC=gcc {flags}", "a.o", "b.o", "gcc12.h")


def test_an_edit_changes_bytes_that_are_no_utf_8_around_it_not_at_all() -> None:
    edit = Edit("timeconst.pl", r"defined\((@\w+)\)", r"\1", "perl 5.22")

    assert edited(b"# \xe9\r\nif (!defined(@val)) {", [edit]) == (b"# \xe9\r\nif (!@val) {", ())
    assert edited(b"nothing", [edit]) == (b"nothing", (edit,))


def test_paths_and_objects() -> None:
    assert objects_of(["a/b.c", "c.S", "d.h", "Makefile"]) == ("a/b.o", "c.o")
    assert matching(["drivers/vhost/Kconfig", "a.c"], ["*Kconfig*"]) == ("drivers/vhost/Kconfig",)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('flags = [{ add = "-O1 -w", because = "quiet" }]', "'-w' would hide"),
        (
            'flags = [{ add = "-Wno-implicit-function-declaration", because = "quiet" }]',
            "would hide",
        ),
        ('prepare = [{ run = \'make "HOSTCFLAGS=-w" x\', because = "y" }]', "'-w' would hide"),
        ('prepare = [{ run = "make \'x", because = "y" }]', "is not a command"),
        (
            'edits = [{ path = "a", pattern = "(", replace = "b", because = "c" }]',
            "is not a regular expression",
        ),
        (
            'edits = [{ path = "a", pattern = "b", replace = \'\\1\', because = "c" }]',
            "does not go with the pattern",
        ),
        ('files = [{ path = "../a", content = "b", because = "c" }]', "is not a path inside the tree"),
        (
            'needs = [{ because = "a", fedora = "b", debian = "c" }]',
            "give exactly one of: program, header",
        ),
        ('elsewhere = [{ paths = ["arch/[!x]*"] }]', "because: is missing"),
    ],
)
def test_what_a_recipe_may_not_say(said: str, message: str) -> None:
    text = f"{RELEASE}{said}\n"

    with pytest.raises(InputError) as refused:
        read_release(text, "f13.toml")

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("compile_", "message"),
    [("make {flags}", "needs the word {objects}"), ("make {objects}", "has {flags}")],
)
def test_a_recipe_that_would_check_nothing_is_refused(compile_: str, message: str) -> None:
    text = RELEASE.replace('make "CC=gcc {flags}" {objects}', compile_)

    with pytest.raises(InputError) as refused:
        read_release(text, "f13.toml")

    assert message in str(refused.value)

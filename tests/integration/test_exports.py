"""Listings of trees, exports that a history gained, and the commit that a name came with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedvhost.backport.added import added_lines
from fedvhost.backport.includes import Sources, View
from fedvhost.backport.symbols import Missing, missing_exports, missing_symbols, new_uses
from fedvhost.errors import InputError
from fedvhost.git.exports import Exports, origin
from fedvhost.git.store import GitStore
from fedvhost.git.trees import GitTree, Trees
from fedvhost.upstreams import find_git_dir, object_dirs
from fedvhost.values import Oid

NOTHING = Oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904")  # the empty tree, which git always has
WHO = b"Ada Author <ada@example.org> 1262304000 +0000"


class History:
    """Commits made in the object store, a file at a time."""

    def __init__(self, store: GitStore) -> None:
        self.store = store
        self.tip: Oid | None = None

    def commit(self, **files: str | None) -> Oid:
        """Commit these files (``_`` in a name is ``/``, the last one ``.``; None removes) on the tip."""
        changes = {}
        for name, text in files.items():
            folder, _, ending = name.rpartition("_")
            blob = None if text is None else ("100644", self.store.write_blob(text.encode()))
            changes[f"{folder.replace('_', '/')}.{ending}"] = blob
        parents = [] if self.tip is None else [self.tip]
        tree = self.store.write_tree(self.store.tree_of(self.tip) if self.tip else NOTHING, changes)
        self.tip = self.store.write_commit(tree, parents, WHO, WHO, b"change\n")
        return self.tip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GitStore]:
    with GitStore.borrowing(tmp_path / "store.git", []) as opened:
        yield opened


@pytest.fixture
def history(store: GitStore) -> History:
    return History(store)


def by_git(store: GitStore, treeish: Oid) -> dict[str, str]:
    """Path → blob, as git lists it."""
    rows = (row.split("\t") for row in store.git("ls-tree", "-r", treeish).stdout.decode().splitlines())
    return {path: meta.split()[2] for meta, path in rows if meta.startswith("100")}


def test_a_tree_holds_what_git_lists_however_it_is_read(history: History) -> None:
    store = history.store
    first = history.commit(a_c="one\n", b_c="two\n", net_c_h="three\n", net_deep_d_c="four\n", gone_e_c="\n")
    second = history.commit(a_c="uno\n", b_c=None, net_deep_d_c=None, gone_e_c=None, new_deep_f_c="five\n")
    # A file where a folder was, and a folder where a file was.
    third = store.write_tree(
        store.tree_of(second),
        {
            "a.c": None, "a.c/x.c": ("100644", store.write_blob(b"x\n")),
            "new/deep/f.c": None, "new": ("100755", store.write_blob(b"new\n")),
        },
    )  # fmt: skip
    trees = Trees(store)
    for treeish in (first, second, third, second, first):
        wanted = by_git(store, treeish)
        # By path, with only the folders on the way; then all of it, from the difference to the last one.
        for blobs in (Trees(store).at(treeish).blobs(), trees.at(treeish).blobs()):
            assert {path: blobs[path] for path in wanted} == wanted
            assert "b.c/x" not in blobs
            assert "/a.c" not in blobs
            assert dict(blobs) == wanted
        names = {path.rpartition("/")[2] for path in wanted}
        assert trees.at(treeish).names() == names
        assert {p for name in names for p in trees.at(treeish).named(name)} == set(wanted)
        assert trees.at(treeish).named("never.c") == ()
    for old, new in ((first, second), (second, third), (third, first)):
        changed = {p for p, b in by_git(store, old).items() ^ by_git(store, new).items()}
        assert trees.changed(old, new) == tuple(sorted(changed))
    assert trees.at(first).content(trees.at(first).blobs()["a.c"]) == b"one\n"


_PATHS = st.sampled_from(("a", "a/b", "a/b/c", "a/d", "e/b", "e/f/g", "e/f/h", "i", "i/b"))
_FILES = st.dictionaries(_PATHS, st.sampled_from((b"1", b"2")), min_size=1).filter(
    lambda files: not any(one.startswith(f"{other}/") for one in files for other in files)
)


@settings(max_examples=40)
@given(
    st.lists(_FILES, min_size=2, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=12),
    st.sampled_from((4, 12, 600_000)),
)
def test_trees_in_any_order_are_what_git_lists_with_any_memory(
    contents: list[dict[str, bytes]], asked: list[tuple[int, bool]], most: int
) -> None:
    with (
        TemporaryDirectory() as folder,
        GitStore.borrowing(Path(folder) / "store.git", []) as store,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("fedvhost.git.trees._MOST_KEPT", most)
        blobs = {content: store.write_blob(content) for content in (b"1", b"2")}
        tips = [
            store.write_tree(NOTHING, {p: ("100644", blobs[c]) for p, c in files.items()})
            for files in contents
        ]
        trees = Trees(store)
        for number, whole in asked:
            files, tip = contents[number % len(tips)], tips[number % len(tips)]
            tree = trees.at(tip)
            if whole:
                assert tree.names() == {p.rpartition("/")[2] for p in files}
                assert set(tree.named("b")) == {p for p in files if p.rpartition("/")[2] == "b"}
                assert dict(tree.blobs()) == {p: blobs[c] for p, c in files.items()}
            assert all(tree.blobs()[p] == blobs[c] for p, c in files.items())
            before = contents[0]
            differ = {p for p in before.keys() | files.keys() if before.get(p) != files.get(p)}
            assert set(trees.changed(tips[0], tip)) == differ


def test_symbolic_links_and_submodules_are_no_files(store: GitStore) -> None:
    blob = store.write_blob(b"target")
    plain = store.write_tree(NOTHING, {"a.c": ("100755", blob), "b.c": ("100644", blob)})
    commit = store.write_commit(plain, [], WHO, WHO, b"x\n")
    special = store.write_tree(plain, {"b.c": ("120000", blob), "sub": ("160000", commit)})

    trees = Trees(store)
    assert set(trees.at(plain).blobs()) == {"a.c", "b.c"}
    assert set(trees.at(special).blobs()) == {"a.c"}
    assert trees.changed(plain, special) == ("b.c",)


def test_objects_that_a_partial_clone_never_fetched_are_named(store: GitStore) -> None:
    with pytest.raises(InputError, match="object 1111111111"):
        Trees(store).at(NOTHING).content(Oid("1" * 40))
    with pytest.raises(InputError, match="object 1111111111"):
        Trees(store).at(Oid("1" * 40))


@pytest.mark.parametrize("most", [0, 4_000])
def test_exports_that_are_new_moved_replaced_or_of_another_architecture(
    most: int, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedvhost.git.exports._MOST_READ", most)  # one by one, and by a search
    old = history.commit(
        mm_a_c="EXPORT_SYMBOL(moved);\n",
        mm_b_c="EXPORT_SYMBOL(plain);\nEXPORT_SYMBOL(before);\n",
        arch_arm_c_c="\n",
        arch_x86_c_c="\n",
        lib_c_h="EXPORT_SYMBOL(in_a_header);\n",
        lib_d_c='/*\nEXPORT_SYMBOL(in_a_comment);\n*/\nchar *all = "/*";\nEXPORT_SYMBOL(after_a_string);\n',
    )
    new = history.commit(
        mm_a_c="EXPORT_SYMBOL_GPL(use_ring);\n",
        mm_b_c="EXPORT_SYMBOL(moved);\nEXPORT_SYMBOL_GPL(plain);\nEXPORT_SYMBOL(\n\tafter);\n",
        arch_arm_c_c="EXPORT_SYMBOL(only_arm);\n",
        arch_x86_c_c="EXPORT_PER_CPU_SYMBOL(on_x86);\n",
    )
    trees = Trees(history.store)
    exports = Exports(trees)
    names = ("moved", "plain", "before", "use_ring", "after", "on_x86", "only_arm", "in_a_header",
             "in_a_comment", "after_a_string")  # fmt: skip
    for _ in range(2):
        assert [exports.path(trees.at(old), n) for n in names] == [
            "mm/a.c", "mm/b.c", "mm/b.c", None, None, None, None, None, None, "lib/d.c",
        ]  # fmt: skip
        assert [exports.path(trees.at(new), n) for n in names] == [
            "mm/b.c", "mm/b.c", None, "mm/a.c", "mm/b.c", "arch/x86/c.c", None, None, None, "lib/d.c",
        ]  # fmt: skip


def lack(
    name: str,
    *paths: str,
    kind: Literal["undefined", "unexported", "arguments"] = "undefined",
    given: int = 0,
) -> Missing:
    """What is missing where a pick uses ``name``, which upstream has in ``paths``."""
    return Missing(name, "net.c", 1, kind, paths, arguments=given if kind == "arguments" else None)


def test_the_commit_that_changed_how_many_arguments_a_function_takes(history: History) -> None:
    base = history.commit(ring_h="int ring_kick(int ring);\n")
    history.commit(ring_h="/* soon (a, b) */\nint ring_kick(int ring);\n")
    changes = history.commit(ring_h="int ring_kick(int ring,\n\t      int how);\n")
    pick = history.commit(net_c="int x = ring_kick(1, 2);\n")

    for count, found in ((2, changes), (1, None), (3, None)):
        one = lack("ring_kick", "ring.h", kind="arguments", given=count)
        assert origin(history.store, one, base, pick) == found


def test_the_commit_that_a_declaration_came_with(history: History) -> None:
    base = history.commit(ring_h="int ring_kick_all(int how);\n/* ring_kick comes later */\n", ring_c="\n")
    history.commit(ring_c="int ring_kick(void) { return 1; }\n")
    declares = history.commit(ring_h="int ring_kick_all(int how);\nint ring_kick(void);\n")
    history.commit(ring_h="int ring_kick_all(int how);\n")
    history.commit(ring_h="int ring_kick_all(int how);\nint ring_kick(void);\n")
    pick = history.commit(net_c="int x = ring_kick();\n")

    def asked(name: str, *paths: str) -> Oid | None:
        return origin(history.store, lack(name, *paths), base, pick)

    assert asked("ring_kick", "ring.c", "ring.h") == declares
    assert asked("ring_kick_all", "ring.h") is None  # the base has it
    assert asked("how", "ring.h") is None
    assert asked("never", "ring.h", "ring.c", "gone.h") is None


def test_a_rename_that_leaves_the_count_of_the_shorter_word_as_it_was(history: History) -> None:
    base = history.commit(err_h="void error_report_old(int);\n")
    renamed = history.commit(err_h="void error_report(int);\n")
    pick = history.commit(net_c="int x;\n")
    assert origin(history.store, lack("error_report", "err.h"), base, pick) == renamed


def test_the_commit_that_an_export_came_with_not_the_one_that_defines_it(history: History) -> None:
    base = history.commit(mm_c="\n")
    history.commit(mm_c="void use_mm(void) { }\n")
    exports = history.commit(mm_c="void use_mm(void) { }\nEXPORT_SYMBOL_GPL(use_mm);\n")
    pick = history.commit(net_c="int x;\n")
    assert origin(history.store, lack("use_mm", "mm.c", kind="unexported"), base, pick) == exports


def test_the_commit_that_a_header_came_with(history: History) -> None:
    base = history.commit(hw_a_c="\n")
    brings = history.commit(hw_vhost_h="int x;\n")
    pick = history.commit(hw_a_c='#include "vhost.h"\n')
    for name in ("vhost.h", "hw/vhost.h"):
        assert origin(history.store, lack(name, "hw/vhost.h"), base, pick) == brings


def test_the_pick_itself_is_nobodys_prerequisite(history: History) -> None:
    base = history.commit(a_h="\n")
    pick = history.commit(a_h="int fresh;\n")
    assert origin(history.store, lack("fresh", "a.h"), base, pick) is None


# -- the real histories -----------------------------------------------------------------------------


class Real:
    """Picks of a real history, landed one after the other by merge alone."""

    def __init__(self, history: Path, base: str, folder: Path) -> None:
        git_dir = find_git_dir(history)
        assert git_dir is not None
        self.store = GitStore.borrowing(folder / "real.git", object_dirs(git_dir))
        self.base = self.oid(base)
        self.trees, self.sources = Trees(self.store), Sources()
        self.exports = Exports(self.trees)
        self.tree = self.store.tree_of(self.base)

    def oid(self, name: str) -> Oid:
        found = self.store.resolve(name)
        assert found is not None
        return found

    def land(self, name: str, only: str = "") -> list[Missing]:
        """Land a pick, or what it changes below ``only``; return what it misses."""
        pick = self.oid(name)
        merged = self.trees.at(self.store.merge(self.tree, pick).tree)
        paths = [p for p in self.trees.changed(self.tree, merged.treeish) if p.startswith(only)]
        changes = {p: (self.store.mode(merged.treeish, p) or "100644", merged.blobs()[p]) for p in paths}
        before = self.trees.at(self.tree)
        result = self.trees.at(self.store.write_tree(self.tree, changes))
        self.tree = result.treeish
        added = {
            p: new_uses(_text(result, p), added_lines(_text(before, p), _text(result, p)))
            for p in paths
            if p.endswith((".c", ".h"))
        }
        sides = {"upstream": self.trees.at(pick), "result": result}
        there, here = (View(tree, self.sources) for tree in sides.values())
        return [
            *missing_symbols(there, here, added),
            *missing_exports(there, here, added, lambda side, n: self.exports.path(sides[side], n)),
        ]

    def origin(self, missing: Missing, pick: str) -> str | None:
        found = origin(self.store, missing, self.base, self.oid(pick))
        return None if found is None else found.short


def _text(tree: GitTree, path: str) -> bytes:
    blob = tree.blobs().get(path)
    return b"" if blob is None else tree.content(blob)


@pytest.fixture
def kernel(upstream_kernel: Path, tmp_path: Path) -> Iterator[Real]:
    real = Real(upstream_kernel, V2_6_33, tmp_path)
    with real.store:
        yield real


@pytest.fixture
def qemu(upstream_qemu_kvm: Path, tmp_path: Path) -> Iterator[Real]:
    real = Real(upstream_qemu_kvm, QEMU_KVM_0_12_3, tmp_path)
    with real.store:
        yield real


QEMU_KVM_0_12_3 = "69a5ecafa27daeb943dc2ee65b1470844f23f934"
V2_6_33 = "60b341b778cc2929df16c0a504c91621b3c6a4ad"
VHOST = """3a4d5c94e95 17660f81243 5659338c889 86e9424d725 73a99f08300 d6db3f5c11d 39286fa41a8 1dace8c801a
    0e255572121 535297a6ae4 179b284e2fc 0d4993563bd""".split()  # noqa: SIM905
VHOST_FIXES = (
    "a8d3782f9ea 0f3d9a17469 7ad9c9d2704 d3553a52490 a02c37891a9 d5675bd204e 1680e9063ea 95c0ec6a97a"
)
MACVTAP = "fc0663d6b5e 20d29d7a916 564517e804c 02df55d28c6 501c774cb13"


@pytest.mark.upstream
def test_both_prerequisites_of_vhost_net_and_nothing_else(kernel: Real) -> None:
    found = {(m.kind, m.name): kernel.origin(m, "3a4d5c94e95") for m in kernel.land("3a4d5c94e95")}
    assert found == {
        ("undefined", "tun_get_socket"): "05c2828c72c4",
        ("unexported", "tun_get_socket"): "05c2828c72c4",
        ("unexported", "use_mm"): "5da779c34ccf",
        ("unexported", "unuse_mm"): "5da779c34ccf",
    }
    assert [m for pick in VHOST[1:] for m in kernel.land(pick)] == []


@pytest.mark.upstream
def test_the_series_with_its_prerequisites_misses_nothing(kernel: Real) -> None:
    picks = ["05c2828c72c", "5da779c34cc", *VHOST, *VHOST_FIXES.split(), *MACVTAP.split()]

    assert [m for pick in picks for m in kernel.land(pick)] == []


@pytest.mark.upstream
def test_a_sweep_limited_to_one_folder_leaves_its_macro_behind(kernel: Real) -> None:
    """Limited to drivers/vhost it lets the next pick merge clean, and both then use a name nobody defines."""
    for pick in ["05c2828c72c", "5da779c34cc", *VHOST, *VHOST_FIXES.split()]:
        kernel.land(pick)
    sweep = kernel.land("4be929be34f", only="drivers/vhost/")
    after = kernel.land("7b3384fc306")
    assert [m.name for m in sweep] == [m.name for m in after] == ["USHRT_MAX"]
    assert kernel.origin(after[0], "7b3384fc306") == "4be929be34f9"


@pytest.mark.upstream
def test_error_report_is_not_in_qemu_kvm_0_12(qemu: Real) -> None:
    found = {m.name: qemu.origin(m, "82b0d80ef6") for m in qemu.land("82b0d80ef6")}
    assert found.pop("error_report") == "1ecda02b24a1"
    # All the rest is what the pick before it brings.
    assert set(found.values()) == {"d59700553ecb"}


@pytest.mark.upstream
@pytest.mark.parametrize(
    ("pick", "origins"),
    [
        ("9bc6304c15", {"d59700553ecb", "b202554cf791", "3e607cb503ac"}),
        ("ade80dc845", {"2292b33986de", "1cbdabe20316", "ca8218060344"}),
    ],
)
def test_picks_that_merge_clean_and_are_broken_alone(pick: str, origins: set[str], qemu: Real) -> None:
    assert {qemu.origin(m, pick) for m in qemu.land(pick)} == origins

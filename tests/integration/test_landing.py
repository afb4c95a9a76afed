"""One pick on one tree: git's own clean result, an answer that can be shown to be right, or a stop."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedvhost.backport.diff3 import split_lines
from fedvhost.backport.landing import land
from fedvhost.backport.manifest import Adaptation
from fedvhost.backport.outcome import Landing, Verdict
from fedvhost.errors import InputError
from fedvhost.git.store import GitStore
from fedvhost.patches.diff import apply_hunks
from fedvhost.values import Oid
from gitrepo import File, Repo, numbered

Files = Mapping[str, File]
STRANGE = 'dir/a "b"\n\té\udce9 [x]*.c'


@dataclass(frozen=True)
class Field:
    """A pick, its parent, and a base that went its own way from that parent."""

    repo: Repo
    store: GitStore
    base: Oid
    pick: Oid

    def land(self, **said: object) -> Landing:
        given = [Adaptation(self.pick, "because", **said)] if said else []  # type: ignore[arg-type]
        return land(self.store, self.repo.tree(self.base), self.pick, given)

    def text(self, landing: Landing, path: str = "f") -> str | None:
        content = self.store.file(landing.tree, path)
        return None if content is None else content.decode()

    def picked_by_git(self) -> Oid | None:
        """Return the tree that ``git cherry-pick`` makes, None where it stops."""
        work = str(self.repo.path)
        self.repo.git("-C", work, "checkout", "-q", "-f", "--detach", self.base)
        self.repo.git(
            "-C", work, "cherry-pick", "--allow-empty", "--keep-redundant-commits", self.pick, ok=(0, 1)
        )
        if self.repo.git("-C", work, "ls-files", "-u") or self.repo.git("rev-parse", "HEAD") == self.base:
            return None
        return self.repo.tree(Oid(self.repo.git("rev-parse", "HEAD")))


MakeField = Callable[[Files, Files, Files], Field]


@pytest.fixture
def field(repo: Repo) -> Iterator[MakeField]:
    """Make a ``Field`` of the parent's files, what the base changed and what the pick changes."""
    with repo.store() as store:

        def make(parent: Files, base: Files, pick: Files) -> Field:
            start = repo.commit("parent", parent)
            own = repo.commit("base", base)
            return Field(repo, store, own, repo.commit("pick", pick, onto=start))

        yield make


F, OWN, NEW, FAR = numbered(), numbered(l2="own"), numbered(l2="new"), numbered(l15="new")
X: Files = {"x": "x\n"}
LINK, OTHER_LINK = ("120000", b"one"), ("120000", b"two")
EXECUTABLE = ("100755", F.encode())
SUB = [("160000", Oid(str(n) * 40)) for n in range(1, 4)]
FOLDER = {f"d/{n}": numbered(l1=n) for n in "abce"}
NO_FOLDER: Files = dict.fromkeys(FOLDER)
MOVED = {f"e/{path[2:]}": text for path, text in FOLDER.items()}
SPLIT = {f"{'gh'[i % 2]}/{path[2:]}": text for i, (path, text) in enumerate(FOLDER.items())}
CRLF = F.replace("\n", "\r\n")
DATA = b"\0" + bytes(range(256))

CLEAN, STOPPED, IN_BASE = Verdict.CLEAN, Verdict.STOPPED, Verdict.IN_BASE

# name: (files of the parent, what the base changed, what the pick changes, how it must end; None: not
# without a person)
CASES: dict[str, tuple[Files, Files, Files, Verdict | None]] = {
    "apart": ({"f": F}, {"f": OWN}, {"f": FAR}, CLEAN),
    "the same": ({"f": F}, {"f": NEW}, {"f": NEW}, IN_BASE),
    "one line": ({"f": F}, {"f": OWN}, {"f": NEW}, STOPPED),
    "nothing": ({"f": F}, {"f": OWN}, {}, IN_BASE),
    "removed upstream": ({"f": F}, {}, {"f": None}, CLEAN),
    "removed upstream, changed here": ({"f": F}, {"f": OWN}, {"f": None}, STOPPED),
    "removed here, changed upstream": ({"f": F, **X}, {"f": None}, {"f": NEW}, STOPPED),
    "removed on both sides": ({"f": F, **X}, {"f": None}, {"f": None}, IN_BASE),
    "added on both sides, alike": (X, {"f": F}, {"f": F}, IN_BASE),
    "added on both sides, not alike": (X, {"f": F}, {"f": "other\n"}, STOPPED),
    "moved here": ({"f": F}, {"f": None, "g": OWN}, {"f": FAR}, CLEAN),
    "moved upstream": ({"f": F}, {"f": OWN}, {"f": None, "g": F}, CLEAN),
    "moved to two places": ({"f": F}, {"f": None, "h": F}, {"f": None, "g": F}, STOPPED),
    "moved here, and in conflict": ({"f": F}, {"f": None, "g": OWN}, {"f": NEW}, STOPPED),
    "moved upstream, removed here": ({"f": F, **X}, {"f": None}, {"f": None, "g": NEW}, STOPPED),
    "its folder moved here": (FOLDER, {**NO_FOLDER, **MOVED}, {"d/new": "n\n"}, STOPPED),
    "its folder split here": (FOLDER, {**NO_FOLDER, **SPLIT}, {"d/new": "n\n"}, STOPPED),
    "a folder in its place": (X, {"d/q": "q\n"}, {"d": "file\n"}, STOPPED),
    "a mode": ({"f": F}, {"f": OWN}, {"f": EXECUTABLE}, CLEAN),
    "a mode of what is not here": ({"f": F, **X}, {"f": None}, {"f": EXECUTABLE}, STOPPED),
    "a link": ({"l": LINK}, {"f": F}, {"l": OTHER_LINK}, CLEAN),
    "a link on both sides": ({"l": LINK}, {"l": ("120000", b"own")}, {"l": OTHER_LINK}, STOPPED),
    "a file that becomes a link": ({"f": F}, X, {"f": LINK}, CLEAN),
    "a changed file that becomes a link": ({"f": F}, {"f": OWN}, {"f": LINK}, STOPPED),
    "a removed file that becomes a link": ({"f": F, **X}, {"f": None}, {"f": LINK}, STOPPED),
    "binary": ({"f": DATA}, X, {"f": DATA + b"!"}, CLEAN),
    "binary on both sides": ({"f": DATA}, {"f": DATA + b"?"}, {"f": DATA + b"!"}, STOPPED),
    "binary that is not here": ({"f": DATA, **X}, {"f": None}, {"f": DATA + b"!"}, STOPPED),
    "a submodule": ({"s": SUB[0]}, X, {"s": SUB[1]}, CLEAN),
    "a submodule on both sides": ({"s": SUB[0]}, {"s": SUB[1]}, {"s": SUB[2]}, STOPPED),
    "a strange path": ({STRANGE: F}, {STRANGE: OWN}, {STRANGE: FAR}, CLEAN),
    "a strange path in conflict": ({STRANGE: F}, {STRANGE: OWN}, {STRANGE: NEW}, STOPPED),
    "a strange path that is not here": ({STRANGE: F, **X}, {STRANGE: None}, {STRANGE: NEW}, STOPPED),
    "a strange path added twice": (X, {STRANGE: "own\n"}, {STRANGE: "new\n"}, STOPPED),
    "a last line without newline": ({"f": "a\nb\nc\nd"}, {"f": "A\nb\nc\nd"}, {"f": "a\nb\nc\nD"}, CLEAN),
    "a newline that upstream adds": ({"f": "a\nb\nd"}, {"f": "a\nb\nown"}, {"f": "a\nb\nd\n"}, None),
    "carriage returns": (
        {"f": CRLF},
        {"f": CRLF.replace("e 2\r", "own\r")},
        {"f": CRLF.replace("15", "")},
        CLEAN,
    ),
    "line ends changed here": ({"f": F}, {"f": CRLF}, {"f": FAR}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_what_git_merges_is_gits_tree_and_the_rest_stops(name: str, field: MakeField) -> None:
    parent, base, pick, verdict = CASES[name]
    made = field(parent, base, pick)
    landing = made.land()
    if verdict is None:
        assert landing.verdict is STOPPED or landing.review
        assert made.picked_by_git() is None
        return
    assert landing.verdict is verdict
    if verdict is STOPPED:
        assert landing.unsettled
        assert landing.tree == made.repo.tree(made.base)
        assert made.picked_by_git() is None
    else:
        assert not landing.unsettled
        assert {n.rung for n in landing.notes} <= {"rename"}
        assert landing.tree == made.picked_by_git()


def test_a_file_that_git_found_under_another_name_is_told_with_both_names(field: MakeField) -> None:
    """A clean merge into the wrong file looks like any clean merge."""
    made = field({"f": F, **X}, {"f": None, "g": numbered(l9="own")}, {"f": FAR, "x": "y\n"})
    landing = made.land()

    assert (landing.verdict, landing.elsewhere) == (CLEAN, {"g": "f"})
    assert [(n.path, n.rung) for n in landing.notes] == [("g", "rename")]
    assert re.fullmatch(r"upstream's 'f', which git takes for this file: \d\d % alike", landing.notes[0].how)


def test_a_file_that_the_pick_itself_moves_is_no_guess(field: MakeField) -> None:
    landing = field({"f": F}, {"f": OWN}, {"f": None, "g": FAR}).land()

    assert (landing.verdict, landing.notes) == (CLEAN, ())


# -- insertion --------------------------------------------------------------------------------------------

HEAD = "#include <a.h>\n\nint shared;\n\n"


def test_a_line_beside_diverged_context_goes_where_both_sides_agree(field: MakeField) -> None:
    made = field(
        {"net.h": "int one;\nint two;\nint three;\nint four;\n"},
        {"net.h": "int one;\nint two;\nlong three_of_ours;\nint four;\n"},
        {"net.h": "int one;\nint two;\nint added;\nint three;\nint four;\n"},
    )
    landing = made.land()
    assert made.picked_by_git() is None
    assert (landing.verdict, landing.review) == (Verdict.INSERTED, False)
    assert made.text(landing, "net.h") == "int one;\nint two;\nint added;\nlong three_of_ours;\nint four;\n"
    assert [(n.path, n.rung) for n in landing.notes] == [("net.h", "insertion")]


def test_two_inserts_at_the_same_spot_must_be_looked_at(field: MakeField) -> None:
    made = field({"f": "a\nz\n"}, {"f": "a\nown\nz\n"}, {"f": "a\nnew\nz\n"})
    landing = made.land()
    assert (landing.verdict, landing.review) == (Verdict.INSERTED, True)
    assert made.text(landing) == "a\nown\nnew\nz\n"


FUNCTION = "static int first(void)\n{\n\tint err = start();\n\tlog(err);\n\treturn err;\n}\n"


def test_a_line_inside_a_function_that_is_not_here_is_put_nowhere(field: MakeField) -> None:
    upstream = FUNCTION.replace("\tlog", "\tcheck(err);\n\tlog")
    made = field(
        {"f.c": HEAD + FUNCTION + "int end;\n"},
        {"f.c": HEAD + "int end;\n"},
        {"f.c": HEAD + upstream + "int end;\n"},
    )
    landing = made.land()
    assert landing.verdict is Verdict.STOPPED
    assert "upstream's is function first" in landing.unsettled[0].why


def test_a_function_between_functions_that_are_not_here_must_be_looked_at(field: MakeField) -> None:
    third = FUNCTION.replace("first", "third")
    parts = (FUNCTION, "\n", third)
    made = field(
        {"f.c": HEAD + "".join(parts) + "int end;\n"},
        {"f.c": HEAD + "int end;\n"},
        {"f.c": HEAD + FUNCTION + "\nlong second(void)\n{\n\treturn 2L;\n}\n\n" + third + "int end;\n"},
    )
    landing = made.land()
    assert (landing.verdict, landing.review) == (Verdict.INSERTED, True)
    assert (made.text(landing, "f.c") or "").count("long second(void)\n{\n\treturn 2L;\n}\n") == 1


def test_a_line_that_would_land_in_another_conditional_is_put_nowhere(field: MakeField) -> None:
    common = ["int a;\n", "int b;\n", "int c;\n", "int d;\n"]
    made = field(
        {"k.h": HEAD + "".join(common)},
        {"k.h": HEAD + "int a;\n#ifdef KVM_UPSTREAM\nint b;\nint own;\n#endif\nint d;\n"},
        {"k.h": HEAD + "int a;\nint b;\nint added;\nint c;\nint d;\n"},
    )
    landing = made.land()
    assert landing.verdict is Verdict.STOPPED
    assert landing.unsettled[0].why == "the place found is #ifdef KVM_UPSTREAM; upstream's is file scope"


def test_a_line_inside_a_block_of_a_makefile_that_is_not_here_is_put_nowhere(field: MakeField) -> None:
    block = "ifdef CONFIG_KVM\nobj-y += kvm.o\nobj-y += kvm-all.o\nendif\n"
    upstream = block.replace("obj-y += kvm-all", "obj-y += kvm-stub.o\nobj-y += kvm-all")
    made = field(
        {"Makefile": f"all:\n{block}end:\n"},
        {"Makefile": "all:\nend:\n"},
        {"Makefile": f"all:\n{upstream}end:\n"},
    )
    landing = made.land()
    assert landing.verdict is Verdict.STOPPED
    assert landing.unsettled[0].why == "nothing of what is around upstream's lines is here"


def test_lines_that_the_base_has_elsewhere_are_not_put_in_again(field: MakeField) -> None:
    new = "int added_one;\nint added_two;\n"
    made = field(
        {"f.h": HEAD + "int a;\nint b;\n" + F},
        {"f.h": HEAD + "int a;\nlong own;\n" + F + new},
        {"f.h": HEAD + "int a;\n" + new + "int b;\n" + F},
    )
    landing = made.land()
    assert landing.verdict is Verdict.STOPPED
    assert landing.unsettled[0].why == "the lines that upstream adds stand here already, in another place"


def test_one_conflict_that_stays_open_stops_the_whole_pick(field: MakeField) -> None:
    parent = {"f": "a\nb\nz\n", "g": F}
    made = field(
        parent,
        {"f": "a\nown\nz\n", "g": numbered(l2="own")},
        {"f": "a\nnew\nb\nz\n", "g": numbered(l2="new")},
    )
    landing = made.land()
    assert (landing.verdict, landing.tree) == (Verdict.STOPPED, made.repo.tree(made.base))
    assert [u.path for u in landing.unsettled] == ["g"]


def test_an_insert_into_a_file_that_git_found_under_another_name_must_be_looked_at(field: MakeField) -> None:
    made = field({"f": F}, {"f": None, "g": numbered(l2="own")}, {"f": numbered(l1="line 1\nnew")})
    landing = made.land()
    assert [n.rung for n in landing.notes] == ["rename", "insertion"]
    assert (landing.verdict, landing.review) == (Verdict.INSERTED, True)
    assert made.text(landing, "g") == numbered(l1="line 1\nnew", l2="own")
    assert made.text(landing, "f") is None


def test_a_conflict_that_only_one_diff_algorithm_sees_is_settled_and_must_be_looked_at(
    field: MakeField,
) -> None:
    """Lines that repeat: which of them are the same ones is the algorithm's opinion."""
    parent = "b();\na();\n" * 3
    here = "b();\na();\nb();\na();\nb();\nours();\na();\n"
    made = field({"f": parent}, {"f": here}, {"f": "b();\na();\n}\n}\n" + "b();\na();\n" * 2 + "}\n"})
    landing = made.land()

    assert (landing.verdict, landing.review) == (Verdict.REALIGNED, True)
    assert [n.rung for n in landing.notes] == ["realigned"]
    assert made.text(landing) == "b();\na();\n}\n}\nb();\na();\nb();\nours();\na();\n}\n"


def test_a_file_that_is_too_little_alike_for_git_is_followed_and_must_be_looked_at(field: MakeField) -> None:
    here = "".join(f"own {n}\n" for n in range(40)) + F
    made = field({"f": F, **X}, {"f": None, "g": here}, {"f": FAR})
    landing = made.land()

    assert (landing.verdict, landing.review) == (Verdict.RENAMED, True)
    assert made.text(landing, "g") == here.replace("line 15\n", "new\n")
    assert made.text(landing, "f") is None
    assert landing.elsewhere == {"g": "f"}
    assert re.fullmatch(r"taken for upstream's 'f', which is [34]\d % alike", landing.notes[0].how)


def test_a_file_that_is_hardly_alike_is_another_file(field: MakeField) -> None:
    here = "".join(f"own {n}\n" for n in range(80)) + F
    assert field({"f": F, **X}, {"f": None, "g": here}, {"f": FAR}).land().verdict is STOPPED


# -- bytes ------------------------------------------------------------------------------------------------


def test_a_last_line_without_newline_keeps_lacking_it(field: MakeField) -> None:
    # git writes a newline before its marker: taken for ours, it would be a change that nobody made.
    made = field({"f": "a\nb\nz\n"}, {"f": "a\nown"}, {"f": "a\nnew\nb\nz\n"})
    landing = made.land()
    assert landing.verdict is Verdict.INSERTED
    assert made.text(landing) == "a\nnew\nown"


def test_lines_after_a_last_line_without_newline_stop(field: MakeField) -> None:
    made = field({"f": "a\nb\nz\n"}, {"f": "a\nown1\nown2"}, {"f": "a\nb\nz\nnew\n"})
    assert made.land().verdict is Verdict.STOPPED
    made = field({"f": "a\nb\nz\n"}, {"f": "a\nb\nown"}, {"f": "a\nb\nz\nnew"})
    assert made.land().verdict is Verdict.STOPPED


def test_a_redundant_last_line_without_newline_keeps_lacking_it(field: MakeField) -> None:
    made = field(
        {"f": "a\nold_call();\n"},
        {"f": "a\ncheck(pointer);\nown_call();"},
        {"f": "a\ncheck(pointer);\nold_call();\n"},
    )
    landing = made.land()
    assert (landing.verdict, landing.tree) == (Verdict.REDUNDANT, made.repo.tree(made.base))


def test_carriage_returns_of_both_sides_are_kept(field: MakeField) -> None:
    made = field({"f": "a\r\nb\r\nz\r\n"}, {"f": "a\r\nown\r\nz\r\n"}, {"f": "a\r\nnew\r\nb\r\nz\r\n"})
    assert made.text(made.land()) == "a\r\nnew\r\nown\r\nz\r\n"


def test_an_underlined_heading_in_a_conflict_is_content(field: MakeField) -> None:
    title = "vhost n\n=======\n"
    made = field({"f": f"a\n{title}z\n"}, {"f": "a\nOwn\n===\nz\n"}, {"f": f"a\nnew\n{title}z\n"})
    assert made.text(made.land()) == "a\nnew\nOwn\n===\nz\n"


def test_a_strange_path_is_settled_like_any(field: MakeField) -> None:
    made = field({STRANGE: "a\nb\nz\n"}, {STRANGE: "a\nown\nz\n"}, {STRANGE: "a\nnew\nb\nz\n"})
    landing = made.land()
    assert made.text(landing, STRANGE) == "a\nnew\nown\nz\n"
    assert landing.notes[0].path == STRANGE


def test_the_mode_of_a_settled_file_is_the_merged_one(field: MakeField) -> None:
    made = field({"f": "a\nb\nz\n"}, {"f": "a\nown\nz\n"}, {"f": ("100755", b"a\nnew\nb\nz\n")})
    assert made.store.mode(made.land().tree, "f") == "100755"


# -- redundant --------------------------------------------------------------------------------------------


def test_a_hunk_that_is_there_leaves_the_rest_adapted(field: MakeField) -> None:
    made = field(
        {"f": "a\nold_call();\n" + F},
        {"f": "a\ncheck(pointer);\nown_call();\n" + F},
        {"f": "a\ncheck(pointer);\nold_call();\n" + numbered(l15="new")},
    )
    landing = made.land()
    assert (landing.verdict, landing.review) == (Verdict.ADAPTED, True)
    assert [(n.rung, n.how) for n in landing.notes] == [("redundant", "the base already has these lines")]
    assert made.text(landing) == "a\ncheck(pointer);\nown_call();\n" + numbered(l15="new")


def test_a_removal_of_what_was_never_here_is_redundant(field: MakeField) -> None:
    made = field(
        {"f": "a\nbefore();\nvhost_bogus_reset();\nafter();\nz\n"},
        {"f": "a\nown_code();\nz\n"},
        {"f": "a\nbefore();\nafter();\nz\n"},
    )
    assert made.land().verdict is Verdict.REDUNDANT


def test_a_removal_in_a_file_that_is_not_here(field: MakeField) -> None:
    parent = {"gone": "keep();\nvhost_bogus();\n", "here": "x\n"}
    assert field(parent, {"gone": None}, {"gone": "keep();\n"}).land().verdict is Verdict.REDUNDANT
    moved = {"gone": None, "here": "x\n\tvhost_bogus();\n"}
    landing = field(parent, moved, {"gone": "keep();\n"}).land()
    assert landing.verdict is Verdict.STOPPED
    assert landing.unsettled[0].why.endswith("stands elsewhere: vhost_bogus();")


def test_a_removed_line_that_is_not_ascii_is_found_elsewhere_too(field: MakeField) -> None:
    made = field(
        {"gone": "keep\ngrüße();\n", "h": "x\n"}, {"gone": None, "h": "x\ngrüße();\n"}, {"gone": "keep\n"}
    )
    assert made.land().verdict is Verdict.STOPPED


# -- declared ---------------------------------------------------------------------------------------------

C = "int a;\nint b;\nint c;\n"


def test_skip_leaves_the_tree_alone(field: MakeField) -> None:
    made = field({"f": F}, {"f": numbered(l2="own")}, {"f": numbered(l2="new")})
    landing = made.land(skip=True)
    assert (landing.verdict, landing.tree) == (Verdict.REDUNDANT, made.repo.tree(made.base))
    assert landing.notes[0].how == "because"


def test_a_dropped_hunk_lets_the_rest_land(field: MakeField) -> None:
    made = field({"f": F}, {"f": OWN}, {"f": numbered(l2="new", l4="kept", l15="kept too")})
    assert made.land().verdict is Verdict.STOPPED
    landing = made.land(path="f", hunk="new", drop_hunk=True)
    assert landing.verdict is Verdict.ADAPTED
    assert made.text(landing) == numbered(l2="own", l4="kept", l15="kept too")
    assert [(n.path, n.rung) for n in landing.notes] == [("f", "declared")]


def test_a_placed_hunk_lands_beside_its_anchor(field: MakeField) -> None:
    made = field({"f": C}, {"f": "int a;\n#if X\nint own;\n#endif\n"}, {"f": C + "int new;\n"})
    landing = made.land(path="f", insert_before="#endif")
    assert made.text(landing) == "int a;\n#if X\nint own;\nint new;\n#endif\n"
    landing = made.land(path="f", insert_after="#endif", last=True)
    assert made.text(landing) == "int a;\n#if X\nint own;\n#endif\nint new;\n"


def test_an_anchor_that_the_base_lacks_is_an_error(field: MakeField) -> None:
    made = field({"f": C}, {"f": "int own;\n"}, {"f": C + "int new;\n"})
    with pytest.raises(InputError, match="'int b;' stands 0 times in 'f'"):
        made.land(path="f", insert_after="int b;")


def test_a_renamed_identifier_is_what_lands(field: MakeField) -> None:
    made = field({"f": F}, {"f": numbered(l2="own")}, {"f": numbered(l15="error_report(x);")})
    landing = made.land(path="f", rename={"error_report": "qemu_error"})
    assert made.text(landing) == numbered(l2="own", l15="qemu_error(x);")


def test_a_mapped_file_is_changed_where_the_base_has_it(field: MakeField) -> None:
    # Too little alike for git to find it: only the person knows.
    here = "".join(f"own {n}\n" for n in range(80)) + F
    made = field(
        {"kvm-all.c": F}, {"kvm-all.c": None, "qemu-kvm.c": here}, {"kvm-all.c": numbered(l15="new")}
    )
    assert made.land().verdict is Verdict.STOPPED
    landing = made.land(map_path={"kvm-all.c": "qemu-kvm.c"})
    assert landing.verdict is Verdict.ADAPTED
    assert made.text(landing, "qemu-kvm.c") == here.replace("line 15\n", "new\n")
    assert made.text(landing, "kvm-all.c") is None
    assert landing.notes[0].path == "qemu-kvm.c"


def test_what_else_the_base_keeps_under_the_old_name_stays(field: MakeField) -> None:
    here = {"kvm-all.c": "another thing\n", "qemu-kvm.c": numbered(l2="own")}
    made = field({"kvm-all.c": F, "qemu-kvm.c": "upstream's\n"}, here, {"kvm-all.c": numbered(l15="new")})
    landing = made.land(map_path={"kvm-all.c": "qemu-kvm.c"})
    assert made.text(landing, "kvm-all.c") == "another thing\n"
    assert made.text(landing, "qemu-kvm.c") == numbered(l2="own", l15="new")


def test_a_mapped_file_in_conflict_stops_under_the_bases_name(field: MakeField) -> None:
    made = field({"a.c": F}, {"a.c": None, "b.c": numbered(l15="own")}, {"a.c": numbered(l15="new")})
    landing = made.land(map_path={"a.c": "b.c"})
    assert [u.path for u in landing.unsettled] == ["b.c"]


def test_a_new_file_is_mapped_to_its_place(field: MakeField) -> None:
    made = field({"x": "x\n"}, {"x": "own\n"}, {"include/vhost.h": ("100755", b"new\n")})
    landing = made.land(map_path={"include/vhost.h": "kvm/include/vhost.h"})
    assert (made.text(landing, "kvm/include/vhost.h"), made.text(landing, "include/vhost.h")) == (
        "new\n",
        None,
    )
    assert made.store.mode(landing.tree, "kvm/include/vhost.h") == "100755"


def test_a_map_to_what_is_not_here_is_an_error(field: MakeField) -> None:
    made = field({"a.c": F}, {"a.c": None, "b.c": F}, {"a.c": numbered(l15="new")})
    with pytest.raises(InputError, match=r"maps 'a\.c' to 'c\.c', and there is no such file here"):
        made.land(map_path={"a.c": "c.c"})


def test_a_removal_that_is_dropped_keeps_the_file_and_its_mode(field: MakeField) -> None:
    made = field({"f": ("100755", F.encode()), "g": F}, {"x": "x\n"}, {"f": None, "g": numbered(l2="new")})
    landing = made.land(path="f", drop_hunk=True)
    assert (made.text(landing), made.store.mode(landing.tree, "f")) == (F, "100755")


def test_a_new_file_that_is_dropped_is_not_left_empty(field: MakeField) -> None:
    made = field({"f": F}, {"x": "x\n"}, {"f": numbered(l2="new"), "n": "new\n"})
    landing = made.land(path="n", drop_hunk=True)
    assert (made.text(landing, "n"), made.text(landing)) == (None, numbered(l2="new"))


# -- what cannot be picked --------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [{}, {"path": "f", "drop_hunk": True}])
def test_a_root_and_a_merge_are_no_picks(repo: Repo, said: dict[str, object]) -> None:
    base = repo.commit("base", f=F)
    side = repo.commit("side", g="g\n")
    merge = repo.commit("merge", {"f": numbered(l2="m")}, onto=base, merging=[side])
    root = repo.commit("root", f="other\n", root=True)
    with repo.store() as store:
        for commit, parents in ((merge, 2), (root, 0)):
            with pytest.raises(InputError, match=f"{commit.short} has {parents} parents"):
                Field(repo, store, base, commit).land(**said)


def test_a_commit_that_is_not_there(repo: Repo) -> None:
    base = repo.commit("base", f=F)
    with repo.store() as store, pytest.raises(InputError, match="commit 1111111111"):
        Field(repo, store, base, Oid("1" * 40)).land()


# -- whatever the files -----------------------------------------------------------------------------------

LINES = st.lists(st.sampled_from(["alpha", "beta", "gamma", "", "}", "=======", "delta\r"]), max_size=9)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Repo, GitStore]]:
    with tempfile.TemporaryDirectory() as folder:
        repo = Repo(Path(folder) / "upstream")
        with repo.store() as store:
            yield repo, store


def text_of(lines: list[str], ends: bool) -> str:
    return "\n".join(lines) + ("\n" if ends and lines else "")


@given(old=LINES, new=LINES, ends=st.tuples(st.booleans(), st.booleans()))
@settings(max_examples=25, deadline=None)
def test_hunks_turn_the_old_file_into_the_new_one(
    shared: tuple[Repo, GitStore], old: list[str], new: list[str], ends: tuple[bool, bool]
) -> None:
    repo, store = shared
    before, after = text_of(old, ends[0]), text_of(new, ends[1])
    start = repo.commit("old", {"f": before, "x": "x\n"}, root=True)
    change = store.changes(start, repo.commit("new", f=after))
    if before == after:
        assert not change
    else:
        assert b"".join(apply_hunks(split_lines(before.encode()), change["f"].hunks)) == after.encode()


@given(parent=LINES, own=LINES, ends=st.tuples(st.booleans(), st.booleans()), data=st.data())
@settings(max_examples=40, deadline=None)
def test_an_insert_lands_once_and_loses_nothing(
    shared: tuple[Repo, GitStore],
    parent: list[str],
    own: list[str],
    ends: tuple[bool, bool],
    data: st.DataObject,
) -> None:
    repo, store = shared
    pick = list(parent)
    for n in range(data.draw(st.integers(1, 3))):
        pick.insert(data.draw(st.integers(0, len(pick))), f"NEW{n}")
    start = repo.commit("parent", {"f": text_of(parent, ends[0]), "x": "x\n"}, root=True)
    base = repo.commit("base", f=text_of(own, ends[1]))
    made = Field(repo, store, base, repo.commit("pick", f=text_of(pick, ends[0]), onto=start))
    landing = made.land()
    if landing.verdict is STOPPED:
        assert landing.tree == repo.tree(base)
        return
    found = (made.text(landing) or "").split("\n")
    added = [line for line in found if line.startswith("NEW")]
    assert sorted(added) == sorted(line for line in pick if line.startswith("NEW"))
    if landing.verdict is CLEAN:
        assert landing.tree == made.picked_by_git()
    else:
        assert [w for w in found if w and w not in added] == [w for w in own if w]
        assert added == [line for line in pick if line.startswith("NEW")]


NAMES = ["alpha;", "bravo;", "charlie;", "delta;", "echo;", "foxtrot;", "golf;", "hotel;"]
EDIT = st.sampled_from(["keep", "keep", "keep", "drop", "change", "insert"])


def edited(edits: list[str], who: str) -> list[str]:
    """Return the lines as one side leaves them: each one kept, dropped, changed, or one put before it."""
    lines: list[str] = []
    for name, edit in zip(NAMES, edits, strict=True):
        if edit == "insert":
            lines.append(f"{who}_new_{name}")
        if edit != "drop":
            lines.append(f"{who}_{name[::-1]}" if edit == "change" else name)
    return lines


@given(own=st.lists(EDIT, min_size=8, max_size=8), theirs=st.lists(EDIT, min_size=8, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_nobody_must_look_at_has_the_edits_of_both_sides(
    shared: tuple[Repo, GitStore], own: list[str], theirs: list[str]
) -> None:
    repo, store = shared
    theirs = [t if o == "keep" else "keep" for o, t in zip(own, theirs, strict=True)]  # never one line
    start = repo.commit("parent", {"f": text_of(NAMES, True), "x": "x\n"}, root=True)
    base = repo.commit("base", f=text_of(edited(own, "own"), True))
    made = Field(
        repo, store, base, repo.commit("pick", {"f": text_of(edited(theirs, "pick"), True)}, onto=start)
    )
    landing = made.land()
    if landing.verdict is STOPPED or landing.review:
        return
    wanted: list[str] = []
    for name, ours, upstream in zip(NAMES, own, theirs, strict=True):
        who = "own" if upstream == "keep" else "pick"
        edit = ours if upstream == "keep" else upstream
        if edit == "insert":
            wanted.append(f"{who}_new_{name}")
        if edit != "drop":
            wanted.append(f"{who}_{name[::-1]}" if edit == "change" else name)
    assert made.text(landing) == text_of(wanted, True)


@given(own=st.lists(EDIT, min_size=8, max_size=8), theirs=st.lists(EDIT, min_size=8, max_size=8))
@settings(max_examples=60, deadline=None)
def test_no_rung_loses_or_doubles_a_line_of_either_side(
    shared: tuple[Repo, GitStore], own: list[str], theirs: list[str]
) -> None:
    """Marked for review or not, and where both sides edit one line, too."""
    repo, store = shared
    here, there = edited(own, "own"), edited(theirs, "pick")
    start = repo.commit("parent", {"f": text_of(NAMES, True), "x": "x\n"}, root=True)
    base = repo.commit("base", f=text_of(here, True))
    made = Field(repo, store, base, repo.commit("pick", {"f": text_of(there, True)}, onto=start))
    landing = made.land()
    if landing.verdict is STOPPED:
        assert landing.tree == repo.tree(base)
        return
    found = (made.text(landing) or "").splitlines()
    for line in (*here, *there):
        if line not in NAMES:
            assert found.count(line) == 1
    for name in NAMES:
        assert found.count(name) == (name in here and name in there)


@given(own=st.lists(EDIT, min_size=8, max_size=8), theirs=st.lists(EDIT, min_size=8, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_nobody_must_look_at_gives_the_base_back_in_reverse(
    shared: tuple[Repo, GitStore], own: list[str], theirs: list[str]
) -> None:
    repo, store = shared
    theirs = [t if o == "keep" else "keep" for o, t in zip(own, theirs, strict=True)]
    start = repo.commit("parent", {"f": text_of(NAMES, True), "x": "x\n"}, root=True)
    base = repo.commit("base", f=text_of(edited(own, "own"), True))
    pick = repo.commit("pick", {"f": text_of(edited(theirs, "pick"), True)}, onto=start)
    landing = Field(repo, store, base, pick).land()
    if landing.review or landing.verdict not in (CLEAN, Verdict.INSERTED):
        return
    undo = repo.commit("undo", {"f": text_of(NAMES, True)})
    back = land(store, landing.tree, undo)
    # Less context may be left to go by: then it stops, or asks for a look.
    assert back.verdict is STOPPED or back.review or back.tree == repo.tree(base)


def function(name: str, *body: str) -> str:
    return f"static int {name}(struct box *box)\n{{\n" + "".join(f"\t{b}\n" for b in body) + "}\n\n"


OPEN = function("box_open", "look(box);", "box->lid = 1;", "return 0;")
SHUT = function("box_shut", "look_away(box);", "box->lid = 0;", "return 0;")


def test_a_function_that_upstream_removes_goes_in_the_form_that_it_has_here(field: MakeField) -> None:
    spare = function("box_spare", "count(box, 1);", "return spare(box->one);")
    here = function(
        "box_spare", "int many = box->many * 2;", "while (many--)", "\tspare_one(box);", "return 0;"
    )
    parent = {"f.c": OPEN + spare + SHUT}
    made = field(parent, {"f.c": OPEN + here + SHUT}, {"f.c": OPEN + SHUT})
    landing = made.land()
    assert landing.verdict is Verdict.REALIGNED
    assert not landing.review
    assert made.text(landing, "f.c") == OPEN + SHUT
    # ... but not if something here still calls it.
    used = OPEN + here + function("box_try", "return box_spare(box);") + SHUT
    assert field(parent, {"f.c": used}, {"f.c": OPEN + SHUT}).land().verdict is STOPPED


def test_a_change_of_a_function_that_is_not_here_is_left_out(field: MakeField) -> None:
    extra = function("box_paint", "brush(box, 1);", "paint(box->colour);", "dry(box);", "return 0;")
    parent = {"f.c": OPEN + extra + SHUT}
    pick = OPEN.replace("look(", "look_at(") + extra.replace("brush(box, 1)", "brush(box, 2)") + SHUT
    made = field(parent, {"f.c": OPEN + SHUT}, {"f.c": pick})
    landing = made.land()
    assert landing.verdict is Verdict.ADAPTED
    assert landing.review
    assert made.text(landing, "f.c") == OPEN.replace("look(", "look_at(") + SHUT


def test_lines_that_came_into_a_split_off_file_later_are_found_where_they_came_from(repo: Repo) -> None:
    one = [function(f"one_{n}", f"first({n});", f"second_{n}(box);", "return 0;") for n in range(9)]
    two = [function(f"two_{n}", f"third({n});", f"fourth_{n}(box);", "return 0;") for n in range(9)]
    base = repo.commit("base", {"one.c": "".join(one), "two.c": "".join(two), "x": "x\n"})
    repo.commit("split", {"one.c": "".join(one[:3]), "new.c": "".join(one[3:])})
    repo.commit("more", {"two.c": "".join(two[:3]), "new.c": "".join(one[3:] + two[3:])})
    changed = two[6].replace("\tfourth_6", "\tcheck(box);\n\tfourth_6")
    pick = repo.commit("pick", {"new.c": "".join(one[3:] + two[3:6] + [changed] + two[7:])})
    with repo.store() as store:
        landing = land(store, repo.tree(Oid(base)), Oid(pick))
        assert landing.verdict is Verdict.ADAPTED
        assert [n.rung for n in landing.notes] == ["moved"]
        here = store.file(landing.tree, "two.c")
        assert here == "".join([*two[:6], changed, *two[7:]]).encode()


def test_an_entry_of_a_sorted_list_needs_no_look(field: MakeField) -> None:
    numbers = [f"{n:03} rw auto\n" for n in range(1, 8)]
    made = field(
        {"group": "".join(numbers)},
        {"group": "".join([*numbers, "012 rw auto\n"])},
        {"group": "".join([*numbers, "010 rw auto\n"])},
    )
    landing = made.land()
    assert (landing.verdict, landing.review) == (Verdict.INSERTED, False)
    assert made.text(landing, "group") == "".join([*numbers, "010 rw auto\n", "012 rw auto\n"])


def test_lines_that_upstream_rewrites_whole_are_upstreams_and_must_be_looked_at(field: MakeField) -> None:
    head, tail = numbered(), numbered(l1="tail")
    parent = {"f": f"{head}if (!box_try_open(box->lid))\n\tretry(box);\n{tail}"}
    own = {"f": f"{head}if (!box->ops->try_open(box->lid))\n\tretry(box);\n{tail}"}
    pick = {"f": f"{head}count_lost(box);\ndrop(box);\n{tail}"}
    made = field(parent, own, pick)
    landing = made.land()
    assert (landing.verdict, landing.review) == (Verdict.ADAPTED, True)
    assert made.text(landing) == pick["f"]

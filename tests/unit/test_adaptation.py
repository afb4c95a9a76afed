"""What a person declares about a commit is carried out on exactly the hunks it speaks of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fedvhost.backport.adaptation import Adapted, Insertion, adapt, place
from fedvhost.backport.diff3 import split_lines
from fedvhost.backport.manifest import Adaptation
from fedvhost.errors import InputError
from fedvhost.patches.diff import FileChange, Hunk

COMMIT = "82b0d80ef6" + "0" * 30
BEFORE = {"net/tap.c": split_lines(b"one\ntwo\nthree\nfour\nfive\n"), "net.h": split_lines(b"top\nend\n")}
CHANGES = {
    "net/tap.c": FileChange(
        "net/tap.c",
        (
            Hunk(0, (), 0, (b"#include <x.h>\n",)),
            Hunk(1, (b"two\n",), 2, (b"error_report(1);\n", b"my_error_report(error_report);\n")),
            Hunk(4, (), 6, (b"added();\n",)),
        ),
    ),
    "net.h": FileChange("net.h", (Hunk(1, (), 1, (b"int added(void);\n",)),)),
}
PLAIN = Adaptation(COMMIT, "because", path="net/tap.c")


def adapted(*said: Adaptation) -> Adapted:
    return adapt(COMMIT, said, CHANGES, BEFORE)


def test_a_rename_is_made_in_added_lines_and_whole_words_only() -> None:
    result = adapted(replace(PLAIN, rename={"error_report": "qemu_error"}))
    assert result.files == {
        "net/tap.c": b"#include <x.h>\none\nqemu_error(1);\nmy_error_report(qemu_error);\n"
        b"three\nfour\nadded();\nfive\n"
    }
    assert result.done == (("net/tap.c", "renamed error_report to qemu_error: because"),)


def test_a_rename_in_all_files_that_have_it() -> None:
    result = adapted(Adaptation(COMMIT, "b", rename={"added": "put_in"}))
    assert [path for path, _ in result.done] == ["net/tap.c", "net.h"]
    assert b"put_in();" in (result.files["net/tap.c"] or b"")
    assert result.files["net.h"] == b"top\nint put_in(void);\nend\n"


def test_a_dropped_hunk_leaves_its_neighbours() -> None:
    result = adapted(replace(PLAIN, drop_hunk=True, hunk="two"))
    assert result.files == {"net/tap.c": b"#include <x.h>\none\ntwo\nthree\nfour\nadded();\nfive\n"}


def test_all_hunks_of_a_file_are_dropped_without_text() -> None:
    assert adapted(replace(PLAIN, drop_hunk=True)).files == {"net/tap.c": b"one\ntwo\nthree\nfour\nfive\n"}


def test_a_placed_hunk_leaves_the_pick_and_waits() -> None:
    result = adapted(replace(PLAIN, hunk="added();", insert_after=" anchor ", last=True))
    assert result.files["net/tap.c"] is not None and b"added" not in result.files["net/tap.c"]
    assert result.insertions == (Insertion("net/tap.c", (b"added();\n",), " anchor ", True, True, "because"),)


def test_several_adaptations_of_one_file_each_take_their_hunk() -> None:
    result = adapted(
        replace(PLAIN, hunk="<x.h>", drop_hunk=True),
        replace(PLAIN, rename={"error_report": "qemu_error"}),
        replace(PLAIN, hunk="added();", insert_before="here"),
    )
    assert (
        result.files["net/tap.c"] == b"one\nqemu_error(1);\nmy_error_report(qemu_error);\nthree\nfour\nfive\n"
    )
    assert [i.anchor for i in result.insertions] == ["here"]


def test_a_mapped_file_takes_its_insertions_and_notes_along() -> None:
    result = adapted(
        Adaptation(COMMIT, "moved later", map_path={"net/tap.c": "tap.c"}),
        replace(PLAIN, hunk="added();", insert_after="anchor"),
    )
    assert result.moved == {"net/tap.c": "tap.c"}
    assert [i.path for i in result.insertions] == ["tap.c"]
    assert result.done[0] == ("tap.c", "upstream's 'net/tap.c': moved later")
    assert result.files.keys() == {"net/tap.c"}


def test_a_created_file_whose_only_hunk_is_dropped_is_not_created() -> None:
    created = {"new.c": FileChange("new.c", (Hunk(0, (), 0, (b"x\n",)),), created=True)}
    said = Adaptation(COMMIT, "b", path="new.c", drop_hunk=True)
    assert adapt(COMMIT, [said], created, {}).files == {"new.c": None}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            replace(PLAIN, path="net/tap.h", drop_hunk=True),
            "names 'net/tap.h', which the commit does not change",
        ),
        (replace(PLAIN, hunk="three", drop_hunk=True), "no such hunk contains 'three'"),
        (replace(PLAIN, rename={"no_such": "x"}), "matches nothing that the commit changes in 'net/tap.c'"),
        (Adaptation(COMMIT, "b", hunk="nothing", drop_hunk=True), "matches nothing"),
        (replace(PLAIN, hunk="error_report", insert_after="x"), "that also removes lines"),
        (Adaptation(COMMIT, "b", map_path={"vl.c": "x.c"}), "names 'vl.c', which the commit does not change"),
        (Adaptation(COMMIT, "b", map_path={"net.h": "net/tap.c"}), "something else that the commit changes"),
    ],
)
def test_what_does_not_fit_the_commit_is_an_error(said: Adaptation, message: str) -> None:
    with pytest.raises(InputError, match="82b0d80ef600") as caught:
        adapted(said)
    assert message in str(caught.value)


def test_a_second_adaptation_of_a_hunk_that_is_gone_is_an_error() -> None:
    drop = replace(PLAIN, hunk="two", drop_hunk=True)
    with pytest.raises(InputError, match="matches nothing"):
        adapted(drop, drop)


def ins(anchor: str, text: str, *, after: bool = True, last: bool = False) -> Insertion:
    return Insertion("f", split_lines(text.encode()), anchor, after, last, "b")


FILE = split_lines("\tanchor\nmid\n  grün  \n#endif\nmore\n#endif\n".encode())


def words(lines: tuple[bytes, ...]) -> str:
    return b"".join(lines).decode().replace("\n", "|")


def test_white_space_around_an_anchor_does_not_count() -> None:
    assert words(place([ins("anchor", "N\n")], FILE)).startswith("\tanchor|N|mid|")
    assert words(place([ins(" grün", "N\n", after=False)], FILE)).startswith("\tanchor|mid|N|  grün  |")


def test_the_last_of_several_if_told_so() -> None:
    assert words(place([ins("#endif", "N\n", after=False, last=True)], FILE)).endswith("more|N|#endif|")
    with pytest.raises(InputError, match=r"'#endif' stands 2 times in 'f'.*'last = true'"):
        place([ins("#endif", "N\n")], FILE)


def test_an_anchor_that_is_not_there() -> None:
    with pytest.raises(InputError, match="'anchors' stands 0 times in 'f'"):
        place([ins("anchors", "N\n")], FILE)


def test_two_insertions_at_one_spot_keep_their_order() -> None:
    said = [ins("anchor", "N1\n"), ins("mid", "N2\n", after=False), ins("anchor", "N3\n")]
    assert words(place(said, FILE)).startswith("\tanchor|N1|N2|N3|mid|")


def test_an_anchor_is_a_line_of_the_base_and_not_of_another_insertion() -> None:
    assert words(place([ins("anchor", "mid\n"), ins("mid", "N\n")], FILE)).startswith("\tanchor|mid|mid|N|")


def test_no_line_runs_into_the_next_for_want_of_a_newline() -> None:
    assert words(place([ins("end", "N\n")], split_lines(b"top\nend"))) == "top|end|N|"
    assert words(place([ins("top", "N")], split_lines(b"top\nend\n"))) == "top|N|end|"
    assert place([ins("top", "N")], split_lines(b"top\r\nend")) == (b"top\r\n", b"N\r\n", b"end")

"""Questions that a person answers in an editor: what they are known by, and what is taken as the answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedvhost.backport.diff3 import Chunk, Part, split_lines
from fedvhost.backport.resolutions import Answer, Known, Question, answered, ask, ask_whole, draft, leftover


def lines(text: str) -> tuple[bytes, ...]:
    return split_lines(text.encode())


def chunk(base: str, ours: str, theirs: str) -> Chunk:
    return Chunk(lines(base), lines(ours), lines(theirs))


ONE = chunk("old;\n", "here;\n", "new;\n")


def question(*parts: Part | str, path: str = "f.c", whole: bool = False) -> Question:
    found = [lines(p) if isinstance(p, str) else p for p in parts]
    return ask(path, found, [b"".join(p) for p in found if not isinstance(p, Chunk)], whole=whole)


def test_a_question_is_known_by_what_is_in_conflict_not_by_what_is_around_it() -> None:
    first = question("a;\n", ONE, "z;\n")
    later = question("a;\nfrom a pick in front;\n", ONE, "z;\n")
    assert (first.key, first.file_key) != (later.key, later.file_key)
    assert first.key == later.key
    others = [
        question("a;\n", ONE, "z;\n", path="g.c"),
        question("a;\n", chunk("old;\n", "HERE;\n", "new;\n"), "z;\n"),
        question("a;\n", chunk("old;\n", "here;\n", "NEW;\n"), "z;\n"),
        question("a;\n", chunk("OLD;\n", "here;\n", "new;\n"), "z;\n"),
        question("a;\n", ONE, "m;\n", ONE, "z;\n"),
        # The same letters, divided otherwise.
        question("a;\n", chunk("old;\nhere;\n", "", "new;\n"), "z;\n"),
        question("a;\n", chunk("", "old;\nhere;\n", "new;\n"), "z;\n"),
    ]
    assert len({first.key, *(q.key for q in others)}) == len(others) + 1


def test_a_file_that_is_not_there_is_another_conflict_than_an_empty_one() -> None:
    absent, empty = ask_whole("f", b"a\n", None, b"b\n"), ask_whole("f", b"a\n", b"", b"b\n")
    assert absent is not None and empty is not None
    assert absent.key != empty.key
    assert ask_whole("f", b"\0binary", None, b"\1") is None


def test_the_answer_is_what_stands_between_the_settled_lines() -> None:
    asked = question("a;\n", ONE, "m;\n", ONE, "z;\n")
    edited = b"a;\nfirst;\nm;\nsecond;\nand more;\nz;\n"
    answer = answered(asked, edited, "why")
    assert answer == Answer(asked.key, False, (b"first;\n", b"second;\nand more;\n"), "why")
    # So it holds where other lines are around it.
    again = question("b;\n", ONE, "m2;\n", ONE, "y;\n")
    assert Known({answer.key: answer}).find(again) == answer
    assert answered(asked, b"a;\nm;\nz;\n", "").texts == (b"", b"")


def test_an_answer_beyond_the_conflict_holds_for_these_very_files_only() -> None:
    asked = question("a;\n", ONE, "z;\n")
    for edited in (
        b"A;\nnew;\nz;\n",  # changed above
        b"new;\nz;\n",  # removed above
        b"a;\nnew;\n",  # removed below
    ):
        answer = answered(asked, edited, "")
        assert answer == Answer(asked.file_key, True, (edited,), "")
        known = Known({answer.key: answer})
        assert known.find(asked) == answer
        assert known.find(question("b;\n", ONE, "z;\n")) is None
    # The line between two conflicts stands there twice now: which one was it?
    two = question("a;\n", ONE, "m;\n", ONE, "z;\n")
    assert answered(two, b"a;\nm;\nx;\nm;\nz;\n", "").whole
    assert answered(asked, None, "") == Answer(asked.file_key, True, (), "")


def test_a_leftover_marker_is_found_and_a_heading_is_none() -> None:
    asked = question("a;\n", ONE, "z;\n")
    assert leftover(asked, draft(asked)) == 2
    assert leftover(asked, b"a;\nhere;\n=======\nnew;\nz;\n") == 3
    assert leftover(asked, b"a;\r\n>>>>>>> upstream with it\r\n") == 2
    assert leftover(asked, b"a;\nnew;\nz;\n") is None
    heading = question("Title\n=======\n", chunk("old\n", "here\n", "new\n"))
    assert leftover(heading, b"Title\n=======\nnew\n") is None
    assert leftover(heading, draft(heading)) == 3


def test_a_tampered_answer_with_too_few_texts_is_not_used() -> None:
    asked = question("a;\n", ONE, "m;\n", ONE, "z;\n")
    assert Known({asked.key: Answer(asked.key, False, (b"x;\n",), "")}).find(asked) is None


LINE = st.sampled_from(["a;\n", "b;\n", "c;\n", "}\n", "\n"])
TEXT = st.lists(LINE, max_size=4).map("".join)


@given(settled=st.lists(TEXT, min_size=2, max_size=4), texts=st.lists(TEXT, min_size=3, max_size=3))
def test_an_answer_put_in_its_place_gives_the_edited_file_back(settled: list[str], texts: list[str]) -> None:
    parts: list[Part | str] = [settled[0]]
    for text in settled[1:]:
        parts += [ONE, text]
    asked = question(*parts)
    given_texts = texts[: len(settled) - 1]
    pieces = [*(t + g for t, g in zip(settled, given_texts, strict=False)), settled[-1]]
    edited = "".join(pieces).encode()
    answer = answered(asked, edited, "")
    if answer.whole:
        assert answer.texts == (edited,)
        return
    rest = iter(answer.texts)
    assert b"".join(next(rest) if isinstance(p, Chunk) else b"".join(p) for p in asked.parts) == edited

"""Messages and names of the series' patches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedvhost.backport.outcome import Note
from fedvhost.backport.series import file_slug, mail_message, patch_names, picked_message
from fedvhost.values import Oid

PICK = Oid("ab" * 20)
LINE = b"(cherry picked from commit " + b"ab" * 20 + b")\n"
NOTE = Note("net/tap.c", "declared", "renamed a to b: b came later")


def test_the_commit_joins_the_trailers() -> None:
    message = b"subject\n\nbody\n\nSigned-off-by: A <a@b>\nAcked-by: C <c@d>\n"
    assert picked_message(message, PICK, ()) == message + LINE


def test_below_prose_it_stands_apart() -> None:
    assert (
        picked_message(b"tun: fix\n\nNote: this is\nprose\n", PICK, ())
        == b"tun: fix\n\nNote: this is\nprose\n\n" + LINE
    )
    assert picked_message(b"tun: fix it", PICK, ()) == b"tun: fix it\n\n" + LINE


def test_an_earlier_pick_stays() -> None:
    message = b"s\n\nb\n\n(cherry picked from commit " + b"1" * 40 + b")\n"
    assert picked_message(message, PICK, ()) == message + LINE


def test_what_was_done_is_told_above_it() -> None:
    said = picked_message(b"s\n\nSigned-off-by: A <a@b>\n", PICK, [NOTE])
    head, _, tail = said.partition(b"\n\nConflicts:\n")
    assert head == b"s\n\nSigned-off-by: A <a@b>"
    assert tail == b"\tnet/tap.c: renamed a to b: b came later\n" + LINE


def test_a_note_is_in_the_encoding_of_the_message() -> None:
    note = Note("", "declared", "für später")
    assert "für später".encode("latin-1") in picked_message(b"s\n\nb\n", PICK, [note], b"ISO-8859-1")
    assert "für später".encode() in picked_message(b"s\n\nb\n", PICK, [note])
    assert b"no \\u2713 here" in picked_message(
        b"s\n\nb\n", PICK, [Note("", "d", "no ✓ here")], b"ISO-8859-1"
    )


def test_a_path_that_is_no_text_is_quoted() -> None:
    said = picked_message(b"s\n\nb\n", PICK, [Note('caf\udce9 "x"\n.c', "declared", "left out")])
    assert b'\t"caf\\351 \\042x\\042\\012.c": left out\n' in said


def test_a_commit_without_a_message_says_where_it_is_from() -> None:
    assert picked_message(b"", PICK, ()) == LINE
    said = picked_message(b"\n", PICK, [NOTE])
    assert said.startswith(LINE + b"\nConflicts:\n\tnet/tap.c: ")


BODY = st.text(st.sampled_from("ab: \n-'\""), max_size=40).map(str.encode)


@given(body=BODY)
def test_upstreams_words_come_first_and_whole(body: bytes) -> None:
    message = b"subject\n\n" + body
    said = picked_message(message, PICK, ())
    assert said.startswith(message.rstrip(b"\n"))
    assert said.removeprefix(message.rstrip(b"\n")).strip() == LINE.strip()


def test_a_plain_message_is_mailed_as_it_is() -> None:
    message = b"subject\n\nFrom the specification: --- is\nno rule.\n-----\ndiff of two\n\n  * list\n"
    assert mail_message(message, b"A <a@b>") == message


@pytest.mark.parametrize(
    "line",
    [
        b"---",
        b"--- ",
        b"--- a/file",
        b"diff --git a/x b/x",
        b"Index: x",
        b"    --- a/x",
        b"\t@@ -1 +1 @@",
        b"From ada Mon Sep 17 00:00:00 2001",
    ],
)
def test_a_line_that_would_end_the_message_is_quoted(line: bytes) -> None:
    assert (
        mail_message(b"s\n\nbefore\n" + line + b"\nafter\n", b"A <a@b>")
        == b"s\n\nbefore\n>" + line + b"\nafter\n"
    )


def test_a_body_that_begins_like_a_header_gets_one_before_it() -> None:
    said = mail_message(b"s\n\nFrom: B <b@b>\n\nwords\n", b"A <a@b>")
    assert said == b"s\n\nFrom: A <a@b>\n\nFrom: B <b@b>\n\nwords\n"


@pytest.mark.parametrize(
    ("subject", "slug"),
    [
        ("tun: export underlying socket", "tun-export-underlying-socket"),
        ("[SCSI] fix ../../etc/passwd", "scsi-fix-etc-passwd"),
        ("Ärger über %patch1", "rger-ber-patch1"),
        ("…", "patch"),
        ("x" * 100, "x" * 60),
        ("vhost: " + "word " * 30, "vhost" + "-word" * 11),
    ],
)
def test_a_subject_as_a_file_name(subject: str, slug: str) -> None:
    assert file_slug(subject) == slug


@given(subjects=st.lists(st.text(max_size=80), max_size=12))
def test_patch_names_are_safe_and_in_order(subjects: list[str]) -> None:
    names = patch_names(subjects)
    assert all(re.fullmatch(r"\d{4}-[a-z0-9_-]+\.patch", name) for name in names)
    assert list(names) == sorted(set(names))

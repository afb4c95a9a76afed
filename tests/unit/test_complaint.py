"""The line of a build log that says why it failed."""

from __future__ import annotations

import pytest

from fedvhost.builds.complaint import complaint, phase_of, phases

COMPILER = """\
+ make -j4
  CC      net/tap.o
net/tap.c: In function 'net_init_tap':
net/tap.c:412:9: error: implicit declaration of function 'vhost_net_init'
  412 |     s->vhost_net = vhost_net_init(fd);
      |         ^~~~
make[1]: *** [Makefile:12: net/tap.o] Error 1
make: *** Waiting for unfinished jobs....
  CC      hw/virtio.o
hw/virtio.c:1:1: error: something later
error: Bad exit status from /var/tmp/rpm-tmp.x (%build)
"""


def test_the_compilers_line_and_not_what_make_and_rpm_say_of_it() -> None:
    assert complaint(COMPILER.splitlines()) == (
        "net/tap.c:412:9: error: implicit declaration of function 'vhost_net_init'",
        "  412 |     s->vhost_net = vhost_net_init(fd);",
        "      |         ^~~~",
    )


@pytest.mark.parametrize(
    ("log", "first"),
    [
        (
            "a.o: in function `f':\na.c:3: undefined reference to `g'\nmake: *** [x] Error 1",
            "a.c:3: undefined reference to `g'",
        ),
        ("patching file a.c\nHunk #2 FAILED at 12.\nerror: Bad exit status", "Hunk #2 FAILED at 12."),
        ("checking for sdl\nERROR: zlib check failed\nerror: Bad exit status", "ERROR: zlib check failed"),
        ("configure: error: no acceptable C compiler\n", "configure: error: no acceptable C compiler"),
        ("make: *** No rule to make target 'x'.  Stop.\n", "make: *** No rule to make target 'x'.  Stop."),
        (
            "make: *** [Makefile:3: all] Error 2\nerror: Bad exit status from x (%build)",
            "make: *** [Makefile:3: all] Error 2",
        ),
        (
            "/bin/sh: line 3: texi2html: command not found\nmake: *** [d] Error 127",
            "/bin/sh: line 3: texi2html: command not found",
        ),
        ("error: Bad exit status from x (%check)\n", "error: Bad exit status from x (%check)"),
        ("cc1: fatal: No space left on device\n", "cc1: fatal: No space left on device"),
        ("error: File not found: /b/usr/bin/x\n", "error: File not found: /b/usr/bin/x"),
    ],
)
def test_what_else_goes_wrong(log: str, first: str) -> None:
    assert complaint(log.splitlines())[0] == first


def test_missing_build_requires_are_all_listed() -> None:
    log = "error: Failed build dependencies:\n\ta >= 1 is needed by x\n\tb is needed by x\n"

    assert len(complaint(log.splitlines(), most=40)) == 3


@pytest.mark.parametrize(
    "log", ["", "all is well\n", "+ echo 'x.c:1:1: error: not one'\n", "warning: error: is a word\n"]
)
def test_nothing_is_made_up(log: str) -> None:
    assert complaint(log.splitlines()) == ()


def test_a_line_without_an_end_is_cut() -> None:
    assert len(complaint(["a.c:1:1: error: " + "x" * 100_000])[0]) == 2000


def test_the_parts_of_a_build() -> None:
    log = [
        "Executing(%prep): /bin/sh -e /var/tmp/rpm-tmp.1",
        "Executing(%build): /bin/sh -e /var/tmp/rpm-tmp.2",
        "+ echo Executing(%install)",
        "Processing files: kernel-2.6.33-1.fc13.x86_64",
    ]

    assert list(phases(log)) == ["%prep", "%build", "%files kernel-2.6.33-1.fc13.x86_64"]
    assert phase_of("Executing(%check): sh") == "%check"


def test_what_mock_says_of_the_package_manager() -> None:
    said = """\
ERROR: Exception(/w/x-1-1.src.rpm) Config(fedora-13-x86_64) 0 minutes 3 seconds
INFO: Results and/or logs in: /w/results
ERROR: Command failed:
 # /usr/bin/dnf-3 --installroot /var/lib/mock/fedora-13-x86_64/root/ install bash
Errors during downloading metadata for repository 'fedora':
  - Curl error (6): Couldn't resolve host name for https://example.org/repodata/repomd.xml
Error: Failed to download metadata for repo 'fedora': Cannot download repomd.xml
"""

    assert complaint(said.splitlines()) == tuple(said.splitlines()[4:6])

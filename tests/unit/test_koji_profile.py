"""How one logs in at a hub: as koji's own client chooses, from the files that it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedvhost.builds.koji_profile import has_own_profile, read_profile
from fedvhost.errors import InputError

pytest.importorskip("koji", reason="koji's client library is not installed; run tooling/setup")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for koji's configuration."""
    (tmp_path / ".koji").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write(home: Path, *lines: str) -> None:
    """Write the person's own configuration: one profile, ``here``."""
    text = "\n".join(["[here]", "server = https://127.0.0.1/kojihub", *lines])
    (home / ".koji" / "config").write_text(text + "\n")


@pytest.mark.parametrize(
    ("lines", "way"),
    [
        (("authtype = kerberos",), "kerberos"),
        ((), "kerberos"),
        (("authtype = ssl", "cert = ~/client.pem"), "ssl"),
        (("cert = ~/client.pem",), "ssl"),
        (("user = pat", "password = secret"), "password"),
        (("authtype = password", "user = pat", "password = secret", "cert = ~/client.pem"), "password"),
    ],
)
def test_way_in_is_what_kojis_client_takes(home: Path, lines: tuple[str, ...], way: str) -> None:
    (home / "client.pem").write_text("a certificate\n")
    write(home, *lines)
    assert read_profile("here").way() == way


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("authtype = noauth",), "nobody builds without logging in"),
        (("authtype = password", "user = pat"), "lacks user or password"),
        (("authtype = kerberus",), "did you mean 'kerberos'"),
    ],
)
def test_profile_that_lets_nobody_build_is_told(home: Path, lines: tuple[str, ...], message: str) -> None:
    write(home, *lines)
    with pytest.raises(InputError, match=message):
        read_profile("here").way()


def test_value_that_is_no_number_names_the_profile(home: Path) -> None:
    write(home, "max_retries = many")
    with pytest.raises(InputError, match=r"koji profile 'here': .*max_retries"):
        read_profile("here")


def test_nobody_is_patient_for_twelve_hours(home: Path) -> None:
    write(home)
    profile = read_profile("here")
    assert profile.timeout is None
    assert profile.patience == 600
    write(home, "timeout = 30", "max_retries = 4", "retry_interval = 5")
    assert (read_profile("here").timeout, read_profile("here").patience) == (30, 20)


def test_password_is_in_no_message(home: Path) -> None:
    write(home, "user = pat", "password = secret")
    assert "secret" not in repr(read_profile("here"))


def test_only_a_profile_of_ones_own_makes_koji_the_default(home: Path) -> None:
    assert not has_own_profile()
    write(home)
    assert has_own_profile()

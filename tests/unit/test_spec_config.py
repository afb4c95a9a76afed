"""One option in a kernel's configuration fragment, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedvhost.errors import InputError
from fedvhost.specs.config import set_config

GENERIC = b"""\
# networking
CONFIG_TUN=m
CONFIG_VIRTIO_NET=m

# virtualization
CONFIG_KVM=m
# CONFIG_VHOST_NET is not set
CONFIG_X86=y
"""


def test_an_option_that_was_off_is_turned_on_where_it_stands() -> None:
    after = set_config(GENERIC, {"CONFIG_VHOST_NET": "m"})

    assert after == GENERIC.replace(b"# CONFIG_VHOST_NET is not set", b"CONFIG_VHOST_NET=m")


def test_off_is_written_as_kconfig_does() -> None:
    assert b"# CONFIG_KVM is not set\n" in set_config(GENERIC, {"CONFIG_KVM": "n"})


def test_setting_what_is_set_changes_no_byte() -> None:
    assert set_config(GENERIC, {"CONFIG_VHOST_NET": "n", "CONFIG_TUN": "m"}) == GENERIC


def test_a_new_option_goes_to_its_relatives() -> None:
    after = set_config(GENERIC, {"CONFIG_VIRTIO_BALLOON": "m"})

    assert b"CONFIG_TUN=m\nCONFIG_VIRTIO_BALLOON=m\nCONFIG_VIRTIO_NET=m\n" in after


def test_a_new_option_goes_where_a_sorted_fragment_wants_it() -> None:
    assert (
        set_config(b"CONFIG_A=y\nCONFIG_C=y\n", {"CONFIG_B": "m"}) == b"CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n"
    )


def test_a_new_option_without_relatives_goes_to_the_end() -> None:
    assert set_config(GENERIC + b"\n", {"CONFIG_MACVTAP": "m"}) == GENERIC + b"CONFIG_MACVTAP=m\n\n"


def test_a_longer_name_is_another_option() -> None:
    assert set_config(b"CONFIG_VHOST_NET_TX=y\n", {"CONFIG_VHOST_NET": "m"}).count(b"\n") == 2


def test_an_option_set_twice_is_left_once() -> None:
    after = set_config(GENERIC + b"CONFIG_KVM=y\n", {"CONFIG_KVM": "y"})

    assert after == GENERIC.replace(b"CONFIG_KVM=m", b"CONFIG_KVM=y")


def test_a_missing_final_newline_stays_missing() -> None:
    assert set_config(b"CONFIG_A=y", {"CONFIG_B": "y"}) == b"CONFIG_A=y\nCONFIG_B=y"


@pytest.mark.parametrize("options", [{"VHOST_NET": "m"}, {"CONFIG_X": ""}, {"CONFIG_X": "a\nb"}])
def test_what_is_no_option_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(InputError):
        set_config(GENERIC, options)


_LINES = st.lists(
    st.sampled_from(
        ["CONFIG_A=y", "# CONFIG_A is not set", "CONFIG_B=m", "CONFIG_A_X=1", "# text", "", "\xff"]
    )
)


@given(_LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.sampled_from(["y", "m", "n", '"x"']))
def test_any_fragment_gets_the_option_once_and_keeps_the_rest(
    lines: list[str], ending: str, final: bool, value: str
) -> None:
    before = (ending.join(lines) + (ending if final else "")).encode("latin-1")
    after = set_config(before, {"CONFIG_A": value})

    wanted = b"# CONFIG_A is not set" if value == "n" else f"CONFIG_A={value}".encode()
    others = [line for line in after.split(b"\n") if b"CONFIG_A=" not in line and b"CONFIG_A is" not in line]
    assert [line.strip() for line in after.split(b"\n")].count(wanted) == 1
    assert [o for o in others if o.strip()] == [
        line
        for line in before.split(b"\n")
        if line.strip() and b"CONFIG_A=" not in line and b"CONFIG_A is" not in line
    ] or not before.endswith(b"\n")
    assert set_config(after, {"CONFIG_A": value}) == after

"""What a person sees who starts the virtual board with something missing or wrong."""

import os
import signal
from pathlib import Path

import pytest

from host_tools.virtual_board import VirtualBoard, VirtualBoardError

from .conftest import Workbench


def complaint(site: Path) -> str:
    """What a board on this site says instead of starting."""
    with pytest.raises(VirtualBoardError) as caught:
        VirtualBoard(site, site / "console.log").start()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_simulator_is_named_with_its_option(tmp_path: Path) -> None:
    link = tmp_path / "bus1"
    assert complaint(tmp_path) == (
        f"{link} is missing, or leads nowhere; start the meter simulator with --link {link}"
    )


def test_a_link_that_leads_nowhere_is_no_simulator(blank: Workbench) -> None:
    link = blank.folder / "modem"
    link.unlink()
    link.symlink_to("/dev/pts/99999")
    assert f"start the modem simulator with --link {link}" in complaint(blank.folder)


def test_a_path_that_the_board_cannot_open_is_refused(tmp_path: Path) -> None:
    for name in ("two words", "x" * 250):
        (tmp_path / name).mkdir()
        assert "choose another folder for the site." in complaint(tmp_path / name)


def test_a_flash_of_another_size_is_left_alone(blank: Workbench) -> None:
    flash = blank.board.flash
    flash.write_bytes(b"somebody's")
    assert "has 10 bytes and not 4194304" in complaint(blank.folder)
    assert flash.read_bytes() == b"somebody's"


def test_a_crash_is_not_taken_for_the_power_cut_that_was_asked_for(blank: Workbench) -> None:
    blank.start(cut=1000)
    assert blank.board.pid is not None
    os.kill(blank.board.pid, signal.SIGSEGV)
    assert blank.board.wait(10)
    assert blank.board.died
    assert "SIGSEGV" in blank.board.obituary()


def test_the_power_cut_that_was_asked_for_is_no_death(blank: Workbench) -> None:
    blank.board.start(cut=1)  # in the making of the file system
    assert blank.board.wait(10)
    assert not blank.board.died


def test_two_boards_never_share_a_flash(blank: Workbench) -> None:
    blank.start()
    assert "another virtual board uses" in complaint(blank.folder)
    assert blank.board.running
    blank.kill()
    blank.start()

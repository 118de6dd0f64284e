"""A person with a serial cable gets a configuration onto the board and the application going."""

import json
from pathlib import Path

from host_tools.site import Site
from host_tools.virtual_flash import read_file

from .conftest import Workbench

BOOT = r" event: boot "


def test_without_configuration_the_board_says_how_to_get_one(blank: Workbench) -> None:
    blank.start()
    assert (
        "concentrator: there is no configuration /config.json; write one" in blank.board.output()
    )
    assert blank.board.at_prompt
    assert blank.mpremote("exec", "print(6 * 7)") == "42\n"


def test_mpremote_configures_the_board_and_starts_it(blank: Workbench, tmp_path: Path) -> None:
    blank.start()
    # Not where the board's power switch would find it, and put it into the flash by itself.
    local = tmp_path / "copy" / "config.json"
    local.parent.mkdir()
    text = json.dumps(Site(meters=64).as_dict())
    local.write_text(text)
    blank.mpremote("fs", "cp", local, ":/config.json")
    assert "config.json" in blank.mpremote("fs", "ls")
    assert json.loads(blank.mpremote("fs", "cat", ":/config.json")) == json.loads(text)
    blank.mpremote("reset")
    blank.wait_for(BOOT)

    # Ctrl-C interrupts the application, Ctrl-D is a soft reset and brings it back.
    blank.type_at_the_prompt(b"\x03")
    blank.wait_for(r"^concentrator: interrupted")
    blank.type_at_the_prompt(b"\x04")
    blank.wait_for(r"^MPY: soft reboot")
    blank.wait_for(BOOT, 2)

    # mpremote stops the application; a soft reset by it would not start it, a reset does.
    assert blank.mpremote("exec", "print('here')") == "here\n"
    blank.mpremote("reset")
    blank.wait_for(BOOT, 3)
    blank.kill()
    assert read_file(blank.board.flash, "config.json") == text.encode()


def test_power_on_gives_the_sites_configuration_to_a_flash_that_has_none(
    blank: Workbench, tmp_path: Path
) -> None:
    sites = Site(meters=1).write(blank.folder).read_bytes()
    flash = blank.board.flash
    blank.board.start()
    blank.wait_for(BOOT)
    assert not blank.board.keeps_own_configuration
    local = Site(meters=2).write(tmp_path / "copy")
    blank.mpremote("fs", "cp", local, ":/config.json")
    blank.kill()
    # What a technician has put there stays, until somebody wants it otherwise.
    blank.board.start()
    blank.wait_for(BOOT)
    assert blank.board.keeps_own_configuration
    blank.kill()
    assert read_file(flash, "config.json") == local.read_bytes()
    blank.board.start(configure=True)
    blank.kill()
    assert read_file(flash, "config.json") == sites

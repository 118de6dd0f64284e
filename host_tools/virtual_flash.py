"""The virtual board's flash, a file on this machine: its file system as a host sees it.

The flash's first blocks hold a littlefs file system, made exactly as MicroPython makes one; the
journal in the blocks behind it is never touched here. Only for a board that does not run: two
that write to one file system destroy it.
"""

from pathlib import Path

from littlefs import LittleFS, LittleFSError, UserContext

BLOCK_BYTES = 4096
BLOCKS = 1024
FILE_SYSTEM_BLOCKS = 128

_BLANK = b"\xff"
_FILE_SYSTEM_BYTES = FILE_SYSTEM_BLOCKS * BLOCK_BYTES
# What MicroPython's VfsLfs2 uses. A host that caches more would make files that a board with a
# smaller cache cannot read.
_SETTINGS = {
    "block_size": BLOCK_BYTES,
    "block_count": FILE_SYSTEM_BLOCKS,
    "read_size": 32,
    "prog_size": 32,
    "lookahead_size": 32,
    "cache_size": 128,
    "block_cycles": 100,
    "disk_version": 0x00020001,
}


class FlashError(Exception):
    """The flash's file cannot be used; the text says why and what to do."""


def create(flash: Path) -> None:
    """Make a blank flash, unless there is one; FlashError if it is none or cannot be made."""
    if flash.exists():
        _read(flash)
    else:
        _write(flash, "xb", _BLANK * BLOCKS * BLOCK_BYTES)


def read_file(flash: Path, name: str) -> bytes | None:
    """Return a file's content, None if there is none; FlashError if the flash is not one."""
    system = _mount(_read(flash))
    if system is None:
        return None
    try:
        with system.open(name, "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def write_file(flash: Path, name: str, content: bytes) -> None:
    """Put a file into the flash; FlashError if that fails.

    Nothing is written if the file has that content already. A file system that never was used is
    made first, a damaged one is left alone, both as the board does.
    """
    if read_file(flash, name) == content:
        return
    area = _read(flash)
    system = _mount(area)
    if system is None:
        # Making a file system writes to its first two blocks only.
        if area[2 * BLOCK_BYTES :].strip(_BLANK):
            raise FlashError(
                f"the file system in {flash} is damaged; move the file away for a new one."
            )
        system = _format(area)
    try:
        with system.open(name, "wb") as file:
            file.write(content)
    except LittleFSError as error:
        raise FlashError(f"{name} does not fit into {flash}: {error}.") from None
    system.unmount()
    _write(flash, "r+b", area)


def _mount(area: bytearray) -> LittleFS | None:
    system = LittleFS(UserContext(buffer=area), mount=False, **_SETTINGS)
    try:
        system.mount()
    except LittleFSError:
        return None
    return system


def _format(area: bytearray) -> LittleFS:
    system = LittleFS(UserContext(buffer=area), mount=False, **_SETTINGS)
    system.format()
    system.mount()
    return system


def _read(flash: Path) -> bytearray:
    """Return the file system's part of the flash."""
    try:
        size = flash.stat().st_size
        with flash.open("rb") as file:
            area = bytearray(file.read(_FILE_SYSTEM_BYTES))
    except OSError as error:
        raise FlashError(f"{flash} cannot be read: {error.strerror}.") from None
    if size != BLOCKS * BLOCK_BYTES:
        raise FlashError(
            f"{flash} has {size} bytes and not {BLOCKS * BLOCK_BYTES}, so it is no flash of the "
            "virtual board; move it away for a new one."
        )
    return area


def _write(flash: Path, mode: str, content: bytes | bytearray) -> None:
    try:
        with flash.open(mode) as file:
            file.write(content)
    except OSError as error:
        raise FlashError(f"{flash} cannot be written: {error.strerror}.") from None

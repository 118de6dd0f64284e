"""The virtual board: its image, run by QEMU (`python -m host_tools.virtual_board`).

Everything it has is in one folder, the site: `bus1`, `bus2`, `modem` and, if there is one,
`pulses` are links to the simulators' pseudo terminals, `flash.nor` is its flash and `console` the
link to its console, for mpremote and terminal programs.
"""

import fcntl
import os
import re
import shlex
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from host_tools.child_process import ChildProcess
from host_tools.virtual_flash import FlashError, create, read_file, write_file

ROOT_FOLDER = Path(__file__).absolute().parents[1]
IMAGE = ROOT_FOLDER / "build" / "virtual" / "firmware.elf"

_QEMU = "qemu-system-arm"
_PORTS = ("bus1", "bus2", "modem")  # UART 1, 2 and 3
_PULSES = "pulses"  # UART 4, which may lead nowhere
_CONFIGURATION = "config.json"
_FLASH = "flash.nor"
_CONSOLE = "console"
_LONGEST_PATH_BYTES = 255  # that the board reads
_START_S = 10.0
_POLL_S = 0.02
_SHOW_S = 0.2
_CONSOLE_LINE = re.compile(r"^char device redirected to (\S+) \(label console\)", re.MULTILINE)
_STOPPED = re.compile(r"^concentrator: stopped; (\d+) records unsent", re.MULTILINE)
_PROMPTS = (">>> ", "CTRL-B to exit\r\n>")
_CTRL_D = b"\x04"

_EXIT_OK = 0
_EXIT_UNSENT = 1
_EXIT_NOT_RUNNING = 2


class VirtualBoardError(Exception):
    """The board cannot be started; the text says why and what to do."""


class VirtualBoard(ChildProcess):
    """One board. Starting it is power on: its flash stays as it is between two starts.

    What its console says goes to `log`, and what QEMU says. It ends when it is killed, when the
    power cut it was started with has come, or when its application has stopped as requested.
    """

    def __init__(
        self,
        site: Path,
        log: Path,
        *,
        image: Path = IMAGE,
        name: str = "virtual board",
        lapse: int = 1,
        since: int = 0,
    ) -> None:
        """Prepare; nothing is looked at before `start()`.

        Its wall clock runs `lapse` times as fast as time itself, and was right at `since`, in
        seconds since 1970 UTC; 0 means at power on.
        """
        super().__init__(name, [_QEMU], log)
        self.site = site.absolute()
        self.image = image
        self.lapse = lapse
        self.since = since
        self.flash = self.site / _FLASH
        self.console = self.site / _CONSOLE
        self.keeps_own_configuration = False
        """Whether the flash had another configuration than the site's at the last start."""
        self._device: str | None = None  # behind the link `console`
        self._cut = False
        # To ask for the stop by, and open until that has come; how much had been said when asked.
        self._own_console: int | None = None
        self._asked_at = 0
        self._verdict: int | None = None

    def start(
        self, keep_open: tuple[int, ...] = (), *, cut: int = 0, configure: bool = False
    ) -> None:
        """Switch on; VirtualBoardError if that fails, OSError if QEMU cannot be run.

        The site's `config.json`, if there is one, is put into a flash that has none; with
        `configure` also in the place of one. With `cut`, power fails in the middle of that flash
        operation, counted from 1.
        """
        self._check()
        self._verdict = None
        lock = self._claim_flash(configure)
        try:
            self.command = self._qemu(cut)
            super().start((*keep_open, lock))
        finally:
            os.close(lock)  # QEMU holds it now
        self._cut = bool(cut)
        if not self.wait_for_line(_CONSOLE_LINE.pattern, 1, _START_S):
            self.kill()
            raise VirtualBoardError(
                f"QEMU has not started the {self.name}; it says: {self.last_words()}"
            )
        found = _CONSOLE_LINE.search(self.output())
        assert found is not None
        self._device = found[1]
        self.console.unlink(missing_ok=True)
        self.console.symlink_to(self._device)

    @property
    def exit_code(self) -> int | None:
        """How it ended: 0 in order, 1 with records unsent, 2 if no application ran."""
        return self._verdict if self._verdict is not None else super().exit_code

    @property
    def died(self) -> bool:
        """Whether it has ended of itself, and not by the power cut it was started with."""
        return super().died and not (self._cut and self.exit_code == _EXIT_OK)

    @property
    def at_prompt(self) -> bool:
        """Whether MicroPython waits for input, so that no application runs."""
        return self.output().endswith(_PROMPTS)

    def request_stop(self) -> None:
        """Let the application finish what is under way; the board is switched off when it has.

        `wait()` until then.
        """
        self._expected_to_end = True
        if not self.running:
            return
        said = self.output()
        if said.endswith(_PROMPTS):  # where Ctrl-D would start the application
            self._end(_EXIT_NOT_RUNNING)
            return
        self._asked_at = len(said)
        self._own_console = os.open(self.console, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.write(self._own_console, _CTRL_D)

    def wait(self, timeout_s: float) -> bool:
        """Wait until the board is off; False if that takes longer."""
        deadline = time.monotonic() + timeout_s
        while self.running:
            self._follow_stop()
            if not self.running:
                break
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(left_s, _POLL_S))
        self._tidy()
        return True

    def stop(self, timeout_s: float = 0) -> None:
        """Switch off at once: there is nothing a board could do about it."""
        self.kill()

    def kill(self) -> None:
        """Switch off at once, as a power cut would (SIGKILL)."""
        super().kill()
        self._tidy()

    # Inside

    def _check(self) -> None:
        if not self.image.is_file():
            raise VirtualBoardError(f"{self.image} is missing; run make image BOARD=virtual.")
        if shutil.which(_QEMU) is None:
            raise VirtualBoardError(
                f"{_QEMU} is not installed; install the Debian package qemu-system-arm."
            )
        if not self.site.is_dir():
            raise VirtualBoardError(f"{self.site} is not a folder; make it, or choose another.")
        path = os.fsencode(self.flash)
        if len(path) > _LONGEST_PATH_BYTES or len(path.split()) > 1:
            raise VirtualBoardError(
                f"{self.flash} is too long a path, or one with blanks, which the board cannot "
                "open; choose another folder for the site."
            )

    def _claim_flash(self, configure: bool) -> int:
        """Prepare the flash and lock it; the lock is held by whoever has the descriptor open."""
        try:
            create(self.flash)
            lock = os.open(self.flash, os.O_RDWR)
        except (FlashError, OSError) as error:
            raise VirtualBoardError(str(error)) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._configure(configure)
        except BlockingIOError:
            os.close(lock)
            raise VirtualBoardError(
                f"another virtual board uses {self.flash}; stop that one or choose another site."
            ) from None
        except (FlashError, OSError) as error:
            os.close(lock)
            raise VirtualBoardError(str(error)) from None
        return lock

    def _configure(self, replace: bool) -> None:
        """Put the site's configuration into the flash, where it is wanted."""
        self.keeps_own_configuration = False
        configuration = self.site / _CONFIGURATION
        if not configuration.is_file():
            return
        wanted = configuration.read_bytes()
        present = read_file(self.flash, _CONFIGURATION)
        if replace or present is None:
            write_file(self.flash, _CONFIGURATION, wanted)
        else:
            self.keeps_own_configuration = present != wanted

    def _qemu(self, cut: int) -> list[str]:
        semihosting = ["enable=on", "target=native", "arg=concentrator"]
        semihosting.append(f"arg=flash={_escape(self.flash)}")
        if cut:
            semihosting.append(f"arg=cut={cut}")
        if self.lapse != 1:
            semihosting += [f"arg=lapse={self.lapse}", f"arg=since={self.since}"]
        command = [_QEMU, *("-M", "mps2-an385", "-display", "none", "-monitor", "none")]
        command += ["-kernel", str(self.image), "-semihosting-config", ",".join(semihosting)]
        command += ["-chardev", f"pty,id=console,logfile={_escape(self.log)},logappend=on"]
        command += ["-serial", "chardev:console"]
        has_pulses = (self.site / _PULSES).is_symlink()
        for port in (*_PORTS, _PULSES) if has_pulses else _PORTS:
            command += ["-chardev", f"serial,id={port},path={_escape(self._terminal(port))}"]
            command += ["-serial", f"chardev:{port}"]
        return command

    def _terminal(self, port: str) -> Path:
        """Return the pseudo terminal behind a port's link."""
        link = self.site / port
        terminal = Path(os.path.realpath(link))
        if not terminal.is_char_device():
            program = {"modem": "modem simulator", _PULSES: "pulse source"}
            raise VirtualBoardError(
                f"{link} is missing, or leads nowhere; start the "
                f"{program.get(port, 'meter simulator')} with --link {link}"
            )
        return terminal

    def _follow_stop(self) -> None:
        """Switch off when the application has stopped as requested."""
        if self._own_console is None:
            return
        # The board waits for whoever has its console open.
        with suppress(OSError):
            while os.read(self._own_console, 4096):
                pass
        found = _STOPPED.search(self.output(), self._asked_at)
        if found is not None:
            self._end(_EXIT_OK if found[1] == "0" else _EXIT_UNSENT)

    def _end(self, verdict: int) -> None:
        self.kill()
        self._verdict = verdict

    def _tidy(self) -> None:
        if self._own_console is not None:
            os.close(self._own_console)
            self._own_console = None
        if self._device is not None:
            self.console.unlink(missing_ok=True)
            self._device = None


def _escape(path: Path) -> str:
    """Return a path as it is written in QEMU's lists of options."""
    return str(path).replace(",", ",,")


class _Interrupts:
    """Ctrl-C: the first asks for an orderly stop, the second does not wait.

    A signal is only counted when it comes: what it interrupts may hold a lock.
    """

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board
        self._came = 0
        self._served = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, *_: object) -> None:
        self._came += 1

    @property
    def asked(self) -> bool:
        """Whether somebody wanted it to end."""
        return self._came > 0

    def serve(self) -> None:
        """Do what was asked for; call this often."""
        while self._served < self._came:
            self._served += 1
            if self._served == 1:
                self._board.request_stop()
            else:
                self._board.kill()


app = typer.Typer(add_completion=False)


@app.command()
def run(
    site: Annotated[Path, typer.Option(help="Folder with the simulators' links.")],
    image: Annotated[Path, typer.Option(help="What to run.")] = IMAGE,
    cut: Annotated[
        int, typer.Option(help="Power fails in the middle of this flash operation; 0: never.")
    ] = 0,
    configure: Annotated[
        bool, typer.Option("--configure", help="Put the site's config.json into the flash anew.")
    ] = False,
) -> None:
    """Run the virtual board until Ctrl-C (orderly stop; twice: at once), and show its console.

    The simulators must be there first. The site's config.json, if there is one, is put into a
    flash that has none.
    """
    board = VirtualBoard(site, site / "console.log", image=image)
    try:
        board.start(cut=cut, configure=configure)
    except (VirtualBoardError, OSError) as error:
        typer.echo(f"virtual board: {error}", err=True)
        raise typer.Exit(2) from None
    interrupts = _Interrupts(board)
    typer.echo(f"virtual board: {shlex.join(board.command)}")
    typer.echo(
        f"virtual board: its console is {site / _CONSOLE} (mpremote connect {site / _CONSOLE}), "
        "Ctrl-C stops"
    )
    if board.keeps_own_configuration:
        typer.echo(
            f"virtual board: the flash keeps its own configuration, which is not {site}'s; "
            "--configure puts that into it"
        )
    shown = len(board.output())
    over = False
    while not over:
        interrupts.serve()
        over = board.wait(_SHOW_S)
        said = board.output()
        sys.stdout.write(said[shown:].replace("\r", ""))
        sys.stdout.flush()
        shown = len(said)
    if cut and not interrupts.asked:
        typer.echo(f"virtual board: power failed in flash operation {cut}")
    code = board.exit_code or 0
    raise typer.Exit(code if code >= 0 else 130)


if __name__ == "__main__":
    app(prog_name="python -m host_tools.virtual_board")

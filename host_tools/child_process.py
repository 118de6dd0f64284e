"""A program that runs beside us, for as long as we want it to."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_STOP_S = 5.0
_POLL_S = 0.02
_LAST_LINES = 5


class ChildProcess:
    """A program that runs beside us and writes what it says to a log file.

    It gets a process group of its own, so that Ctrl-C reaches only us, but no session of its
    own: a session leader without a terminal would adopt the first pseudo terminal it opens.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stdin: bool = False,
    ) -> None:
        """Prepare; `environment` adds to ours, `stdin` opens a pipe to the program."""
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._folder = folder
        self._stdin = stdin
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._expected_to_end = False

    def start(self, keep_open: Sequence[int] = ()) -> None:
        """Start the program; OSError if that fails. What it says is added to the log.

        The file descriptors in `keep_open` stay open in the program, as long as it runs.
        """
        if self.running:
            raise RuntimeError(f"The {self.name} runs already.")
        self._release_pipe()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._expected_to_end = False
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE if self._stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=self._environment,
                process_group=0,
                pass_fds=keep_open,
            )

    @property
    def running(self) -> bool:
        """Whether the program runs at this moment."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the program ended (minus the number of the signal); None before it did."""
        return self._process.poll() if self._process is not None else None

    @property
    def pid(self) -> int | None:
        """The program's process id, None before the first start."""
        return self._process.pid if self._process is not None else None

    @property
    def died(self) -> bool:
        """Whether the program has ended without having been told to."""
        code = self.exit_code
        return code is not None and not self._expected_to_end

    def output(self) -> str:
        """Return what the program has said since its last start."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                return log.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def last_words(self) -> str:
        """Return the last lines the program said, in one line."""
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        return " | ".join(lines[-_LAST_LINES:]) or "nothing"

    def obituary(self) -> str:
        """Return a sentence on how the program ended."""
        code = self.exit_code
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        else:
            how = f"has ended with exit code {code}"
        return f"the {self.name} {how}; its last words: {self.last_words()} (log: {self.log})"

    def wait_for_line(self, pattern: str, count: int, timeout_s: float) -> bool:
        """Wait until so many lines match; False if the program ends before or it takes longer."""
        wanted = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout_s
        while True:
            running = self.running
            if len(wanted.findall(self.output())) >= count:
                return True
            if not running or time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)

    def tell(self, line: str) -> None:
        """Give the program a line, by the pipe it was started with; OSError if it has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def close_stdin(self) -> None:
        """Tell the program that nothing more will come, and that it may end."""
        self._expected_to_end = True
        self._release_pipe()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the program has ended; False if that takes longer."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal that does not end the program."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self, timeout_s: float = _STOP_S) -> None:
        """Ask the program to end, and end it if it does not."""
        self._expected_to_end = True
        if self._process is not None and self.running:
            self._process.terminate()
            if not self.wait(timeout_s):
                self._process.kill()
                self._process.wait()
        self._release_pipe()

    def kill(self) -> None:
        """End the program at once, as a power cut would (SIGKILL)."""
        self._expected_to_end = True
        if self._process is not None and self.running:
            self._process.kill()
            self._process.wait()
        self._release_pipe()

    def _release_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

"""Log lines on the console: UTC time, level, module, text."""

import logging
import sys
import time


class _ConsoleHandler(logging.Handler):
    def emit(self, record):
        # Versions of `logging` differ in who puts the arguments into the message.
        text = getattr(record, "message", None)
        if text is None:
            text = record.msg % record.args
        t = time.gmtime()
        sys.stderr.write(
            "%04d-%02d-%02dT%02d:%02d:%02dZ %-7s %s: %s\n"
            % (t[:6] + (record.levelname, record.name, text))
        )


_handler = _ConsoleHandler()


def get(name):
    """The logger of one module. Its level and handler are set: versions differ in inheriting."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        logger.addHandler(_handler)
    return logger

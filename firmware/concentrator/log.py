"""Log lines on the console: UTC time, level, module, text."""

import logging
import sys
import time


class _ConsoleHandler(logging.Handler):
    def emit(self, record):
        t = time.gmtime()
        sys.stderr.write(
            "%04d-%02d-%02dT%02d:%02d:%02dZ %-7s %s: %s\n"
            % (t[:6] + (record.levelname, record.name, record.msg % record.args))
        )


_handler = _ConsoleHandler()


def get(name):
    """The logger of one module. (Versions of `logging` differ in who inherits handlers.)"""
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.addHandler(_handler)
    return logger

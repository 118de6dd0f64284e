"""Modules that are wanted for a moment: imported by a function, and then let go again.

A frozen module is run from flash, but its names, functions and classes take a kilobyte of heap.
"""

import sys


def let_go(*names):
    """Forget modules of this package, given as "config" or "protocols.dlt645_commands".

    What still uses one keeps it; the next import makes it anew.
    """
    root = __name__.rpartition(".")[0]
    for name in names:
        path = root + "." + name
        if sys.modules.pop(path, None):
            package, _, module = path.rpartition(".")
            delattr(sys.modules[package], module)

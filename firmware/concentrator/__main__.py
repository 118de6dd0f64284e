"""Start the application on the board this interpreter was built for."""

import sys

import board

from . import app

sys.exit(app.main(board))

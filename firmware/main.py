"""What a board runs by itself after a reset; when it ends, MicroPython's prompt comes."""

import board
from concentrator import app

app.main(board)

"""Why a reading is as it is. The numbers are part of the MQTT contract and of the journal."""

from micropython import const

GOOD = const(0)
MADE_UP = const(1)  # good, but later than planned: a reset or the slot before it came between
FROZEN = const(2)  # from the meter's frozen data, long after the slot
SUSPECT = const(10)  # read twice, and still a value that cannot follow the one before
TIMEOUT = const(20)  # the meter did not answer
MALFORMED = const(21)  # bytes came, but no frame with a right checksum
WRONG = const(22)  # a frame of another meter or of another data identifier
REFUSED = const(23)  # the meter answered with an error word
JAMMED = const(24)  # the line is never quiet, or cannot be sent on
POWER_FAILED = const(30)  # the concentrator itself was off when it should have read

MORE = const(-1)  # in no reading: a good part of an answer, whose next part is to be asked for

# The reasons that will have passed when the meter is asked again.
FAILED = (TIMEOUT, MALFORMED, WRONG, JAMMED)
MISSED = FAILED + (POWER_FAILED,)

NAMES = {
    GOOD: "good",
    MADE_UP: "made up later",
    FROZEN: "from the meter's frozen data",
    SUSPECT: "suspect",
    TIMEOUT: "timeout",
    MALFORMED: "malformed answer",
    WRONG: "answer of another meter or item",
    REFUSED: "refused by the meter",
    JAMMED: "bus jammed",
    POWER_FAILED: "power failed",
}

"""What the tools repeat of the firmware's truth; test_site.py checks that they agree."""

BAUDS = (600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
MAX_METERS = 64
TRANSPORTS = ("at", "ppp")
ITEMS = ("energy.forward.total", "voltage.a", "current.a")  # those a simulated site reads
FAILED_FROM = 20  # from this quality on, a reading has a reason in place of values
QUALITY_NAMES = {
    0: "good",
    1: "made up later",
    2: "from the meter's frozen data",
    10: "suspect",
    20: "timeout",
    21: "malformed answer",
    22: "answer of another meter or item",
    23: "refused by the meter",
    24: "bus jammed",
    30: "power failed",
}

"""The words for speeds in a request to change it: one bit each, not the same in both editions."""

SPEEDS_2007 = {0x02: 600, 0x04: 1200, 0x08: 2400, 0x10: 4800, 0x20: 9600, 0x40: 19200}
SPEEDS_1997 = {0x02: 300, 0x04: 600, 0x08: 1200, 0x10: 2400, 0x20: 4800, 0x40: 9600}

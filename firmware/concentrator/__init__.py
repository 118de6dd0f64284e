"""The meter-reading concentrator.

Data flows one way: schedule -> collector -> bus -> journal -> uplink -> MQTT broker. `app` is the
only module that knows all the others; only the `board` package knows pins, ports and files.
"""

VERSION = "0.1.0"

"""Days of the real firmware in minutes: virtual time, simulated meters, and a judge."""

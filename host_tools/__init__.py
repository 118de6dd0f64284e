"""Tools that run on the developer's machine: simulators, master station, technician CLI."""

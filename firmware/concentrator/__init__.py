"""The meter-reading concentrator."""

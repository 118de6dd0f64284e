"""What the tests of the host tools share."""

from collections.abc import Iterator

import needs
import pytest

from host_tools.private_network import PrivateNetwork


@pytest.fixture(scope="session")
def private_network() -> None:
    """A private network can be had."""
    needs.private_network()


@pytest.fixture(scope="module")
def network(private_network: None) -> Iterator[PrivateNetwork]:
    """One private network for all tests of a module."""
    with PrivateNetwork() as one:
        yield one

"""What tests need and not every machine has: a private network, which PPP has its packets in.

A test that needs it fails without it, unless the environment says that this is known.
"""

import os
import warnings

import pytest

from host_tools.private_network import PrivateNetwork
from host_tools.stack import best_transport

WITHOUT_PPP = "TEST_WITHOUT_PPP"


def ppp() -> str:
    """The transport to test: PPP, or the modem's own TCP where that is allowed instead."""
    return best_transport("virtual", _use_at)


def private_network() -> None:
    """Fail where there can be no private network, or skip the test if that is allowed."""
    obstacle = PrivateNetwork.obstacle()
    if obstacle is not None:
        _check_allowed(obstacle)
        pytest.skip(obstacle)


def _use_at(obstacle: str) -> None:
    _check_allowed(obstacle)
    warnings.warn(f"over AT, since there can be no PPP here: {obstacle}", stacklevel=2)


def _check_allowed(obstacle: str) -> None:
    if not os.environ.get(WITHOUT_PPP):
        pytest.fail(
            f"there can be no PPP here: {obstacle}; {WITHOUT_PPP}=1 in the environment tests "
            "what there is without it",
            pytrace=False,
        )

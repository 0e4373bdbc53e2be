"""The services that are installed."""

import inspect

import pytest

from marketswarm import services
from marketswarm.errors import BadEnvironmentError

OURS = {"rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel"}


def test_all_six_are_installed() -> None:
    """Others may stand beside them."""
    assert services.installed().keys() >= OURS


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_has_work_to_do(name: str) -> None:
    """Its entry point leads to a coroutine function of its own module, or package."""
    work = services.load(name)
    assert inspect.iscoroutinefunction(work)
    assert f"{work.__module__}.".startswith(f"marketswarm.services.{name}.")


@pytest.mark.parametrize("name", ["", "rss-agg", "RSS_AGG", "marketswarm"])
def test_an_unknown_one_is_refused_with_the_known_ones(name: str) -> None:
    """The line says how a package adds one."""
    with pytest.raises(BadEnvironmentError, match=r"there are: .*healer.*marketswarm\.services") as caught:
        services.load(name)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)

"""How hard the tests look for what they do not know: hypothesis' examples, the simulation's seeds, faults put in.

With ``ONCE_MORE`` set in the environment it is a tenth, and that the tests can fail is not shown again.
"""

import pytest
from hypothesis import settings
from testkit import ONCE_MORE

# Timings are no tests: a machine may be busy.
settings.register_profile("patient", deadline=None)
settings.register_profile("once-more", settings.get_profile("patient"), max_examples=10)
settings.load_profile("once-more" if ONCE_MORE else "patient")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, where all of them run once more, the tests of the tests."""
    if ONCE_MORE:
        of_tests = [item for item in items if item.name.startswith("test_a_fault_is_found")]
        config.hook.pytest_deselected(items=of_tests)
        items[:] = [item for item in items if item not in of_tests]

"""What the wheel holds, and that the tests run on it."""

import importlib
import inspect
import json
import os
import pkgutil
import sysconfig
import tomllib
from importlib.metadata import Distribution, EntryPoint, distribution
from pathlib import Path

import pytest
from testkit import leave_out

import marketswarm
from marketswarm import hostfiles

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOST_FOLDERS: dict[str, str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]


@pytest.fixture
def wheel() -> Distribution:
    """The installed distribution; only tox is sure to have installed it from a wheel."""
    if "TOX_ENV_NAME" not in os.environ:
        leave_out("not run by tox, so what is installed need not be a wheel: tox -e packaging")
    return distribution("marketswarm")


def installed(wheel: Distribution) -> set[str]:
    """Every file that the wheel brought, less what pip made of it."""
    assert wheel.files is not None
    return {str(file) for file in wheel.files if file.parts[0] != ".." and file.suffix != ".pyc"}


def tree(folder: str) -> set[Path]:
    """Every file of a folder of the checkout."""
    return {path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def entry_points(wheel: Distribution, group: str) -> list[EntryPoint]:
    """What the wheel registers under a group."""
    return list(wheel.entry_points.select(group=group))


def test_the_tests_run_on_the_wheel(wheel: Distribution) -> None:
    """The package that the tests import is in site-packages, not the checkout's."""
    assert Path(marketswarm.__file__).parent == Path(sysconfig.get_path("purelib")) / "marketswarm"


def test_the_wheel_holds_the_package_and_the_host_files_and_nothing_else(wheel: Distribution) -> None:
    """Every module, py.typed and every host file is there; no test, benchmark or stray file is."""
    expected = {str(path.relative_to(ROOT)) for path in tree("marketswarm")}
    for folder, target in HOST_FOLDERS.items():
        expected |= {f"{target}/{path.relative_to(ROOT / folder)}" for path in tree(folder)}
    assert {name for name in installed(wheel) if ".dist-info/" not in name} == expected
    assert {"marketswarm/py.typed", "marketswarm/_host/etc/truth.json"} <= expected


def test_the_wheel_carries_the_licence(wheel: Distribution) -> None:
    """Whoever has the wheel has the terms."""
    assert wheel.metadata["License-Expression"] == "MIT"
    licences = [name for name in installed(wheel) if name.endswith(".dist-info/licenses/LICENSE")]
    assert len(licences) == 1
    assert Path(str(wheel.locate_file(licences[0]))).read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_packaged_truth_is_the_one_in_the_checkout(wheel: Distribution) -> None:
    """The document that a host gets is the one that was reviewed."""
    packaged = hostfiles.find("etc/truth.json")
    assert packaged == Path(marketswarm.__file__).parent / "_host/etc/truth.json"
    assert packaged.read_bytes() == (ROOT / "etc/truth.json").read_bytes()


def test_every_service_of_the_truth_has_an_entry_point_that_loads(wheel: Distribution) -> None:
    """`marketswarm run` finds each of the six services, and each is work for the event loop."""
    services = entry_points(wheel, "marketswarm.services")
    truth = json.loads(hostfiles.find("etc/truth.json").read_bytes())
    assert sorted(service.name for service in services) == sorted(truth["services"])
    for service in services:
        assert inspect.iscoroutinefunction(service.load()), service


def test_every_console_script_loads(wheel: Distribution) -> None:
    """The two commands of the contract are registered, and what they name can be called."""
    scripts = entry_points(wheel, "console_scripts")
    assert sorted(script.name for script in scripts) == ["marketswarm", "marketswarm-seed"]
    assert all(callable(script.load()) for script in scripts)


def test_every_module_can_be_imported() -> None:
    """No module needs what the wheel and the extra `local` do not bring, and none warns."""
    modules = [module.name for module in pkgutil.walk_packages(marketswarm.__path__, "marketswarm.")]
    assert len(modules) > 1
    for module in modules:
        importlib.import_module(module)

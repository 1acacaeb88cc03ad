"""conftest: gives lab tests a lab, over the stand-in and over the real tailnet.

A test that takes `lab` runs over both; `pytestmark = pytest.mark.tailnet("standin")` narrows it.
The lab lives as long as the test file; `fresh_lab` is made for one test alone.
"""

import pytest

from lab import Lab
from lab import tailnet_real
from lab.fleet import Fleet

KINDS = ("standin", "real")
LINES_OF_LOG = 15
LONGEST = ("test_rescue", "test_worst")  # begun first, lest one of two workers ends with them alone


def pytest_addoption(parser):
    parser.addoption("--tailnet", choices=[*KINDS, "both"], default="both",
                     help="which tailnet the lab is built with")
    parser.addoption("--long", action="store_true", help="full counts")


def pytest_configure(config):
    config.addinivalue_line("markers", "tailnet(kind...): the tailnets that a test is run over")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_generate_tests(metafunc):
    if "tailnet_kind" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("tailnet")
    chosen = metafunc.config.getoption("--tailnet")
    kinds = [kind for kind in (marker.args if marker else KINDS) if chosen in (kind, "both")]
    metafunc.parametrize("tailnet_kind", kinds, indirect=True, scope="module")


@pytest.fixture(scope="session")
def real_tailnet_missing():
    """Why the real tailnet cannot be had, or None; builds it first where Go is there."""
    tailnet_real.build_missing()
    return tailnet_real.missing()


@pytest.fixture(scope="module")
def tailnet_kind(request):
    if request.param == "real":
        lack = request.getfixturevalue("real_tailnet_missing")
        if lack:
            pytest.skip(lack)
    return request.param


@pytest.fixture(scope="module")
def lab(tailnet_kind, request):
    """A test file's IPV6 says whether it has IPv6."""
    with Lab.build(tailnet=tailnet_kind, ipv6=getattr(request.module, "IPV6", False)) as built:
        yield built


@pytest.fixture
def fresh_lab(tailnet_kind):
    with Lab.build(tailnet=tailnet_kind) as built:
        yield built


@pytest.fixture(scope="module")
def fleet(lab, request):
    """Oceanid installed on the lab; a test file's CONTROLLER says on which host it is led."""
    return Fleet(lab, controller=getattr(request.module, "CONTROLLER", "srv712429")).install()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows which of its lab's programs ended themselves, then the ends of all logs."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for name in ("lab", "fresh_lab", "fleet"):
        built = getattr(item, "funcargs", {}).get(name)
        built = getattr(built, "lab", built)
        if isinstance(built, Lab) and built.folder.exists():
            ended = built.programs_that_ended()
            if ended:
                report.sections.append(("programs that ended themselves", "\n".join(ended)))
            for log in sorted(built.folder.glob("hosts/*/log/*.log")):
                lines = log.read_text(errors="replace").splitlines()[-LINES_OF_LOG:]
                if lines:
                    title = f"{log.parts[-3]}: {log.name}"
                    report.sections.append((title, "\n".join(lines)))

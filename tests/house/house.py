"""house: the rules of the house that a machine can hold.

usage: house.py purity BUILD | headers | format | guard-has-no-nng BUILD | sizes
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PURE = ["common/core", "common/net", "common/change", "agent/core", "agent/guard/core",
        "controller/core"]
PURE_ARCHIVES = ["libcommon_core.a", "libagent_core.a", "libguard_core.a", "libcontroller_core.a"]
PURE_HEADERS = {
    "assert.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h",
    "stdint.h", "stdio.h", "stdlib.h", "string.h",
    # The kernel's numbers, no functions:
    "linux/fib_rules.h", "linux/if_link.h", "linux/rtnetlink.h", "linux/nexthop.h",
}
# What the pure half may ask of libc: memory, strings, formatting, sorting, assert.
PURE_SYMBOLS = re.compile(
    r"^(mem(cpy|move|set|cmp|chr)|bcmp|str(n?len|n?cmp|n?cat|chr|rchr|r?spn|c?spn|str|tol|toll|toul|toull"
    r"|pbrk|tok_r|casecmp|ncasecmp)|v?snprintf|sscanf|qsort(_r)?|bsearch|malloc|calloc|realloc|free"
    r"|abort|__assert_fail|__errno_location|__ctype_b_loc|__ctype_tolower_loc|__stack_chk_fail"
    r"|__(v?snprintf|mem\w+|str\w+)_chk|__isoc\d+_(sscanf|strto\w+)"
    r"|__(asan|ubsan|tsan|sanitizer|san)\w*|_GLOBAL_OFFSET_TABLE_|__cxa_\w+|__start_asan_globals"
    r"|__stop_asan_globals|__sancov\w*)$")


def tracked(*suffixes):
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=False)
    names = listing.stdout.split("\n") if listing.returncode == 0 else [
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if "build" not in path.parts]
    return [name for name in names if name.endswith(suffixes) and (ROOT / name).is_file()]


def check_includes():
    for name in tracked(".c", ".h"):
        if not any(name.startswith(folder + "/") for folder in PURE):
            continue
        for number, line in enumerate((ROOT / name).read_text().split("\n"), 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
            if not found:
                continue
            kind, header = found.groups()
            if kind == '"':
                if not any(header.startswith(folder + "/") for folder in PURE):
                    yield f"{name}:{number} includes {header}; pure code includes only {' '.join(PURE)}"
            elif header not in PURE_HEADERS:
                yield f"{name}:{number} includes <{header}>; accepted are {' '.join(sorted(PURE_HEADERS))}"


def check_symbols(build):
    archives = [path for name in PURE_ARCHIVES for path in pathlib.Path(build).rglob(name)]
    if not archives:
        yield f"no pure library below {build}: nothing was checked"
    defined, wanted = set(), {}
    for archive in archives:
        lines = subprocess.run(["nm", "-A", str(archive)], capture_output=True, text=True,
                               check=True).stdout.split("\n")
        for line in lines:
            found = re.match(r"(\S+?):\s*([0-9a-f]*)\s+(\w)\s+(\S+)", line)
            if found and found.group(3) == "U":
                wanted.setdefault(found.group(4), found.group(1))
            elif found:
                defined.add(found.group(4))
    for symbol, where in sorted(wanted.items()):
        if symbol not in defined and not PURE_SYMBOLS.match(symbol):
            yield f"{where} calls {symbol}: pure code takes facts and time as arguments"


def check_headers():
    for name in tracked(".h"):
        if name.startswith("tests/"):
            continue
        done = subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                               "-fsyntax-only", "-I", str(ROOT), "-x", "c", "-"],
                              input=f'#include "{name}"\n', capture_output=True, text=True, check=False)
        if done.returncode != 0:
            yield f"{name} does not compile alone:\n{done.stderr}"


def check_format():
    names = tracked(".c", ".h")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        for line in done.stderr.split("\n"):
            if "error:" in line:
                yield f"{line}; clang-format -i mends it"


def check_guard(build):
    for program in ("oceanid-guard", "oceanid-rollback"):
        path = pathlib.Path(build) / "bin" / program
        for arguments in (["nm", str(path)], ["ldd", str(path)]):
            text = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
            for line in text.split("\n"):
                if re.search(r"\bnng_|libnng", line):
                    yield f"{program} links nng: {line.strip()}; the guard has no network transport"


def check_root():
    lines = len((ROOT / "CMakeLists.txt").read_text().split("\n")) - 1
    if lines >= 80:
        yield f"CMakeLists.txt has {lines} lines, expected under 80"
    for name in tracked(".c", ".h"):
        if re.search(r"(^|/)(util|utils|helper|helpers|misc|manager)\.", name):
            yield f"{name}: name a file by the noun that it owns"


CHECKS = {
    "purity": lambda build: [*check_includes(), *check_symbols(build)],
    "headers": lambda _build: check_headers(),
    "format": lambda _build: check_format(),
    "guard-has-no-nng": check_guard,
    "root": lambda _build: check_root(),
}


def main():
    name, build = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    complaints = list(CHECKS[name](build))
    for line in complaints:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

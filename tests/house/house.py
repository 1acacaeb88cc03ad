"""house: the rules of the house that a machine can hold.

usage: house.py RULE BUILD; a rule that cannot be judged here says "skipped: why" and ends in 77
"""
import pathlib
import re
import shutil
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


PROGRAMS = ["oceanid-agent", "oceanid-controller", "oceanid-guard", "oceanid-rehearse",
            "oceanid-rollback", "oceanidctl"]


class Skip(Exception):
    """Why a rule cannot be judged here, and what would make it judged."""


def tracked(*suffixes):
    """What git knows or would add; without git (an unpacked archive), all but build/."""
    names = []
    if shutil.which("git"):
        names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                               capture_output=True, text=True, check=False).stdout.split("\n")
    if not any(names):
        below = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = [str(path) for path in below if path.parts[0] not in ("build", ".git")]
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
    archives = sorted(pathlib.Path(build).rglob("lib*_core.a"))
    for name in set(PURE_ARCHIVES) - {archive.name for archive in archives}:
        yield f"no {name} below {build}: build it first"
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


def product_objects(build):
    """(object, its source): those of our own sources that are still there, and no tests'."""
    for path in sorted(pathlib.Path(build).rglob("*.c.o")):
        source = re.sub(r"CMakeFiles/[^/]+\.dir/", "", str(path.relative_to(build)))[:-len(".o")]
        if not source.startswith("tests/") and (ROOT / source).is_file():
            yield path, source


def check_exports(build):
    """What no other file asks for, and no test names, is static, and in no header."""
    named = set()
    for name in tracked(".c", ".h"):
        if name.startswith("tests/"):
            named |= set(re.findall(r"\b(?:__wrap_|__real_)?(\w+)", (ROOT / name).read_text()))
    where, wanted = {}, set()
    for path, source in product_objects(build):
        for line in subprocess.run(["nm", "-P", str(path)], capture_output=True, text=True,
                                   check=True).stdout.split("\n"):
            found = re.match(r"(\w+) ([A-Z])", line)
            if found and found[2] == "U":
                wanted.add(found[1])
            elif found and not found[1].startswith("__"):
                where[found[1]] = source
    if not where:
        yield f"no objects below {build}: build it first"
    for symbol in sorted(set(where) - wanted - named - {"main"}):
        yield f"{where[symbol]}: {symbol} is for no other file: static, and in no header"


def check_headers(build):
    for name in tracked(".h"):
        if name.startswith("tests/"):
            continue
        done = subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                               "-fsyntax-only", "-I", str(ROOT), "-isystem", str(build), "-x", "c", "-"],
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
    for program in ("oceanid-guard", "oceanid-rehearse", "oceanid-rollback"):
        path = pathlib.Path(build) / "bin" / program
        for arguments in (["nm", str(path)], ["ldd", str(path)]):
            text = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
            for line in text.split("\n"):
                if re.search(r"\bnng_|libnng", line):
                    yield f"{program} links nng: {line.strip()}; the guard has no network transport"


def undefined_symbols(path):
    """What a program takes from shared libraries, without versions."""
    text = subprocess.run(["nm", "-D", "--undefined-only", str(path)], capture_output=True,
                          text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in text.split("\n") if line}


def check_no_shell(build):
    """Who parses foreign bytes starts no programs; oceanid-rollback starts itself, by execl."""
    for program in sorted(set(PROGRAMS) - {"oceanidctl"}):
        allowed = {"execl"} if program == "oceanid-rollback" else set()
        for symbol in sorted(undefined_symbols(pathlib.Path(build) / "bin" / program) - allowed):
            if re.match(r"(system|popen|f?exec(l|v|ve|lp|vp|le|vpe|veat)?|posix_spawnp?)$", symbol):
                yield f"{program} calls {symbol}: it starts no programs"


def is_hardened(build):
    cache = pathlib.Path(build) / "CMakeCache.txt"
    return cache.exists() and "-D_FORTIFY_SOURCE" in cache.read_text()


def check_hardened(build):
    """The build itself if it is one of the release preset, else build/release."""
    build = next((each for each in (build, ROOT / "build/release") if is_hardened(each)), None)
    if build is None:
        raise Skip("no build/release here; cmake --preset release && ninja -C build/release makes it")
    for program in PROGRAMS:
        path = pathlib.Path(build) / "bin" / program
        if not path.exists():
            yield f"{path} is not there: build it, or remove {build}"
            continue
        text = subprocess.run(["readelf", "-hldW", str(path)], capture_output=True, text=True,
                              check=True).stdout
        symbols = undefined_symbols(path)
        for what, holds in {
                "position independent (-pie)": re.search(r"FLAGS_1.*\bPIE\b", text),
                "RELRO (-z relro)": "GNU_RELRO" in text,
                "bound at start (-z now)": re.search(r"FLAGS_1.*\bNOW\b", text),
                "a stack that is not executable": re.search(r"GNU_STACK.* RW +0x", text),
                "stack protector": "__stack_chk_fail" in symbols,
                "fortified (-D_FORTIFY_SOURCE)": any(re.match(r"__\w+_chk$", symbol)
                                                     for symbol in symbols)}.items():
            if not holds:
                yield f"{path}: expected {what}, and it is not"


# What a stranger finds first: these, and files whose names begin with a dot.
TOP = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "agent", "common",
       "controller", "docs", "packaging", "proto", "tests"}


def check_root():
    for name in sorted({name.split("/")[0] for name in tracked("")} - TOP):
        if not name.startswith("."):
            yield f"{name}: expected at the top only {' '.join(sorted(TOP))} and dot files"
    lines = len((ROOT / "CMakeLists.txt").read_text().split("\n")) - 1
    if lines >= 80:
        yield f"CMakeLists.txt has {lines} lines, expected under 80"
    for name in tracked(".c", ".h"):
        if re.search(r"(^|/)(util|utils|helper|helpers|misc|manager)\.", name):
            yield f"{name}: name a file by the noun that it owns"


CONSOLE_ROWS, CONSOLE_COLUMNS = 25, 80
# What somebody on a console of a dead host has to see without scrolling.
FIRST_SCREEN = ("oceanid-rollback ", "--yes", "--list", "--to N", "--check", "--release", "--order",
                "type yes", "exit 0", "exit 1", "exit 5")


def check_console():
    """The man page of oceanid-rollback: its main use on one screen."""
    if not shutil.which("nroff"):
        raise Skip("no nroff here; apt install groff-base makes it judged")
    page = ROOT / "docs/man/oceanid-rollback.8"
    printed = subprocess.run(["nroff", "-c", "-man", "-Tascii", "-rLL=78n", str(page)],
                             capture_output=True, text=True, check=True).stdout
    text = re.sub(r".\x08", "", printed)  # struck twice: bold, underlined
    lines = re.sub(r"\n{3,}", "\n\n", text.lstrip("\n")).split("\n")
    screen = lines[:CONSOLE_ROWS - 1]  # the pager's prompt has the last
    for wanted in FIRST_SCREEN:
        if not any(wanted in re.sub(r" +", " ", line) + " " for line in screen):
            yield f"{page}: '{wanted}' is not on the first screen of {CONSOLE_ROWS} lines"
    for line in lines:
        if len(line) > CONSOLE_COLUMNS:
            yield f"{page}: wider than {CONSOLE_COLUMNS} columns: {line}"


def missing_names(file, names):
    """Those that are no function of the file, nor a quoted word in it (a scenario's name)."""
    text = file.read_text()
    for name in names:
        function = rf"^\s*def {name}\(" if file.suffix == ".py" else rf"\b{name}\("
        if not re.search(rf'{function}|"{name}"', text, re.M):
            yield name


def check_safety():
    """docs/safety.md: every row of a table ends in tests, and all of them exist."""
    for number, line in enumerate((ROOT / "docs/safety.md").read_text().split("\n"), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] == "failure" or set(line) <= set("|-"):
            continue
        where = f"docs/safety.md:{number}"
        if len(cells) != 3 or not cells[2]:
            yield f"{where}: expected failure | what happens | tests, observed {len(cells)} cells"
            continue
        for part in cells[2].split(";"):
            path, _, names = part.strip().partition(":")
            file = ROOT / "tests" / path
            if not file.is_file():
                yield f"{where} names tests/{path}: there is no such file"
                continue
            for name in missing_names(file, [n.strip() for n in names.split(",") if n.strip()]):
                yield f"{where} names {name}: it is not in tests/{path}"


def check_decisions():
    """Each of docs/decisions is linked from where it matters, and each link leads to one."""
    decisions = {path.name[:4]: path for path in (ROOT / "docs/decisions").glob("*.md")}
    linked = set()
    for name in tracked(""):
        if name.startswith("docs/decisions/"):
            continue
        for number, line in enumerate((ROOT / name).read_text(errors="replace").split("\n"), 1):
            for found, rest in re.findall(r"\bdecisions/(\d{4})([\w.-]*)", line):
                linked.add(found)
                if found not in decisions or rest.endswith(".md") and found + rest != decisions[found].name:
                    yield f"{name}:{number} links decisions/{found}{rest}: there is no such file"
    for number in sorted(set(decisions) - linked):
        yield f"{decisions[number]} is linked from nowhere: the code or the page that it decides about links it"


CHECKS = {
    "purity": lambda build: [*check_includes(), *check_symbols(build)],
    "exports": check_exports,
    "headers": check_headers,
    "format": lambda _build: check_format(),
    "guard-has-no-nng": check_guard,
    "no-shell": check_no_shell,
    "hardened": check_hardened,
    "root": lambda _build: check_root(),
    "console": lambda _build: check_console(),
    "safety": lambda _build: check_safety(),
    "decisions": lambda _build: check_decisions(),
}


def main():
    name, build = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    try:
        complaints = list(CHECKS[name](build))
    except Skip as why:
        print(f"skipped: {why}")
        return 77
    for line in complaints:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

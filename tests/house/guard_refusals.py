"""guard_refusals: whether docs/refusals.md has each refusal that a guard gives, and says of each what
helps, as the code has it.

usage: guard_refusals.py ROOT

A refusal of a prepare or a start that will be the same for ever, as the change is signed, is
ERR_LASTING: the controller then names `abort` and a new start instead of `next`. A new one fails here
until somebody has said which it is.
"""
import pathlib
import re
import sys

# Where a guard refuses. What the operations' own checks find comes wrapped, as "operation N: ...".
SOURCES = ("agent/guard/core/admission.c", "agent/guard/core/ledger_admits.c",
           "agent/guard/core/trial_act.c", "agent/guard/core/trial_end.c",
           "agent/guard/io/admit.c", "agent/guard/io/prepare.c", "agent/guard/io/rehearsing.c",
           "agent/guard/io/trust_reader.c", "agent/guard/io/trust_root.c")
MACROS = {"REFUSED_FOR_GOOD": "abort it and start it anew"}
STRING = r'"(?:[^"\\]|\\.)*"'
TEXT = rf"(?:{STRING}|[A-Z_]+)(?:\s*(?:{STRING}|[A-Z_]+))*"
CALLS = (re.compile(rf"err_set\(\s*&?\w+,\s*(?P<kind>ERR_\w+),\s*(?P<text>{TEXT})"),
         re.compile(rf"err_wrap\(\s*&?\w+,(?P<kind>)\s*(?P<text>{TEXT})"),
         re.compile(rf"trial_refuse\([^;]*?,\s*(?P<text>{STRING}(?:\s*{STRING})*),\s*(?P<kind>ERR_\w+)\)"),
         re.compile(rf"snprintf\(reason, sizeof\(reason\),(?P<kind>)\s*(?P<text>{TEXT})"))
ROW = re.compile(r"^\| `(?P<text>.*)` \| (?P<helps>[^|]*) \|[^|]*\|$", re.MULTILINE)
FOR_GOOD = "`abort`, start anew"
HELPS = (FOR_GOOD, "mend, `next`", "by itself", "on the way back", "no rollout")


def read_text(found):
    parts = re.findall(rf"{STRING}|[A-Z_]+", found)
    return "".join(MACROS[part] if part[0] != '"' else part[1:-1] for part in parts)


def refusals(root):
    """Each text, and whether it is for good."""
    for source in SOURCES:
        code = (root / source).read_text()
        for call in CALLS:
            for found in call.finditer(code):
                text = read_text(found["text"])
                if text != "%s":
                    yield re.sub(r"%[.\d]*l*[a-z]", "…", text), found["kind"] == "ERR_LASTING", source


def complaints(root):
    page = (root / "docs/refusals.md").read_text()
    rows = {row["text"]: row["helps"] for row in ROW.finditer(page)}
    there = set()
    for text, is_lasting, source in refusals(root):
        there.add(text)
        if text not in rows:
            yield f"{source}: expected a row of docs/refusals.md, found none: | `{text}` |"
        elif rows[text] not in HELPS:
            yield f"docs/refusals.md: '{rows[text]}': accepted are {', '.join(HELPS)}: {text}"
        elif (rows[text] == FOR_GOOD) != is_lasting:
            yield (f"{source}: expected {'ERR_LASTING' if not is_lasting else 'another kind'}, as "
                   f"docs/refusals.md has '{rows[text]}': {text}")
    for text in rows.keys() - there:
        yield f"docs/refusals.md: no guard says that: {text}"


def main():
    wrong = list(complaints(pathlib.Path(sys.argv[1])))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

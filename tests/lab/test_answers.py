"""answers: what oceanid-rollback is told and says: words that are none, and an answer that is lost
because its disk is full or nobody opened it, which never keeps it from undoing."""

import pytest

from test_guard import BIN, node  # noqa: F401 (a fixture)

LOST = "oceanid-rollback: standard output could not be written"
# The device that is always full; and none.
NOWHERE = {"full": 'exec "$@" >/dev/full', "closed": 'exec "$@" >&-'}


def rollback_into(node, where, *words):
    return node.call(["sh", "-c", NOWHERE[where], "sh", BIN / "oceanid-rollback", *words,
                      "--config", node.folder / "guard.yaml"], check=False)


@pytest.mark.parametrize("where", NOWHERE)
def test_an_answer_that_is_lost_is_no_answer(node, where):
    node.confirm()
    for words in ("--list", "--check", "--help", "--version"):
        done = rollback_into(node, where, words)
        assert done.returncode == 5 and LOST in done.stderr, (words, done)
    assert node.has_route()


def test_lost_words_keep_nothing_from_being_undone(node):
    """All else went well, and what it had to say is not there."""
    node.confirm()
    done = rollback_into(node, "full", "--yes")
    assert not node.has_route() and done.returncode == 5 and LOST in done.stderr, done
    assert "Nothing is changed" in node.rollback("--list").stdout


def test_what_asks_is_answered_whatever_stands_beside_it(node):
    node.confirm()
    for words in (("--version", "--yes"), ("--yes", "--version"), ("--list", "--version"),
                  ("--config", "--version"), ("", "--version")):
        done = node.rollback(*words)
        assert done.stdout.startswith("oceanid-rollback "), (words, done)
    for words in (("--help", "--yes"), ("--yes", "-h"), ("", "--help")):
        assert node.rollback(*words).stdout.startswith("usage: "), words
    assert node.has_route()


@pytest.mark.parametrize("words", [("",), ("", "--yes"), ("--yes", ""), ("--list", "")],
                         ids=lambda words: " ".join(words) or "empty")
def test_an_empty_word_is_no_word(node, words):
    """A variable that is not set, in a script of somebody's."""
    node.confirm()
    done = node.rollback(*words, check=False, answer="yes\n")
    assert done.returncode == 2 and node.has_route(), done
    assert "''" in done.stderr and "nothing was done" in done.stderr, done


def test_a_number_beyond_the_list_does_nothing_and_says_so(node):
    node.confirm()
    done = node.rollback("--to", "2", "--yes", check=False)
    assert done.returncode == 2 and node.has_route(), done
    assert "--to 2: accepted are 1 to 1" in done.stderr and "nothing was done" in done.stderr, done


@pytest.mark.parametrize("where", NOWHERE)
@pytest.mark.parametrize("words, code", [(("oceanidctl", "help"), 5), (("oceanidctl", "--version"), 5),
                                         (("oceanid-agent", "--help"), 1),
                                         (("oceanid-guard", "--version"), 1),
                                         (("oceanid-rehearse", "--help"), 1),
                                         (("oceanid-controller", "--version"), 1)],
                         ids=lambda words: words[0] if isinstance(words, tuple) else "")
def test_no_program_takes_a_lost_answer_for_one(node, where, words, code):
    done = node.call(["sh", "-c", NOWHERE[where], "sh", BIN / words[0], *words[1:]], check=False)
    assert done.returncode == code, done
    assert f"{words[0]}: standard output could not be written" in done.stderr, done

"""order: an operator's signed order as a file, to oceanid-rollback --order; no agent, no controller.

It names one generation by its attempt and the nonce of its start: it never takes another.
"""

import os
import re
import socket

from lab.wait import stays, wait_until
from test_guard import BIN, node  # noqa: F401 (a fixture)

PREPARED = re.compile(r" prepared (\d+:[0-9a-f]+:[0-9a-f]+)$", re.M)


def prepared(said):
    """The id of the generation that drive was offered, the last one."""
    return PREPARED.findall(said)[-1]


def confirm(node, sequence, *options):
    """Also when earlier ends have to be named first; returns the generation's id."""
    lifts = []
    while True:
        done = node.trial("soak=1", f"sequence={sequence}", f"lifts={','.join(lifts)}", *options)
        missing = re.search(r"does not contain its receipt ([0-9a-f]{64})", done.stdout)
        if not missing:
            break
        lifts.append(missing[1])
    assert done.returncode == 0, done.stdout + done.stderr + node.log("guard.log")
    return prepared(done.stdout)


def order(node, generation, name="subject", signer="approver.key"):
    """Signs an order; returns its path."""
    path = node.folder / f"order-{generation[:2].strip(':')}-{name}-{signer}"
    node.call([BIN / "drive", "order", node.folder / "keys", path, name, generation, signer])
    return path


def open_if_read(fifo):
    """For writing, once somebody has it open for reading; else None."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def assert_untouched(node, done):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "othing was done" in done.stdout + done.stderr
    assert node.has_route()
    assert node.guard.poll() is None, "nobody had to stop for an order that is not carried out"


def test_order_takes_back_what_it_names_and_is_harmless_afterwards(node):
    (node.state / "name").write_text("subject\n")  # as it joined; nothing is left to know it by
    generation = confirm(node, 1, "shield=1")
    path = order(node, generation)
    done = node.rollback("--order", path)
    assert "a drill" in done.stdout and "Done and verified" in done.stdout
    assert "popped (rolled back by order)" in done.stdout
    assert not node.has_route()
    assert node.guard.wait(5) == 0
    again = node.rollback("--order", path)
    assert "does not stand any more" in again.stdout and "popped" in again.stdout
    node.start()
    stays(lambda: not node.has_route(), 1, "the shield that was ordered back")


def test_order_goes_down_through_all_that_stands_above(node):
    lowest = confirm(node, 1)
    confirm(node, 2, "routes=2")
    node.open_trial("sequence=3", "routes=3")
    wait_until(lambda: "198.18.0.2" in node.ip("route"), 10, "the open trial to be on")
    done = node.rollback("--order", order(node, lowest))
    assert done.stdout.index("drive-3") < done.stdout.index("drive-2") < done.stdout.index("drive-1")
    assert not node.has_route()
    assert "Nothing is changed" in node.rollback("--list").stdout


def order_both_while_down(node):
    """Two confirmed, the guard dead, the order goes down to the lower one, and the device of the
    upper one is down: both are still open."""
    lowest = confirm(node, 1)
    confirm(node, 2, "removes=1")
    path = order(node, lowest)
    node.kill()
    node.ip("link", "set", "eth0", "down")
    done = node.rollback("--order", path, check=False)
    assert done.returncode == 5, done.stdout + done.stderr


def test_what_is_left_to_the_finishing_process_is_by_order_too(node):
    """The upper one is held up by its device; the lower one follows when that is up again."""
    order_both_while_down(node)
    node.ip("link", "set", "eth0", "up")
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 15,
               "both to be taken back")
    ends = [("2", "popped (rolled back by order)"), ("1", "popped (rolled back by order)")]
    wait_until(lambda: re.findall(r"receipt \d+: sequence (\d) (.*)$", node.log("rollback.log"),
                                  re.M) == ends, 5, "both receipts to be told")
    assert "a drill" in node.log("rollback.log")
    assert not node.has_route()


def test_a_guard_that_takes_over_carries_the_order_out(node):
    """The upper one is held up when the guard comes back; the lower one was ordered all the same."""
    order_both_while_down(node)
    node.start()
    told = node.rollback("--list").stdout
    assert "being taken back" in told and "ordered to be taken back, after what is above it" in told
    node.ip("link", "set", "eth0", "up")
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 15,
               "both to be taken back")


def test_order_of_the_open_trial_leaves_what_stands(node):
    confirm(node, 1)
    node.open_trial("sequence=2", "routes=2")
    wait_until(lambda: "198.18.0.1" in node.ip("route"), 10, "the open trial to be on")
    generation = prepared(node.log("drive.log"))
    node.rollback("--order", order(node, generation))
    assert "198.18.0.1" not in node.ip("route")
    assert node.has_route()
    assert "drive-1" in node.rollback("--list").stdout


def test_old_order_takes_no_later_generation_of_the_same_body(node):
    first = confirm(node, 1, "named=7")
    path = order(node, first)
    node.rollback("--order", path)
    node.start()
    second = confirm(node, 2, "named=7")
    assert first.split(":")[1] == second.split(":")[1], "the same body"
    done = node.rollback("--order", path)
    assert "does not stand any more" in done.stdout
    assert node.has_route() and node.guard.poll() is None


def test_order_whose_generation_went_meanwhile_ends_no_other_trial(node):
    """It has looked, and waits for the order's bytes; when they come another trial is open."""
    path = order(node, confirm(node, 1))
    fifo = node.folder / "fifo"
    os.mkfifo(fifo)
    slow = node.spawn([BIN / "oceanid-rollback", "--order", fifo, "--config",
                       node.folder / "guard.yaml"], "slow.log")
    pipe = wait_until(lambda: open_if_read(fifo), 10, "the order to be waited for")
    node.rollback("--order", path)
    node.start()
    receipt = re.search(r"does not contain its receipt ([0-9a-f]{64})",
                        node.trial("soak=1", "sequence=2").stdout)[1]
    node.open_trial("sequence=2", f"lifts={receipt}")
    os.write(pipe, path.read_bytes())
    os.close(pipe)
    assert slow.wait(20) == 0
    assert "does not stand any more" in node.log("slow.log")
    assert node.guard.poll() is None and node.has_route()
    assert "on trial" in node.rollback("--list").stdout


def varint(number):
    return bytes([number & 127 | 128]) + varint(number >> 7) if number > 127 else bytes([number])


def send_order(node, path):
    """To the guard itself, as the agent carries one: field 8 of a GuardRequest, in a packet whose
    first byte says that it is here (common/io/packet.c). Held open, or nobody is answered."""
    signed = path.read_bytes()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(str(node.folder / "guard.sock"))
    connection.send(b"M\x42" + varint(len(signed)) + signed)
    return connection


def test_a_trust_root_that_hangs_delays_no_lease(node):
    """Whether an order is believed is asked of a disk that does not answer: a pipe here. The order
    names what stands; the trial above it runs out meanwhile; then the disk answers."""
    path = order(node, confirm(node, 1))
    open_trial = node.open_trial("sequence=2", "routes=2", "answers=1", "lease=4")
    wait_until(lambda: "198.18.0.1" in node.ip("route"), 10, "the open trial to be on")
    trust = node.folder / "trust.yaml"
    text = trust.read_text()
    trust.unlink()
    os.mkfifo(trust)
    connection = send_order(node, path)
    assert open_trial.wait(20) == 1, "reverted, and told so"
    assert "the lease ran out" in node.log("guard.log")
    assert "198.18.0.1" not in node.ip("route") and node.has_route()
    pipe = wait_until(lambda: open_if_read(trust), 5, "the trust root to be asked")
    os.write(pipe, text.encode())
    os.close(pipe)
    wait_until(lambda: not node.has_route(), 10, "the order to be carried out all the same")
    connection.close()


def test_rescue_by_an_order_whose_trust_root_hangs_is_refused_in_time(node):
    """It says what it has waited for, and how root does without."""
    path = order(node, confirm(node, 1))
    node.use_disk_of(node.folder / "trust.yaml")
    node.hang_disk()
    done = node.rollback("--order", path, check=False)
    assert "trust.yaml is not read" in done.stderr and "Root needs no order" in done.stderr
    assert_untouched(node, done)
    node.more_environment = {}
    node.free_disk()
    assert "Done and verified" in node.rollback("--order", path).stdout


def test_an_order_is_carried_out_where_nothing_says_how_this_node_is_called(node):
    """Key and name are on a dead disk, and so is all that guards have ever signed of it: what the
    order names stands here."""
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    path = order(node, prepared(node.log("drive.log")))
    node.kill()
    node.use_disk_that_may_die("journal")
    node.hang_disk()
    done = node.rollback("--order", path, check=False)
    assert "name is not read" in done.stdout and not node.has_route(), done.stdout + done.stderr
    assert done.returncode == 5 and "Done and verified in the kernel" in done.stdout


def test_orders_of_strangers_for_others_or_of_another_start_are_refused(node):
    generation = confirm(node, 1)
    other = generation[:-1] + ("0" if generation[-1] != "0" else "1")
    done = node.rollback("--order", order(node, other), check=False)
    assert "No such generation stands here" in done.stdout
    assert_untouched(node, done)
    done = node.rollback("--order", order(node, generation, signer="office.key"), check=False)
    assert "does not have as operator" in done.stderr
    assert_untouched(node, done)
    done = node.rollback("--order", order(node, generation, name="calypso"), check=False)
    assert "does not name this node, subject" in done.stderr
    assert_untouched(node, done)


def test_altered_or_missing_order_is_refused(node):
    path = order(node, confirm(node, 1))
    altered = bytearray(path.read_bytes())
    altered[-1] ^= 1
    path.write_bytes(altered)
    assert_untouched(node, node.rollback("--order", path, check=False))
    path.write_bytes(b"")
    assert_untouched(node, node.rollback("--order", path, check=False))
    path.unlink()
    assert_untouched(node, node.rollback("--order", path, check=False))


def test_order_by_a_pipe_with_nobody_at_home(node):
    """As over somebody's ssh, its standard input being the order; the guard is dead."""
    path = order(node, confirm(node, 1))
    node.kill()
    with open(path, "rb") as pipe:
        done = node.rollback("--order", "/dev/stdin", stdin=pipe)
    assert "Done and verified" in done.stdout
    assert not node.has_route()

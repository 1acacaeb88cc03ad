cd /work/wt/spin/tests/spin; mkdir -p /tmp/spin; cp *.pml *.h /tmp/spin/ 2>/dev/null; cd /tmp/spin
spin $1 -a protocol.pml || exit 1
gcc -O2 -DSAFETY -DNOFAIR -DVECTORSZ=2048 $2 -o pan pan.c 2>&1 | grep -E "error" | head
shift 2
(time timeout 150 ./pan "$@") 2>&1 | grep -v "unreached\|line\|state [0-9]*," | tail -40

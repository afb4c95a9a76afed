# What the rows of shape f13 stand on: the host's network, guests, and how a row says what it found. Nothing
# here opens a folder (no globs): the C library of busybox cannot, on 2.6.33.

FAILED=10
UNKNOWN=20
HOST=10.0.0.1
numbered=0

fail() { echo "$*" > /run/why; exit $FAILED; }
unknown() { echo "$*" > /run/why; exit $UNKNOWN; }
seen() { printf '%s\t%s\n' "$1" "$2" >> /run/seen; }
left() { echo $1 >> /run/left; } # a process to be ended with the row
expect() { # expect WHAT GOT WANTED: go on if it is so
    [ "$2" = "$3" ] || fail "$1: $2, not $3"
}
uptime_() { cut -d' ' -f1 /proc/uptime; }
passed_since() { echo "$1 $(uptime_)" | awk '{ printf "%.1f", $2 - $1 }'; }
within() { # within SECONDS COMMAND...: try it again and again, until it holds
    local left=$(($1 * 5))
    shift
    until "$@"; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        usleep 200000
    done
}
first_line() { head -n 1 "$1" 2> /dev/null | tr -d '\r'; }

# -- the kernel -------------------------------------------------------------------------------------------------
references() { awk '$1 == "vhost_net" { print $3; found = 1 } END { if (!found) print "not loaded" }' /proc/modules; }
unused() { [ "$(references)" = 0 ]; }
unheld() { unused || [ "$(references)" = "not loaded" ]; }
worker_ticks() { probe ticks vhost; }
opened_by() { probe fds "$1" | grep -c '/vhost-net$'; }
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }
idle() { # the worker did nothing for a second
    local before
    before=$(worker_ticks)
    sleep 1
    [ "$(worker_ticks)" = "$before" ]
}

prepare() {
    local bridge
    for module in kvm-amd kvm-intel tun bridge 8021q; do modprobe $module; done
    [ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200
    ip link set lo up
    for bridge in 0 1 2 3; do
        # With the address of one of its taps: 2.6.33 does not take what is sent to one that it was given.
        brctl addbr br$bridge
        # busybox's brctl knows neither; without them a port waits 15 s before it forwards.
        echo 0 > /sys/class/net/br$bridge/bridge/forward_delay
        echo 0 > /sys/class/net/br$bridge/bridge/stp_state
        ip addr add 10.0.$bridge.1/24 dev br$bridge
        ip link set br$bridge up
        printf '#!/bin/sh\nip link set $1 up\nbrctl addif br%s $1\n' $bridge > /run/up$bridge
        chmod 755 /run/up$bridge
    done
    mkfifo /run/hold
}

# -- guests -----------------------------------------------------------------------------------------------------
# A fresh MAC for each guest: the bridge remembers. It and the address stay the caller's, because the two ends
# of a migration share them.
address() {
    numbered=$(cat /run/numbered 2> /dev/null)
    numbered=$((${numbered:-0} + 1))
    echo $numbered > /run/numbered
    ip=10.0.0.$((10 + numbered))
    mac=52:54:00:00:00:$(printf %02x $((16 + numbered)))
}
tap() { # tap NAME NUMBER OPTIONS: a backend on bridge NUMBER
    echo "-netdev tap,id=n$2,ifname=$1$2,script=/run/up$2,downscript=no$3"
}
# start NAME OPTION...: start a guest, with these options after those that every guest has
start() {
    local name=$1
    shift
    [ -c /dev/kvm ] || unknown "no KVM in this test host"
    for line in monitor agent; do
        rm -f /run/$name.$line.in /run/$name.$line.out /run/$name.$line
        mkfifo /run/$name.$line.in /run/$name.$line.out
        cat /run/$name.$line.out > /run/$name.$line &
        left $!
    done
    echo "$name" >> /run/started
    # no_timer_check, noapic: one boot in three hung in the check. no-kvmclock: it divided by zero.
    # pci=noearly: looking for AGP bridges takes seconds, as every look leaves the guest.
    qemu-kvm -enable-kvm -m 96 -nographic -vga none \
        -serial file:/run/$name.console -serial pipe:/run/$name.agent -monitor pipe:/run/$name.monitor \
        -kernel /boot/vmlinuz -initrd /boot/guest \
        -append "console=ttyS0 earlyprintk=serial no_timer_check noapic no-kvmclock pci=noearly panic=-1" -no-reboot \
        "$@" > /run/$name.qemu 2>&1 < /dev/null &
    pid=$!
    echo $pid > /run/$name.pid
}
# one NAME NETDEV-OPTIONS DEVICE-OPTIONS [OPTION...]: a guest with one card
one() {
    local name=$1 netdev=$2 device=$3
    shift 3
    # shellcheck disable=SC2046
    start $name $(tap $name 0 "$netdev") -device "virtio-net-pci,netdev=n0,mac=$mac$device" "$@"
}
said_ready() { grep -q '^ready' /run/$1.agent; }
ready_or_ended() { said_ready $1 || gone "$(cat /run/$1.pid)"; }
ready() { # ready NAME: wait until it obeys
    within 60 ready_or_ended $1
    said_ready $1 && return
    gone "$(cat /run/$1.pid)" && fail "qemu-kvm ended: $(first_line /run/$1.qemu)"
    unknown "guest '$1' did not start within 60 s; its last line: $(tail -n 1 /run/$1.console | tr -d '\r')"
}
up() { # up NAME: start its network
    ask $1 "up $mac $ip" > /run/card || fail "guest '$1' has no network: $(cat /run/card)"
    card=$(cat /run/card)
}
# ask NAME COMMAND: what the guest's command says, and its status
ask() {
    local tag=t$(tr -d '. ' < /proc/uptime)
    echo "$tag $2" > /run/$1.agent.in
    within ${3:-30} grep -q "^<$tag " /run/$1.agent || { echo "no answer to '$2'"; return 99; }
    tr -d '\r' < /run/$1.agent | sed -n "/^>$tag\$/,/^<$tag /p" | sed '1d;$d'
    return "$(tr -d '\r' < /run/$1.agent | sed -n "s/^<$tag //p")"
}
order() { # order NAME COMMAND: to the monitor
    echo "$2" > /run/$1.monitor.in
}
stop() {
    kill -9 "$(cat /run/$1.pid)" 2> /dev/null
    within 10 gone "$(cat /run/$1.pid)"
}
stop_all() { # what a row started, and what it left on the network
    local name
    for name in $(cat /run/started); do stop $name; done
    for name in $(cat /run/left); do kill -9 $name 2> /dev/null; done
    within 5 unheld
}
keep() { # keep ROW: what helps to see why it did not pass
    local name
    for name in $(cat /run/started); do
        for log in console qemu agent monitor; do tell file "$1" $name.$log /run/$name.$log; done
    done
    dmesg | tail -n 60 > /run/dmesg
    tell file "$1" dmesg /run/dmesg
}

# -- traffic ----------------------------------------------------------------------------------------------------
pings() { # pings ADDRESS COUNT SIZE [SECONDS between]: how many were answered
    ping -c $2 -i ${4:-0.1} -W 3 -s $3 $1 | sed -n 's/.* \([0-9]*\) packets received.*/\1/p'
}
answers() { [ "$(pings $1 1 56)" = 1 ]; }
# both_ways NAME: some MB to the guest and 2 MB from it, at once, compared
both_ways() {
    local sent came
    # nc takes the end of its input for the end of the talk.
    exec 9<> /run/hold
    nc -l -p 5001 < /boot/guest > /dev/null &
    left $!
    nc -l -p 5002 < /run/hold > /run/came &
    left $!
    sent=$(md5sum < /boot/guest | cut -c1-32)
    came=$(ask $1 "exchange $HOST" 60)
    expect "the sum of what the guest got" "$came" "$sent"
    within 10 cmp -s /run/came /bin/busybox || fail "what the guest sent arrived changed, or not at all"
    seen "bytes both ways" "$(wc -c < /boot/guest) $(wc -c < /run/came)"
}

# The rows of shape f13, a function each; ../f13_rows.py says what they are called and what they cover.

row_module_load() {
    local said
    if ! said=$(modprobe vhost_net 2>&1); then
        fail "vhost_net does not load: $(echo "$said" | tr '\n' ' ')$(dmesg | grep 'vhost_net:' | tail -n 2 | tr '\n' ' ')"
    fi
    [ -c /dev/vhost-net ] || fail "vhost_net is loaded, and there is no /dev/vhost-net"
    expect "references to vhost_net" "$(references)" 0
    [ -n "$(probe tasks vhost)" ] || fail "there is no thread called vhost"
    seen module "$(grep '^vhost_net ' /proc/modules | cut -d' ' -f1-4)"
}

row_device() {
    local status
    device begin > /run/device
    status=$?
    cat /run/device >> /run/seen
    [ $status = 0 ] || fail "$(tr '\n\t' ', ' < /run/device)"
    unused || fail "the device is closed, and vhost_net still has references: $(references)"
}

row_arguments() {
    local status
    device wrong > /run/device
    status=$?
    awk -F'\t' '{ print $1 "\t" $3 }' /run/device >> /run/seen
    [ $status = 0 ] || fail "$(awk -F'\t' 'index("|" $2 "|", "|" $3 "|") == 0 { print $1 ": " $3 ", not " $2 ";" }' /run/device)"
}

row_address() {
    local status
    device address > /run/device
    status=$?
    awk -F'\t' '{ print $1 "\t" $3 }' /run/device >> /run/seen
    [ $status = 0 ] || fail "a memory table at a bad address: the answer is $(cut -f3 /run/device), not EFAULT (upstream's repair: 7ad9c9d27048)"
}

row_index() {
    local status
    device index > /run/device
    status=$?
    awk -F'\t' '{ print $1 "\t" $3 }' /run/device >> /run/seen
    [ $status = 0 ] && return
    dmesg | grep -q 'BUG: \|Oops: ' &&
        fail "ring 2 of 2: $(dmesg | grep 'BUG: ' | tail -n 1 | sed 's/.*BUG: //') in the host's kernel (upstream's repair: 0f3d9a17469d)"
    fail "ring 2 of 2: $(cut -f3 /run/device), not ENOBUFS"
}

row_options() {
    qemu-kvm -help > /run/help 2>&1
    seen help "$(grep -o '\[,vhost[^ ]*' /run/help | head -n 1)"
    grep -q 'vhost=on|off' /run/help || fail "qemu-kvm -help knows no vhost=on|off$(refusal vhost=on)"
    grep -q 'vhostfd=' /run/help || fail "qemu-kvm -help knows no vhostfd=$(refusal vhostfd=7)"
    refusal vhsot=on | grep -q "not valid" || fail "an option that nobody knows is taken, so none of this shows anything"
}
refusal() { # refusal OPTION: what qemu-kvm says to it
    echo "; asked for it, it says: $(qemu-kvm -nographic -netdev "tap,id=n0,ifname=none0,script=no,downscript=no,$1" \
        2>&1 < /dev/null | grep option | head -n 1)"
}

# A guest with one card; the facts that the documented checks are about go to /run/facts.NAME
guest() { # guest NAME NETDEV-OPTIONS DEVICE-OPTIONS
    local before features size
    address
    before=$(worker_ticks)
    one $1 "$2" "$3"
    ready $1
    up $1
    features=$(ask $1 "cat /sys/bus/virtio/devices/virtio0/features")
    echo "bit15=$(echo "$features" | cut -c16)" > /run/facts.$1
    for size in 1 56 1472 8972 65507; do
        expect "answers of the guest to 3 pings of $size bytes" "$(pings $ip 3 $size)" 3
    done
    expect "answers to 3 pings of the guest" "$(ask $1 "ping -c 3 -i 0.1 $HOST" | grep -o '[0-9]* packets received')" "3 packets received"
    both_ways $1
    expect "afterwards, answers to 5 pings" "$(pings $ip 5 56)" 5
    {
        echo "ticks=$(($(worker_ticks) - before))"
        echo "opened=$(opened_by $pid)"
        echo "references=$(references)"
    } >> /run/facts.$1
    seen features "$features"
    seen "ping sizes" "1 56 1472 8972 65507"
}
fact() { sed -n "s/^$2=//p" /run/facts.$1; }

row_vhost_on() {
    guest on ,vhost=on ""
    expect "open /dev/vhost-net of qemu-kvm" "$(fact on opened)" 1
}
row_vhost_off() {
    guest off ,vhost=off ""
    expect "open /dev/vhost-net of qemu-kvm" "$(fact off opened)" 0
}
row_check_lsmod() {
    seen "references with vhost=on" "$(fact on references)"
    seen "with vhost=off" "$(fact off references)"
    seen "the page says" "more than 1; each card counts one, see row several-nics"
    [ "$(fact on references)" -ge 1 ] || fail "nobody holds vhost_net while a guest with vhost=on runs"
    expect "references with vhost=off" "$(fact off references)" 0
}
row_check_bit_15() {
    local bit
    expect "bit 15 with vhost=on" "$(fact on bit15)" 0
    expect "bit 15 with vhost=off" "$(fact off bit15)" 1
    address
    one plain ,vhost=off ,mrg_rxbuf=off
    ready plain
    bit=$(ask plain "cat /sys/bus/virtio/devices/virtio0/features" | cut -c16)
    # So bit 15 alone proves nothing: the page's check holds for a card that is not told mrg_rxbuf=off.
    expect "bit 15 with vhost=off and mrg_rxbuf=off" "$bit" 0
    seen "bit 15" "vhost=on 0, vhost=off 1, vhost=off with mrg_rxbuf=off 0"
}
row_check_worker() {
    seen "ticks with vhost=on" "$(fact on ticks)"
    seen "with vhost=off" "$(fact off ticks)"
    [ "$(fact on ticks)" -gt 0 ] || fail "the vhost thread did nothing while a guest with vhost=on had traffic"
    expect "ticks of the vhost thread while a guest with vhost=off had traffic" "$(fact off ticks)" 0
}

row_vhostfd() {
    local before
    address
    before=$(worker_ticks)
    exec 7<> /dev/vhost-net
    one fd ,vhost=on,vhostfd=7 ""
    exec 7>&-
    ready fd
    up fd
    expect "answers to 20 pings of 1472 bytes" "$(pings $ip 20 1472 0.05)" 20
    expect "references to vhost_net" "$(references)" 1
    both_ways fd
    [ "$(worker_ticks)" -gt "$before" ] || fail "the vhost thread did nothing"
    seen "bit 15" "$(ask fd "cat /sys/bus/virtio/devices/virtio0/features" | cut -c16)"
}

row_unload() {
    local said
    address
    one on ,vhost=on ""
    ready on
    up on
    said=$(rmmod vhost_net 2>&1) && fail "rmmod went through while a guest used vhost_net"
    seen "in use" "$said"
    within 5 answers $ip || fail "after the refused rmmod the guest does not answer any more"
    stop on
    within 5 unused || fail "the guest is gone, and vhost_net still has references: $(references)"
    said=$(rmmod vhost_net 2>&1) || fail "rmmod is refused though nobody uses it: $said"
    expect "threads called vhost without the module" "$(probe tasks vhost)" ""
    modprobe vhost_net || fail "vhost_net cannot be loaded again"
    [ -c /dev/vhost-net ] || fail "loaded again, and there is no /dev/vhost-net"
    seen "not in use" "unloaded, and loaded again"
}

row_absent() {
    local status
    rmmod vhost_net 2> /dev/null
    expect "the module" "$(references)" "not loaded"
    address
    one absent ,vhost=on ""
    within 20 gone $pid || fail "qemu-kvm runs, with vhost=on and no vhost-net"
    wait $pid
    status=$?
    modprobe vhost_net
    seen said "$(first_line /run/absent.qemu)"
    expect "status of qemu-kvm with vhost=on and no vhost-net" $status 1
    grep -qi vhost /run/absent.qemu || fail "qemu-kvm does not say that it is vhost: $(first_line /run/absent.qemu)"
}

row_contingency() {
    local loads=no blacklists=no uses
    [ -e /etc/sysconfig/modules/vhost_net.modules ] && loads=yes
    grep -q '^blacklist vhost_net' /etc/modprobe.d/blacklist-vhost_net.conf && blacklists=yes
    [ $loads != $blacklists ] || fail "file that loads vhost_net at boot: $loads; file that keeps it out: $blacklists"
    address
    one default "" ""
    ready default
    up default
    expect "answers to 3 pings" "$(pings $ip 3 56)" 3
    uses=no
    [ "$(opened_by $pid)" = 0 ] || uses=yes
    expect "references to vhost_net" "$(references)" "$(opened_by $pid)"
    seen shipped "vhost $([ $loads = yes ] && echo on || echo off)"
    seen "a guest without vhost= opens /dev/vhost-net" $uses
    expect "the files say that vhost is loaded: $loads; a guest without vhost= uses it" $uses $loads
}

row_killed() {
    local before
    address
    one killed ,vhost=on ""
    ready killed
    up killed
    exec 9<> /run/hold
    nc -l -p 5004 < /run/hold > /dev/null &
    left $!
    ask killed "nc $HOST 5004 < /dev/zero > /dev/null 2>&1 &" > /dev/null
    ping -i 0.05 -s 1400 $ip > /dev/null &
    left $!
    before=$(worker_ticks)
    sleep 2
    [ "$(worker_ticks)" -gt "$before" ] || fail "there was no load: the vhost thread did nothing"
    seen "ticks under load, in 2 s" $(($(worker_ticks) - before))
    stop killed || fail "qemu-kvm survived kill -9"
    within 5 unused || fail "the guest was killed, and vhost_net still has references: $(references)"
    within 10 idle || fail "the guest was killed, and the vhost thread works on"
    rmmod vhost_net || fail "the guest was killed, and rmmod is refused"
    expect "threads called vhost without the module" "$(probe tasks vhost)" ""
    modprobe vhost_net || fail "vhost_net cannot be loaded again"
}

row_several_nics() {
    local n base
    address
    base=${mac%??:??}
    # shellcheck disable=SC2046
    start many \
        $(tap many 0 ,vhost=on) -device virtio-net-pci,netdev=n0,mac=${base}a0:01 \
        $(tap many 1 ,vhost=on) -device virtio-net-pci,netdev=n1,mac=${base}a0:02 \
        $(tap many 2 ,vhost=off) -device virtio-net-pci,netdev=n2,mac=${base}a0:03 \
        $(tap many 3 "") -device e1000,netdev=n3,mac=${base}a0:04
    ready many
    for n in 0 1 2 3; do
        ask many "up ${base}a0:0$((n + 1)) 10.0.$n.99" > /run/card || fail "card $n: $(cat /run/card)"
        seen "card $n" "$(cat /run/card), $(ask many "basename \$(readlink /sys/class/net/$(cat /run/card)/device/driver)")"
    done
    # All at once.
    for n in 0 1 2 3; do pings 10.0.$n.99 20 1472 0.05 > /run/answered.$n & done
    sleep 4
    for n in 0 1 2 3; do
        within 10 test -s /run/answered.$n
        expect "answers of card $n to 20 pings" "$(cat /run/answered.$n)" 20
    done
    seen references "$(references)"
    expect "references to vhost_net with two cards that use it" "$(references)" 2
}

row_vlan() {
    address
    one vlan ,vhost=on ""
    ready vlan
    up vlan
    vconfig add br0 5 > /dev/null
    ip addr add 10.0.5.1/24 dev br0.5
    ip link set br0.5 up
    ask vlan "modprobe 8021q && vconfig add $card 5 && ip addr add 10.0.5.2/24 dev $card.5 && ip link set $card.5 up" > /run/said ||
        fail "no VLAN in the guest: $(cat /run/said)"
    expect "answers over VLAN 5 to 10 pings of 1472 bytes" "$(pings 10.0.5.2 10 1472)" 10
    seen "frames with a tag, from the guest" "$(ask vlan "cat /proc/net/vlan/$card.5" | sed -n 's/.*total frames transmitted *//p')"
    ip link set br0.5 down
}

row_mtu() {
    local mtu before
    address
    one mtu ,vhost=on ""
    ready mtu
    up mtu
    for mtu in 600 1500 9000; do
        ip link set mtu0 mtu $mtu
        ip link set br0 mtu $mtu
        ask mtu "ip link set $card mtu $mtu" > /run/said || fail "MTU $mtu in the guest: $(cat /run/said)"
        before=$(fragments)
        expect "answers at MTU $mtu to 10 pings of $((mtu - 28)) bytes" "$(pings $ip 10 $((mtu - 28)))" 10
        expect "fragments at MTU $mtu" $(($(fragments) - before)) 0
        pings $ip 1 $((mtu - 27)) > /dev/null
        [ "$(fragments)" -gt "$before" ] || fail "a ping of $((mtu - 27)) bytes was sent whole at MTU $mtu"
    done
    ip link set br0 mtu 1500
    seen MTUs "600 1500 9000, each filled"
}
fragments() { awk '$1 == "Ip:" && $NF ~ /^[0-9]+$/ { print $NF }' /proc/net/snmp; }

# -- migration, with pings all the time -------------------------------------------------------------------------
settled() {
    order src "info migrate"
    usleep 500000
    grep -q 'Migration status: \(completed\|failed\)' /run/src.monitor
}
state_of() { # state_of NAME: what its monitor says of the virtual machine
    order $1 "info status"
    within 5 grep -q 'VM status' /run/$1.monitor || return
    grep -o 'VM status: [a-z]*' /run/$1.monitor | tail -n 1 | sed 's/.*: //'
}
moved() { # moved FROM TO DEVICE-OPTIONS: migrate a guest; what both ends say then
    address
    one src "$1" "$3"
    ready src
    up src
    ask src "echo here-since-$mac > /tmp/token" > /dev/null
    one dst "$2" "$3" -incoming tcp:127.0.0.1:4444
    usleep 500000
    gone $pid && fail "the destination did not start: $(first_line /run/dst.qemu)"
    ping -i 0.2 $ip > /run/traffic &
    left $!
    order src "migrate_set_speed 1g"
    order src "migrate -d tcp:127.0.0.1:4444"
    within 60 settled || unknown "the migration did not end within 60 s"
    sleep 1
    source_says=$(grep -o 'Migration status: [a-z]*' /run/src.monitor | tail -n 1 | sed 's/.*: //')
    source_is=$(state_of src)
    destination_is=$(state_of dst)
    seen "source" "says $source_says, is $source_is"
    destination_said=$(first_line /run/dst.qemu)
    seen "destination" "${destination_is:-ended}${destination_said:+; $destination_said}"
}
goes_on() { # goes_on FROM TO DEVICE-OPTIONS OPENED: the guest runs on in the destination
    local lines
    moved "$1" "$2" "$3"
    expect "what the source says" "$source_says" completed
    expect "the destination" "$destination_is" running
    within 10 answers $ip || fail "the guest does not answer after the migration: $(first_line /run/dst.qemu)"
    expect "what the guest remembers" "$(ask dst "cat /tmp/token")" here-since-$mac
    expect "open /dev/vhost-net of the destination" "$(opened_by $pid)" $4
    lines=$(grep -c 'bytes from' /run/traffic)
    sleep 2
    [ "$(grep -c 'bytes from' /run/traffic)" -gt "$lines" ] || fail "the pings that ran before the migration are not answered any more"
    seen "pings answered before, during and after" "$(grep -c 'bytes from' /run/traffic)"
}
row_migrate_on_on() { goes_on ,vhost=on ,vhost=on "" 1; }
row_migrate_on_off() { goes_on ,vhost=on ,vhost=off "" 0; }
row_migrate_off_off() { goes_on ,vhost=off ,vhost=off "" 0; }
row_migrate_off_on_mrg() { goes_on ,vhost=off ,vhost=on ,mrg_rxbuf=off 1; }
row_migrate_off_on() {
    moved ,vhost=off ,vhost=on ""
    grep -qi 'features.*unsupported' /run/dst.qemu || fail "the destination does not refuse the guest's features: it is $destination_is; it says: $(first_line /run/dst.qemu)"
    [ "$destination_is" != running ] || fail "the destination refused the guest's features, and runs it"
    expect "what the source says" "$source_says" completed
    expect "answers of the guest" "$(pings $ip 2 56)" 0
}

#!/bin/busybox sh
# The first process of a guest of shape f13: obeys the host on the second serial line. A line "TAG COMMAND" is
# answered with ">TAG", what the command said, and "<TAG STATUS".
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in virtio_pci virtio_net e1000; do modprobe $module; done
ip link set lo up

# up MAC ADDRESS: bring the card up that has this MAC, and say its name
up() {
    for card in eth0 eth1 eth2 eth3; do
        if [ "$(cat /sys/class/net/$card/address 2>/dev/null)" = "$1" ]; then
            ip link set $card up
            ip addr add "$2/24" dev $card
            echo $card
            return 0
        fi
    done
    echo "no card $1"
    return 1
}

exchange() { # exchange PEER: data both ways at once; what came, as a sum
    [ -p /tmp/hold ] || mkfifo /tmp/hold
    # nc takes the end of its input for the end of the talk.
    exec 9<> /tmp/hold
    nc "$1" 5002 < /bin/busybox &
    nc "$1" 5001 < /tmp/hold | md5sum | cut -c1-32
    wait $!
}

stty -F /dev/ttyS1 raw -echo
exec 3<> /dev/ttyS1
echo ready >&3
while read -r tag command <&3; do
    echo ">$tag" >&3
    (eval "$command") >&3 2>&1 3>&- < /dev/null
    echo "<$tag $?" >&3
done

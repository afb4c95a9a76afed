#!/bin/busybox sh
# The first process of a test host: mount what programs expect, run the tests, end the machine.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /run
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
ip link set lo up
# IPv6 addresses of links that are made later are used at once.
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
# What a test prepares before any row runs; most runs have none.
[ -x /etc/fedvhost/before ] && /etc/fedvhost/before
PYTHONPATH=/usr/lib/fedvhost python3 -s -m fedvhost.inside </dev/null
reboot -f

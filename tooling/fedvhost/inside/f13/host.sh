#!/bin/busybox sh
# The first process of a test host on the kernel under test: gets the ground ready, carries out the rows of
# /etc/fedvhost/plan (a line each: row, seconds it may take, rows that must have passed), ends the machine.
export PATH=/usr/bin:/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec < /dev/null > /dev/ttyS0 2>&1
mkdir -p /run /dev/net
. /fedvhost/ground.sh
. /fedvhost/rows.sh
tell ready "$(uname -r)" "$(uptime_)"
begun=$(uptime_)
prepare
# What a test prepares before any row runs; most runs have none.
[ -x /etc/fedvhost/before ] && /etc/fedvhost/before

verdict_of() { # by the status that a row's function ended with
    case $1 in
    0) echo pass ;;
    "$FAILED") echo fail ;;
    *) echo undecided ;;
    esac
}

carry_out() { # carry_out ROW SECONDS [NEEDED...]
    local id=$1 limit=$2 status needed since worker watch
    shift 2
    : > /run/why
    : > /run/seen
    : > /run/started
    : > /run/left
    tell start "$id"
    since=$(uptime_)
    for needed; do
        if ! grep -qx "$needed" /run/passed; then
            echo "it needs '$needed', which did not pass" > /run/why
            tell row "$id" undecided 0 /run/why /run/seen
            return
        fi
    done
    # A shell of its own: a row ends by `exit`, and one that hangs is killed.
    ("row_$(echo "$id" | tr - _)") &
    worker=$!
    (sleep "$limit"; kill -9 $worker) > /dev/null 2>&1 &
    watch=$!
    wait $worker
    status=$?
    kill $watch 2> /dev/null
    case $status in
    0 | "$FAILED" | "$UNKNOWN") ;;
    137) echo "no answer within $limit s" > /run/why ;;
    *) echo "the row broke off with status $status" > /run/why ;;
    esac
    if [ $status = 0 ]; then echo "$id" >> /run/passed; else keep "$id"; fi
    stop_all
    tell row "$id" "$(verdict_of $status)" "$(passed_since "$since")" /run/why /run/seen
}

: > /run/passed
while read -r row seconds needed; do
    # shellcheck disable=SC2086
    carry_out "$row" "$seconds" $needed < /dev/null
done < /etc/fedvhost/plan
tell end "$(passed_since "$begun")"
sleep 1
reboot -f

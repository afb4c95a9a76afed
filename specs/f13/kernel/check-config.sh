#!/bin/sh
# check-config.sh TREE WANTED [RESOLVED]
#
# Kconfig drops an option it does not know without a word, and a kernel is then
# shipped without the driver that its changelog promises. So:
#
# - an option that WANTED turns on and that no Kconfig file in TREE declares is
#   an error: a misspelt name, or a patch that is declared but not applied;
# - an option that came out differently in RESOLVED is reported, not refused: its
#   dependencies may well be missing on this architecture.
set -e

if [ $# -lt 2 ]; then
    echo "usage: $0 TREE WANTED [RESOLVED]" >&2
    exit 2
fi
tree=$1 wanted=$2 resolved=$3

find "$tree" -name 'Kconfig*' -type f -exec cat {} + |
awk -v name="${wanted##*/}" '
    # 1: the Kconfig files, on standard input
    FILENAME == "-" {
        if ($1 == "config" || $1 == "menuconfig")
            declared["CONFIG_" $2] = 1
        next
    }
    # 2: what was asked for; 3: what came out
    /^CONFIG_/ {
        at = index($0, "=")
        option = substr($0, 1, at - 1)
        if (FILENAME == ARGV[2]) {
            order[++count] = option
            want[option] = substr($0, at + 1)
        } else
            have[option] = substr($0, at + 1)
    }
    END {
        for (i = 1; i <= count; i++) {
            option = order[i]
            if (!(option in declared)) {
                printf "%s: %s=%s: no Kconfig file declares it\n", name, option, want[option] > "/dev/stderr"
                failed = 1
            } else if (ARGC > 3) {
                got = (option in have) ? have[option] : "nothing"
                if (got != want[option])
                    printf "%s: note: asked for %s=%s, got %s\n", name, option, want[option], got
            }
        }
        exit failed
    }
' - "$wanted" ${resolved:+"$resolved"}

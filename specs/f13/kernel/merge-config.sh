#!/bin/sh
# merge-config.sh ARCH FRAGMENT...
#
# Write one kernel configuration made of FRAGMENTs; where two set the same
# option, the later one wins. The first line names ARCH (the kernel's own
# ARCH=), so that whoever resolves the file knows what it is for.
# A line that is no option, or an option set twice in one fragment, is an error:
# somebody meant something else.
set -e

if [ $# -lt 2 ]; then
    echo "usage: $0 ARCH FRAGMENT..." >&2
    exit 2
fi
arch=$1
shift
for fragment; do
    if [ ! -r "$fragment" ]; then
        echo "$0: cannot read $fragment" >&2
        exit 2
    fi
done

awk -v arch="$arch" '
    function complain(what) {
        printf "%s:%d: %s: %s\n", FILENAME, FNR, what, $0 > "/dev/stderr"
        failed = 1
    }
    /^CONFIG_[A-Za-z0-9_]+=./ {
        option = substr($0, 1, index($0, "=") - 1)
    }
    /^# CONFIG_[A-Za-z0-9_]+ is not set$/ {
        option = $2
    }
    option == "" {
        # The comment of a fragment is for its reader and stays there.
        if ($0 !~ /^#/ && $0 !~ /^[ \t]*$/)
            complain("not an option")
        next
    }
    {
        if (seen[FILENAME, option]++)
            complain("set twice in this fragment")
        if (!(option in line))
            order[++count] = option
        line[option] = $0
        option = ""
    }
    END {
        if (failed)
            exit 1
        print "# " arch
        for (i = 1; i <= count; i++)
            print line[order[i]]
    }
' "$@"
